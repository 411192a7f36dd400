/* Who this process is. The names and rules are those of `provfs.capture.execution`.
 *
 * A page that the kernel empties in a fork child tells a fork, at the cost of one load, without hooks on fork and
 * whoever forked; a child of vfork shares our memory and is told by its process id: it is left alone, because what
 * it would note would be noted as its parent's. */
#define _GNU_SOURCE
#include "preload.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FORKED = 0, BECOMING, HERE };
#define GENERATIONS 64 /* how far up a parent is looked for */

struct identity me;
_Atomic int64_t lost;
static bool paused; /* by `provfs` itself, while it answers a question */
bool waits_are_seen; /* Python's own hooks record the waits of this process */
static _Atomic int *present; /* on the page that a fork empties */
static _Atomic int64_t ids;
static char born_in[NAME_BYTES]; /* the cell of the parent that started this process */
#define THREAD static _Thread_local __attribute__((tls_model("initial-exec")))
THREAD bool busy;
THREAD const char *busy_at; /* the frame in which it became so */
#define ABOVE (1 << 20) /* bytes; what is farther away is another stack, as one for signals */
THREAD int thread_id; /* by the kernel's count; 0 until it is asked for */
THREAD bool skipping; /* the next opening is recorded by Python's own hooks */
THREAD int muted; /* above 0 while a cache keeps its own files, whose content has another name */

static const char *number_after(const char *text, long long *number) {
    *number = strtoll(text, (char **)&text, 10);
    return text;
}

/* Parent process and start time of a process, fields 4 and 22 of its stat. */
static bool stat_of(int pid, long long *parent, long long *start) {
    LINE(path);
    LINE(content);
    put(path, "/proc/");
    if (pid)
        put_number(path, pid);
    else
        put(path, "self");
    put_bytes(path, "/stat", 6);
    if (path->full || content->full)
        return false;
    read_whole(path->text, content->text, 1024);
    const char *at = strrchr(content->text, ')');
    if (!at || !at[1] || !at[2])
        return false;
    at = number_after(at + 3, parent);
    for (int field = 5; field <= 22; field++) {
        while (*at == ' ')
            at++;
        if (field == 22)
            break;
        at += strcspn(at, " ");
    }
    number_after(at, start);
    return *at >= '0' && *at <= '9';
}

static int64_t started_ns(long long start, int64_t now) {
    int64_t end_of_tick = (start + 1) * (1000000000LL / sysconf(_SC_CLK_TCK));
    return end_of_tick < now ? end_of_tick : now;
}

/* Name a living process of this boot; `pid` 0 is the present one. Its program is itself. */
bool name_process(struct identity *who, int pid) {
    long long above;
    LINE(name);
    if (!stat_of(pid, &above, &who->start))
        return false;
    memmove(who->boot, me.boot, sizeof who->boot);
    who->pid = pid ? pid : sys_pid();
    put(name, who->boot);
    put(name, "-");
    put_number(name, who->pid);
    put(name, "-");
    put_number(name, who->start);
    if (name->length >= NAME_BYTES)
        return false;
    memcpy(who->name, name->text, name->length);
    who->name[name->length] = '\0';
    for (int descriptor = 0; descriptor < 2; descriptor++) {
        LINE(stream);
        struct state state;
        put(stream, pid ? "/proc/" : "/proc/self");
        if (pid)
            put_number(stream, pid);
        put_bytes(stream, descriptor ? "/fd/1" : "/fd/0", 6);
        who->pipes[descriptor] = state_at(AT_FDCWD, stream->text, true, &state) && S_ISFIFO(state.mode) ? (int64_t)state.inode : 0;
    }
    return true;
}

static bool name_this(void) {
    atomic_store(&ids, clock_ns());
    return name_process(&me, 0);
}

/* What is no name (a quote, a newline) must not get into a record. */
static bool is_name(const char *text) {
    return strlen(text) < NAME_BYTES && strspn(text, "0123456789abcdef-") == strlen(text);
}

static void inherit(char into[NAME_BYTES], const char *variable) {
    const char *value = getenv(variable);
    if (value && is_name(value))
        strcpy(into, value);
}

/* `PROVFS_PRELOAD_PARENT` is <name>:<parent>: what a later image of the process, or Python in this one, cannot know. */
static void parent_of_continued(void) {
    const char *pair = getenv("PROVFS_PRELOAD_PARENT");
    size_t length = strlen(me.name);
    me.parent[0] = '\0';
    if (pair && strncmp(pair, me.name, length) == 0 && pair[length] == ':' && is_name(pair + length + 1))
        strcpy(me.parent, pair + length + 1);
}

static void hand_on_parent(void) {
    char pair[2 * NAME_BYTES + 1];
    strcpy(pair, me.name);
    strcat(pair, ":");
    strcat(pair, me.parent);
    setenv("PROVFS_PRELOAD_PARENT", pair, 1);
}

static bool is_cell(const char *text) { return text[0] == 'c' && text[1] && strspn(text + 1, "0123456789") == strlen(text + 1); }

static void learn_context(void) {
    const char *text = getenv("PROVFS_CONTEXT");
    born_in[0] = '\0';
    if (text && is_cell(text) && strlen(text) < sizeof born_in)
        strcpy(born_in, text);
}

static bool begin_image(void) {
    char text[64], arguments[4096], program[NAME_BYTES] = "";
    size_t kept = 0, length = read_whole("/proc/sys/kernel/random/boot_id", text, sizeof text);
    for (size_t i = 0; i < length && kept < 12; i++)
        if (text[i] != '-')
            me.boot[kept++] = text[i];
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (kept < 12 || page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK) != 0 || !name_this())
        return false;
    present = page;
    learn_context();
    inherit(me.parent, "PROVFS_EXECUTION");
    inherit(program, "PROVFS_PROGRAM");
    me.continued = strcmp(me.parent, me.name) == 0;
    if (me.continued)
        parent_of_continued();
    length = read_whole("/proc/self/cmdline", arguments, sizeof arguments);
    strcpy(me.program, program[0] && (me.continued || is_worker(arguments, length)) ? program : me.name);
    me.started_ns = started_ns(me.start, clock_ns());
    hand_on_parent();
    setenv("PROVFS_EXECUTION", me.name, 1);
    setenv("PROVFS_PROGRAM", me.program, 1);
    atomic_store(present, HERE);
    return true;
}

/* Name this process and hand the name on to its children; false where that is not possible. */
bool identity_begin(void) {
    bool begun = desk_take() && begin_image();
    desk_give();
    return begun;
}

/* Whether this is a fork child that has had nothing to note so far: it still bears the name of its parent. */
bool is_untouched(void) { return present && atomic_load_explicit(present, memory_order_acquire) == FORKED; }

static bool has_desk(void) {
    if (desk_take())
        return true;
    atomic_fetch_add(&lost, 1);
    return false;
}

static bool become_fork(void) {
    int expected = FORKED;
    if (!atomic_compare_exchange_strong(present, &expected, BECOMING)) {
        for (int turns = 0; atomic_load(present) == BECOMING && wait_turn(&turns);)
            ;
        return atomic_load(present) == HERE && has_desk();
    }
    desks_forget();
    (void)desk_take();
    strcpy(me.parent, me.name);
    if (!name_this())
        atomic_fetch_add(&lost, 1);
    me.started_ns = clock_ns();
    me.generation++;
    me.continued = false;
    learn_context();
    atomic_store(&lost, 0);
    journal_forget();
    digest_forget();
    atomic_store(present, HERE);
    return true;
}

/* Begin to note something; false where nothing is to be noted here. Every true needs a `leave`. A thread is busy where a
 * signal handler has interrupted it here, but not where the handler has jumped out of it, to a frame above. */
bool enter(void) {
    const char *here = __builtin_frame_address(0);
    if (!present || paused || (busy && (here < busy_at || here > busy_at + ABOVE)))
        return false;
    if (busy) {
        desk_give();
        journal_abandon();
    }
    busy = true;
    busy_at = here;
    if (atomic_load_explicit(present, memory_order_acquire) != HERE)
        busy = become_fork();
    else
        busy = sys_pid() == me.pid && has_desk();
    return busy;
}

void leave(void) {
    desk_give();
    busy = false;
}

/* Python's own hooks speak. */
int answer(enum message message) {
    if (message == SKIP || message == UNSKIP)
        skipping = message == SKIP;
    if (message == MUTE || message == UNMUTE)
        muted += message == MUTE ? 1 : -1;
    if (message == PAUSE && me.parent[0] && enter()) { /* what it starts has it for an ancestor */
        journal_start();
        leave();
    }
    if (message == PAUSE || message == RESUME)
        paused = message == PAUSE;
    if (message == WAITS)
        waits_are_seen = true;
    return 0;
}

/* Whether this opening is none of ours; asked once for each. */
bool skipped(void) {
    bool skip = skipping || muted > 0;
    skipping = false;
    return skip;
}

bool is_muted(void) { return muted > 0; }

int64_t next_id(void) { return atomic_fetch_add(&ids, 1); }

/* The notebook cell that the first thread runs now, by the variable that Python sets; 0 where there is none. Other
 * threads must not read the environment while Python changes it, and may work for an earlier cell. */
static int64_t cell(void) {
    if (!thread_id)
        thread_id = (int)sys_call(SYS_gettid);
    if (thread_id != me.pid)
        return 0;
    const char *text = getenv("PROVFS_CONTEXT");
    return text && is_cell(text) && strcmp(text, born_in) != 0 && strlen(text) < 20 ? strtoll(text + 1, NULL, 10) : 0;
}

/* As Python's `get_ident`, so that a thread is the same in both records; within a cell, minus the number of the cell. */
int64_t thread_number(void) {
    int64_t now = cell();
    return now ? -now : (int64_t)(uintptr_t)pthread_self();
}

/* The fields `thread` and `context`; what is `ending` belongs to its cell only where that still runs. */
void put_thread(struct line *line, int64_t thread, bool ending) {
    put_field(line, "thread", thread);
    if (thread >= 0 || (ending && thread != thread_number()))
        return;
    put(line, ",\"context\":\"c");
    put_number(line, -thread);
    put(line, "\"");
}

/* The parent's own child above this process, where uncaptured processes stand between. */
static void put_entry(struct line *line, int64_t now) {
    long long above, start, wanted = 0;
    const char *dash = strchr(me.parent, '-');
    if (dash)
        number_after(dash + 1, &wanted);
    int pid = getppid();
    if (wanted == 0 || pid == wanted)
        return;
    for (int i = 0; i < GENERATIONS && pid > 1 && stat_of(pid, &above, &start); i++) {
        if (above == wanted) {
            put_field(line, "entry_pid", pid);
            put_field(line, "entry_started_ns", started_ns(start, now));
            return;
        }
        pid = (int)above;
    }
}

static void put_user(struct line *line) {
    long long known;
    const char *user = getenv("PROVFS_PRELOAD_USER"); /* <uid>:<name>, the name looked up once by `run` */
    const char *name = user ? number_after(user, &known) : NULL;
    put(line, ",\"user_name\":");
    if (name && *name == ':' && known == (long long)geteuid() && strlen(name) < 256) {
        put_quoted(line, name + 1, strlen(name + 1));
    } else {
        put(line, "\"");
        put_number(line, geteuid());
        put(line, "\"");
    }
}

static void put_pipe(struct line *line, const char *name, int64_t inode) {
    if (!inode)
        return;
    put(line, ",\"");
    put(line, name);
    put(line, "\":\"pipe:[");
    put_number(line, inode);
    put(line, "]\"");
}

/* The fields that an `execution` record has of any process; `who` must be this one or its new child. */
void put_who(struct line *line, const struct identity *who, int64_t started) {
    char host[256] = "";
    PATH(path);
    put(line, ",\"program\":\"");
    put(line, who->program);
    if (who->parent[0]) {
        put(line, "\",\"parent\":\"");
        put(line, who->parent);
    }
    gethostname(host, sizeof host - 1);
    put(line, "\",\"host\":");
    put_quoted(line, host, strlen(host));
    put_field(line, "pid", who->pid);
    put_field(line, "started_ns", started);
    put_pipe(line, "input_pipe", who->pipes[0]);
    put_pipe(line, "output_pipe", who->pipes[1]);
    put_user(line);
    long length = readlink("/proc/self/cwd", path, PATH_BYTES - 1);
    if (length > 0) {
        put(line, ",\"cwd\":");
        put_quoted(line, path, (size_t)length);
    }
}

/* The fields of the `execution` record of this process. */
void put_execution(struct line *line) {
    static char arguments[32768]; /* once per process, by the one thread that begins the journal */
    PATH(path);
    int64_t now = clock_ns();
    /* A later image of one process says later, so that its program is known to be the one that counts. */
    put_who(line, &me, me.generation == 0 && journal_exists(0) ? now : me.started_ns);
    if (me.parent[0] && me.generation == 0)
        put_entry(line, now);
    if (born_in[0]) {
        put(line, ",\"context\":\"");
        put(line, born_in);
        put(line, "\"");
    }
    long length = readlink("/proc/self/exe", path, PATH_BYTES - 1);
    if (length > 0) {
        put(line, ",\"executable\":");
        put_quoted(line, path, (size_t)length);
    }
    put_command(line, arguments, read_whole("/proc/self/cmdline", arguments, sizeof arguments));
}
