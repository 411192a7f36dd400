/*
 * The functions of `provfs.calls`, compiled: what each does is said there, and a test holds the
 * two against each other.
 *
 * Contract: whatever may block gives up the GIL, nothing is kept between calls, and only functions
 * of the limited API of Python 3.11 are used, so that one file serves all later versions.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#if defined(SYS_openat2) && __has_include(<linux/openat2.h>) && (defined(__x86_64__) || defined(__aarch64__))
#include <linux/openat2.h>
#endif

enum { NS_PER_S = 1000000000 };

static int fits(struct timespec at) {
    const int64_t limit_s = INT64_MAX / NS_PER_S - 1;
    return -limit_s < at.tv_sec && at.tv_sec < limit_s;
}

static uint64_t in_ns(struct timespec at) {
    return (uint64_t)((int64_t)at.tv_sec * NS_PER_S + at.tv_nsec);
}

/* The same from `provfs.calls`, in the rare cases that are not worth their own C. */
static PyObject *from_python(const char *name, PyObject *const *arguments, Py_ssize_t count) {
    PyObject *calls = PyImport_ImportModule("provfs.calls");
    PyObject *table = calls ? PyObject_GetAttrString(calls, "IN_PYTHON") : NULL;
    PyObject *function = table ? PyMapping_GetItemString(table, name) : NULL;
    PyObject *tuple = function ? PyTuple_New(count) : NULL;
    for (Py_ssize_t n = 0; tuple && n < count; n++)
        PyTuple_SetItem(tuple, n, Py_NewRef(arguments[n]));
    PyObject *result = tuple ? PyObject_CallObject(function, tuple) : NULL;
    Py_XDECREF(tuple);
    Py_XDECREF(function);
    Py_XDECREF(table);
    Py_XDECREF(calls);
    return result;
}

static PyObject *state_in_python(int descriptor) {
    PyObject *number = PyLong_FromLong(descriptor);
    PyObject *state = number ? from_python("state_of", &number, 1) : NULL;
    Py_XDECREF(number);
    return state;
}

static void numbers_of(const struct stat *found, uint64_t state[5]) {
    state[0] = found->st_dev;
    state[1] = found->st_ino;
    state[2] = (uint64_t)found->st_size;
    state[3] = in_ns(found->st_mtim);
    state[4] = in_ns(found->st_ctim);
}

static PyObject *packed(int descriptor, const struct stat *found) {
    if (!S_ISREG(found->st_mode) || found->st_nlink == 0)
        Py_RETURN_NONE;
    if (!fits(found->st_mtim) || !fits(found->st_ctim))
        return state_in_python(descriptor);
    uint64_t state[5];
    numbers_of(found, state);
    return PyBytes_FromStringAndSize((const char *)state, sizeof state);
}

static PyObject *state_of(PyObject *module, PyObject *argument) {
    (void)module;
    long descriptor = PyLong_AsLong(argument);
    if (descriptor == -1 && PyErr_Occurred())
        return NULL;
    struct stat found;
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = fstat((int)descriptor, &found);
    Py_END_ALLOW_THREADS
    return failed ? PyErr_SetFromErrno(PyExc_OSError) : packed((int)descriptor, &found);
}

static PyObject *look_again(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    if (count != 4)
        return PyErr_Format(PyExc_TypeError, "look_again takes 4 arguments");
    struct stat found;
    struct timespec now;
    uint64_t state[5], before[5];
    int failed;
    long descriptor = PyLong_AsLong(arguments[0]);
    char *packed_state = NULL;
    Py_ssize_t size = 0;
    long long elapsed_ns = PyLong_AsLongLong(arguments[2]);
    long long tick_ns = PyLong_AsLongLong(arguments[3]);
    if (PyErr_Occurred())
        return NULL;
    if (!PyBytes_Check(arguments[1]) ||
        PyBytes_AsStringAndSize(arguments[1], &packed_state, &size) < 0 || size != sizeof before) {
        PyErr_Clear();
        return from_python("look_again", arguments, count);
    }
    Py_BEGIN_ALLOW_THREADS
    failed = fstat((int)descriptor, &found);
    Py_END_ALLOW_THREADS
    if (failed)
        return PyErr_SetFromErrno(PyExc_OSError);
    memcpy(before, packed_state, sizeof before);
    numbers_of(&found, state);
    if (!S_ISREG(found.st_mode) || found.st_nlink == 0 || !fits(found.st_mtim) ||
        !fits(found.st_ctim) || memcmp(state, before, sizeof state) != 0)
        return PyLong_FromLong(2);
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t opened_ns = (int64_t)in_ns(now) - elapsed_ns;
    return PyLong_FromLong(opened_ns - tick_ns < (int64_t)state[3] ||
                           opened_ns - tick_ns < (int64_t)state[4]);
}

#ifdef RESOLVE_NO_SYMLINKS
/* Say whether a path is absolute, ASCII, and has no component that is empty or made of dots. */
static int is_plain(const char *path, size_t length) {
    if (path[0] != '/')
        return 0;
    for (size_t at = 0; at < length; at++) {
        if ((signed char)path[at] <= 0) /* how other names are encoded is not ours to guess */
            return 0;
        if (path[at] == '/') {
            const char *name = path + at + 1;
            size_t dots = strspn(name, ".");
            if (dots <= 2 && (name[dots] == '/' || name[dots] == 0))
                return 0;
        }
    }
    return 1;
}
#endif

#ifdef RESOLVE_NO_SYMLINKS
/*
 * openat2(2), of which the C library has no function. Not by `syscall`: the preload library takes
 * that for a program that goes past it.
 */
static long open_really(const char *path, const struct open_how *how) {
    long result;
#if defined(__x86_64__)
    register long size __asm__("r10") = sizeof *how;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_openat2), "D"((long)AT_FDCWD), "S"(path), "d"(how), "r"(size)
                     : "rcx", "r11", "memory");
#else
    register long number __asm__("x8") = SYS_openat2;
    register long directory __asm__("x0") = AT_FDCWD;
    register const char *name __asm__("x1") = path;
    register const struct open_how *options __asm__("x2") = how;
    register long size __asm__("x3") = sizeof *how;
    __asm__ volatile("svc 0"
                     : "+r"(directory)
                     : "r"(number), "r"(name), "r"(options), "r"(size)
                     : "memory");
    result = directory;
#endif
    return result;
}
#endif

static PyObject *open_direct(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    if (count != 2)
        return PyErr_Format(PyExc_TypeError, "open_direct takes 2 arguments");
#ifdef RESOLVE_NO_SYMLINKS
    Py_ssize_t length;
    const char *path = PyUnicode_AsUTF8AndSize(arguments[0], &length);
    long flags = PyLong_AsLong(arguments[1]);
    if (!path || PyErr_Occurred()) {
        PyErr_Clear(); /* a name with bytes that are no text */
        Py_RETURN_NONE;
    }
    if (!is_plain(path, (size_t)length))
        Py_RETURN_NONE;
    struct open_how how = {.flags = (uint64_t)flags, .mode = flags & O_CREAT ? 0666 : 0, .resolve = RESOLVE_NO_SYMLINKS};
    struct stat found;
    int descriptor, usable;
    Py_BEGIN_ALLOW_THREADS
    descriptor = (int)open_really(path, &how);
    usable = descriptor >= 0 && fstat(descriptor, &found) == 0 && !S_ISDIR(found.st_mode);
    if (descriptor >= 0 && !usable)
        close(descriptor);
    Py_END_ALLOW_THREADS
    if (!usable)
        Py_RETURN_NONE;
    PyObject *state = packed(descriptor, &found);
    PyObject *result = state ? Py_BuildValue("(iNL)", descriptor, state,
                                                     (long long)found.st_size) : NULL;
    if (!result)
        close(descriptor);
    return result;
#else
    (void)arguments;
    Py_RETURN_NONE;
#endif
}

/*
 * Say whether a descriptor is a file. Not by fstat(2): a kernel with fine-grained timestamps then
 * has to give the next write one of its own, which doubles what appending a record costs.
 */
static int is_file(int descriptor, uint64_t device, uint64_t inode) {
    struct statx found;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_INO, &found) == 0)
        return found.stx_ino == inode &&
               makedev(found.stx_dev_major, found.stx_dev_minor) == device;
    struct stat old; /* a kernel or a sandbox without statx(2) */
    return fstat(descriptor, &old) == 0 && old.st_ino == inode && old.st_dev == device;
}

static PyObject *append(PyObject *module, PyObject *arguments) {
    (void)module;
    int descriptor;
    long long process;
    unsigned long long device, inode;
    PyObject *line;
    char *data;
    Py_ssize_t length, written = -1;
    /* Not by "y#": compiled with the headers of Python 3.13, that fails under 3.11 and 3.12. */
    if (!PyArg_ParseTuple(arguments, "iLKKO:append", &descriptor, &process, &device, &inode, &line) ||
        PyBytes_AsStringAndSize(line, &data, &length) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (getpid() == process && is_file(descriptor, device, inode))
        written = write(descriptor, data, (size_t)length);
    Py_END_ALLOW_THREADS
    return PyLong_FromSsize_t(written);
}

/* Text that is being put together in a place of fixed size; `room` is false once it did not fit. */
struct text {
    char data[1024];
    size_t length;
    int room;
};

static void add(struct text *text, const char *data, size_t length) {
    if (length > sizeof text->data - text->length) {
        text->room = 0;
        return;
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
}

static void add_number(struct text *text, uint64_t number) {
    char digits[20];
    size_t first = sizeof digits;
    do
        digits[--first] = (char)('0' + number % 10);
    while (number /= 10);
    add(text, digits + first, sizeof digits - first);
}

static void add_signed(struct text *text, int64_t number) {
    if (number < 0)
        add(text, "-", 1);
    add_number(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

#define ADD(text, literal) add(text, literal, sizeof(literal) - 1)

/* Add a text, or a number of 64 bits, that Python gave; false where it is neither. */
static int add_object(struct text *text, PyObject *object) {
    if (PyUnicode_Check(object)) {
        Py_ssize_t length;
        const char *data = PyUnicode_AsUTF8AndSize(object, &length);
        if (data)
            add(text, data, (size_t)length);
        return data != NULL;
    }
    long long number = PyLong_AsLongLong(object);
    if (number == -1 && PyErr_Occurred())
        return 0;
    add_signed(text, number);
    return 1;
}

enum { EXECUTION, ID, URI, MODE, OPENED, CLOSED, BYTES, STATE, DIGEST, THREAD, CHANNEL, FIELDS };

static PyObject *access_line(PyObject *module, PyObject *const *fields, Py_ssize_t count) {
    (void)module;
    if (count != FIELDS)
        return PyErr_Format(PyExc_TypeError, "access_line takes %d arguments", FIELDS);
    static const struct {
        const char *before;
        int field;
    } parts[] = {
        {"{\"type\":\"access\",\"execution\":\"", EXECUTION},
        {"\",\"id\":", ID},
        {",\"uri\":", URI},
        {",\"mode\":\"", MODE},
        {"\",\"opened_ns\":", OPENED},
        {",\"closed_ns\":", CLOSED},
        {",\"bytes\":", BYTES},
        {",\"size_bytes\":", STATE},
        {"\",\"digest\":\"", DIGEST},
        {"\",\"thread\":", THREAD},
        {",\"channel\":\"", CHANNEL},
    };
    char *packed_state;
    Py_ssize_t size;
    uint64_t state[5];
    struct text line;
    line.length = 0;
    line.room = PyBytes_Check(fields[STATE]) &&
                PyBytes_AsStringAndSize(fields[STATE], &packed_state, &size) == 0 &&
                size == sizeof state;
    if (line.room)
        memcpy(state, packed_state, sizeof state);
    for (size_t n = 0; line.room && n < sizeof parts / sizeof *parts; n++) {
        add(&line, parts[n].before, strlen(parts[n].before));
        if (parts[n].field != STATE) {
            line.room = add_object(&line, fields[parts[n].field]) && line.room;
            continue;
        }
        add_signed(&line, (int64_t)state[2]);
        ADD(&line, ",\"fingerprint\":\"stat");
        for (int k = 0; k < 5; k++) {
            ADD(&line, ":");
            if (k == 1)
                add_number(&line, state[k]);
            else
                add_signed(&line, (int64_t)state[k]);
        }
    }
    ADD(&line, "\"}\n");
    if (line.room)
        return PyBytes_FromStringAndSize(line.data, (Py_ssize_t)line.length);
    PyErr_Clear(); /* too long, no Unicode, or a time that is not packed: rare */
    return from_python("access_line", fields, count);
}

static PyMethodDef methods[] = {
    {"access_line", (PyCFunction)(void (*)(void))access_line, METH_FASTCALL, NULL},
    {"append", append, METH_VARARGS, NULL},
    {"look_again", (PyCFunction)(void (*)(void))look_again, METH_FASTCALL, NULL},
    {"open_direct", (PyCFunction)(void (*)(void))open_direct, METH_FASTCALL, NULL},
    {"state_of", state_of, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "provfs._calls", .m_size = 0, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__calls(void) { return PyModuleDef_Init(&definition); }
