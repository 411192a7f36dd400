/* Append records to this execution's own native journal, `<boot>.<pid>.<start>.p<n>.jsonl`, one write(2) each.
 *
 * The file appears with the first record. Its descriptor is moved out of the way of the program, and looked at
 * before each write: a program that closes everything must never find our lines in a file of its own. */
#define _GNU_SOURCE
#include "preload.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef PROVFS_VERSION
#define PROVFS_VERSION "0"
#endif
#define ROTATE_BYTES (16 << 20)
#define HIGHEST_NUMBER 1000000

enum { CLOSED = 0, OPENING, OPEN, BROKEN };
static char directory[PATH_BYTES - 256];
static _Atomic int phase, descriptor = -1, number, rotating;
static _Atomic int64_t written;
static _Atomic bool torn;
static _Atomic uintptr_t opener; /* the thread that opens it */
static uint64_t device, inode;

void journal_begin(const char *path) {
    if (strlen(path) < sizeof directory)
        strcpy(directory, path);
    else
        atomic_store(&phase, BROKEN);
}

/* In a fork child: the file is the parent's. */
void journal_forget(void) {
    int inherited = atomic_exchange(&descriptor, -1);
    if (inherited >= 0)
        sys_close(inherited);
    atomic_store(&number, 0);
    atomic_store(&written, 0);
    atomic_store(&rotating, 0);
    atomic_store(&torn, false);
    if (directory[0])
        atomic_store(&phase, CLOSED);
}

/* This thread has given up what it was doing: another attempt may be made to open the journal. */
void journal_abandon(void) {
    int expected = OPENING;
    if (atomic_load(&opener) == (uintptr_t)pthread_self())
        atomic_compare_exchange_strong(&phase, &expected, CLOSED);
}

bool journal_owns(int other) { return other >= 0 && other == atomic_load_explicit(&descriptor, memory_order_relaxed); }

bool journal_started(void) { return atomic_load(&phase) == OPEN; }

/* Somebody is about to use our descriptor's number. */
void journal_give_way(int wanted) {
    if (!journal_owns(wanted) || !enter())
        return;
    atomic_store(&descriptor, (int)sys_call(SYS_fcntl, wanted, F_DUPFD_CLOEXEC, wanted + 1));
    leave();
}

static void put_name_of(struct line *path, const struct identity *who, int which) {
    put(path, directory);
    put(path, "/");
    put(path, who->boot);
    put(path, ".");
    put_number(path, who->pid);
    put(path, ".");
    put_number(path, who->start);
    put(path, ".p");
    put_number(path, which);
    put_bytes(path, ".jsonl", 7);
}

static void put_file_name(struct line *path, int which) { put_name_of(path, &me, which); }

bool journal_exists(int which) {
    LINE(path);
    struct state state;
    put_file_name(path, which);
    return state_at(AT_FDCWD, path->text, true, &state) && (which > 0 || number > 1);
}

static bool ours(int opened) {
    struct state state;
    return opened >= 0 && state_of(opened, &state) && state.device == device && state.inode == inode;
}

static bool open_next(void) {
    for (int which = atomic_load(&number); which < HIGHEST_NUMBER; which++) {
        LINE(path);
        put_file_name(path, which);
        struct state state;
        if (state_at(AT_FDCWD, path->text, true, &state))
            continue;
        int opened = sys_open(path->text, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (opened < 0 && !state_at(AT_FDCWD, path->text, true, &state))
            return false;
        if (opened < 0)
            continue;
        int high = (int)sys_call(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 900);
        if (high < 0)
            high = (int)sys_call(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 200);
        if (high >= 0) {
            sys_close(opened);
            opened = high;
        }
        if (state_of(opened, &state) && (state.mode & 0600) != 0600)
            (void)sys_call(SYS_fchmod, opened, 0600); /* an umask that takes the rights from its own files */
        device = state.device;
        inode = state.inode;
        int previous = atomic_exchange(&descriptor, opened);
        atomic_store(&number, which + 1);
        atomic_store(&written, 0);
        if (previous >= 0)
            sys_close(previous);
        return true;
    }
    return false;
}

/* Whether a file may grow to a size: beyond the limit of the process (`ulimit -f`) a write would kill it. */
static bool may_grow_to(int64_t size) {
    struct rlimit limit;
    return sys_call(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) != 0 || (rlim_t)size <= limit.rlim_cur;
}

static void append(struct line *line) {
    int to = atomic_load(&descriptor);
    if (line->full || !ours(to) || !may_grow_to(atomic_load(&written) + (int64_t)line->length + 1)) {
        atomic_fetch_add(&lost, 1);
        return;
    }
    if (atomic_exchange(&torn, false))
        (void)sys_call(SYS_write, to, "\n", 1);
    long done = sys_call(SYS_write, to, line->text, line->length);
    if (done > 0)
        atomic_fetch_add(&written, done);
    if (done != (long)line->length) {
        atomic_fetch_add(&lost, 1);
        atomic_store(&torn, done > 0);
    }
}

static void put_header(struct line *line, const struct identity *who) {
    struct timespec utc;
    int64_t now = clock_ns();
    clock_gettime(CLOCK_REALTIME, &utc);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    record_of(line, who, "journal");
    put(line, ",\"format\":1,\"provfs\":\"" PROVFS_VERSION "\",\"host\":");
    put_quoted(line, host, strlen(host));
    put(line, ",\"boot\":\"");
    put(line, who->boot);
    put(line, "\",\"clock\":\"boottime\"");
    put_field(line, "at_ns", now);
    put_field(line, "offset_ns", utc.tv_sec * 1000000000LL + utc.tv_nsec - now);
    put(line, "}\n");
}

static void header(void) {
    LINE(line);
    put_header(line, &me);
    append(line);
}

/* Make a further journal of any process; returns its descriptor, or -1. Touches nothing of our own, so that a child
 * of vfork may do it, too. */
int journal_of(const struct identity *who) {
    for (int which = 0; which < HIGHEST_NUMBER && directory[0]; which++) {
        LINE(line);
        struct state state;
        put_name_of(line, who, which);
        int opened = sys_open(line->text, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (opened < 0 && state_at(AT_FDCWD, line->text, true, &state))
            continue;
        line->length = 0;
        put_header(line, who);
        if (opened >= 0) {
            (void)sys_call(SYS_fchmod, opened, 0600);
            (void)sys_call(SYS_write, opened, line->text, line->length);
        }
        return opened;
    }
    return -1;
}

static bool begun(void) {
    int expected = CLOSED;
    if (atomic_compare_exchange_strong(&phase, &expected, OPENING)) {
        atomic_store(&opener, (uintptr_t)pthread_self());
        if (!open_next()) {
            atomic_store(&phase, BROKEN);
            return false;
        }
        header();
        LINE(line);
        record(line, "execution");
        put_execution(line);
        put(line, "}\n");
        append(line);
        atomic_store(&phase, OPEN);
        return true;
    }
    for (int turns = 0; (expected = atomic_load(&phase)) == OPENING && wait_turn(&turns);)
        ;
    return expected == OPEN;
}

/* Begin the journal although there is nothing to record yet. */
void journal_start(void) {
    if (!journal_started())
        (void)begun();
}

void journal_write(struct line *line) {
    if (atomic_load_explicit(&phase, memory_order_acquire) != OPEN && !begun()) {
        atomic_fetch_add(&lost, 1);
        return;
    }
    bool closed = !ours(atomic_load(&descriptor)); /* the program closed it past the hooks */
    if ((closed || atomic_load(&written) >= ROTATE_BYTES) && !atomic_exchange(&rotating, 1)) {
        if (closed)
            atomic_store(&descriptor, -1);
        if (open_next())
            header();
        atomic_store(&rotating, 0);
    }
    append(line);
}

void record_of(struct line *line, const struct identity *who, const char *type) {
    put(line, "{\"type\":\"");
    put(line, type);
    put(line, "\",\"execution\":\"");
    put(line, who->name);
    put(line, "\"");
}

void record(struct line *line, const char *type) { record_of(line, &me, type); }

static void put_gap(struct line *line, const struct identity *who, const char *about, const char *reason) {
    line->length = 0;
    line->full = false;
    record_of(line, who, "gap");
    put_field(line, "at_ns", clock_ns());
    put(line, ",\"kind\":\"bypass\",\"detail\":");
    LINE(detail);
    put(detail, about);
    put(detail, about[0] ? ": " : "");
    put(detail, reason);
    put_quoted(line, detail->text, detail->length);
}

/* Note that something goes past this library. */
void bypassed(const char *about, const char *reason) {
    if (!enter())
        return;
    LINE(line);
    put_gap(line, &me, about, reason);
    finish(line);
    leave();
}

/* Note that a process becomes a program that this library will not be in. */
void became_unseen(const struct identity *who, int64_t started, const char *path, char *arguments, size_t length, const char *reason) {
    LINE(line);
    int to = may_grow_to(4 * LINE_BYTES) ? journal_of(who) : -1;
    if (to < 0)
        return;
    record_of(line, who, "execution");
    put_who(line, who, started);
    put(line, ",\"executable\":");
    put_quoted(line, path, strlen(path));
    put_command(line, arguments, length);
    put(line, "}\n");
    (void)sys_call(SYS_write, to, line->text, line->full ? 0 : line->length);
    put_gap(line, who, path, reason);
    put(line, ",\"channel\":\"" CHANNEL "\"}\n");
    (void)sys_call(SYS_write, to, line->text, line->full ? 0 : line->length);
    sys_close(to);
}

void put_field(struct line *line, const char *name, int64_t value) {
    put(line, ",\"");
    put(line, name);
    put(line, "\":");
    put_number(line, value);
}

void put_path(struct line *line, const char *name, const char *path) {
    put(line, ",\"");
    put(line, name);
    put(line, "\":");
    put_uri(line, path, true);
}

void finish(struct line *line) {
    put(line, ",\"channel\":\"" CHANNEL "\"}\n");
    journal_write(line);
}

static int64_t number_in(const char *line, const char *end, const char *name) {
    const char *at = memmem(line, (size_t)(end - line), name, strlen(name));
    int64_t value = 0;
    for (at = at ? at + strlen(name) : end; at < end && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (*at - '0');
    return value;
}

static size_t follow(const char *line, const char *end, struct unfinished *found, size_t count, size_t limit) {
    static const char opening[] = "{\"type\":\"opening\"", access[] = "{\"type\":\"access\"", failed[] = "{\"type\":\"failed\"";
    bool begins = (size_t)(end - line) > sizeof opening && memcmp(line, opening, sizeof opening - 1) == 0;
    bool ends = (size_t)(end - line) > sizeof failed &&
                (memcmp(line, access, sizeof access - 1) == 0 || memcmp(line, failed, sizeof failed - 1) == 0);
    int64_t id = begins || ends ? number_in(line, end, "\"id\":") : 0;
    if (begins && count < limit) {
        const char *uri = memmem(line, (size_t)(end - line), "\"uri\":", 6);
        const char *after = uri ? memmem(uri, (size_t)(end - uri), ",\"opened_ns\":", 13) : NULL;
        if (after && (size_t)(after - uri - 6) < sizeof found->uri) {
            struct unfinished *one = &found[count++];
            one->id = id;
            one->opened_ns = number_in(after, end, "\"opened_ns\":");
            one->uri_length = (size_t)(after - uri - 6);
            memcpy(one->uri, uri + 6, one->uri_length);
        }
    }
    for (size_t i = 0; ends && i < count; i++)
        if (found[i].id == id) {
            found[i] = found[--count];
            break;
        }
    return count;
}

/* What an earlier image of this process, before exec, had open for writing. Returns how many. */
size_t journal_unfinished(struct unfinished *found, size_t limit) {
    size_t count = 0;
    for (int which = 0; which < 64; which++) {
        LINE(path);
        struct state state;
        put_file_name(path, which);
        int opened = state_at(AT_FDCWD, path->text, true, &state) ? sys_open(path->text, O_RDONLY | O_CLOEXEC, 0) : -1;
        if (opened < 0)
            return count;
        size_t size = state_of(opened, &state) ? (size_t)state.size : 0;
        const char *text = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, opened, 0) : MAP_FAILED;
        sys_close(opened);
        if (text == MAP_FAILED)
            continue;
        for (const char *line = text, *end; (end = memchr(line, '\n', (size_t)(text + size - line))); line = end + 1)
            count = follow(line, end, found, count, limit);
        munmap((void *)text, size);
    }
    return count;
}
