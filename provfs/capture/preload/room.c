/* Room to work in for as long as a thread notes something. Not on its stack, which can be as small as a few kilobytes for
 * a thread, a coroutine or a signal handler, and not from an allocator, which a handler may have interrupted. */
#include "preload.h"

#define DESKS 64 /* threads that note something at one moment; others wait, then lose it */
#define DESK_BYTES (64 << 10)
#define MOVES 64

struct desk {
    _Atomic bool taken;
    size_t used;
    _Alignas(16) char room[DESK_BYTES];
};

static struct desk desks[DESKS];
static struct names moves[MOVES];
static _Atomic bool moves_taken[MOVES];
static _Thread_local __attribute__((tls_model("initial-exec"))) struct desk *desk;

/* Where there is no room left lines are full from the beginning, so that they are never written. */
static union {
    struct line line;
    char path[PATH_BYTES];
} nowhere;

/* Take a desk for this thread; false where there is none, or where it has one. */
bool desk_take(void) {
    size_t first = (uintptr_t)&desk >> 8;
    if (desk)
        return false;
    int turns = 0;
    do {
        for (size_t i = 0; i < DESKS; i++) {
            struct desk *one = &desks[(first + i) % DESKS];
            if (!atomic_load_explicit(&one->taken, memory_order_relaxed) && !atomic_exchange(&one->taken, true)) {
                one->used = 0;
                desk = one;
                return true;
            }
        }
    } while (wait_turn(&turns));
    return false;
}

void desk_give(void) {
    struct desk *mine = desk;
    desk = NULL;
    if (mine)
        atomic_store(&mine->taken, false);
}

/* In a fork child: whoever had a desk is not here. */
void desks_forget(void) {
    desk = NULL;
    for (size_t i = 0; i < DESKS; i++)
        atomic_store(&desks[i].taken, false);
    for (size_t i = 0; i < MOVES; i++)
        atomic_store(&moves_taken[i], false);
}

static void *room(size_t size) {
    size_t before = desk ? desk->used : 0;
    size = (size + 31) & ~(size_t)15;
    if (!desk || before + size > DESK_BYTES)
        return NULL;
    *(size_t *)(desk->room + before) = before;
    desk->used = before + size;
    return desk->room + before + 16;
}

struct line *line_take(void) {
    struct line *line = room(sizeof *line);
    bool full = !line;
    line = line ? line : &nowhere.line;
    line->length = 0;
    line->full = full;
    return line;
}

char *path_take(void) {
    char *path = room(PATH_BYTES);
    return path ? path : nowhere.path;
}

/* Give back the last room that was taken. */
static void give_back(char *taken) {
    if (desk && taken > desk->room && taken < desk->room + DESK_BYTES)
        desk->used = *(size_t *)(taken - 16);
}

void line_give(struct line **line) { give_back((char *)*line); }

void path_give(char **path) { give_back(*path); }

/* Two names that have to last from before a call until after it; NULL where there is no room for them. */
struct names *names_take(void) {
    for (size_t i = 0; i < MOVES; i++)
        if (!atomic_load_explicit(&moves_taken[i], memory_order_relaxed) && !atomic_exchange(&moves_taken[i], true))
            return &moves[i];
    return NULL;
}

void names_give(struct names *names) {
    if (names)
        atomic_store(&moves_taken[names - moves], false);
}
