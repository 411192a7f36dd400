/* Hooks on what opens and closes files. A hook calls the function that it stands for, with the same arguments, gives
 * back its result and its errno, and notes in between what happened. */
#define _GNU_SOURCE
#include "preload.h"
#include "next.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

bool capturing;

void *next_of(void *_Atomic *slot, const char *name) {
    void *found = atomic_load_explicit(slot, memory_order_acquire);
    if (!found) {
        found = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(slot, found, memory_order_release);
    }
    return found;
}

bool may_be_captured(const char *path) { return capturing && !skipped() && scope_may_hold(path); }

__attribute__((constructor(101))) static void begin(void) {
    const char *journal = getenv("PROVFS_PRELOAD_JOURNAL"), *off = getenv("PROVFS_DISABLED");
    if (!journal || journal[0] != '/' || (off && strcmp(off, "1") == 0) || !identity_begin())
        return;
    int kept = errno;
    scope_begin();
    digest_begin();
    images_begin();
    journal_begin(journal);
    capturing = true;
    if (enter()) {
        files_begin();
        if (me.pipes[0] && me.pipes[1]) /* what goes through such a process goes on, whether it opens a file or not */
            journal_start();
        leave();
    }
    errno = kept;
}

__attribute__((destructor)) static void end(void) {
    if (capturing)
        ending(true);
}

/* Seal what a file holds that is about to be emptied by an opening; return whether the file is there, and stays as it
 * is. Only asked where it matters. */
static bool look_before(int directory, const char *path, int flags) {
    struct state state;
    if ((flags & O_ACCMODE) == O_RDONLY)
        return true;
    if (flags & O_TRUNC) {
        int kept = errno;
        read_sealed(directory, path);
        errno = kept;
        return true;
    }
    if (!(flags & O_CREAT))
        return true;
    return !(flags & O_EXCL) && state_at(directory, path, true, &state);
}

#define OPENED(directory, path, flags, stream_, call)                                                                   \
    bool captured = may_be_captured(path), existed = captured && look_before(directory, path, flags);                   \
    int opened = call;                                                                                                  \
    if (captured && opened >= 0) {                                                                                      \
        int kept = errno;                                                                                               \
        file_opened(opened, path, flags, existed, stream_);                                                                   \
        errno = kept;                                                                                                   \
    }                                                                                                                   \
    return opened

#define MODE                                                                                                            \
    mode_t mode = 0;                                                                                                    \
    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {                                                          \
        va_list rest;                                                                                                   \
        va_start(rest, flags);                                                                                          \
        mode = va_arg(rest, mode_t);                                                                                    \
        va_end(rest);                                                                                                   \
    }

#define OPEN(name)                                                                                                      \
    HOOK int name(const char *path, int flags, ...) {                                                                   \
        MODE OPENED(AT_FDCWD, path, flags, NULL, next(name)(path, flags, mode));                                        \
    }
#define OPENAT(name)                                                                                                    \
    HOOK int name(int directory, const char *path, int flags, ...) {                                                    \
        MODE OPENED(directory, path, flags, NULL, next(name)(directory, path, flags, mode));                            \
    }
#define OPEN_2(name)                                                                                                    \
    HOOK int name(const char *path, int flags);                                                                         \
    HOOK int name(const char *path, int flags) { OPENED(AT_FDCWD, path, flags, NULL, next(name)(path, flags)); }
#define OPENAT_2(name)                                                                                                  \
    HOOK int name(int directory, const char *path, int flags);                                                          \
    HOOK int name(int directory, const char *path, int flags) {                                                         \
        OPENED(directory, path, flags, NULL, next(name)(directory, path, flags));                                       \
    }
#define CREAT(name)                                                                                                     \
    HOOK int name(const char *path, mode_t mode) {                                                                      \
        OPENED(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, NULL, next(name)(path, mode));                             \
    }

HOOK int __open(const char *path, int flags, ...);
HOOK int __open64(const char *path, int flags, ...);
OPEN(open)
OPEN(open64)
OPEN(__open)
OPEN(__open64)
OPENAT(openat)
OPENAT(openat64)
OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)
CREAT(creat)
CREAT(creat64)

/* The flags that a mode of fopen stands for. */
static int flags_of(const char *mode) {
    int base = mode[0] == 'r' ? 0 : mode[0] == 'w' ? O_CREAT | O_TRUNC : O_CREAT | O_APPEND;
    bool both = strcspn(mode, "+") < strcspn(mode, ",");
    return base | (both ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY);
}

static void stream_opened(FILE *stream, const char *path, int flags, bool existed) {
    int kept = errno;
    file_opened(fileno(stream), path, flags, existed, stream);
    errno = kept;
}

/* A stream is about to be closed: what it still holds must be in the file when its state is looked at. Returns the error
 * with which that could not be written: the C library has let go of it then, and its own `fclose` would know of none. */
static int stream_closing(FILE *stream) {
    int kept = errno, failure = 0;
    int descriptor = fileno(stream);
    if (descriptor >= 0) {
        if (file_writes(descriptor) && fflush(stream) != 0)
            failure = errno;
        file_closing(descriptor);
    }
    errno = kept;
    return failure;
}

#define FOPEN(name)                                                                                                     \
    HOOK FILE *name(const char *restrict path, const char *restrict mode) {                                             \
        bool captured = may_be_captured(path);                                                                          \
        int flags = captured ? flags_of(mode) : 0;                                                                      \
        bool existed = captured && look_before(AT_FDCWD, path, flags);                                                  \
        FILE *stream = next(name)(path, mode);                                                                          \
        if (captured && stream)                                                                                         \
            stream_opened(stream, path, flags, existed);                                                                      \
        return stream;                                                                                                  \
    }
#define FREOPEN(name)                                                                                                   \
    HOOK FILE *name(const char *restrict path, const char *restrict mode, FILE *restrict stream) {                      \
        bool captured = may_be_captured(path);                                                                          \
        int flags = captured ? flags_of(mode) : 0;                                                                      \
        bool existed = captured && look_before(AT_FDCWD, path, flags);                                                  \
        if (capturing && stream)                                                                                        \
            (void)stream_closing(stream);                                                                               \
        stream = next(name)(path, mode, stream);                                                                        \
        if (captured && stream)                                                                                         \
            stream_opened(stream, path, flags, existed);                                                                      \
        return stream;                                                                                                  \
    }
FOPEN(fopen)
FOPEN(fopen64)
FREOPEN(freopen)
FREOPEN(freopen64)

HOOK int fclose(FILE *stream) {
    int failure = capturing && stream ? stream_closing(stream) : 0;
    int result = next(fclose)(stream);
    if (failure && result == 0) {
        errno = failure;
        return EOF;
    }
    return result;
}

#define MADE(name, parameters, arguments)                                                                               \
    HOOK int name parameters {                                                                                          \
        int opened = next(name) arguments;                                                                              \
        if (capturing && opened >= 0) {                                                                                 \
            int kept = errno;                                                                                           \
            file_opened(opened, template, O_RDWR | O_CREAT | O_EXCL, false, NULL);                                                         \
            errno = kept;                                                                                               \
        }                                                                                                               \
        return opened;                                                                                                  \
    }
MADE(mkstemp, (char *template), (template))
MADE(mkstemp64, (char *template), (template))
MADE(mkostemp, (char *template, int flags), (template, flags))
MADE(mkostemp64, (char *template, int flags), (template, flags))
MADE(mkstemps, (char *template, int suffix), (template, suffix))
MADE(mkstemps64, (char *template, int suffix), (template, suffix))
MADE(mkostemps, (char *template, int suffix, int flags), (template, suffix, flags))
MADE(mkostemps64, (char *template, int suffix, int flags), (template, suffix, flags))

/* Say for the kernel that nothing of the program's is open there: the descriptor is our journal's. A shell would
 * keep it aside otherwise, to put it back over a file that was opened at that number. */
static bool hides(int descriptor) {
    if (!capturing || !journal_owns(descriptor))
        return false;
    errno = EBADF;
    return true;
}

HOOK int close(int descriptor) {
    if (capturing) {
        if (descriptor <= MESSAGE && descriptor > MESSAGE - MESSAGES)
            return answer((enum message)(MESSAGE - descriptor));
        if (hides(descriptor))
            return -1;
        int kept = errno;
        file_closing(descriptor);
        errno = kept;
    }
    return next(close)(descriptor);
}

HOOK int close_range(unsigned first, unsigned last, int flags);
HOOK int close_range(unsigned first, unsigned last, int flags) {
    if (capturing && !(flags & 4)) { /* not with CLOSE_RANGE_CLOEXEC, which closes nothing yet */
        int kept = errno;
        file_range_closing(first, last);
        errno = kept;
    }
    if (next(close_range))
        return next(close_range)(first, last, flags);
    errno = ENOSYS; /* an older libc than the one that we were built with */
    return -1;
}

HOOK void closefrom(int first);
HOOK void closefrom(int first) {
    if (capturing)
        file_range_closing(first < 0 ? 0 : (unsigned)first, ~0u);
    if (next(closefrom))
        next(closefrom)(first);
}

static void replacing(int from, int to) {
    int kept = errno;
    if (capturing && from != to && to >= 0) {
        journal_give_way(to);
        file_closing(to);
    }
    errno = kept;
}

static int duplicated(int from, int to) {
    int kept = errno;
    if (capturing && to >= 0 && from != to)
        file_duplicated(from, to);
    errno = kept;
    return to;
}

HOOK int dup(int from) { return hides(from) ? -1 : duplicated(from, next(dup)(from)); }

HOOK int dup2(int from, int to) {
    if (hides(from))
        return -1;
    replacing(from, to);
    return duplicated(from, next(dup2)(from, to));
}

HOOK int dup3(int from, int to, int flags) {
    if (hides(from))
        return -1;
    replacing(from, to);
    return duplicated(from, next(dup3)(from, to, flags));
}

#define FCNTL(name)                                                                                                     \
    HOOK int name(int descriptor, int command, ...) {                                                                   \
        va_list rest;                                                                                                   \
        va_start(rest, command);                                                                                        \
        void *argument = va_arg(rest, void *);                                                                          \
        va_end(rest);                                                                                                   \
        if (hides(descriptor))                                                                                          \
            return -1;                                                                                                  \
        int result = next(name)(descriptor, command, argument);                                                         \
        if ((command == F_SETLK || command == F_SETLKW) && result == 0)                                                 \
            atomic_store(&holds_locks, true);                                                                           \
        return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(descriptor, result) : result;              \
    }
FCNTL(fcntl)
HOOK int fcntl64(int descriptor, int command, ...);
FCNTL(fcntl64)

#define LOCKF(name, type)                                                                                               \
    HOOK int name(int descriptor, int command, type length) {                                                           \
        int result = next(name)(descriptor, command, length);                                                           \
        if (result == 0 && (command == F_LOCK || command == F_TLOCK))                                                   \
            atomic_store(&holds_locks, true);                                                                           \
        return result;                                                                                                  \
    }
LOCKF(lockf, off_t)
LOCKF(lockf64, off64_t)
