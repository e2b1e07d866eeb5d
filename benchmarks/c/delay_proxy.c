/* A line with latency: forwards TCP connections and holds every byte back for a while, in both directions.
 *
 *   delay_proxy TARGET_PORT ONE_WAY_MICROSECONDS [BITS_PER_SECOND [JITTER_MICROSECONDS]]
 *
 * Listens on a free port of 127.0.0.1 and says which ("listening PORT"); the end of standard input ends it.  All
 * connections share the bandwidth of a direction; 0 or nothing sets no limit.  A byte waits up to JITTER longer, by
 * chance (the same in each run), and never overtakes another one of its connection.  At most 32 MiB of a connection are
 * under way in one direction, and of a line with a limit no more than it takes in 20 ms wait in front of it; then the
 * proxy stops reading, as a full TCP window would.  Nothing is lost: that needs a kernel with netem. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 64 * 1024, MOST_UNDER_WAY = 32 << 20, MOST_LINES = 64 };

struct piece {
    struct piece *next;
    int64_t due;                 /* microseconds */
    size_t length, sent;         /* length 0: the sender has closed */
    char data[];
};

struct direction {
    struct piece *first, *last;
    int64_t last_due;
    size_t under_way;
    int is_closed, is_done;
};

struct line {
    int ends[2];                 /* [0] who connected to us, [1] the target */
    struct direction ways[2];    /* ways[i] leads from ends[i] to ends[1 - i] */
};

static struct line lines[MOST_LINES];
static int line_count = 0, target_port;
static int64_t delay, jitter, bandwidth;        /* microseconds; bits a second, 0 for no limit */
static int64_t free_at[2];                      /* when a direction has sent all that it has */
static uint64_t chance = 88172645463325252u;
enum { LONGEST_QUEUE = 20000 };                 /* microseconds */

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int64_t some_jitter(void) {
    if (!jitter) return 0;
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return chance % (jitter + 1);
}

static void add(struct direction *way, int from, struct piece *piece, size_t length) {
    int64_t sent = now();
    if (bandwidth) {
        if (free_at[from] > sent) sent = free_at[from];
        free_at[from] = sent += (int64_t)length * 8000000 / bandwidth;
    }
    piece->next = NULL;
    piece->due = sent + delay + some_jitter();
    if (piece->due < way->last_due) piece->due = way->last_due;
    way->last_due = piece->due;
    piece->length = length;
    piece->sent = 0;
    if (way->last) way->last->next = piece;
    else way->first = piece;
    way->last = piece;
    way->under_way += length;
}

static void read_some(struct line *line, int from) {
    struct direction *way = &line->ways[from];
    struct piece *piece = malloc(sizeof *piece + PIECE);
    if (!piece) die("malloc");
    ssize_t count = recv(line->ends[from], piece->data, PIECE, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        free(piece);
        return;
    }
    if (count <= 0) {
        way->is_closed = 1;
        count = 0;
    } else {
        piece = realloc(piece, sizeof *piece + count);
    }
    add(way, from, piece, count);
}

static void drop(struct direction *way) {
    struct piece *piece = way->first;
    way->first = piece->next;
    if (!way->first) way->last = NULL;
    way->under_way -= piece->length;
    free(piece);
}

/* Sends what is due. */
static void deliver(struct line *line, int from, int64_t time) {
    struct direction *way = &line->ways[from];
    int target = line->ends[1 - from];
    while (way->first && way->first->due <= time && !way->is_done) {
        struct piece *piece = way->first;
        if (!piece->length) {
            shutdown(target, SHUT_WR);
            way->is_done = 1;
            drop(way);
            return;
        }
        ssize_t count = send(target, piece->data + piece->sent, piece->length - piece->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EAGAIN || errno == EINTR) return;
            way->is_closed = way->is_done = 1; /* nobody is there any more */
            shutdown(line->ends[from], SHUT_RDWR);
            return;
        }
        piece->sent += count;
        if (piece->sent < piece->length) return;
        drop(way);
    }
}

static void open_line(int listener) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(target_port)};
    int on = 1, client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) die("accept");
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0) die("socket");
    if (line_count == MOST_LINES || connect(server, (struct sockaddr *)&address, sizeof address)) {
        close(client);
        close(server);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct line *line = &lines[line_count++];
    memset(line, 0, sizeof *line);
    line->ends[0] = client;
    line->ends[1] = server;
}

static void close_finished(void) {
    for (int i = 0; i < line_count; i++) {
        if (!lines[i].ways[0].is_done || !lines[i].ways[1].is_done) continue;
        for (int way = 0; way < 2; way++) {
            while (lines[i].ways[way].first) drop(&lines[i].ways[way]);
            close(lines[i].ends[way]);
        }
        lines[i--] = lines[--line_count];
    }
}

/* Whether the first piece of a direction is due but could not be sent. */
static int is_blocked(const struct direction *way, int64_t time) {
    return way->first && !way->is_done && way->first->due <= time;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (argc < 3 || argc > 5)
        return fprintf(stderr, "usage: delay_proxy TARGET_PORT ONE_WAY_MICROSECONDS [BITS_PER_SECOND [JITTER]]\n"), 2;
    target_port = atoi(argv[1]);
    delay = atoll(argv[2]);
    bandwidth = argc > 3 ? atoll(argv[3]) : 0;
    jitter = argc > 4 ? atoll(argv[4]) : 0;
    prctl(PR_SET_TIMERSLACK, 1000); /* nanoseconds; the default of 50 us is a part of the delay */
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 64)) die("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &size)) die("getsockname");
    printf("listening %u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct pollfd watched[2 + 2 * MOST_LINES] = {{.fd = 0, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
        int64_t time = now(), first_due = INT64_MAX;
        for (int i = 0; i < line_count; i++) {
            for (int end = 0; end < 2; end++) {
                struct direction *in = &lines[i].ways[end], *out = &lines[i].ways[1 - end];
                struct pollfd *entry = &watched[2 + 2 * i + end];
                int64_t room_at = bandwidth ? free_at[end] - LONGEST_QUEUE : 0;
                if (!in->is_closed && in->under_way < MOST_UNDER_WAY) {
                    if (room_at <= time) entry->events |= POLLIN;
                    else if (room_at < first_due) first_due = room_at;
                }
                if (is_blocked(out, time)) entry->events |= POLLOUT;
                else if (out->first && !out->is_done && out->first->due < first_due) first_due = out->first->due;
                entry->fd = entry->events ? lines[i].ends[end] : -1;
            }
        }
        struct timespec wait = {0, 0};
        if (first_due != INT64_MAX && first_due > time) {
            wait.tv_sec = (first_due - time) / 1000000;
            wait.tv_nsec = (first_due - time) % 1000000 * 1000;
        }
        int before = line_count;
        if (ppoll(watched, 2 + 2 * line_count, first_due == INT64_MAX ? NULL : &wait, NULL) < 0 && errno != EINTR) die("ppoll");
        if (watched[0].revents) {
            char line[64];
            if (read(0, line, sizeof line) <= 0) return 0;
        }
        static int turn = 0;
        turn++;
        for (int step = 0; step < before; step++) {
            int i = (step + turn) % before; /* nobody is always the first to fill the line */
            for (int end = 0; end < 2; end++) {
                if (bandwidth && free_at[end] - LONGEST_QUEUE > now()) continue;
                if (watched[2 + 2 * i + end].revents & (POLLIN | POLLHUP | POLLERR) && !lines[i].ways[end].is_closed)
                    read_some(&lines[i], end);
            }
        }
        time = now();
        for (int i = 0; i < line_count; i++)
            for (int end = 0; end < 2; end++) deliver(&lines[i], end, time);
        if (watched[1].revents) open_line(listener);
        close_finished();
    }
}
