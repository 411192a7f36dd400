/*
 * Columns that grow row by row, and streams of them in the Arrow C interface, which DuckDB takes as they are.
 *
 * Contract: what `stream_of` returns is a capsule by the name of `arrow_array_stream`; its consumer, or the capsule
 * when nobody takes it, releases every buffer. A function that returns 0 has found no memory.
 * Source: https://arrow.apache.org/docs/format/CDataInterface.html, CStreamInterface.html.
 * Not here: what the columns hold, see `_columns.c`.
 */
#include <Python.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

enum {
    CHUNK_ROWS = 122880,      /* a row group of DuckDB */
    CHUNK_BYTES = 512 << 20,  /* far below what 32-bit offsets reach */
    FIELDS_MAX = 64,
    NULLABLE = 2,             /* ARROW_FLAG_NULLABLE */
    NO_MEMORY = 12,           /* ENOMEM, as the stream interface wants it */
};

typedef struct { char *data; size_t size, room; } Buffer;
/* Kinds: l whole number, u text, b truth value, r ranges, which stay text. */
typedef struct { char *name; size_t length; char kind, required; } Field;
typedef struct { Buffer validity, values, offsets; int64_t nulls; } Column;
typedef struct { const char *text; size_t length; int64_t number; char is_set; } Slot;

typedef struct {
    char *prefix;
    size_t prefix_length;
    int fields;
    Field field[FIELDS_MAX];
    Column column[FIELDS_MAX];
    int64_t rows;
    size_t text_bytes;
    struct ArrowArray *chunks;
    size_t chunks_size, chunks_room;
} Table;

/* Buffers. */

static int reserve(Buffer *buffer, size_t more) {
    if (buffer->size + more <= buffer->room)
        return 1;
    size_t room = buffer->room ? buffer->room : 1024;
    while (room < buffer->size + more)
        room *= 2;
    char *data = realloc(buffer->data, room);
    if (!data)
        return 0;
    buffer->data = data;
    buffer->room = room;
    return 1;
}

static int append(Buffer *buffer, const void *data, size_t size) {
    if (!reserve(buffer, size))
        return 0;
    if (size)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return 1;
}

static int append_bit(Buffer *bits, int64_t row, int bit) {
    if ((row & 7) == 0 && !append(bits, "", 1))
        return 0;
    if (bit)
        bits->data[row >> 3] |= (char)(1 << (row & 7));
    return 1;
}

static void drop(Buffer *buffer) {
    free(buffer->data);
    memset(buffer, 0, sizeof *buffer);
}

/* Chunks: the rows so far as an Arrow array, whose buffers are its own. */

static void release_column(struct ArrowArray *array) {
    for (int64_t n = 0; n < array->n_buffers; n++)
        free((void *)array->buffers[n]);
    free(array->buffers);
    array->release = NULL;
}

static void release_chunk(struct ArrowArray *array) {
    for (int64_t n = 0; n < array->n_children; n++) {
        if (array->children[n] && array->children[n]->release)
            array->children[n]->release(array->children[n]);
        free(array->children[n]);
    }
    free(array->children);
    free(array->buffers);
    array->release = NULL;
}

static int fill_column(struct ArrowArray *array, Column *column, char kind, int64_t rows) {
    int is_text = kind == 'u' || kind == 'r';
    const void **buffers = calloc(3, sizeof *buffers);
    if (!buffers || (is_text && !reserve(&column->values, 1))) {
        free(buffers);
        return 0;
    }
    buffers[0] = column->validity.data;
    buffers[1] = is_text ? column->offsets.data : column->values.data;
    buffers[2] = is_text ? column->values.data : NULL;
    *array = (struct ArrowArray){
        .length = rows, .null_count = column->nulls, .n_buffers = is_text ? 3 : 2, .buffers = buffers,
        .release = release_column,
    };
    memset(column, 0, sizeof *column);
    return 1;
}

static int finish_chunk(Table *table) {
    if (!table->rows)
        return 1;
    if (table->chunks_size == table->chunks_room) {
        size_t room = table->chunks_room ? 2 * table->chunks_room : 4;
        struct ArrowArray *chunks = realloc(table->chunks, room * sizeof *chunks);
        if (!chunks)
            return 0;
        table->chunks = chunks;
        table->chunks_room = room;
    }
    struct ArrowArray *chunk = &table->chunks[table->chunks_size];
    *chunk = (struct ArrowArray){
        .length = table->rows, .n_buffers = 1, .n_children = table->fields, .release = release_chunk,
        .buffers = calloc(1, sizeof *chunk->buffers),
        .children = calloc((size_t)table->fields, sizeof *chunk->children),
    };
    int fine = chunk->buffers && chunk->children;
    for (int n = 0; fine && n < table->fields; n++) {
        chunk->children[n] = calloc(1, sizeof **chunk->children);
        fine = chunk->children[n] && fill_column(chunk->children[n], &table->column[n], table->field[n].kind, table->rows);
    }
    if (!fine) {
        if (!chunk->children)
            chunk->n_children = 0;
        release_chunk(chunk);
        return 0;
    }
    table->chunks_size++;
    table->rows = 0;
    table->text_bytes = 0;
    return 1;
}

static int append_row(Table *table, const Slot *slots) {
    for (int n = 0; n < table->fields; n++) {
        Column *column = &table->column[n];
        const Slot *slot = &slots[n];
        char kind = table->field[n].kind;
        int fine = append_bit(&column->validity, table->rows, slot->is_set);
        column->nulls += !slot->is_set;
        if (kind == 'l') {
            fine = fine && append(&column->values, &slot->number, sizeof slot->number);
        } else if (kind == 'b') {
            fine = fine && append_bit(&column->values, table->rows, (int)slot->number);
        } else {
            int32_t end = 0;
            if (!column->offsets.size)
                fine = fine && append(&column->offsets, &end, sizeof end);
            fine = fine && append(&column->values, slot->text, slot->length);
            end = (int32_t)column->values.size;
            fine = fine && append(&column->offsets, &end, sizeof end);
            table->text_bytes += slot->length;
        }
        if (!fine)
            return 0;
    }
    table->rows++;
    return (table->rows < CHUNK_ROWS && table->text_bytes < CHUNK_BYTES) || finish_chunk(table);
}

static void drop_table(Table *table) {
    for (size_t n = 0; n < table->chunks_size; n++)
        table->chunks[n].release(&table->chunks[n]);
    free(table->chunks);
    for (int n = 0; n < table->fields; n++) {
        drop(&table->column[n].validity);
        drop(&table->column[n].values);
        drop(&table->column[n].offsets);
        free(table->field[n].name);
    }
    free(table->prefix);
}

/* Streams. */

static const char STREAM[] = "arrow_array_stream";

typedef struct { int fields; Field field[FIELDS_MAX]; struct ArrowArray *chunks; size_t size, next; } Stream;

static void release_schema(struct ArrowSchema *schema) {
    for (int64_t n = 0; n < schema->n_children; n++) {
        if (schema->children[n] && schema->children[n]->release)
            schema->children[n]->release(schema->children[n]);
        free(schema->children[n]);
    }
    free(schema->children);
    free((void *)schema->name);
    schema->release = NULL;
}

static int get_schema(struct ArrowArrayStream *from, struct ArrowSchema *out) {
    Stream *stream = from->private_data;
    *out = (struct ArrowSchema){
        .format = "+s", .n_children = stream->fields, .release = release_schema,
        .children = calloc((size_t)stream->fields, sizeof *out->children),
    };
    int fine = out->children != NULL;
    for (int n = 0; fine && n < stream->fields; n++) {
        struct ArrowSchema *child = out->children[n] = calloc(1, sizeof *child);
        if ((fine = child != NULL)) {
            char kind = stream->field[n].kind;
            *child = (struct ArrowSchema){
                .format = kind == 'l' ? "l" : kind == 'b' ? "b" : "u", .name = strdup(stream->field[n].name),
                .flags = NULLABLE, .release = release_schema,
            };
            fine = child->name != NULL;
        }
    }
    if (fine)
        return 0;
    if (!out->children)
        out->n_children = 0;
    release_schema(out);
    return NO_MEMORY;
}

static int get_next(struct ArrowArrayStream *from, struct ArrowArray *out) {
    Stream *stream = from->private_data;
    if (stream->next < stream->size)
        *out = stream->chunks[stream->next++];
    else
        memset(out, 0, sizeof *out);
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *from) {
    (void)from;
    return "no memory";
}

static void release_stream(struct ArrowArrayStream *from) {
    Stream *stream = from->private_data;
    for (; stream->next < stream->size; stream->next++)
        stream->chunks[stream->next].release(&stream->chunks[stream->next]);
    for (int n = 0; n < stream->fields; n++)
        free(stream->field[n].name);
    free(stream->chunks);
    free(stream);
    from->release = NULL;
}

static void free_stream(PyObject *capsule) {
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, STREAM);
    if (stream && stream->release)
        stream->release(stream);
    free(stream);
}

/* The rows so far, which are in the table no more; NULL with an exception where there is no memory. */
static PyObject *stream_of(Table *table) {
    Stream *stream = calloc(1, sizeof *stream);
    struct ArrowArrayStream *made = calloc(1, sizeof *made);
    if (!stream || !made || !finish_chunk(table)) {
        free(stream);
        free(made);
        return PyErr_NoMemory();
    }
    *made = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release_stream, stream};
    stream->chunks = table->chunks;
    stream->size = table->chunks_size;
    table->chunks = NULL;
    table->chunks_size = table->chunks_room = 0;
    for (int n = 0; n < table->fields; n++) {
        stream->field[n] = table->field[n];
        if (!(stream->field[n].name = strdup(table->field[n].name))) {
            release_stream(made);
            free(made);
            return PyErr_NoMemory();
        }
        stream->fields = n + 1;
    }
    PyObject *capsule = PyCapsule_New(made, STREAM, free_stream);
    if (!capsule) {
        release_stream(made);
        free(made);
    }
    return capsule;
}
