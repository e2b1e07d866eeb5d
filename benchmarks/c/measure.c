/* Runs a program and says what it took.  A small process of its own, because a child's peak memory begins with that of
 * the process that starts it, and because a Python runner would add its own start-up to short runs.
 *
 *   measure RESULT_FILE SECONDS CPUS PROGRAM [ARGUMENT...]     runs it, at most SECONDS long
 *   measure --serve CPUS PROGRAM [ARGUMENT...]                 becomes PROGRAM, which dies with our parent
 *
 * CPUS are the processors it may use, as in "0,2"; "all" changes nothing.
 * RESULT_FILE gets one line: wall seconds, user seconds, system seconds, peak resident set in KiB, exit code (minus the
 * signal that ended it). */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

static void kill_child(int number) {
    (void)number;
    kill(child, SIGKILL);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

/* Becomes the program; does not return. */
static void become(const char *cpus, char **argv) {
    cpu_set_t set;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strcmp(cpus, "all")) {
        CPU_ZERO(&set);
        for (char *next = (char *)cpus; *next; next += *next == ',') CPU_SET(strtoul(next, &next, 10), &set);
        if (sched_setaffinity(0, sizeof set, &set)) perror("sched_setaffinity");
    }
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

int main(int argc, char **argv) {
    if (argc > 3 && !strcmp(argv[1], "--serve")) become(argv[2], argv + 3);
    if (argc < 5) return fprintf(stderr, "usage: measure RESULT_FILE SECONDS CPUS PROGRAM [ARGUMENT...]\n"), 2;
    struct rusage used;
    int status;
    double began = now();
    child = fork();
    if (child < 0) return perror("fork"), 1;
    if (!child) become(argv[3], argv + 4);
    signal(SIGALRM, kill_child);
    signal(SIGTERM, kill_child);
    alarm(atoi(argv[2]));
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR) return perror("wait4"), 1;
    double wall = now() - began;
    FILE *file = fopen(argv[1], "w");
    if (!file) return perror(argv[1]), 1;
    fprintf(file, "%.6f %.6f %.6f %ld %d\n", wall, seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return fclose(file) ? 1 : 0;
}
