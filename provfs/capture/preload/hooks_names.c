/* Hooks on what renames, removes, links and truncates files, waits for children and ends the process. */
#define _GNU_SOURCE
#include "preload.h"
#include "next.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef W_EXITCODE
#define W_EXITCODE(code, signal) ((code) << 8 | (signal))
#endif

/* Call the function, and note a success. */
#define AROUND(before, call, after)                                                                                     \
    struct move move = {.known = false, .names = NULL};                                                                 \
    int kept = errno;                                                                                                   \
    if (capturing)                                                                                                      \
        before;                                                                                                         \
    errno = kept;                                                                                                       \
    int result = call;                                                                                                  \
    if (result == 0 && move.known) {                                                                                    \
        kept = errno;                                                                                                   \
        after;                                                                                                          \
        errno = kept;                                                                                                   \
    }                                                                                                                   \
    move_done(&move);                                                                                                   \
    return result

HOOK int rename(const char *from, const char *to) {
    AROUND(move_before(&move, AT_FDCWD, from, AT_FDCWD, to), next(rename)(from, to), move_after(&move));
}

HOOK int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    AROUND(move_before(&move, from_directory, from, to_directory, to),
           next(renameat)(from_directory, from, to_directory, to), move_after(&move));
}

HOOK int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    AROUND(move_before(&move, from_directory, from, to_directory, to),
           next(renameat2)(from_directory, from, to_directory, to, flags), move_after(&move));
}

HOOK int unlink(const char *path) {
    AROUND(move_before(&move, AT_FDCWD, path, 0, NULL), next(unlink)(path), remove_after(&move));
}

HOOK int unlinkat(int directory, const char *path, int flags) {
    AROUND(move_before(&move, directory, path, 0, NULL), next(unlinkat)(directory, path, flags), remove_after(&move));
}

HOOK int remove(const char *path) {
    AROUND(move_before(&move, AT_FDCWD, path, 0, NULL), next(remove)(path), remove_after(&move));
}

HOOK int link(const char *from, const char *to) {
    AROUND(move_before(&move, AT_FDCWD, from, AT_FDCWD, to), next(link)(from, to), link_after(&move));
}

HOOK int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
    if (capturing && flags & (AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) { /* how a file of O_TMPFILE gets its name */
        int result = next(linkat)(from_directory, from, to_directory, to, flags), kept = errno;
        if (result == 0)
            named_after(to_directory, to);
        errno = kept;
        return result;
    }
    AROUND(move_before(&move, from_directory, from, to_directory, to),
           next(linkat)(from_directory, from, to_directory, to, flags), link_after(&move));
}

#define CUTS(name, type)                                                                                                \
    HOOK int name(int descriptor, type length) {                                                                        \
        int kept = errno;                                                                                               \
        if (capturing)                                                                                                  \
            read_sealed_open(descriptor);                                                                               \
        errno = kept;                                                                                                   \
        return next(name)(descriptor, length);                                                                          \
    }
CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)

HOOK int truncate(const char *path, off_t length) {
    AROUND(move_before(&move, AT_FDCWD, path, 0, NULL), next(truncate)(path, length), truncate_after(&move));
}

HOOK int truncate64(const char *path, off64_t length) {
    AROUND(move_before(&move, AT_FDCWD, path, 0, NULL), next(truncate64)(path, length), truncate_after(&move));
}

static pid_t ended(pid_t pid, int status) {
    int kept = errno;
    if (capturing && pid > 0 && !waits_are_seen)
        waited(pid, status, 0);
    errno = kept;
    return pid;
}

HOOK pid_t wait(int *status) {
    int own = 0;
    pid_t pid = next(wait)(&own);
    if (status && pid > 0)
        *status = own;
    return ended(pid, own);
}

HOOK pid_t waitpid(pid_t wanted, int *status, int options) {
    int own = 0;
    pid_t pid = next(waitpid)(wanted, &own, options);
    if (status && pid > 0)
        *status = own;
    return ended(pid, own);
}

HOOK pid_t wait3(int *status, int options, struct rusage *usage) {
    int own = 0;
    pid_t pid = next(wait3)(&own, options, usage);
    if (status && pid > 0)
        *status = own;
    return ended(pid, own);
}

HOOK pid_t wait4(pid_t wanted, int *status, int options, struct rusage *usage) {
    int own = 0;
    pid_t pid = next(wait4)(wanted, &own, options, usage);
    if (status && pid > 0)
        *status = own;
    return ended(pid, own);
}

HOOK int waitid(idtype_t type, id_t id, siginfo_t *info, int options) {
    siginfo_t own = {0};
    siginfo_t *found = info ? info : &own;
    int result = next(waitid)(type, id, found, options);
    bool over = found->si_code == CLD_EXITED || found->si_code == CLD_KILLED || found->si_code == CLD_DUMPED;
    if (result == 0 && found->si_pid > 0 && over && !(options & WNOWAIT))
        ended(found->si_pid, found->si_code == CLD_EXITED ? W_EXITCODE(found->si_status, 0) : found->si_status);
    return result;
}

/* These wait inside of libc: for whatever they started. */
HOOK int system(const char *command) {
    int64_t began_ns = capturing ? clock_ns() : 0;
    int result = next(system)(command);
    int kept = errno;
    if (capturing && command && result != -1)
        waited(0, 0, began_ns);
    errno = kept;
    return result;
}

HOOK int pclose(FILE *stream) {
    int result = next(pclose)(stream);
    int kept = errno;
    if (capturing && result != -1)
        waited(0, 0, 0);
    errno = kept;
    return result;
}

HOOK void _exit(int status) {
    if (capturing)
        ending(false);
    next(_exit)(status);
    __builtin_unreachable();
}

HOOK void quick_exit(int status) {
    if (capturing)
        ending(false);
    next(quick_exit)(status);
    __builtin_unreachable();
}

HOOK void _Exit(int status) {
    if (capturing)
        ending(false);
    next(_Exit)(status);
    __builtin_unreachable();
}
