/* Hooks on what makes a process another program or starts one, and on what goes past the C library. */
#define _GNU_SOURCE
#include "preload.h"
#include "next.h"

#include <alloca.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

/* Prepare `new` and its slots on this stack, call, and give back errno as the call left it. */
#define BECOME(directory, path, search, given, arguments, call)                                                         \
    if (!capturing)                                                                                                     \
        return call(given);                                                                                             \
    int kept = errno;                                                                                                   \
    struct becoming new;                                                                                                \
    char **slots = alloca(image_slots(given) * sizeof *slots);                                                          \
    image_before(&new, directory, path, search, given, slots, false);                                                   \
    image_noted(&new, arguments, 0);                                                                                    \
    errno = kept;                                                                                                       \
    int result = call(new.environment);                                                                                 \
    if (errno == E2BIG && new.environment != (given)) {                                                                 \
        image_without(&new, given, arguments);                                                                          \
        result = call(given);                                                                                           \
    }                                                                                                                   \
    return result

HOOK int execve(const char *path, char *const arguments[], char *const environment[]) {
#define CALL(with) next(execve)(path, arguments, (with))
    BECOME(AT_FDCWD, path, false, environment, arguments, CALL);
#undef CALL
}

HOOK int execv(const char *path, char *const arguments[]) { return execve(path, arguments, environ); }

HOOK int execvpe(const char *name, char *const arguments[], char *const environment[]) {
#define CALL(with) next(execvpe)(name, arguments, (with))
    BECOME(AT_FDCWD, name, true, environment, arguments, CALL);
#undef CALL
}

HOOK int execvp(const char *name, char *const arguments[]) { return execvpe(name, arguments, environ); }

HOOK int fexecve(int descriptor, char *const arguments[], char *const environment[]) {
    char name[32];
#define CALL(with) next(fexecve)(descriptor, arguments, (with))
    BECOME(AT_FDCWD, name_of_descriptor(descriptor, name), false, environment, arguments, CALL);
#undef CALL
}

HOOK int execveat(int directory, const char *path, char *const arguments[], char *const environment[], int flags);
HOOK int execveat(int directory, const char *path, char *const arguments[], char *const environment[], int flags) {
    char name[32];
    bool by_descriptor = !path[0];
    const char *looked_at = by_descriptor ? name_of_descriptor(directory, name) : path;
#define CALL(with)                                                                                                      \
    (next(execveat) ? next(execveat)(directory, path, arguments, (with), flags)                                         \
                    : (int)next(syscall)(SYS_execveat, directory, path, arguments, (with), flags))
    BECOME(by_descriptor ? AT_FDCWD : directory, looked_at, false, environment, arguments, CALL);
#undef CALL
}

/* The arguments behind `first`, on the stack of the caller; `rest` stands behind the last one afterwards. */
#define LISTED                                                                                                          \
    va_list rest;                                                                                                       \
    size_t count = 1;                                                                                                   \
    va_start(rest, first);                                                                                              \
    while (va_arg(rest, char *))                                                                                        \
        count++;                                                                                                        \
    va_end(rest);                                                                                                       \
    char **arguments = alloca((count + 1) * sizeof *arguments);                                                         \
    arguments[0] = (char *)first;                                                                                       \
    va_start(rest, first);                                                                                              \
    for (size_t i = 1; i <= count; i++)                                                                                 \
        arguments[i] = va_arg(rest, char *)

HOOK int execl(const char *path, const char *first, ...) {
    LISTED;
    va_end(rest);
    return execve(path, arguments, environ);
}

HOOK int execlp(const char *name, const char *first, ...) {
    LISTED;
    va_end(rest);
    return execvpe(name, arguments, environ);
}

HOOK int execle(const char *path, const char *first, ...) {
    LISTED;
    char *const *environment = va_arg(rest, char *const *);
    va_end(rest);
    return execve(path, arguments, environment);
}

#define SPAWN(function, search)                                                                                         \
    HOOK int function(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *restrict actions, \
                      const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],                    \
                      char *const environment[restrict]) {                                                              \
        if (!capturing)                                                                                                 \
            return next(function)(pid, path, actions, attributes, arguments, environment);                              \
        int kept = errno;                                                                                               \
        pid_t own = 0;                                                                                                  \
        struct becoming new;                                                                                            \
        char **slots = alloca(image_slots(environment) * sizeof *slots);                                                \
        image_before(&new, AT_FDCWD, path, search, environment, slots, true);                                           \
        errno = kept;                                                                                                   \
        int result = next(function)(pid ? pid : &own, path, actions, attributes, arguments, new.environment);          \
        if (result == E2BIG && new.environment != environment) {                                                        \
            result = next(function)(pid ? pid : &own, path, actions, attributes, arguments, environment);               \
            new.blind = new.blind ? new.blind : image_lacks_room(environment);                                          \
        }                                                                                                               \
        kept = errno;                                                                                                   \
        if (result == 0)                                                                                                \
            image_noted(&new, arguments, pid ? *pid : own);                                                             \
        errno = kept;                                                                                                   \
        return result;                                                                                                  \
    }
SPAWN(posix_spawn, false)
SPAWN(posix_spawnp, true)

static _Atomic bool told[3];

static void tell_once(int which, const char *reason) {
    int kept = errno;
    if (capturing && !atomic_exchange(&told[which], true))
        bypassed("", reason);
    errno = kept;
}

void ring_seen(void) { tell_once(0, "io_uring: what it opens is not seen"); }

static void opened_directly(long result, const char *path, int flags) {
    if (result >= 0 && scope_may_hold(path)) {
        int kept = errno;
        file_opened((int)result, path, flags, flags & O_ACCMODE && !(flags & (O_CREAT | O_TRUNC)), NULL);
        errno = kept;
    }
}

static void changed_directly(long result, const char *path, const char *other) {
    if (result >= 0 && (scope_may_hold(path) || scope_may_hold(other)))
        tell_once(1, "system calls made directly: what they move, remove or cut is not seen");
}

static void notice(long number, long result, const long given[6]) {
    const char *first = (const char *)given[0], *second = (const char *)given[1];
    switch (number) {
    case SYS_fcntl:
        if (result >= 0 && (given[1] == F_SETLK || given[1] == F_SETLKW))
            atomic_store(&holds_locks, true);
        break;
    case SYS_openat:
        opened_directly(result, second, (int)given[2]);
        break;
#ifdef SYS_openat2
    case SYS_openat2: /* its third argument begins with the flags, see openat2(2) */
        opened_directly(result, second, result < 0 ? 0 : (int)*(const uint64_t *)given[2]);
        break;
#endif
#ifdef SYS_io_uring_setup
    case SYS_io_uring_setup:
        if (result >= 0)
            ring_seen();
        break;
#endif
#ifdef SYS_open
    case SYS_open:
        opened_directly(result, first, (int)given[1]);
        break;
    case SYS_creat:
        opened_directly(result, first, O_CREAT | O_WRONLY | O_TRUNC);
        break;
    case SYS_rename:
        changed_directly(result, first, second);
        break;
    case SYS_unlink:
        changed_directly(result, first, first);
        break;
#endif
    case SYS_truncate:
        changed_directly(result, first, first);
        break;
    case SYS_renameat:
    case SYS_renameat2:
        changed_directly(result, second, (const char *)given[3]);
        break;
    case SYS_unlinkat:
        changed_directly(result, second, second);
        break;
    }
}

/* The process is about to get a filter of system calls that may kill it for any of ours: from here on there are none. */
static bool filter_coming(void) {
    tell_once(2, "a filter of system calls: what happens behind it is not seen");
    bool was = capturing;
    capturing = false;
    return was;
}

HOOK int prctl(int option, ...) {
    va_list rest;
    unsigned long given[4];
    va_start(rest, option);
    for (int i = 0; i < 4; i++)
        given[i] = va_arg(rest, unsigned long);
    va_end(rest);
    bool was = option == PR_SET_SECCOMP && filter_coming();
    int result = next(prctl)(option, given[0], given[1], given[2], given[3]);
    capturing = capturing || (was && result != 0);
    return result;
}

/* `syscall`: some programs go to the kernel with it, past the functions that are hooked. */
HOOK long syscall(long number, ...) {
    va_list rest;
    long given[6];
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(rest, long);
    va_end(rest);
    bool was = number == SYS_seccomp && given[0] <= SECCOMP_SET_MODE_FILTER && filter_coming();
    long result = next(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
    capturing = capturing || (was && result != 0);
    if (capturing)
        notice(number, result, given);
    return result;
}
