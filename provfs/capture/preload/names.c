/* Names that come, move and go; and waits for children. All are recorded after they succeeded, with the state and
 * the time from before. */
#define _GNU_SOURCE
#include "preload.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

_Atomic bool holds_locks;

/* Look at a file before its name changes. `to` is NULL where there is only one name. */
void move_before(struct move *move, int from_directory, const char *from, int to_directory, const char *to) {
    move->known = false;
    if (!is_muted()) /* the name that will be gone, or stand for something else */
        read_sealed(to ? to_directory : from_directory, to ? to : from);
    if (is_muted() || (!scope_may_hold(from) && !(to && scope_may_hold(to))) || !enter())
        return;
    struct names *names = names_take();
    if (!names)
        atomic_fetch_add(&lost, 1);
    else if (state_at(from_directory, from, false, &move->state) && locate(from_directory, from, names->from) &&
             (!to || locate(to_directory, to, names->to)) && (is_regular(&move->state) || (to && S_ISDIR(move->state.mode)))) {
        move->known = scope_captures(names->from) || (to && scope_captures(names->to));
        move->at_ns = clock_ns();
    }
    move->names = move->known ? names : NULL;
    if (!move->known)
        names_give(names);
    leave();
}

/* Of no more use, whether the call succeeded or not. */
void move_done(struct move *move) {
    names_give(move->names);
    move->names = NULL;
}

static void begin(struct line *line, const struct move *move, const char *type) {
    line->length = 0;
    line->full = false;
    record(line, type);
    put_field(line, "id", next_id());
    put_path(line, "uri", move->names->from);
}

static void put_state(struct line *line, const struct state *state) {
    LINE(fields);
    put_fingerprint(fields, state);
    size_t skipped = 1; /* the size, which these records do not have */
    while (fields->text[skipped] != ',')
        skipped++;
    put_bytes(line, fields->text + skipped, fields->length - skipped);
}

void move_after(const struct move *move) {
    if (!move->known || !enter())
        return;
    LINE(line);
    begin(line, move, "rename");
    put_path(line, "to", move->names->to);
    put_field(line, "at_ns", move->at_ns);
    if (is_regular(&move->state))
        put_state(line, &move->state);
    finish(line);
    leave();
}

void remove_after(const struct move *move) {
    if (!move->known || !enter())
        return;
    LINE(line);
    begin(line, move, "remove");
    put_field(line, "at_ns", move->at_ns);
    put_state(line, &move->state);
    finish(line);
    leave();
}

static void written(const char *path, int64_t at_ns, const struct state *after) {
    LINE(line);
    record(line, "access");
    put_field(line, "id", next_id());
    put_path(line, "uri", path);
    put(line, ",\"mode\":\"write\"");
    put_field(line, "opened_ns", at_ns);
    put_field(line, "closed_ns", clock_ns());
    put_fingerprint(line, after);
    if (atomic_load(&holds_locks) || !put_digest(line, path, BY_NAME, after))
        put(line, ",\"reason\":\"native\"");
    put_field(line, "thread", thread_number());
    finish(line);
}

/* A second name of a file: what it holds appears there at once. */
void link_after(const struct move *move) {
    struct state after;
    if (!move->known || !is_regular(&move->state) || !enter())
        return;
    if (scope_captures(move->names->to) && state_at(AT_FDCWD, move->names->to, false, &after)) {
        if (scope_captures(move->names->from))
            read_version(&move->state, move->names->from, move->names->from, move->at_ns, false);
        written(move->names->to, move->at_ns, &after);
    }
    leave();
}

/* An unnamed file has got a name: it appears there at once, with what was written before. */
void named_after(int directory, const char *name) {
    struct state after;
    if (is_muted() || !scope_may_hold(name) || !enter())
        return;
    PATH(path);
    if (state_at(directory, name, false, &after) && is_regular(&after) && locate(directory, name, path) && scope_captures(path))
        written(path, clock_ns(), &after);
    leave();
}

void truncate_after(const struct move *move) {
    struct state after;
    if (!move->known || !enter())
        return;
    if (state_at(AT_FDCWD, move->names->from, true, &after) && is_regular(&after) && !same_state(&after, &move->state)) {
        if (move->state.size > 0 && after.size > 0)
            read_version(&move->state, move->names->from, move->names->from, move->at_ns, false);
        written(move->names->from, move->at_ns, &after);
    }
    leave();
}

/* A child has ended and was waited for; 0 stands for all that ended since `began_ns`. */
void waited(int pid, int status, int64_t began_ns) {
    if (!(WIFEXITED(status) || WIFSIGNALED(status)) || !enter())
        return;
    LINE(line);
    record(line, "wait");
    put_field(line, "child_pid", pid);
    put_field(line, "at_ns", clock_ns());
    if (began_ns)
        put_field(line, "began_ns", began_ns);
    if (pid)
        put_field(line, "exit_code", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    put(line, "}\n");
    journal_write(line);
    leave();
}

/* A ring of io_uring that is open at the end: libraries set it up past all hooks. */
static bool has_ring(void) {
    char name[32], target[64];
    for (int descriptor = 3; descriptor < 40; descriptor++) {
        long length = sys_call(SYS_readlinkat, AT_FDCWD, name_of_descriptor(descriptor, name), target, sizeof target - 1);
        if (length > 0) {
            target[length] = '\0';
            if (strcmp(target, "anon_inode:[io_uring]") == 0)
                return true;
        }
    }
    return false;
}

/* The process ends in order; `flushes` as for `files_end`. */
void ending(bool flushes) {
    if (is_untouched())
        return;
    if (has_ring())
        ring_seen();
    if (!enter())
        return;
    files_end(flushes);
    reads_end();
    if (journal_started()) {
        struct rusage usage;
        LINE(line);
        record(line, "exit");
        put_field(line, "at_ns", clock_ns());
        if (sys_call(SYS_getrusage, RUSAGE_SELF, &usage) == 0) {
            int64_t used = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
            char fraction[] = ".000000";
            for (int64_t i = 6, rest = used % 1000000; i > 0; i--, rest /= 10)
                fraction[i] = (char)('0' + rest % 10);
            put_field(line, "cpu_s", used / 1000000);
            put(line, fraction);
            put_field(line, "max_rss_bytes", (int64_t)usage.ru_maxrss * 1024);
        }
        int64_t missing = atomic_exchange(&lost, 0);
        if (missing)
            put_field(line, "lost_records", missing);
        put(line, "}\n");
        journal_write(line);
    }
    leave();
}
