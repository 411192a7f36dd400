/* The functions behind our hooks: those of libc, or of another library that interposes the same names. */
#ifndef PROVFS_NEXT_H
#define PROVFS_NEXT_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#define HOOK __attribute__((visibility("default")))
#define HIDDEN_NEXT __attribute__((visibility("hidden")))

/* The next function of a name, found once. */
HIDDEN_NEXT void *next_of(void *_Atomic *slot, const char *name);

/* `next(open)` is the function that a call of `open` would have reached without us. It may be looked up before any
 * constructor has run, and in a signal handler; dlsym allocates only to report an error. */
#define next(name)                                                                                                      \
    ({                                                                                                                  \
        static void *_Atomic slot;                                                                                      \
        (__typeof__(&name)) next_of(&slot, #name);                                                                      \
    })

HIDDEN_NEXT bool may_be_captured(const char *path);
extern HIDDEN_NEXT bool capturing;

#endif
