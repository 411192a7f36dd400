/* Command lines without secrets. Wherever `provfs.capture.secrets` removes something, this removes the same or the
 * whole argument; what that leaves alone, this leaves alone. A test holds the two against each other. */
#include "preload.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const NAMES[] = {
    "password",     "passwd",       "passphrase",    "pwd",           "secret",         "api-key",     "apikey",     "access-key",
    "access-key-id", "secret-key",  "secret-access-key", "private-key", "account-key",  "auth-key",    "credential", "credentials",
    "api-token",    "apitoken",     "auth-token",    "access-token",  "hub-token",      "hf-token",    "github-token", "gitlab-token",
    "bearer-token", "refresh-token", "session-token", "security-token", "secret-token", "id-token",    "sas-token",  "wandb-token",
    "wandb-key"};
static const char *const SIGNATURES[] = {"X-Amz-Signature=", "X-Amz-Credential=", "X-Amz-Security-Token=", "X-Goog-Signature=",
                                         "X-Goog-Credential=", "sig=", "signature=", "token=", "access_token=", "api_key=", "key="};
static const char *const WORKERS[] = {"--multiprocessing-fork", "from multiprocessing.forkserver",
                                      "from multiprocessing.resource_tracker", "from multiprocessing.spawn", "loky"};

static const char *const CONNECTION[] = {"AccountKey=", "SharedAccessKey=", "Password=", "Pwd="};

enum { CAPITALS = 1, DASH = 2, UNDERLINE = 4, HEX = 8 };
static const struct {
    const char *prefix;
    size_t more; /* so many characters of the alphabet must follow */
    int how;
} TOKENS[] = {{"AKIA", 16, CAPITALS},           {"ASIA", 16, CAPITALS},           {"ghp_", 20, 0},
              {"gho_", 20, 0},                  {"ghu_", 20, 0},                  {"ghs_", 20, 0},
              {"ghr_", 20, 0},                  {"github_pat_", 20, UNDERLINE},   {"glpat-", 20, DASH | UNDERLINE},
              {"hf_", 20, 0},                   {"xoxa-", 10, DASH},              {"xoxb-", 10, DASH},
              {"xoxe-", 10, DASH},              {"xoxo-", 10, DASH},              {"xoxp-", 10, DASH},
              {"xoxr-", 10, DASH},              {"xoxs-", 10, DASH},              {"sk-ant-", 20, DASH | UNDERLINE},
              {"sk-proj-", 20, DASH | UNDERLINE}, {"sk-svcacct-", 20, DASH | UNDERLINE}, {"sk-", 20, UNDERLINE},
              {"glrt-", 20, DASH | UNDERLINE},  {"AIza", 30, DASH | UNDERLINE},   {"ya29.", 20, DASH | UNDERLINE},
              {"sk_live_", 16, 0},              {"sk_test_", 16, 0},              {"rk_live_", 16, 0},
              {"rk_test_", 16, 0},              {"npm_", 30, 0},                  {"pypi-", 50, DASH | UNDERLINE},
              {"dapi", 32, HEX},                {"dop_v1_", 40, 0},               {"dckr_pat_", 20, DASH | UNDERLINE},
              {"lin_api_", 30, 0},              {"r8_", 30, 0},                   {"SG.", 20, DASH | UNDERLINE},
              {"shpat_", 30, 0},                {"hvs.", 20, DASH | UNDERLINE},   {"gsk_", 40, 0},
              {"nvapi-", 40, DASH | UNDERLINE}, {"xai-", 40, 0},                  {"ATATT3", 40, DASH | UNDERLINE},
              {"tskey-", 20, DASH | UNDERLINE}};

static bool in_alphabet(char c, int how) {
    if (how & CAPITALS)
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (how & HEX)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    return isalnum((unsigned char)c) || (c == '-' && how & DASH) || (c == '_' && how & UNDERLINE);
}

static size_t run(const char *text, int how) {
    size_t length = 0;
    while (in_alphabet(text[length], how))
        length++;
    return length;
}

static bool holds_token(const char *text) {
    for (const char *at = text; *at; at++) {
        if (at > text && isalnum((unsigned char)at[-1]))
            continue;
        for (size_t i = 0; i < sizeof TOKENS / sizeof *TOKENS; i++) {
            size_t length = strlen(TOKENS[i].prefix);
            if (strncmp(at, TOKENS[i].prefix, length) == 0 && run(at + length, TOKENS[i].how) >= TOKENS[i].more)
                return true;
        }
        if (strncmp(at, "eyJ", 3) == 0) { /* a JSON web token: three parts */
            size_t part = run(at + 3, DASH | UNDERLINE);
            const char *next = at + 3 + part;
            size_t second = part >= 10 && *next == '.' ? run(next + 1, DASH | UNDERLINE) : 0;
            if (second >= 10 && next[1 + second] == '.')
                return true;
        }
    }
    return false;
}

/* user:password@ behind a scheme, a signature in a query, or an authorization header. */
static bool holds_credentials(const char *text) {
    for (const char *at = strstr(text, "://"); at; at = strstr(at + 3, "://")) {
        size_t user = strcspn(at + 3, "/@ :?#\t\n\r\f\v");
        if (at[3 + user] == ':') {
            size_t word = strcspn(at + 4 + user, "/@ \t\n\r\f\v");
            if (at[4 + user + word] == '@')
                return true;
        }
    }
    for (const char *at = text; (at = strpbrk(at, "?&")); at++)
        for (size_t i = 0; i < sizeof SIGNATURES / sizeof *SIGNATURES; i++) {
            size_t length = strlen(SIGNATURES[i]);
            if (strncasecmp(at + 1, SIGNATURES[i], length) == 0 && at[1 + length])
                return true;
        }
    const char *key = strstr(text, "-----BEGIN ");
    if (key && strstr(key, "PRIVATE KEY-----"))
        return true;
    for (const char *at = text; at; at = strchr(at, ';')) { /* the parts of a connection string */
        at += *at == ';';
        at += strspn(at, " \t\n\r\f\v");
        for (size_t i = 0; i < sizeof CONNECTION / sizeof *CONNECTION; i++) {
            size_t length = strlen(CONNECTION[i]);
            if (strncasecmp(at, CONNECTION[i], length) == 0 && at[length] && at[length] != ';')
                return true;
        }
    }
    for (const char *at = text; *at; at++) {
        if (at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_'))
            continue;
        if (strncasecmp(at, "bearer", 6) == 0 && isspace((unsigned char)at[6]))
            return true;
        if (strncasecmp(at, "authorization", 13) == 0 && strchr(":= \t", at[13]) && strpbrk(at + 13, ":="))
            return true;
    }
    return false;
}

static bool is_option(const char *text, size_t length) {
    return length > 2 && text[0] == '-' && !isdigit((unsigned char)text[1]);
}

static bool names_secret(const char *name, size_t length, const char *value) {
    char plain[128];
    size_t from = strspn(name, "-+"), size = 0;
    for (size_t i = from; i < length; i++)
        if (name[i] == '.')
            from = i + 1;
    if (length <= from || length - from >= sizeof plain)
        return false;
    for (; from < length; from++)
        plain[size++] = name[from] == '_' ? '-' : (char)tolower((unsigned char)name[from]);
    plain[size] = '\0';
    if (strcmp(plain, "token") == 0)
        return value[0] == '\0' || strspn(value, "0123456789") != strlen(value);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        size_t end = strlen(NAMES[i]);
        if (size >= end && strcmp(plain + size - end, NAMES[i]) == 0 && (size == end || plain[size - end - 1] == '-'))
            return true;
    }
    return false;
}

/* The field `command`, of arguments that a zero ends each. What does not fit ends in an argument `...`. */
void put_command(struct line *line, char *arguments, size_t length) {
    bool value_of_secret = false;
    const char *separator = ",\"command\":[";
    for (char *at = arguments; at < arguments + length; at += strlen(at) + 1) {
        put(line, separator);
        separator = ",";
        const char *equals = strchr(at, '=');
        size_t size = strlen(at), name = equals ? (size_t)(equals - at) : size;
        if (line->length + 6 * size + 64 > LINE_BYTES) {
            put(line, "\"...\"");
            break;
        }
        if (value_of_secret && !is_option(at, size)) {
            put(line, "\"***\"");
            value_of_secret = false;
            continue;
        }
        value_of_secret = !equals && is_option(at, size) && names_secret(at, name, "");
        if (equals && equals[1] && names_secret(at, name, equals + 1)) {
            put_quoted(line, at, name + 1);
            line->length--; /* the closing quote */
            put(line, "***\"");
        } else if (holds_token(at) || holds_credentials(at)) {
            put(line, "\"***\"");
        } else {
            put_quoted(line, at, size);
        }
    }
    if (*separator == ',' && separator[1] == '\0')
        put(line, "]");
}

/* Whether a command starts a worker of multiprocessing or loky, as `provfs.capture.execution.is_worker`. */
bool is_worker(const char *arguments, size_t length) {
    const char *end = arguments + length;
    int count = 0;
    for (const char *at = arguments; at < end && count < 12; at += strlen(at) + 1, count++)
        for (size_t i = 0; count > 0 && i < sizeof WORKERS / sizeof *WORKERS; i++)
            if (strstr(at, WORKERS[i]))
                return true;
    return false;
}

/* For tests: the field of a command whose arguments a zero ends each. */
__attribute__((visibility("default"))) long provfs_preload_command(char *arguments, size_t length, char *into, size_t size) {
    (void)desk_take();
    LINE(line);
    put_command(line, arguments, length);
    size_t kept = line->length < size ? line->length : size;
    memcpy(into, line->text, kept);
    desk_give();
    return (long)kept;
}
