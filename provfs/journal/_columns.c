/*
 * Lines of a journal as columns: what `provfs.journal.columns` does, compiled.
 *
 * Contract: a line is taken only where it is written as `provfs.journal.record` writes it, with its fields in any
 * order: no white space, no escapes, no field that is not known, none twice, all that are required. Every other line
 * goes on as text, and nothing is guessed. `add` gives up the GIL; one set of columns is used by one thread at a time.
 * Only functions of the limited API of Python 3.11 are used.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include "_arrow.h"

enum { LINE_BYTES_MAX = 16 << 20 };

typedef struct { int tables; Table *table; Buffer rest[2]; } Columns;

static const char CAPSULE[] = "provfs.columns";

static int is_utf8(const unsigned char *at, const unsigned char *end) {
    while (at < end) {
        unsigned char first = *at++;
        if (first < 0x80)
            continue;
        int more = first >= 0xC2 && first < 0xE0 ? 1 : first >= 0xE0 && first < 0xF0 ? 2 : first >= 0xF0 && first < 0xF5 ? 3 : 0;
        if (!more || end - at < more)
            return 0;
        if ((first == 0xE0 && *at < 0xA0) || (first == 0xED && *at > 0x9F) || (first == 0xF0 && *at < 0x90)
            || (first == 0xF4 && *at > 0x8F))
            return 0;
        for (; more; more--)
            if ((*at++ & 0xC0) != 0x80)
                return 0;
    }
    return 1;
}

/* Each reader returns what follows the value, or NULL where it is not plainly such a value. A line ends in a newline,
 * which is part of none. */
static const char *read_text(const char *at, Slot *slot) {
    if (*at++ != '"')
        return NULL;
    const char *begin = at;
    unsigned char high = 0;
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20 || *at == '\\')
            return NULL;
        high |= (unsigned char)*at;
    }
    if (high & 0x80 && !is_utf8((const unsigned char *)begin, (const unsigned char *)at))
        return NULL;
    slot->text = begin;
    slot->length = (size_t)(at - begin);
    return at + 1;
}

static const char *read_number(const char *at, int64_t *number) {
    int is_negative = *at == '-';
    at += is_negative;
    if (*at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9'))
        return NULL;
    int64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *at - '0', &value))
            return NULL;
    if (*at == '.' || *at == 'e' || *at == 'E' || (!is_negative && value == INT64_MIN))
        return NULL;
    *number = is_negative ? value : -value;
    return at;
}

static const char *read_truth(const char *at, Slot *slot) {
    slot->number = *at == 't';
    return strncmp(at, "true", 4) == 0 ? at + 4 : strncmp(at, "false", 5) == 0 ? at + 5 : NULL;
}

static const char *read_ranges(const char *at, Slot *slot) {
    const char *begin = at;
    int64_t number;
    if (*at++ != '[')
        return NULL;
    while (*at == '[') {
        if (!(at = read_number(at + 1, &number)) || *at++ != ',' || !(at = read_number(at, &number)) || *at++ != ']')
            return NULL;
        if (*at == ',' && at[1] == '[')
            at++;
        else
            break;
    }
    if (*at++ != ']')
        return NULL;
    slot->text = begin;
    slot->length = (size_t)(at - begin);
    return at;
}

static const char *read_value(const char *at, char kind, Slot *slot) {
    switch (kind) {
    case 'l': return read_number(at, &slot->number);
    case 'b': return read_truth(at, slot);
    case 'r': return read_ranges(at, slot);
    default: return read_text(at, slot);
    }
}

/* Fields mostly come in their order: the next one is looked for behind the last. */
static int find_field(const Table *table, const char *name, size_t length, int from) {
    for (int n = 0; n < table->fields; n++) {
        int place = from + n < table->fields ? from + n : from + n - table->fields;
        const Field *field = &table->field[place];
        if (field->length == length && memcmp(field->name, name, length) == 0)
            return place;
    }
    return -1;
}

static int read_line(const Table *table, const char *at, const char *end, Slot *slots) {
    memset(slots, 0, (size_t)table->fields * sizeof *slots);
    for (int place = -1;; at++) {
        Slot name;
        if (!(at = read_text(at, &name)) || *at++ != ':')
            return 0;
        place = find_field(table, name.text, name.length, place + 1 < table->fields ? place + 1 : 0);
        if (place < 0 || slots[place].is_set || !(at = read_value(at, table->field[place].kind, &slots[place])))
            return 0;
        slots[place].is_set = 1;
        if (*at == '}')
            break;
        if (*at != ',')
            return 0;
    }
    for (int n = 0; n < table->fields; n++)
        if (table->field[n].required && !slots[n].is_set)
            return 0;
    return at + 1 == end;
}

/* Where a line that is not taken goes on as text: 1 to the first table, 2 to the others, 3 where that is not seen. */
static int place_of(const Table *first, const char *line, const char *end) {
    static const char begin[] = "{\"type\":\"";
    const char *at = line + sizeof begin - 1;
    if (end - line < (ptrdiff_t)first->prefix_length || memcmp(line, begin, sizeof begin - 1) != 0)
        return 3;
    if (memcmp(line, first->prefix, first->prefix_length) == 0)
        return 1;
    while (*at >= 'a' && *at <= 'z')
        at++;
    return *at == '"' && at[1] == ',' ? 2 : 3;
}

static int add_lines(Columns *columns, const char *at, const char *end, Py_ssize_t *lines) {
    Slot slots[FIELDS_MAX];
    while (at < end) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)(stop - line);
        at = stop + 1;
        ++*lines;
        if (!length)
            continue;
        Table *taking = NULL;
        for (int n = 0; !taking && n < columns->tables && length <= LINE_BYTES_MAX; n++) {
            Table *table = &columns->table[n];
            if (length > table->prefix_length && memcmp(line, table->prefix, table->prefix_length) == 0)
                taking = read_line(table, line + table->prefix_length, stop, slots) ? table : NULL;
        }
        if (taking) {
            if (!append_row(taking, slots))
                return 0;
            continue;
        }
        int place = place_of(columns->table, line, stop);
        for (int n = 0; n < 2; n++)
            if (place & (1 << n) && !append(&columns->rest[n], line, length + 1))
                return 0;
    }
    return 1;
}

static void drop_columns(Columns *columns) {
    for (int n = 0; n < columns->tables; n++)
        drop_table(&columns->table[n]);
    drop(&columns->rest[0]);
    drop(&columns->rest[1]);
    free(columns->table);
    free(columns);
}

static void free_columns(PyObject *capsule) {
    Columns *columns = PyCapsule_GetPointer(capsule, CAPSULE);
    if (columns)
        drop_columns(columns);
}

static int describe_field(Field *field, PyObject *told) {
    const char *name;
    int kind, required;
    if (!PyArg_ParseTuple(told, "sCp", &name, &kind, &required))
        return 0;
    *field = (Field){.name = strdup(name), .length = strlen(name), .kind = (char)kind, .required = (char)required};
    return field->name ? 1 : (PyErr_NoMemory(), 0);
}

static int describe_table(Table *table, PyObject *told) {
    const char *prefix;
    PyObject *fields;
    if (!PyArg_ParseTuple(told, "sO!", &prefix, &PyTuple_Type, &fields))
        return 0;
    if (PyTuple_Size(fields) > FIELDS_MAX) {
        PyErr_SetString(PyExc_ValueError, "too many fields");
        return 0;
    }
    if (!(table->prefix = strdup(prefix)))
        return PyErr_NoMemory(), 0;
    table->prefix_length = strlen(prefix);
    for (Py_ssize_t n = 0; n < PyTuple_Size(fields); n++, table->fields++)
        if (!describe_field(&table->field[n], PyTuple_GetItem(fields, n)))
            return 0;
    return 1;
}

static PyObject *begin(PyObject *module, PyObject *tables) {
    (void)module;
    if (!PyTuple_Check(tables) || !PyTuple_Size(tables)) {
        PyErr_SetString(PyExc_TypeError, "tables are a tuple, and at least one");
        return NULL;
    }
    Columns *columns = calloc(1, sizeof *columns);
    if (columns)
        columns->table = calloc((size_t)PyTuple_Size(tables), sizeof *columns->table);
    if (!columns || !columns->table) {
        free(columns);
        return PyErr_NoMemory();
    }
    int fine = 1;
    for (Py_ssize_t n = 0; fine && n < PyTuple_Size(tables); n++) {
        fine = describe_table(&columns->table[n], PyTuple_GetItem(tables, n));
        columns->tables++;
    }
    PyObject *capsule = fine ? PyCapsule_New(columns, CAPSULE, free_columns) : NULL;
    if (!capsule)
        drop_columns(columns);
    return capsule;
}

static PyObject *add(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *capsule, *content;
    char *data;
    Py_ssize_t size, lines = 0;
    if (!PyArg_ParseTuple(arguments, "OO!", &capsule, &PyBytes_Type, &content)
        || PyBytes_AsStringAndSize(content, &data, &size) < 0)
        return NULL;
    Columns *columns = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!columns)
        return NULL;
    if (size && data[size - 1] != '\n') {
        PyErr_SetString(PyExc_ValueError, "the last line is not complete");
        return NULL;
    }
    int fine;
    Py_BEGIN_ALLOW_THREADS
    fine = add_lines(columns, data, data + size, &lines);
    Py_END_ALLOW_THREADS
    return fine ? PyLong_FromSsize_t(lines) : PyErr_NoMemory();
}

/* The columns of a call, and the place that it names; NULL with an exception where that cannot be understood. */
static Columns *named_by(PyObject *arguments, int *place) {
    PyObject *capsule;
    return PyArg_ParseTuple(arguments, "Oi", &capsule, place) ? PyCapsule_GetPointer(capsule, CAPSULE) : NULL;
}

static PyObject *rest(PyObject *module, PyObject *arguments) {
    (void)module;
    int place;
    Columns *columns = named_by(arguments, &place);
    if (!columns || place < 0 || place > 1)
        return columns ? PyErr_Format(PyExc_IndexError, "there are two rests") : NULL;
    PyObject *text = PyBytes_FromStringAndSize(columns->rest[place].data, (Py_ssize_t)columns->rest[place].size);
    drop(&columns->rest[place]);
    return text;
}

static PyObject *stream(PyObject *module, PyObject *arguments) {
    (void)module;
    int place;
    Columns *columns = named_by(arguments, &place);
    if (!columns || place < 0 || place >= columns->tables)
        return columns ? PyErr_Format(PyExc_IndexError, "there is no such table") : NULL;
    return stream_of(&columns->table[place]);
}

static PyMethodDef functions[] = {
    {"begin", begin, METH_O, NULL},
    {"add", add, METH_VARARGS, NULL},
    {"rest", rest, METH_VARARGS, NULL},
    {"stream", stream, METH_VARARGS, NULL},
    {0},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_columns", .m_size = 0, .m_methods = functions,
};

PyMODINIT_FUNC PyInit__columns(void) { return PyModuleDef_Init(&definition); }
