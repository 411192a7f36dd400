/* Lines and uris. A uri here is, byte for byte, that of `provfs.model.uri_of_path`; a text is JSON as
 * `provfs.capture.lines` writes it. `printable.h` is generated from Python's own table at build time. */
#include "preload.h"
#include "printable.h"

#include <string.h>

static const char HEX[] = "0123456789ABCDEF";

void put_bytes(struct line *line, const char *text, size_t length) {
    if (line->full || length > LINE_BYTES - line->length) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

void put(struct line *line, const char *text) { put_bytes(line, text, strlen(text)); }

void put_number(struct line *line, int64_t number) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        digits[--at] = '-';
    put_bytes(line, digits + at, sizeof digits - at);
}

/* Length of the UTF-8 character at `text`, whose code point goes to `point`; 0 where there is none. */
static size_t character(const unsigned char *text, size_t left, uint32_t *point) {
    unsigned char first = text[0];
    size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || length > left)
        return 0;
    *point = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        *point = *point << 6 | (text[i] & 0x3F);
    }
    if ((length == 3 && *point < 0x800) || (length == 4 && (*point < 0x10000 || *point > 0x10FFFF)) ||
        (*point >= 0xD800 && *point <= 0xDFFF))
        return 0;
    return length;
}

static bool printable(uint32_t point) {
    if (point < 0x7F)
        return point >= 0x20;
    size_t low = 0, high = sizeof PRINTABLE / sizeof *PRINTABLE;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (PRINTABLE[middle] <= point)
            low = middle + 1;
        else
            high = middle;
    }
    return low % 2 == 1; /* the table holds the beginnings of printable and other runs in turn */
}

void put_quoted(struct line *line, const char *text, size_t length) {
    const unsigned char *at = (const unsigned char *)text;
    put(line, "\"");
    while (length > 0) {
        uint32_t point = 0;
        size_t taken = character(at, length, &point);
        if (taken == 0) {
            put(line, "?");
            taken = 1;
        } else if (point < 0x20) {
            char escape[] = {'\\', 'u', '0', '0', HEX[point >> 4], HEX[point & 15]};
            put_bytes(line, escape, sizeof escape);
        } else {
            if (point == '"' || point == '\\')
                put(line, "\\");
            put_bytes(line, (const char *)at, taken);
        }
        at += taken;
        length -= taken;
    }
    put(line, "\"");
}

/* The uri of a path, quoted as a JSON text or plain; plain, a zero follows it. */
void put_uri(struct line *line, const char *path, bool quoted) {
    const unsigned char *at = (const unsigned char *)path;
    size_t left = strlen(path);
    put(line, quoted ? "\"file://" : "file://");
    while (left > 0) {
        uint32_t point = 0;
        size_t taken = character(at, left, &point);
        if (taken > 0 && point != '%' && printable(point)) {
            if (quoted && (point == '"' || point == '\\'))
                put(line, "\\");
            put_bytes(line, (const char *)at, taken);
        } else {
            taken = taken ? taken : 1;
            for (size_t i = 0; i < taken; i++) {
                char escape[] = {'%', HEX[at[i] >> 4], HEX[at[i] & 15]};
                put_bytes(line, escape, sizeof escape);
            }
        }
        at += taken;
        left -= taken;
    }
    put_bytes(line, quoted ? "\"" : "", 1);
}

void put_fingerprint(struct line *line, const struct state *state) {
    put(line, ",\"size_bytes\":");
    put_number(line, state->size);
    put(line, ",\"fingerprint\":\"stat:");
    put_number(line, (int64_t)state->device);
    put(line, ":");
    put_number(line, (int64_t)state->inode);
    put(line, ":");
    put_number(line, state->size);
    put(line, ":");
    put_number(line, state->mtime_ns);
    put(line, ":");
    put_number(line, state->ctime_ns);
    put(line, "\"");
}
