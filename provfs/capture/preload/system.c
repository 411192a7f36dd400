/* The kernel, by system calls of our own: none of these passes through a hook, ours or another's. */
#define _GNU_SOURCE
#include "preload.h"
#include "next.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if !defined(__LP64__)
#error "only 64-bit systems: struct stat is passed to the kernel as it is"
#endif

long sys_six(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long result __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(result) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
#else
    int kept = errno;
    long result = next(syscall)(number, a, b, c, d, e, f);
    errno = kept;
#endif
    return result < 0 ? -1 : result;
}

int sys_open(const char *path, int flags, int mode) {
    return (int)sys_call(SYS_openat, AT_FDCWD, path, flags, mode);
}

void sys_close(int descriptor) { (void)sys_call(SYS_close, descriptor); }

int sys_pid(void) { return (int)sys_call(SYS_getpid); }

static void take(const struct stat *found, struct state *state) {
    state->device = found->st_dev;
    state->inode = found->st_ino;
    state->size = found->st_size;
    state->mtime_ns = found->st_mtim.tv_sec * 1000000000LL + found->st_mtim.tv_nsec;
    state->ctime_ns = found->st_ctim.tv_sec * 1000000000LL + found->st_ctim.tv_nsec;
    state->mode = found->st_mode;
    state->links = (uint32_t)found->st_nlink;
}

bool state_of(int descriptor, struct state *state) {
    struct stat found;
    if (sys_call(SYS_fstat, descriptor, &found) != 0)
        return false;
    take(&found, state);
    return true;
}

bool state_at(int directory, const char *path, bool follow, struct state *state) {
    struct stat found;
    if (sys_call(SYS_newfstatat, directory, path, &found, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    take(&found, state);
    return true;
}

bool same_state(const struct state *one, const struct state *other) {
    return one->device == other->device && one->inode == other->inode && one->size == other->size &&
           one->mtime_ns == other->mtime_ns && one->ctime_ns == other->ctime_ns;
}

/* A number that two states of files share by an accident only. */
uint64_t hash_of(const struct state *state) {
    uint64_t hash = state->inode * 0x9E3779B97F4A7C15u ^ state->device;
    hash = (hash ^ (uint64_t)state->size) * 0xBF58476D1CE4E5B9u;
    return (hash ^ (uint64_t)state->mtime_ns) * 0x94D049BB133111EBu;
}

bool is_regular(const struct state *state) { return S_ISREG(state->mode); }

/* The name of an open file in `/proc`. */
const char *name_of_descriptor(int descriptor, char name[32]) {
    char digits[12];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    for (unsigned rest = (unsigned)descriptor; at == sizeof digits - 1 || rest; rest /= 10)
        digits[--at] = (char)('0' + rest % 10);
    memcpy(name, "/proc/self/fd/", 14);
    memcpy(name + 14, digits + at, sizeof digits - at);
    return name;
}

/* The real path of an open file; false where it has none, or one that is too long. */
bool path_of(int descriptor, char path[PATH_BYTES]) {
    char name[32];
    long length = sys_call(SYS_readlinkat, AT_FDCWD, name_of_descriptor(descriptor, name), path, PATH_BYTES - 1);
    if (length <= 0 || length >= PATH_BYTES - 1 || path[0] != '/')
        return false;
    path[length] = '\0';
    return true;
}

/* The path of a name, links resolved in its directory but not in its last part, as a rename takes it. */
bool locate(int directory, const char *path, char real[PATH_BYTES]) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    const char *slash = memrchr(path, '/', length);
    const char *name = slash ? slash + 1 : path;
    size_t name_length = length - (size_t)(name - path);
    PATH(above);
    size_t above_length = (size_t)(name - path);
    if (length == 0 || above_length + 2 > PATH_BYTES || name_length == 0 || (name_length <= 2 && name[0] == '.' && name[name_length - 1] == '.'))
        return false;
    memcpy(above, path, above_length);
    memcpy(above + above_length, ".", 2);
    int opened = (int)sys_call(SYS_openat, directory, above, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (opened < 0)
        return false;
    bool found = path_of(opened, real);
    sys_close(opened);
    size_t at = found ? strlen(real) : 0;
    if (!found || at + name_length + 2 > PATH_BYTES)
        return false;
    if (at > 1)
        real[at++] = '/';
    memcpy(real + at, name, name_length);
    real[at + name_length] = '\0';
    return true;
}

int64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Wait a little for another thread, which may be of lower priority; false where it has been waited for long enough: it
 * may have been cancelled. From then on nothing of this process is waited for. */
bool wait_turn(int *turns) {
    enum { YIELDS = 50, SLEEPS = 500 };
    static _Atomic bool given_up;
    struct timespec moment = {0, 100000};
    if (*turns >= YIELDS + SLEEPS)
        atomic_store(&given_up, true);
    if (atomic_load(&given_up))
        return false;
    if ((*turns)++ < YIELDS)
        (void)sys_call(SYS_sched_yield);
    else
        (void)sys_call(SYS_nanosleep, &moment, NULL);
    return true;
}

/* What a file of /proc holds, as far as it fits; always ended by a zero. Returns its length. */
size_t read_whole(const char *path, char *buffer, size_t size) {
    int opened = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
    size_t length = 0;
    while (opened >= 0 && length + 1 < size) {
        long got = sys_call(SYS_read, opened, buffer + length, size - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    if (opened >= 0)
        sys_close(opened);
    buffer[length] = '\0';
    return length;
}
