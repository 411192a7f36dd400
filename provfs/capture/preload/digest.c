/* The digest of a whole file: XXH3 with 128 bits, seed 0, as `provfs.digest` computes it; a test holds them against
 * each other. Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md. */
#define _GNU_SOURCE
#include "preload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are read as they lie in memory"
#endif

#define PRIME32_1 0x9E3779B1u
#define PRIME32_2 0x85EBCA77u
#define PRIME32_3 0xC2B2AE3Du
#define PRIME64_1 0x9E3779B185EBCA87u
#define PRIME64_2 0xC2B2AE3D27D4EB4Fu
#define PRIME64_3 0x165667B19E3779F9u
#define PRIME64_4 0x85EBCA77C2B2AE63u
#define PRIME64_5 0x27D4EB2F165667C5u
#define BLOCK 1024
#define STRIPE 64
#define CHUNK (64 * BLOCK)

static const unsigned char SECRET[192] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9,
    0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78,
    0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6,
    0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8, 0xfa, 0x76, 0x3f,
    0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31,
    0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff,
    0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f,
    0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e};

struct pair {
    uint64_t low, high;
};

static int64_t limit_bytes = 64 << 20;
static unsigned char shared[STRIPE + CHUNK];
static _Atomic int taken;

void digest_begin(void) {
    const char *text = getenv("PROVFS_PRELOAD_LIMIT");
    if (text && *text)
        limit_bytes = strtoll(text, NULL, 10);
}

static uint32_t word(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t two_words(const unsigned char *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static struct pair product(uint64_t one, uint64_t other) {
    unsigned __int128 whole = (unsigned __int128)one * other;
    return (struct pair){(uint64_t)whole, (uint64_t)(whole >> 64)};
}

static uint64_t folded(uint64_t one, uint64_t other) {
    struct pair whole = product(one, other);
    return whole.low ^ whole.high;
}

static uint64_t avalanche(uint64_t hash) {
    hash = (hash ^ hash >> 37) * 0x165667919E3779F9u;
    return hash ^ hash >> 32;
}

static uint64_t strong_avalanche(uint64_t hash) {
    hash = (hash ^ hash >> 33) * PRIME64_2;
    hash = (hash ^ hash >> 29) * PRIME64_3;
    return hash ^ hash >> 32;
}

static struct pair of_at_most_16(const unsigned char *in, uint64_t length) {
    if (length == 0)
        return (struct pair){strong_avalanche(two_words(SECRET + 64) ^ two_words(SECRET + 72)),
                             strong_avalanche(two_words(SECRET + 80) ^ two_words(SECRET + 88))};
    if (length < 4) {
        uint32_t low = (uint32_t)in[0] << 16 | (uint32_t)in[length >> 1] << 24 | in[length - 1] | (uint32_t)length << 8;
        uint32_t high = __builtin_bswap32(low);
        high = high << 13 | high >> 19;
        return (struct pair){strong_avalanche(low ^ (uint64_t)(word(SECRET) ^ word(SECRET + 4))),
                             strong_avalanche(high ^ (uint64_t)(word(SECRET + 8) ^ word(SECRET + 12)))};
    }
    if (length <= 8) {
        uint64_t both = word(in) + ((uint64_t)word(in + length - 4) << 32);
        struct pair hash = product(both ^ two_words(SECRET + 16) ^ two_words(SECRET + 24), PRIME64_1 + (length << 2));
        hash.high += hash.low << 1;
        hash.low ^= hash.high >> 3;
        hash.low = (hash.low ^ hash.low >> 35) * 0x9FB21C651E98DF25u;
        hash.low ^= hash.low >> 28;
        hash.high = avalanche(hash.high);
        return hash;
    }
    uint64_t low = two_words(in), high = two_words(in + length - 8);
    struct pair middle = product(low ^ high ^ two_words(SECRET + 32) ^ two_words(SECRET + 40), PRIME64_1);
    middle.low += (length - 1) << 54;
    high ^= two_words(SECRET + 48) ^ two_words(SECRET + 56);
    middle.high += high + (uint64_t)(uint32_t)high * (PRIME32_2 - 1);
    middle.low ^= __builtin_bswap64(middle.high);
    struct pair hash = product(middle.low, PRIME64_2);
    hash.high += middle.high * PRIME64_2;
    return (struct pair){avalanche(hash.low), avalanche(hash.high)};
}

static uint64_t mixed(const unsigned char *in, const unsigned char *secret) {
    return folded(two_words(in) ^ two_words(secret), two_words(in + 8) ^ two_words(secret + 8));
}

static void mix(struct pair *sum, const unsigned char *one, const unsigned char *other, const unsigned char *secret) {
    sum->low = (sum->low + mixed(one, secret)) ^ (two_words(other) + two_words(other + 8));
    sum->high = (sum->high + mixed(other, secret + 16)) ^ (two_words(one) + two_words(one + 8));
}

static struct pair of_at_most_240(const unsigned char *in, uint64_t length) {
    struct pair sum = {length * PRIME64_1, 0};
    if (length <= 128) {
        for (int64_t i = (int64_t)(length - 1) / 32; i >= 0; i--)
            mix(&sum, in + 16 * i, in + length - 16 * (i + 1), SECRET + 32 * i);
    } else {
        for (uint64_t i = 0; i < 4; i++)
            mix(&sum, in + 32 * i, in + 32 * i + 16, SECRET + 32 * i);
        sum = (struct pair){avalanche(sum.low), avalanche(sum.high)};
        for (uint64_t i = 4; i < length / 32; i++)
            mix(&sum, in + 32 * i, in + 32 * i + 16, SECRET + 3 + 32 * (i - 4));
        mix(&sum, in + length - 16, in + length - 32, SECRET + 136 - 17 - 16);
    }
    uint64_t high = sum.low * PRIME64_1 + sum.high * PRIME64_4 + length * PRIME64_2;
    return (struct pair){avalanche(sum.low + sum.high), 0 - avalanche(high)};
}

static void accumulate(uint64_t sums[8], const unsigned char *in, const unsigned char *secret) {
    for (int i = 0; i < 8; i++) {
        uint64_t value = two_words(in + 8 * i), key = value ^ two_words(secret + 8 * i);
        sums[i ^ 1] += value;
        sums[i] += (uint64_t)(uint32_t)key * (key >> 32);
    }
}

static void whole_block(uint64_t sums[8], const unsigned char *in) {
    for (int i = 0; i < BLOCK / STRIPE; i++)
        accumulate(sums, in + STRIPE * i, SECRET + 8 * i);
    for (int i = 0; i < 8; i++)
        sums[i] = (sums[i] ^ sums[i] >> 47 ^ two_words(SECRET + 128 + 8 * i)) * PRIME32_1;
}

static uint64_t merged(const uint64_t sums[8], const unsigned char *secret, uint64_t start) {
    for (int i = 0; i < 4; i++)
        start += folded(sums[2 * i] ^ two_words(secret + 16 * i), sums[2 * i + 1] ^ two_words(secret + 16 * i + 8));
    return avalanche(start);
}

static bool filled(int descriptor, unsigned char *buffer, uint64_t length, int64_t offset) {
    for (uint64_t got = 0; got < length;) {
        long more = sys_call(SYS_pread64, descriptor, buffer + got, length - got, offset + (int64_t)got);
        if (more <= 0)
            return false;
        got += (uint64_t)more;
    }
    return true;
}

/* Of `length` bytes of a file, more than 240; `buffer` holds the end of the last chunk and one chunk. */
static bool of_long(int descriptor, uint64_t length, unsigned char *buffer, struct pair *hash) {
    uint64_t sums[8] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
    uint64_t blocks = (length - 1) / BLOCK;
    unsigned char *in = buffer + STRIPE;
    for (uint64_t offset = 0; offset < length; offset += CHUNK) {
        uint64_t here = length - offset < CHUNK ? length - offset : CHUNK;
        if (offset)
            memcpy(buffer, buffer + CHUNK, STRIPE);
        if (!filled(descriptor, in, here, (int64_t)offset))
            return false;
        uint64_t count = blocks - offset / BLOCK < CHUNK / BLOCK ? blocks - offset / BLOCK : CHUNK / BLOCK;
        for (uint64_t i = 0; i < count; i++)
            whole_block(sums, in + BLOCK * i);
        if (offset + here < length)
            continue;
        for (uint64_t i = 0; i < (length - 1 - BLOCK * blocks) / STRIPE; i++)
            accumulate(sums, in + BLOCK * count + STRIPE * i, SECRET + 8 * i);
        accumulate(sums, in + here - STRIPE, SECRET + 192 - STRIPE - 7);
    }
    *hash = (struct pair){merged(sums, SECRET + 11, length * PRIME64_1),
                          merged(sums, SECRET + 192 - STRIPE - 11, ~(length * PRIME64_2))};
    return true;
}

static bool of_file(int descriptor, uint64_t length, struct pair *hash) {
    unsigned char few[240];
    if (length <= sizeof few) {
        if (!filled(descriptor, few, length, 0))
            return false;
        *hash = length <= 16 ? of_at_most_16(few, length) : of_at_most_240(few, length);
        return true;
    }
    int free = 0;
    if (atomic_compare_exchange_strong(&taken, &free, sys_pid())) {
        bool done = of_long(descriptor, length, shared, hash);
        atomic_store(&taken, 0);
        return done;
    }
    void *own = mmap(NULL, sizeof shared, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (own == MAP_FAILED)
        return false;
    bool done = of_long(descriptor, length, own, hash);
    munmap(own, sizeof shared);
    return done;
}

/* In a fork child: who was hashing is not here. */
void digest_forget(void) { atomic_store(&taken, 0); }

/* Whether a descriptor is open for reading. */
bool can_be_read(int descriptor) {
    long flags = descriptor < 0 ? -1 : sys_call(SYS_fcntl, descriptor, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY && !(flags & (O_PATH | O_DIRECT));
}

/* Append the field `digest` of a file of this state that nobody changes meanwhile; whether that was possible.
 * Through a descriptor that can be read, else by `path`, which may be a name in `/proc/self/fd`: then a descriptor is
 * closed, with which the process loses its locks on the file. Files above the limit are left to the ingest. */
bool put_digest(struct line *line, const char *path, int descriptor, const struct state *state) {
    struct state before, after;
    struct pair hash;
    if (state->size > limit_bytes)
        return false;
    bool opens = !can_be_read(descriptor);
    if (opens)
        descriptor = sys_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    bool known = descriptor >= 0 && state_of(descriptor, &before) && same_state(&before, state) &&
                 of_file(descriptor, (uint64_t)state->size, &hash) && state_of(descriptor, &after) && same_state(&after, state);
    if (opens && descriptor >= 0)
        sys_close(descriptor);
    if (!known)
        return false;
    char digits[33];
    for (int i = 0; i < 32; i++)
        digits[i] = "0123456789abcdef"[(i < 16 ? hash.high : hash.low) >> (60 - 4 * (i % 16)) & 15];
    digits[32] = '\0';
    put(line, ",\"digest\":\"xxh3-128:");
    put(line, digits);
    put(line, "\"");
    return true;
}

/* For tests: the field of a file as it is now. */
__attribute__((visibility("default"))) long provfs_preload_digest(const char *path, char *into, size_t size) {
    struct state state;
    (void)desk_take();
    LINE(line);
    long length = -1;
    if (state_at(AT_FDCWD, path, true, &state) && put_digest(line, path, BY_NAME, &state) && line->length <= size) {
        memcpy(into, line->text, line->length);
        length = (long)line->length;
    }
    desk_give();
    return length;
}
