/* Files on a network that goes away: whoever reads a file with "stalled" in its path waits, and then gets EIO.
 * Seconds to wait stand in STALL_SECONDS, how many reads go well before in STALL_AFTER.  For LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_stalled(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, "stalled")) return 0;
    static int reads;
    const char *after = getenv("STALL_AFTER");
    if (reads++ < (after ? atoi(after) : 0)) return 0;
    const char *seconds = getenv("STALL_SECONDS");
    usleep((useconds_t)((seconds ? atof(seconds) : 1) * 1e6));
    errno = EIO;
    return 1;
}

#define STALL(name, parameters, arguments)                                   \
    ssize_t name parameters {                                                \
        static ssize_t(*real) parameters;                                    \
        if (!real) real = (ssize_t(*) parameters)dlsym(RTLD_NEXT, #name);    \
        return is_stalled(fd) ? -1 : real arguments;                         \
    }

STALL(read, (int fd, void *buffer, size_t size), (fd, buffer, size))
STALL(pread64, (int fd, void *buffer, size_t size, off64_t at), (fd, buffer, size, at))
STALL(preadv64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at))
