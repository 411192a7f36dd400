/* What the files of the preload library share. Contract of all of them: no memory is allocated after the
 * constructor, little of the stack is used, no lock is taken, errno is left as it was, nothing is printed, and whatever fails inside is
 * counted in `lost` and changes nothing for the program. Everything may run in any thread, in a signal
 * handler, in a fork child, and before any constructor.
 * Not here: what becomes of the records, see docs/reference/journal-format.md. */
#ifndef PROVFS_PRELOAD_H
#define PROVFS_PRELOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define CHANNEL "preload"
#define PATH_BYTES 4096
#define LINE_BYTES 8192 /* a path whose uri does not fit is counted as lost */
#define NAME_BYTES 64

/* One state of a file; equal states are equal bytes as far as a program can tell cheaply. */
struct state {
    uint64_t device, inode;
    int64_t size, mtime_ns, ctime_ns;
    uint32_t mode, links;
};

/* A line under construction; `full` once something did not fit, and then it is never written. */
struct line {
    size_t length;
    bool full;
    char text[LINE_BYTES];
};

/* An opening of an earlier image of this process that had no end when that image was replaced. */
struct unfinished {
    int64_t id, opened_ns;
    size_t uri_length; /* of the quoted uri, as it stands in the journal */
    char uri[1024];
};

/* room.c: lines and paths while something is noted; they end with the block that they are in. */
HIDDEN bool desk_take(void);
HIDDEN void desk_give(void);
HIDDEN void desks_forget(void);
HIDDEN struct line *line_take(void);
HIDDEN void line_give(struct line **line);
HIDDEN char *path_take(void);
HIDDEN void path_give(char **path);
#define LINE(name) struct line *name __attribute__((cleanup(line_give))) = line_take()
#define PATH(name) char *name __attribute__((cleanup(path_give))) = path_take()
struct names {
    char from[PATH_BYTES], to[PATH_BYTES];
};
HIDDEN struct names *names_take(void);
HIDDEN void names_give(struct names *names);

/* text.c: building lines and uris. */
HIDDEN void put(struct line *line, const char *text);
HIDDEN void put_bytes(struct line *line, const char *text, size_t length);
HIDDEN void put_number(struct line *line, int64_t number);
HIDDEN void put_quoted(struct line *line, const char *text, size_t length);
HIDDEN void put_uri(struct line *line, const char *path, bool quoted);
HIDDEN void put_fingerprint(struct line *line, const struct state *state);

/* system.c: the kernel without libc's own hooks; -1 where it refuses, errno stays as it is. */
HIDDEN long sys_six(long number, long a, long b, long c, long d, long e, long f);
#define sys_padded(n, a, b, c, d, e, f, ...) sys_six(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys_call(...) sys_padded(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
HIDDEN int sys_open(const char *path, int flags, int mode);
HIDDEN void sys_close(int descriptor);
HIDDEN int sys_pid(void);
HIDDEN bool state_of(int descriptor, struct state *state);
HIDDEN bool state_at(int directory, const char *path, bool follow, struct state *state);
HIDDEN bool same_state(const struct state *one, const struct state *other);
HIDDEN bool is_regular(const struct state *state);
HIDDEN uint64_t hash_of(const struct state *state);
HIDDEN const char *name_of_descriptor(int descriptor, char name[32]);
HIDDEN bool path_of(int descriptor, char path[PATH_BYTES]);
HIDDEN bool locate(int directory, const char *path, char real[PATH_BYTES]);
HIDDEN int64_t clock_ns(void);
HIDDEN bool wait_turn(int *turns);
HIDDEN size_t read_whole(const char *path, char *buffer, size_t size);

/* scope.c: which files are captured. */
HIDDEN void scope_begin(void);
HIDDEN bool scope_may_hold(const char *path);
HIDDEN bool scope_captures(const char *path);

/* Messages of Python's own hooks, as `close(MESSAGE - n)`; a test holds them against `provfs.capture.autoload.native`. */
#define MESSAGE (-0x70F50000)
enum message { PRESENT = 0, SKIP, UNSKIP, WAITS, MUTE, UNMUTE, PAUSE, RESUME, MESSAGES };
HIDDEN int answer(enum message message);
HIDDEN bool skipped(void);
HIDDEN bool is_muted(void);
extern HIDDEN bool waits_are_seen;

/* identity.c: who this process is. */
struct identity {
    char name[NAME_BYTES], parent[NAME_BYTES], program[NAME_BYTES];
    char boot[16];
    int pid;
    long long start;
    int64_t started_ns;
    int64_t pipes[2];    /* inodes of the pipes at standard input and output; 0 where there is none */
    uint32_t generation; /* 0 in a new process, one more in each fork child */
    bool continued;      /* an earlier image of this process was captured, before exec */
};
extern HIDDEN struct identity me;
extern HIDDEN _Atomic int64_t lost;
HIDDEN bool identity_begin(void);
HIDDEN bool is_untouched(void);
HIDDEN bool enter(void);
HIDDEN void leave(void);
HIDDEN bool name_process(struct identity *who, int pid);
HIDDEN int64_t next_id(void);
HIDDEN int64_t thread_number(void);
HIDDEN void put_thread(struct line *line, int64_t thread, bool ending);

/* journal.c: appending records. */
HIDDEN void journal_begin(const char *directory);
HIDDEN void journal_forget(void);
HIDDEN void journal_abandon(void);
HIDDEN bool journal_owns(int descriptor);
HIDDEN void journal_give_way(int descriptor);
HIDDEN bool journal_started(void);
HIDDEN void journal_start(void);
HIDDEN void journal_write(struct line *line);
HIDDEN bool journal_exists(int number);
HIDDEN size_t journal_unfinished(struct unfinished *found, size_t limit);
HIDDEN int journal_of(const struct identity *who);
HIDDEN void bypassed(const char *about, const char *reason);
HIDDEN void became_unseen(const struct identity *who, int64_t started, const char *path, char *arguments, size_t length,
                          const char *reason);
HIDDEN void record_of(struct line *line, const struct identity *who, const char *type);
HIDDEN void record(struct line *line, const char *type);
HIDDEN void finish(struct line *line);
HIDDEN void put_who(struct line *line, const struct identity *who, int64_t started);
HIDDEN void put_execution(struct line *line);
HIDDEN void put_field(struct line *line, const char *name, int64_t number);
HIDDEN void put_path(struct line *line, const char *name, const char *path);

/* images.c: programs that processes become. */
#define ADDED 20 /* variables that are put into an environment at most */
struct becoming {
    char *const *environment; /* for the new program */
    const char *blind;        /* why this library will not be in it, or NULL */
    char path[PATH_BYTES];    /* what is executed */
    char preload[2 * PATH_BYTES], execution[NAME_BYTES + 32], program[NAME_BYTES + 32], parent[2 * NAME_BYTES + 32];
};
HIDDEN void images_begin(void);
HIDDEN size_t image_slots(char *const environment[]);
HIDDEN void image_before(struct becoming *new, int directory, const char *path, bool search, char *const environment[],
                         char **slots, bool is_child);
HIDDEN const char *image_lacks_room(char *const environment[]);
HIDDEN void image_without(struct becoming *new, char *const environment[], char *const arguments[]);
HIDDEN void image_noted(const struct becoming *new, char *const arguments[], int pid);

/* secrets.c: command lines without secrets. */
HIDDEN void put_command(struct line *line, char *arguments, size_t length);
HIDDEN bool is_worker(const char *arguments, size_t length);

/* digest.c: the content of whole files. */
HIDDEN void digest_begin(void);
HIDDEN void digest_forget(void);
#define BY_NAME (-1) /* no descriptor is at hand */
HIDDEN bool can_be_read(int descriptor);
HIDDEN bool put_digest(struct line *line, const char *path, int descriptor, const struct state *state);

/* files.c: what happens to files. */
HIDDEN void files_begin(void);
HIDDEN void files_end(bool flushes);
HIDDEN void file_opened(int descriptor, const char *name, int flags, bool existed, void *stream);
HIDDEN void file_duplicated(int from, int to);
HIDDEN void file_closing(int descriptor);
HIDDEN bool file_writes(int descriptor);
HIDDEN void file_range_closing(unsigned first, unsigned last);

/* reads.c: versions that were read. */
HIDDEN bool read_again(const struct state *state, const char *name);
HIDDEN void read_version(const struct state *state, const char *path, const char *name, int64_t opened_ns, bool counts);
HIDDEN void read_sealed(int directory, const char *name);
HIDDEN void read_sealed_open(int descriptor);
HIDDEN void reads_end(void);

/* names.c: names that come, move and go. */
struct move {
    bool known;
    int64_t at_ns;
    struct state state;
    struct names *names;
};
HIDDEN void move_done(struct move *move);
HIDDEN void move_before(struct move *move, int from_directory, const char *from, int to_directory, const char *to);
HIDDEN void move_after(const struct move *move);
HIDDEN void remove_after(const struct move *move);
HIDDEN void link_after(const struct move *move);
HIDDEN void named_after(int directory, const char *name);
extern HIDDEN _Atomic bool holds_locks; /* fcntl(2): closing any descriptor of a file lets go of those on it */
HIDDEN void truncate_after(const struct move *move);
HIDDEN void waited(int pid, int status, int64_t began_ns);
HIDDEN void ending(bool flushes);
HIDDEN void ring_seen(void);

#endif
