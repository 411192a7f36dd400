/* Programs that processes become: their environment, and whether this library can be in them.
 *
 * A program that is given an environment without our variables (`env -i`) gets them back; one that the library cannot
 * be in (statically linked, set-user-id, of another C library or word size) is given none, because some loaders refuse
 * to start with it, and is noted. All of this must also work in a child of vfork, which shares our memory: nothing is
 * kept, and what is made lies on the caller's stack. */
#define _GNU_SOURCE
#include "preload.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE 0
#endif

static const char *const HANDED_ON[] = {
    "PROVFS_PRELOAD_JOURNAL",          "PROVFS_PRELOAD_HOME",  "PROVFS_PRELOAD_EXCLUDE", "PROVFS_PRELOAD_INCLUDE_PATTERNS",
    "PROVFS_PRELOAD_EXCLUDE_PATTERNS", "PROVFS_PRELOAD_LIMIT", "PROVFS_PRELOAD_USER",    "PROVFS_RUN",
    "PROVFS_SETTINGS",                 "PROVFS_HOME",          "ASAN_OPTIONS"};
#define HANDED (sizeof HANDED_ON / sizeof *HANDED_ON)
#define JOINED_BYTES 2048 /* of arguments */
static char kept[49152], *handed[HANDED], ours[PATH_BYTES];

static bool is_variable(const char *entry, const char *name) {
    size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static bool is_ours(const char *entry, size_t length) {
    const char *slash = memrchr(entry, '/', length);
    const char *name = strrchr(ours, '/');
    size_t size = name ? strlen(name) : 0;
    return size && slash && (size_t)(entry + length - slash) == size && memcmp(slash, name, size) == 0;
}

/* Keep what has to be handed on; the program may overwrite its environment. */
void images_begin(void) {
    size_t used = 0;
    for (size_t i = 0; i < HANDED; i++) {
        const char *value = getenv(HANDED_ON[i]);
        size_t length = strlen(HANDED_ON[i]) + 1;
        if (!value || used + length + strlen(value) + 1 > sizeof kept)
            continue;
        handed[i] = kept + used;
        used += length + strlen(value) + 1;
        stpcpy(stpcpy(stpcpy(handed[i], HANDED_ON[i]), "="), value);
    }
    const char *preloaded = getenv("LD_PRELOAD");
    const char *end = preloaded ? preloaded + strlen(preloaded) : NULL;
    const char *start = end;
    while (preloaded && start > preloaded && start[-1] != ':' && start[-1] != ' ')
        start--;
    if (preloaded && (size_t)(end - start) < sizeof ours)
        strcpy(ours, start); /* `environment` puts it last */
}

/* How many pointers an environment for a new program may need. */
size_t image_slots(char *const environment[]) {
    size_t count = 0;
    while (environment && environment[count])
        count++;
    return count + ADDED + 1;
}

/* The value of LD_PRELOAD with our library, or without; false where it would be empty or too long. */
static bool preload_value(char *into, size_t size, const char *before, bool with) {
    size_t used = (size_t)(stpcpy(into, "LD_PRELOAD=") - into), begun = used;
    while (before && *before) {
        size_t length = strcspn(before, ": ");
        if (length && !is_ours(before, length)) {
            if (used + length + 2 > size)
                return false;
            if (used > begun)
                into[used++] = ':';
            memcpy(into + used, before, length);
            used += length;
        }
        before += length + (before[length] != '\0');
    }
    into[used] = '\0';
    if (with && used + strlen(ours) + 2 <= size)
        used = (size_t)(stpcpy(stpcpy(into + used, used > begun ? ":" : ""), ours) - into);
    return used > begun;
}

static const char *value_of(char *const environment[], const char *name) {
    for (size_t i = 0; environment && environment[i]; i++)
        if (is_variable(environment[i], name))
            return environment[i] + strlen(name) + 1;
    return NULL;
}

static void name_in(char *into, const char *variable, const char *name, const char *second) {
    char *at = stpcpy(stpcpy(stpcpy(into, variable), "="), name);
    if (second)
        stpcpy(stpcpy(at, ":"), second);
}

/* Put together the environment in `slots`; `is_child` where the program starts in a new process. */
static void compose(struct becoming *new, char *const environment[], char **slots, bool is_child) {
    size_t count = 0;
    const char *before = value_of(environment, "LD_PRELOAD");
    bool preloads = preload_value(new->preload, sizeof new->preload, before, !new->blind);
    for (size_t i = 0; environment && environment[i]; i++) {
        const char *entry = environment[i];
        bool replaced = is_variable(entry, "LD_PRELOAD") || is_variable(entry, "PROVFS_EXECUTION") ||
                        is_variable(entry, "PROVFS_PROGRAM") || is_variable(entry, "PROVFS_PRELOAD_PARENT");
        if (!replaced)
            slots[count++] = environment[i];
    }
    for (size_t i = 0; i < HANDED; i++)
        if (handed[i] && !value_of(environment, HANDED_ON[i]))
            slots[count++] = handed[i];
    if (preloads)
        slots[count++] = new->preload;
    /* A fork child finds itself, a child of vfork does not; one that has noted nothing hands on its parent's name. */
    bool inside = (is_child || !is_untouched()) && enter();
    bool forked = inside && me.generation > 0 && !is_child;
    name_in(new->execution, "PROVFS_EXECUTION", forked ? me.parent : me.name, NULL);
    name_in(new->program, "PROVFS_PROGRAM", me.program, NULL);
    name_in(new->parent, "PROVFS_PRELOAD_PARENT", me.name, me.parent);
    slots[count++] = new->execution;
    slots[count++] = new->program;
    slots[count++] = new->parent;
    slots[count] = NULL;
    new->environment = slots;
    if (inside && !is_child)
        reads_end(); /* what was only counted would be gone */
    if (inside)
        leave();
}

static const char *of_elf(const unsigned char *head, size_t length, int descriptor) {
    Elf64_Ehdr elf;
    if (length < sizeof elf)
        return NULL;
    memcpy(&elf, head, sizeof elf);
    if (elf.e_ident[EI_CLASS] != ELFCLASS64 || (MACHINE && elf.e_machine != MACHINE))
        return "built for another kind of machine";
    for (unsigned i = 0; i < elf.e_phnum && i < 64; i++) {
        Elf64_Phdr part;
        char loader[256] = "";
        if (sys_call(SYS_pread64, descriptor, &part, sizeof part, (long)(elf.e_phoff + i * (size_t)elf.e_phentsize)) != sizeof part)
            return NULL;
        if (part.p_type != PT_INTERP)
            continue;
        size_t size = part.p_filesz < sizeof loader - 1 ? part.p_filesz : sizeof loader - 1;
        (void)sys_call(SYS_pread64, descriptor, loader, size, (long)part.p_offset);
        const char *name = strrchr(loader, '/');
        return name && strncmp(name, "/ld-linux", 9) != 0 ? "of another C library" : NULL;
    }
    return "statically linked";
}

/* Why the library will not be in a program; NULL where it will be, or the program cannot be looked at. */
static const char *why_blind(int directory, const char *path, int depth) {
    unsigned char head[256] = "";
    struct stat found;
    const char *reason = NULL;
    int descriptor = (int)sys_call(SYS_openat, directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (descriptor < 0)
        return NULL;
    long length = sys_call(SYS_pread64, descriptor, head, sizeof head - 1, 0);
    if (sys_call(SYS_fstat, descriptor, &found) == 0 && S_ISREG(found.st_mode) && length > 4) {
        bool other_user = found.st_mode & S_ISUID && found.st_uid != getuid();
        bool other_group = (found.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && found.st_gid != getgid();
        char rights[64];
        if (other_user || other_group)
            reason = "set-user-id";
        else if (getuid() != 0 && sys_call(SYS_fgetxattr, descriptor, "security.capability", rights, sizeof rights) > 0)
            reason = "with rights of its own";
        else if (memcmp(head, ELFMAG, SELFMAG) == 0)
            reason = of_elf(head, (size_t)length, descriptor);
        else if (head[0] == '#' && head[1] == '!' && depth < 4) {
            char *interpreter = (char *)head + 2 + strspn((char *)head + 2, " \t");
            interpreter[strcspn(interpreter, " \t\r\n")] = '\0';
            reason = why_blind(AT_FDCWD, interpreter, depth + 1);
        }
    }
    sys_close(descriptor);
    return reason;
}

/* The file that a search along PATH finds, as execvp does it; the name itself where there is none. */
static void found_on_path(char into[PATH_BYTES], const char *name) {
    struct stat found;
    const char *folders = getenv("PATH");
    if (!folders)
        folders = "/bin:/usr/bin";
    for (const char *at = folders;; at++) {
        size_t length = strcspn(at, ":"), size = strlen(name);
        if (length + size + 2 < PATH_BYTES) {
            memcpy(into, length ? at : ".", length ? length : 1);
            size_t used = length ? length : 1;
            into[used] = '/';
            strcpy(into + used + 1, name);
            if (sys_call(SYS_faccessat, AT_FDCWD, into, X_OK) == 0 &&
                sys_call(SYS_newfstatat, AT_FDCWD, into, &found, 0) == 0 && S_ISREG(found.st_mode))
                return;
        }
        at += length;
        if (!*at)
            break;
    }
    strcpy(into, strlen(name) < PATH_BYTES ? name : "");
}

/* Look at what is about to be executed, and make its environment. */
void image_before(struct becoming *new, int directory, const char *path, bool search, char *const environment[],
                  char **slots, bool is_child) {
    const char *off = value_of(environment, "PROVFS_DISABLED"), *without = value_of(environment, "PROVFS_NO_PRELOAD");
    new->environment = environment;
    new->blind = NULL;
    new->path[0] = '\0';
    if (!ours[0] || (off && strcmp(off, "1") == 0) || (without && strcmp(without, "1") == 0) || strlen(path) >= PATH_BYTES)
        return;
    if (search && !strchr(path, '/'))
        found_on_path(new->path, path);
    else
        strcpy(new->path, path);
    new->blind = why_blind(directory, new->path[0] ? new->path : "/proc/self/exe", 0);
    compose(new, environment, slots, is_child);
}

static void note(const struct becoming *new, char *const arguments[], int pid) {
    struct identity who = {.pid = 0};
    PATH(joined);
    size_t length = 0;
    if (!name_process(&who, pid))
        return;
    for (size_t i = 0; arguments && arguments[i] && length + 1 < JOINED_BYTES; i++) {
        size_t size = strlen(arguments[i]), room = JOINED_BYTES - 1 - length;
        memcpy(joined + length, arguments[i], size < room ? size : room);
        length += (size < room ? size : room) + 1;
        joined[length - 1] = '\0';
    }
    bool itself = strcmp(who.name, me.name) == 0;
    strcpy(who.program, itself ? me.program : who.name);
    strcpy(who.parent, itself || me.pid == sys_pid() ? (itself ? me.parent : me.name) : me.name);
    if (itself && me.generation > 0)
        strcpy(who.program, who.name);
    became_unseen(&who, clock_ns(), new->path, joined, length, new->blind);
}

/* Note a program that the library is not in: this process is about to become it, or the child `pid` has. */
void image_noted(const struct becoming *new, char *const arguments[], int pid) {
    if (!new->blind || !desk_take()) /* not `enter`: in a child of vfork, too */
        return;
    note(new, arguments, pid);
    desk_give();
}

/* The arguments leave no room for our variables: why the library will not be in the program, which then gets what it was
 * given. NULL where that names the library already. */
const char *image_lacks_room(char *const environment[]) {
    const char *preloaded = value_of(environment, "LD_PRELOAD");
    for (; preloaded && *preloaded; preloaded += *preloaded != '\0') {
        size_t length = strcspn(preloaded, ": ");
        if (length && is_ours(preloaded, length))
            return NULL;
        preloaded += length;
    }
    return "its arguments leave no room for the variables of capture";
}

/* The same before this process becomes the program. */
void image_without(struct becoming *new, char *const environment[], char *const arguments[]) {
    int kept = errno;
    if (!new->blind && (new->blind = image_lacks_room(environment)))
        image_noted(new, arguments, 0);
    errno = kept;
}
