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

/* The same from `provfs.calls`, in the rare case that is not worth its own C. */
static PyObject *state_in_python(int descriptor) {
    PyObject *calls = PyImport_ImportModule("provfs.calls");
    PyObject *table = calls ? PyObject_GetAttrString(calls, "IN_PYTHON") : NULL;
    PyObject *function = table ? PyMapping_GetItemString(table, "state_of") : NULL;
    PyObject *state = function ? PyObject_CallFunction(function, "i", descriptor) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(table);
    Py_XDECREF(calls);
    return state;
}

static PyObject *packed(int descriptor, const struct stat *found) {
    if (!S_ISREG(found->st_mode) || found->st_nlink == 0)
        Py_RETURN_NONE;
    if (!fits(found->st_mtim) || !fits(found->st_ctim))
        return state_in_python(descriptor);
    uint64_t state[] = {found->st_dev, found->st_ino, (uint64_t)found->st_size,
                        in_ns(found->st_mtim), in_ns(found->st_ctim)};
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

static PyObject *open_direct(PyObject *module, PyObject *argument) {
    (void)module;
#ifdef RESOLVE_NO_SYMLINKS
    Py_ssize_t length;
    const char *path = PyUnicode_AsUTF8AndSize(argument, &length);
    if (!path) {
        PyErr_Clear(); /* a name with bytes that are no text */
        Py_RETURN_NONE;
    }
    if (!is_plain(path, (size_t)length))
        Py_RETURN_NONE;
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
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
    PyObject *result = state ? Py_BuildValue("(iN)", descriptor, state) : NULL;
    if (!result)
        close(descriptor);
    return result;
#else
    (void)argument;
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
    const char *data;
    Py_ssize_t length, written = -1;
    if (!PyArg_ParseTuple(arguments, "iLKKy#:append", &descriptor, &process, &device, &inode, &data,
                          &length))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (getpid() == process && is_file(descriptor, device, inode))
        written = write(descriptor, data, (size_t)length);
    Py_END_ALLOW_THREADS
    return PyLong_FromSsize_t(written);
}

static PyMethodDef methods[] = {
    {"append", append, METH_VARARGS, NULL},
    {"open_direct", open_direct, METH_O, NULL},
    {"state_of", state_of, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "provfs._calls", .m_size = 0, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__calls(void) { return PyModuleDef_Init(&definition); }
