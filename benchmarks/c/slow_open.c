/* LD_PRELOAD library: a file system on which every open takes its time.
 *
 *   SLOW_OPEN_PREFIX          only files whose name begins so
 *   SLOW_OPEN_MICROSECONDS    how long each open takes
 *
 * A network file system behaves like this: the caller waits, others may go on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *prefix;
static size_t prefix_length;
static long microseconds;

__attribute__((constructor)) static void read_environment(void) {
    const char *number = getenv("SLOW_OPEN_MICROSECONDS");
    prefix = getenv("SLOW_OPEN_PREFIX");
    prefix_length = prefix ? strlen(prefix) : 0;
    microseconds = number ? atol(number) : 0;
}

static void wait_for(const char *path) {
    if (!prefix_length || microseconds <= 0 || strncmp(path, prefix, prefix_length)) return;
    struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
    while (nanosleep(&time, &time)) {
    }
}

static mode_t mode_of(int flags, va_list arguments) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                                       \
    int name(const char *path, int flags, ...) {                         \
        static int (*real)(const char *, int, ...);                      \
        va_list arguments;                                               \
        va_start(arguments, flags);                                      \
        mode_t mode = mode_of(flags, arguments);                         \
        va_end(arguments);                                               \
        if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        wait_for(path);                                                  \
        return real(path, flags, mode);                                  \
    }

#define OPENAT(name)                                                     \
    int name(int directory, const char *path, int flags, ...) {          \
        static int (*real)(int, const char *, int, ...);                 \
        va_list arguments;                                               \
        va_start(arguments, flags);                                      \
        mode_t mode = mode_of(flags, arguments);                         \
        va_end(arguments);                                               \
        if (!real) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        wait_for(path);                                                  \
        return real(directory, path, flags, mode);                       \
    }

#define FOPEN(name)                                                      \
    FILE *name(const char *path, const char *mode) {                     \
        static FILE *(*real)(const char *, const char *);                \
        if (!real) real = (FILE *(*)(const char *, const char *))dlsym(RTLD_NEXT, #name); \
        wait_for(path);                                                  \
        return real(path, mode);                                         \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
FOPEN(fopen)
FOPEN(fopen64)
