/* Versions that were read. What this process has read and is about to overwrite, replace or remove is hashed before,
 * since nobody can do so later. The first read of a version by a thread is recorded when it is opened, so that a process
 * that is killed has lost none; later ones are counted and recorded together at the end. */
#include "preload.h"

#include <string.h>

#define ENTRIES 32768 /* when three quarters are taken, every further read is a record of its own */
#define PATHS_BYTES (4 << 20)
#define SEALS 1024
#define BUSY 1 /* a seal that a thread works on; others leave it alone */

struct seen {
    _Atomic uint64_t key; /* of path, state, thread and process; 0 where the entry is free */
    _Atomic bool ready;
    _Atomic uint32_t again;
    uint32_t generation, path;
    int64_t id, thread;
    _Atomic int64_t first_ns, last_ns;
    struct state state;
};

/* The last version of a file that was read and has no digest, by its inode; where two share a place, the later one. */
struct seal {
    _Atomic uint64_t state; /* hash of it; 0 where there is none */
    uint32_t generation;
    int64_t id, thread, opened_ns;
};

static _Atomic uint32_t used, paths_used;
static struct seal seals[SEALS];
static struct seen seen[ENTRIES];
static char paths[PATHS_BYTES];

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static uint64_t key_of(const struct state *state, const char *path, size_t length) {
    uint64_t hash = mix(me.generation + 1, (uint64_t)thread_number());
    hash = mix(mix(mix(hash, state->device), state->inode), (uint64_t)state->size);
    hash = mix(mix(hash, (uint64_t)state->mtime_ns), (uint64_t)state->ctime_ns);
    for (uint64_t word; length > 0; path += sizeof word, length -= length < sizeof word ? length : sizeof word) {
        word = 0;
        memcpy(&word, path, length < sizeof word ? length : sizeof word);
        hash = mix(hash, word);
    }
    return hash ? hash : 1;
}

/* `hashed` says that the digest is wanted, and that there is no record without it; `descriptor` is open on the file, or
 * `BY_NAME`. */
static void write_read(int64_t id, const struct state *state, const char *path, int64_t opened_ns, int64_t closed_ns,
                       uint32_t opens, int64_t thread, bool hashed, int descriptor) {
    LINE(line);
    record(line, "access");
    put_field(line, "id", id);
    put_path(line, "uri", path);
    put(line, ",\"mode\":\"read\"");
    put_field(line, "opened_ns", opened_ns);
    put_field(line, "closed_ns", closed_ns);
    if (opens != 1)
        put_field(line, "opens", opens);
    put_fingerprint(line, state);
    if (!hashed)
        put(line, ",\"reason\":\"native\"");
    else if (!put_digest(line, path, descriptor, state))
        return;
    put_thread(line, thread, false);
    finish(line);
}

static void remember(int64_t id, const struct state *state, int64_t opened_ns) {
    struct seal *seal = &seals[state->inode % SEALS];
    if (state->size == 0 || atomic_exchange(&seal->state, BUSY) == BUSY)
        return;
    seal->generation = me.generation;
    seal->id = id;
    seal->thread = thread_number();
    seal->opened_ns = opened_ns;
    atomic_store(&seal->state, hash_of(state) | 2);
}

static void seal_version(const struct state *state, const char *path, int descriptor) {
    struct seal *seal = &seals[state->inode % SEALS];
    uint64_t wanted = hash_of(state) | 2;
    if (!is_regular(state) || !atomic_compare_exchange_strong(&seal->state, &wanted, BUSY))
        return;
    if (seal->generation == me.generation)
        write_read(seal->id, state, path, seal->opened_ns, seal->opened_ns, 0, seal->thread, true, descriptor);
    atomic_store(&seal->state, 0);
}

/* A file is about to lose its content: record the digest of what was read from it, if that is still there. */
void read_sealed(int directory, const char *name) {
    struct state state;
    if (atomic_load_explicit(&used, memory_order_relaxed) == 0 || atomic_load(&holds_locks) || !scope_may_hold(name) || !enter())
        return;
    PATH(path);
    if (state_at(directory, name, true, &state) && atomic_load(&seals[state.inode % SEALS].state) && locate(directory, name, path))
        seal_version(&state, path, BY_NAME);
    leave();
}

/* The same for an open file that is about to be cut. */
void read_sealed_open(int descriptor) {
    struct state state;
    if (atomic_load_explicit(&used, memory_order_relaxed) == 0 || (atomic_load(&holds_locks) && !can_be_read(descriptor)) || !enter())
        return;
    PATH(path);
    if (state_of(descriptor, &state) && atomic_load(&seals[state.inode % SEALS].state) && path_of(descriptor, path))
        seal_version(&state, path, descriptor);
    leave();
}

/* The entry of a key: found, made (`*fresh`), or NULL where the table is full. */
static struct seen *entry_of(uint64_t key, bool make, bool *fresh) {
    *fresh = false;
    for (size_t at = key % ENTRIES;; at = (at + 1) % ENTRIES) {
        uint64_t found = atomic_load_explicit(&seen[at].key, memory_order_acquire);
        if (found == 0 && (!make || atomic_load_explicit(&used, memory_order_relaxed) >= ENTRIES / 4 * 3))
            return NULL;
        if (found == 0 && atomic_compare_exchange_strong(&seen[at].key, &found, key)) {
            atomic_fetch_add(&used, 1);
            *fresh = true;
            return &seen[at];
        }
        if (found == key)
            return &seen[at];
    }
}

static void count(struct seen *entry, int64_t opened_ns) {
    if (atomic_fetch_add(&entry->again, 1) == 0)
        atomic_store(&entry->first_ns, opened_ns);
    atomic_store(&entry->last_ns, opened_ns);
}

/* Count an opening of what this thread has read under the same name; false where it has not. */
bool read_again(const struct state *state, const char *name) {
    bool fresh;
    struct seen *entry = entry_of(key_of(state, name, strlen(name)), false, &fresh);
    if (entry)
        count(entry, clock_ns());
    return entry != NULL;
}

/* One opening for reading of a version. `name` is what the program called it, where that alone tells the file, else
 * its path; `counts` is false where the version only went into what replaced it. */
void read_version(const struct state *state, const char *path, const char *name, int64_t opened_ns, bool counts) {
    size_t length = strlen(path);
    bool fresh;
    struct seen *entry = entry_of(key_of(state, name, strlen(name)), true, &fresh);
    if (entry && !fresh) {
        if (counts)
            count(entry, opened_ns);
        return;
    }
    int64_t id = next_id();
    write_read(id, state, path, opened_ns, opened_ns, 1, thread_number(), false, BY_NAME);
    if (counts)
        remember(id, state, opened_ns);
    uint32_t place = entry ? atomic_fetch_add(&paths_used, (uint32_t)length + 1) : PATHS_BYTES;
    if (!entry || place + length + 1 > PATHS_BYTES) {
        if (entry)
            atomic_store(&paths_used, PATHS_BYTES); /* full: further repetitions are not counted */
        return;
    }
    memcpy(paths + place, path, length + 1);
    entry->state = *state;
    entry->generation = me.generation;
    entry->path = place;
    entry->id = id;
    entry->thread = thread_number();
    atomic_store_explicit(&entry->ready, true, memory_order_release);
}

/* Record what was counted. */
void reads_end(void) {
    if (atomic_load(&used) == 0)
        return;
    for (size_t at = 0; at < ENTRIES; at++) {
        struct seen *entry = &seen[at];
        if (!atomic_load_explicit(&entry->ready, memory_order_acquire) || entry->generation != me.generation)
            continue;
        uint32_t again = atomic_exchange(&entry->again, 0);
        if (again)
            write_read(entry->id, &entry->state, paths + entry->path, atomic_load(&entry->first_ns),
                       atomic_load(&entry->last_ns), again, entry->thread, false, BY_NAME);
    }
}
