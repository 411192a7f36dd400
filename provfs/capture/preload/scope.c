/* Which uris are captured: the rules of `provfs.scope.Scope`, in its order; a test holds the two against each
 * other over a corpus. Patterns arrive anchored, one per line, from `provfs.capture.preload.environment`. */
#include "preload.h"

#include <stdlib.h>
#include <string.h>

static const char *const TREES[] = {"/proc/", "/sys/",   "/dev/",   "/run/", "/usr/", "/bin/",
                                    "/sbin/", "/lib/",   "/lib32/", "/lib64/", "/etc/", "/opt/"};
static const char *const STATE[] = {"__pycache__",    ".git",           ".hg",         ".svn",          ".provfs",     ".dvc",
                                    ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox",
                                    ".nox",           ".venv",          "node_modules", "site-packages", "dist-packages", ".idea",
                                    ".vscode",        ".matplotlib",    ".conda",      ".npm",
                                    ".ipython",       ".jupyter"};
static const char *const CACHES[] = {"pip", "uv", "matplotlib", "fontconfig", "fonts", "locale"};
static const char *const CODE[] = {"py", "pyc", "pyo", "pyi", "pyd", "pyx", "so", "dylib", "dll", "a", "o", "sh", "bash", "zsh",
                                   "c",  "h",   "cc",  "cpp", "hpp", "rs",  "go", "java",  "class", "jar", "egg-link",
                                   "R",  "r",   "jl",  "pl",  "rb",  "lua", "js"};

#define TEXT_BYTES 8192
static char home[1024], trees[TEXT_BYTES], include[TEXT_BYTES], exclude[TEXT_BYTES];
static bool everything_may; /* with include patterns, a path says nothing before it is resolved */

static void copy_variable(const char *name, char *into, size_t size) {
    const char *value = getenv(name);
    if (value && strlen(value) < size)
        strcpy(into, value);
    else
        into[0] = '\0';
}

void scope_begin(void) {
    copy_variable("PROVFS_PRELOAD_HOME", home, sizeof home);
    copy_variable("PROVFS_PRELOAD_EXCLUDE", trees, sizeof trees);
    copy_variable("PROVFS_PRELOAD_INCLUDE_PATTERNS", include, sizeof include);
    copy_variable("PROVFS_PRELOAD_EXCLUDE_PATTERNS", exclude, sizeof exclude);
    everything_may = include[0] != '\0';
}

static bool is_one_of(const char *const *words, size_t count, const char *text, size_t length) {
    for (size_t i = 0; i < count; i++)
        if (strncmp(words[i], text, length) == 0 && words[i][length] == '\0')
            return true;
    return false;
}
#define ONE_OF(words, text, length) is_one_of(words, sizeof words / sizeof *words, text, length)

static bool below_tree(const char *path) {
    for (size_t i = 0; i < sizeof TREES / sizeof *TREES; i++)
        if (strncmp(path, TREES[i], strlen(TREES[i])) == 0)
            return true;
    for (const char *tree = trees; *tree;) {
        size_t length = strcspn(tree, ":");
        if (length > 1 && strncmp(path, tree, length) == 0 && path[length] == '/')
            return true;
        tree += length + (tree[length] == ':');
    }
    return false;
}

static bool in_state_directory(const char *path, size_t length) {
    const char *end = path + length, *slash = memchr(path, '/', length);
    while (slash) {
        const char *name = slash + 1, *next = memchr(name, '/', (size_t)(end - name));
        if (!next) /* the pointer of a linked working tree */
            return end - name == 4 && memcmp(name, ".git", 4) == 0;
        size_t size = (size_t)(next - name);
        if (ONE_OF(STATE, name, size))
            return true;
        if ((size > 10 && memcmp(next - 10, ".dist-info", 10) == 0) || (size > 9 && memcmp(next - 9, ".egg-info", 9) == 0))
            return true;
        const char *after = memchr(next + 1, '/', (size_t)(end - next - 1));
        size_t following = after ? (size_t)(after - next - 1) : 0;
        if (after && size == 6 && memcmp(name, ".cache", 6) == 0 && ONE_OF(CACHES, next + 1, following))
            return true;
        if (after && size == 3 && memcmp(name, "lib", 3) == 0 && following > 8 && memcmp(next + 1, "python3.", 8) == 0 &&
            strspn(next + 9, "0123456789") == following - 8)
            return true;
        if (after && size == 5 && memcmp(name, "share", 5) == 0 && following == 7 && memcmp(next + 1, "jupyter", 7) == 0)
            return true;
        slash = next;
    }
    return false;
}

/* Code by its suffix, also with a version behind it (`.so.1.2`). */
static bool is_code(const char *path, size_t length) {
    size_t at = length;
    while (at > 0 && path[at - 1] != '/') { /* every dot could be the one before the suffix */
        at--;
        if (path[at] != '.')
            continue;
        size_t word = at + 1;
        while (word < length && path[word] != '.')
            word++;
        bool versioned = word == length || (word + 1 < length && strspn(path + word + 1, "0123456789.") >= length - word - 1);
        if (versioned && ONE_OF(CODE, path + at + 1, word - at - 1))
            return true;
    }
    return false;
}

static size_t character_length(const char *text) {
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    for (size_t i = 1; i < length; i++)
        if (text[i] == '\0')
            return i;
    return length;
}

/* The set at `[`: where it ends, and whether it holds the character; NULL where it is no set but a bracket. */
static const char *set(const char *pattern, const char *pattern_end, char wanted, bool *holds) {
    const char *at = pattern + 1;
    bool negated = at < pattern_end && *at == '!';
    at += negated;
    const char *first = at;
    *holds = false;
    for (; at < pattern_end && (*at != ']' || at == first); at++) {
        if (at + 2 < pattern_end && at[1] == '-' && at[2] != ']') {
            *holds = *holds || (at[0] <= wanted && wanted <= at[2]);
            at += 2;
        } else {
            *holds = *holds || *at == wanted;
        }
    }
    if (at >= pattern_end)
        return NULL;
    *holds = *holds != negated;
    return at + 1;
}

/* As Python's fnmatch: `*` also crosses `/`. Sets hold ASCII characters. */
static bool matches(const char *pattern, size_t pattern_length, const char *text, size_t length) {
    const char *pattern_end = pattern + pattern_length, *end = text + length;
    const char *star = NULL, *retry = NULL;
    while (text < end) {
        bool holds = false;
        const char *next;
        if (pattern < pattern_end && *pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (pattern < pattern_end && *pattern == '?') {
            pattern++;
            text += character_length(text);
        } else if (pattern < pattern_end && *pattern == '[' && (next = set(pattern, pattern_end, *text, &holds)) && holds) {
            pattern = next;
            text += character_length(text);
        } else if (pattern < pattern_end && *pattern == *text && (*pattern != '[' || !set(pattern, pattern_end, *text, &holds))) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (pattern < pattern_end && *pattern == '*')
        pattern++;
    return pattern == pattern_end;
}

static bool matches_any(const char *patterns, const char *uri, size_t length, size_t prefix) {
    while (*patterns) {
        size_t size = strcspn(patterns, "\n");
        if (size > 0 && (matches(patterns, size, uri + prefix, length - prefix) || matches(patterns, size, uri, length)))
            return true;
        patterns += size + (patterns[size] == '\n');
    }
    return false;
}

/* Whether a path as the program gave it may be in scope: the cheap question that most opens end with. */
bool scope_may_hold(const char *path) {
    if (path == NULL || path[0] == '\0')
        return false;
    if (strncmp(path, "/proc/", 6) == 0) /* also how provfs itself opens what it does not want to be seen */
        return false;
    if (everything_may || strncmp(path, "/dev/std", 8) == 0 || strncmp(path, "/dev/fd/", 8) == 0)
        return true;
    return !(path[0] == '/' && below_tree(path)) && !is_code(path, strlen(path));
}

static bool decide(const char *uri) {
    const char *plain = uri + 7;
    size_t length = strlen(uri), size = strlen(home);
    if (size > 0 && strncmp(plain, home, size) == 0 && (plain[size] == '/' || plain[size] == '\0'))
        return false;
    if (matches_any(include, uri, length, 7))
        return true;
    if (matches_any(exclude, uri, length, 7))
        return false;
    return !below_tree(plain) && !in_state_directory(plain, length - 7) && !is_code(plain, length - 7);
}

/* Decide about a real path. */
bool scope_captures(const char *path) {
    LINE(uri);
    put_uri(uri, path, false);
    if (uri->full) {
        atomic_fetch_add(&lost, 1);
        return false;
    }
    return decide(uri->text);
}

/* For tests: read the environment anew and decide about the uri of one path. */
__attribute__((visibility("default"))) int provfs_preload_captures(const char *path) {
    scope_begin();
    (void)desk_take();
    int captured = scope_captures(path);
    desk_give();
    return captured;
}
