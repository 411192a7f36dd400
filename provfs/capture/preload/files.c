/* Open files: which descriptor stands for what, and what became of it when the last one is closed.
 *
 * A descriptor's slot holds the generation of the process, so that a fork child finds its table empty: what it
 * inherited stays the business of its parent. After exec, what was inherited is this image's business: a shell opens
 * the files, the program that it becomes or starts writes them. */
#define _GNU_SOURCE
#include "preload.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DESCRIPTORS 16384
#define HANDLES 1024
#define INHERITED 10
#define WRITTEN 1024
#define A_READ 0xFFFFFFFFu

struct handle {
    _Atomic uint32_t users; /* descriptors that stand for it, and one while it is made; 0 where it is free */
    uint32_t generation;
    int descriptor, reading; /* reading: the offset of an inherited descriptor that is read, else -1 */
    bool fresh, readable, only_read;
    bool reserved;  /* made exclusively, as temporary files are */
    bool inherited; /* opened by another process, which is the writer where this one changes nothing */
    int64_t id, opened_ns, thread;
    struct state before;
    FILE *stream;
    char path[PATH_BYTES];
};

static struct handle handles[HANDLES];
static _Atomic uint32_t handles_used; /* none behind it has ever been touched: their pages are not there */
static _Atomic uint64_t slots[DESCRIPTORS];        /* generation << 32 | handle + 1, or A_READ */
static _Atomic uint64_t read_states[DESCRIPTORS];  /* of what was opened for reading */
static _Atomic uint64_t written[WRITTEN];          /* inodes that this process writes, by hash */
static off_t offsets[INHERITED];

static uint64_t file_number(const struct state *state) { return state->inode << 16 ^ state->device; }

static bool writes_itself(const struct state *state) {
    return atomic_load(&written[state->inode % WRITTEN]) == file_number(state);
}

static uint32_t slot_take(int descriptor, bool keep) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS)
        return 0;
    uint64_t value = atomic_load_explicit(&slots[descriptor], memory_order_relaxed);
    if (value == 0 || value >> 32 != me.generation)
        return 0;
    if (!keep)
        value = atomic_exchange(&slots[descriptor], 0);
    return (uint32_t)value;
}

static void slot_put(int descriptor, uint32_t value) {
    if (descriptor >= 0 && descriptor < DESCRIPTORS)
        atomic_store(&slots[descriptor], (uint64_t)me.generation << 32 | value);
}

static struct handle *new_handle(int descriptor, const struct state *before, const char *path) {
    for (uint32_t i = 0; i < HANDLES && descriptor < DESCRIPTORS; i++) {
        struct handle *handle = &handles[i];
        uint32_t users = atomic_load_explicit(&handle->users, memory_order_relaxed);
        bool stale = users > 0 && handle->generation != me.generation;
        if ((users > 0 && !stale) || !atomic_compare_exchange_strong(&handle->users, &users, 1))
            continue;
        for (uint32_t most = atomic_load(&handles_used); most <= i && !atomic_compare_exchange_weak(&handles_used, &most, i + 1);)
            ;
        handle->generation = me.generation;
        handle->descriptor = descriptor;
        handle->reading = -1;
        handle->fresh = handle->readable = handle->only_read = handle->reserved = handle->inherited = false;
        handle->id = 0;
        handle->opened_ns = clock_ns();
        handle->thread = thread_number();
        handle->before = *before;
        handle->stream = NULL;
        strcpy(handle->path, path);
        atomic_store(&written[before->inode % WRITTEN], file_number(before));
        slot_put(descriptor, i + 1);
        return handle;
    }
    atomic_fetch_add(&lost, 1);
    return NULL;
}

static void announce(struct handle *handle) {
    LINE(line);
    handle->id = next_id();
    record(line, "opening");
    put_field(line, "id", handle->id);
    put_path(line, "uri", handle->path);
    put_field(line, "opened_ns", handle->opened_ns);
    put_field(line, "thread", handle->thread);
    finish(line);
}

static void withdraw(int64_t id) {
    LINE(line);
    record(line, "failed");
    put_field(line, "id", id);
    put_field(line, "at_ns", clock_ns());
    put(line, "}\n");
    journal_write(line);
}

/* `text` is a quoted uri, or NULL for that of `path`; `descriptor` is open on the file, or -1. */
static void written_version(int64_t id, const char *text, size_t length, const char *path, int64_t opened_ns,
                            int64_t closed_ns, const struct state *after, int64_t thread, int descriptor, bool inherited) {
    LINE(line);
    record(line, "access");
    put_field(line, "id", id);
    if (text) {
        put(line, ",\"uri\":");
        put_bytes(line, text, length);
    } else {
        put_path(line, "uri", path);
    }
    put(line, ",\"mode\":\"write\"");
    put_field(line, "opened_ns", opened_ns);
    put_field(line, "closed_ns", closed_ns);
    put_fingerprint(line, after);
    char name[32];
    /* By name even where somebody holds a lock: the descriptor is closed next, which lets go of it anyway. */
    bool hashed = descriptor >= 0 && put_digest(line, name_of_descriptor(descriptor, name), descriptor, after);
    if (inherited || !hashed)
        put(line, inherited ? ",\"reason\":\"inherited\"" : ",\"reason\":\"native\"");
    put_thread(line, thread, true);
    finish(line);
}

/* A file that the program has opened. `existed` says that it was there before, and was not emptied. */
void file_opened(int descriptor, const char *name, int flags, bool existed, void *stream) {
    struct state state;
    if (flags & O_PATH || !state_of(descriptor, &state) || !is_regular(&state) || state.links == 0 || !enter())
        return;
    PATH(path);
    int mode = flags & O_ACCMODE;
    if (mode == O_RDONLY && name[0] == '/' && read_again(&state, name)) {
        if (descriptor < DESCRIPTORS) {
            atomic_store(&read_states[descriptor], hash_of(&state));
            slot_put(descriptor, A_READ);
        }
    } else if (path_of(descriptor, path) && scope_captures(path)) {
        bool emptied = flags & O_TRUNC && mode != O_RDONLY;
        if (mode == O_RDONLY || (mode == O_RDWR && existed && !emptied && state.size > 0))
            read_version(&state, path, name[0] == '/' ? name : path, clock_ns(), true);
        if (mode == O_RDONLY && descriptor < DESCRIPTORS) {
            atomic_store(&read_states[descriptor], hash_of(&state));
            slot_put(descriptor, A_READ);
        } else if (mode != O_RDONLY) {
            struct handle *handle = new_handle(descriptor, &state, path);
            if (handle) {
                handle->fresh = emptied || !existed;
                handle->readable = mode == O_RDWR;
                handle->reserved = flags & O_EXCL && flags & O_CREAT;
                handle->stream = stream;
                announce(handle);
            }
        }
    }
    leave();
}

void file_duplicated(int from, int to) {
    uint32_t value = slot_take(from, true);
    if (value == 0 || value == A_READ || !enter())
        return;
    atomic_fetch_add(&handles[value - 1].users, 1);
    slot_put(to, value);
    leave();
}

bool file_writes(int descriptor) {
    uint32_t value = slot_take(descriptor, true);
    return value != 0 && value != A_READ;
}

/* The version that a handle left, while a descriptor still stands for it. */
static void settle(struct handle *handle, int descriptor) {
    struct state after;
    bool known = state_of(descriptor, &after) && after.inode == handle->before.inode && after.device == handle->before.device;
    int64_t closed_ns = clock_ns();
    if (!known)
        return; /* closed past the hooks: the opening stands, and its version is incomplete */
    if (handle->reading >= 0 && lseek(descriptor, 0, SEEK_CUR) != offsets[handle->reading])
        read_version(&handle->before, handle->path, handle->path, handle->opened_ns, true);
    bool changed = after.links > 0 && (handle->fresh || after.size != handle->before.size ||
                                       after.mtime_ns != handle->before.mtime_ns);
    if (!changed || handle->only_read || (handle->reserved && after.size == 0)) { /* only a name was taken */
        if (handle->id)
            withdraw(handle->id);
        return;
    }
    /* What cannot be read through this handle has gone into nothing but the file itself. */
    if (!handle->fresh && !handle->readable && handle->before.size > 0)
        read_version(&handle->before, handle->path, handle->path, closed_ns - 1, false);
    written_version(handle->id ? handle->id : next_id(), NULL, 0, handle->path, handle->opened_ns, closed_ns, &after,
                    handle->thread, descriptor, handle->inherited);
}

/* A descriptor is about to be closed. */
void file_closing(int descriptor) {
    if (slot_take(descriptor, true) == 0 || !enter())
        return;
    uint32_t value = slot_take(descriptor, false);
    if (value == A_READ) {
        struct state now;
        PATH(path);
        if (state_of(descriptor, &now) && hash_of(&now) != atomic_load(&read_states[descriptor]) && now.links > 0 &&
            !writes_itself(&now) && path_of(descriptor, path)) {
            LINE(line);
            record(line, "access");
            put_field(line, "id", next_id());
            put_path(line, "uri", path);
            put(line, ",\"mode\":\"read\",\"unstable\":true,\"reason\":\"changed while it was read\"");
            put_field(line, "opened_ns", clock_ns());
            put_field(line, "closed_ns", clock_ns());
            put_fingerprint(line, &now);
            finish(line);
        }
    } else if (value != 0) {
        struct handle *handle = &handles[value - 1];
        if (atomic_load(&handle->users) == 1)
            settle(handle, descriptor);
        atomic_fetch_sub(&handle->users, 1);
    }
    leave();
}

void file_range_closing(unsigned first, unsigned last) {
    for (unsigned i = first; i <= last && i < DESCRIPTORS; i++)
        file_closing((int)i);
}

/* What an image finds open: written at the end if it has changed, read if the offset has moved. */
static void inherit(int descriptor, struct unfinished *open, size_t *count) {
    struct state state;
    PATH(path);
    int flags = (int)sys_call(SYS_fcntl, descriptor, F_GETFL);
    if (flags < 0 || flags & O_PATH || !state_of(descriptor, &state) || !is_regular(&state) || state.links == 0 ||
        !path_of(descriptor, path) || !scope_captures(path))
        return;
    for (uint32_t i = 0; i < HANDLES && handles[i].users > 0; i++)
        if (handles[i].before.inode == state.inode && handles[i].before.device == state.device) {
            atomic_fetch_add(&handles[i].users, 1); /* `2>&1` */
            slot_put(descriptor, i + 1);
            return;
        }
    LINE(uri);
    put_uri(uri, path, true);
    size_t own = 0;
    while (own < *count && (open[own].uri_length != uri->length || memcmp(open[own].uri, uri->text, uri->length) != 0))
        own++;
    bool writable = (flags & O_ACCMODE) != O_RDONLY;
    bool continues = writable && own < *count;
    if (descriptor > STDOUT_FILENO && !continues) /* most such descriptors have leaked from threads of the parent */
        return;
    struct handle *handle = new_handle(descriptor, &state, path);
    if (!handle)
        return;
    handle->inherited = !continues;
    if ((flags & O_ACCMODE) != O_WRONLY) {
        handle->reading = descriptor;
        handle->only_read = !writable;
        offsets[descriptor] = lseek(descriptor, 0, SEEK_CUR);
    }
    if (continues && state.size == 0) {
        handle->id = open[own].id;
        handle->opened_ns = open[own].opened_ns;
        handle->fresh = true;
    } else if (continues) { /* what was written before this image is a version of its own, which this one goes on from */
        written_version(open[own].id, open[own].uri, open[own].uri_length, NULL, open[own].opened_ns, clock_ns(), &state,
                        thread_number(), -1, false);
    }
    if (continues)
        open[own] = open[--*count];
}

/* In a new image: take over what it inherits, and end what the image before it left open. */
void files_begin(void) {
    static struct unfinished open[32];
    size_t count = journal_unfinished(open, sizeof open / sizeof *open);
    for (int descriptor = 0; descriptor < INHERITED; descriptor++)
        if (descriptor != STDERR_FILENO) /* what is only complaints is nobody's data */
            inherit(descriptor, open, &count);
    for (size_t i = 0; i < count; i++) { /* also what only stderr goes to */
        char path[sizeof open->uri];
        struct state state;
        size_t length = open[i].uri_length > 9 ? open[i].uri_length - 9 : 0; /* "file:// and " */
        memcpy(path, open[i].uri + 8, length);
        path[length] = '\0';
        if (length && !strpbrk(path, "%\\") && state_at(AT_FDCWD, path, true, &state))
            written_version(open[i].id, open[i].uri, open[i].uri_length, NULL, open[i].opened_ns, clock_ns(), &state,
                            thread_number(), -1, false);
    }
}

/* At the end of the process: whatever is still open is closed by the kernel, past all hooks. `flushes` says that what
 * streams still hold will be written, as by `exit` and not by `_exit`. */
void files_end(bool flushes) {
    for (uint32_t i = 0; i < atomic_load(&handles_used); i++) {
        struct handle *handle = &handles[i];
        uint32_t users = atomic_load(&handle->users);
        if (users == 0 || handle->generation != me.generation || !atomic_compare_exchange_strong(&handle->users, &users, 0))
            continue;
        FILE *stream = !flushes ? NULL : handle->stream ? handle->stream : handle->descriptor == 1 ? stdout : NULL;
        int descriptor = handle->descriptor;
        if (slot_take(descriptor, true) != i + 1) /* the first is closed, a duplicate is not */
            for (descriptor = 0; descriptor < DESCRIPTORS - 1 && slot_take(descriptor, true) != i + 1;)
                descriptor++;
        else if (stream && fileno_unlocked(stream) == descriptor && ftrylockfile(stream) == 0) {
            fflush_unlocked(stream); /* as exit does right after us */
            funlockfile(stream);
        }
        settle(handle, descriptor);
    }
}
