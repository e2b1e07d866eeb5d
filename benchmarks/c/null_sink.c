/* A Storage SCP that keeps nothing: accepts every presentation context in the first transfer syntax proposed, checks how
 * messages are framed, counts, answers each C-STORE with success.  Any number of associations, one thread.
 *
 *   null_sink [--max-pdu N] [--window N] [--nagle-two-writes] [--service MS] [--slower MS] [--most N]
 *             [--tls KEY CERTIFICATE]
 *
 * Listens on a free port of 127.0.0.1 and says which ("listening PORT").  Each line on standard input is answered by
 * one JSON line with the counts since the last one; the end of standard input ends the program.
 *
 *   --max-pdu N         maximum length it announces (131072; 0 = no limit)
 *   --window N          grants an asynchronous operations window of at most N invoked operations, if proposed
 *   --service MS        needs MS milliseconds for each instance; associations do not wait for each other
 *   --slower MS         needs MS milliseconds more for each instance with each further association that is open
 *   --most N            rejects further associations while N are open: transient, local limit exceeded
 *   --nagle-two-writes  leaves the Nagle algorithm on and sends each answer in two writes, as DCMTK's receivers do
 *   --tls KEY CERTIFICATE  speaks TLS, with these PEM files (only if compiled with WITH_TLS and -lssl -lcrypto)
 *
 * Source: PS3.8 §9.3, PS3.7 §9.3.1, D.3.3. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#include <signal.h>
#endif

enum { PDU_HEADER, BODY, PDV_HEADER, COMMAND_DATA, DATA_SET_DATA };
enum { LARGEST_BODY = 1 << 20, LARGEST_COMMAND = 4096, INPUT = 256 * 1024 };

struct delayed {                 /* an answer that is due later */
    struct delayed *next;
    int64_t due;                 /* microseconds */
    size_t length;
    uint8_t data[];
};

struct association {
    struct association *next, *previous;
    struct delayed *first, *last;
    int64_t last_due;
#ifdef WITH_TLS
    SSL *tls;
#endif
    int fd, state, is_answered, has_request, in_data_set, ended;
    uint8_t header[6];           /* of the current PDU or PDV, as far as it is here */
    uint32_t have, pdu_left, pdv_left;
    uint8_t pdu_type, context, flags, request_context;
    uint8_t *body;
    uint32_t body_length;
    uint8_t command[LARGEST_COMMAND];
    uint32_t command_length;
    uint8_t accepted[256];
    uint16_t message_id;
    char sop_class[65], sop_instance[65];
    uint8_t *output;             /* what the peer has not taken yet */
    size_t output_length, output_room;
};

static struct {
    unsigned long long associations, instances, bytes, uid_sum, uid_chain, pdus, released, aborted, closed;
    unsigned long largest_pdu;
    char problem[200];
} counts;

static uint32_t max_pdu = 131072;
static unsigned window = 0;
static int two_writes = 0, poller = -1;
static long open_now = 0, accepted_now = 0, most = 0;
static int64_t service = 0, slower = 0;
static struct association *all;
static uint32_t crc_table[256];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint16_t be16(const uint8_t *p) { return p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
static uint16_t le16(const uint8_t *p) { return p[1] << 8 | p[0]; }
static uint32_t le32(const uint8_t *p) { return (uint32_t)p[3] << 24 | p[2] << 16 | p[1] << 8 | p[0]; }

static uint32_t crc32_of(const char *text) {
    uint32_t crc = 0xFFFFFFFF;
    while (*text) crc = crc_table[(crc ^ (uint8_t)*text++) & 255] ^ crc >> 8;
    return ~crc;
}

/* Remembers the first problem and gives the association up. */
static int fail(struct association *a, const char *format, ...) {
    if (!counts.problem[0]) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(counts.problem, sizeof counts.problem, format, arguments);
        va_end(arguments);
    }
    a->ended = 1;
    return -1;
}

/* ---- bytes, plain or by TLS: -1 with EAGAIN if none can be had or taken now */

#ifdef WITH_TLS
static SSL_CTX *tls_context;

static void use_tls(const char *key, const char *certificate) {
    if (!(tls_context = SSL_CTX_new(TLS_server_method())) ||
        SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1)
        fprintf(stderr, "null_sink: cannot use %s and %s\n", key, certificate), exit(2);
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(tls_context, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

static ssize_t tls_result(SSL *tls, int result) {
    int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(tls, result);
    if (error == SSL_ERROR_NONE) return result;
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

static void open_tls(struct association *a) {
    if (!tls_context) return;
    if (!(a->tls = SSL_new(tls_context)) || !SSL_set_fd(a->tls, a->fd)) die("SSL_new");
    SSL_set_accept_state(a->tls);
}

static ssize_t send_some(struct association *a, const uint8_t *data, size_t length) {
    if (!a->tls) return send(a->fd, data, length, MSG_NOSIGNAL);
    return tls_result(a->tls, SSL_write(a->tls, data, length));
}

static ssize_t receive_some(struct association *a, uint8_t *data, size_t room) {
    if (!a->tls) return recv(a->fd, data, room, 0);
    size_t have = 0; /* one record at a time: the next one may be here, too */
    while (room - have >= SSL3_RT_MAX_PLAIN_LENGTH) {
        ssize_t count = tls_result(a->tls, SSL_read(a->tls, data + have, room - have));
        if (count <= 0) return have ? (ssize_t)have : count;
        have += count;
    }
    return have;
}

static void close_tls(struct association *a) {
    SSL_free(a->tls);
}
#else
static void use_tls(const char *key, const char *certificate) {
    fprintf(stderr, "null_sink: compiled without TLS: %s and %s are of no use\n", key, certificate);
    exit(2);
}
static void open_tls(struct association *a) { (void)a; }
static ssize_t send_some(struct association *a, const uint8_t *data, size_t length) {
    return send(a->fd, data, length, MSG_NOSIGNAL);
}
static ssize_t receive_some(struct association *a, uint8_t *data, size_t room) { return recv(a->fd, data, room, 0); }
static void close_tls(struct association *a) { (void)a; }
#endif

/* ---- output */

static void watch(struct association *a, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = a};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, a->fd, &event)) die("epoll_ctl");
}

static void queue_output(struct association *a, const uint8_t *data, size_t length) {
    if (a->output_length + length > a->output_room) {
        a->output_room = (a->output_length + length) * 2;
        if (!(a->output = realloc(a->output, a->output_room))) die("realloc");
    }
    memcpy(a->output + a->output_length, data, length);
    a->output_length += length;
}

static void write_out(struct association *a, const uint8_t *data, size_t length) {
    if (!a->output_length) {
        ssize_t sent = send_some(a, data, length);
        if (sent < 0 && errno != EAGAIN) return; /* the peer has gone; the next read says so */
        if (sent < 0) sent = 0;
        if ((size_t)sent == length) return;
        data += sent;
        length -= sent;
        watch(a, EPOLLIN | EPOLLOUT);
    }
    queue_output(a, data, length);
}

static void flush_output(struct association *a) {
    ssize_t sent = send_some(a, a->output, a->output_length);
    if (sent <= 0) return;
    memmove(a->output, a->output + sent, a->output_length - sent);
    a->output_length -= sent;
    if (!a->output_length) watch(a, EPOLLIN);
}

struct writer {
    uint8_t data[LARGEST_BODY / 8];
    size_t length;
};

static void put(struct writer *w, const void *data, size_t length) {
    if (w->length + length > sizeof w->data) {
        fprintf(stderr, "answer too long\n");
        exit(1);
    }
    memcpy(w->data + w->length, data, length);
    w->length += length;
}

static void put_be16(struct writer *w, uint16_t value) { put(w, (uint8_t[]){value >> 8, value}, 2); }
static void put_be32(struct writer *w, uint32_t v) { put(w, (uint8_t[]){v >> 24, v >> 16, v >> 8, v}, 4); }
static void put_le16(struct writer *w, uint16_t value) { put(w, (uint8_t[]){value, value >> 8}, 2); }
static void put_le32(struct writer *w, uint32_t v) { put(w, (uint8_t[]){v, v >> 8, v >> 16, v >> 24}, 4); }

static void put_item(struct writer *w, uint8_t type, const void *data, size_t length) {
    put(w, (uint8_t[]){type, 0}, 2);
    put_be16(w, length);
    put(w, data, length);
}

static void put_element(struct writer *w, uint16_t element, const void *data, size_t length) {
    static const uint8_t nul = 0;
    put_le16(w, 0);
    put_le16(w, element);
    put_le32(w, length + (length & 1));
    put(w, data, length);
    if (length & 1) put(w, &nul, 1);
}

static void put_number(struct writer *w, uint16_t element, uint16_t value) {
    put_element(w, element, (uint8_t[]){value, value >> 8}, 2);
}

static struct writer answer, part;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Keeps an answer until its instance has had its time; one instance of an association after the other. */
static void delay(struct association *a, const uint8_t *data, size_t length) {
    struct delayed *one = malloc(sizeof *one + length);
    int64_t begin = now();
    if (!one) die("malloc");
    if (begin < a->last_due) begin = a->last_due;
    one->next = NULL;
    one->due = a->last_due = begin + service + slower * (accepted_now - 1);
    one->length = length;
    memcpy(one->data, data, length);
    if (a->last) a->last->next = one;
    else a->first = one;
    a->last = one;
}

/* Sends the answers that are due; milliseconds until the next one, -1 if there is none. */
static int send_delayed(void) {
    int64_t time = now(), next = -1;
    for (struct association *a = all; a; a = a->next) {
        while (a->first && a->first->due <= time) {
            struct delayed *one = a->first;
            write_out(a, one->data, one->length);
            if (!(a->first = one->next)) a->last = NULL;
            free(one);
        }
        if (a->first && (next < 0 || a->first->due < next)) next = a->first->due;
    }
    return next < 0 ? -1 : (int)((next - time + 999) / 1000);
}

/* Writes a response without data set: command field, message id answered, status 0000. */
static void respond(struct association *a, uint16_t command_field) {
    part.length = answer.length = 0;
    put_element(&part, 0x0002, a->sop_class, strlen(a->sop_class));
    put_number(&part, 0x0100, command_field);
    put_number(&part, 0x0120, a->message_id);
    put_number(&part, 0x0800, 0x0101);
    put_number(&part, 0x0900, 0);
    if (a->sop_instance[0]) put_element(&part, 0x1000, a->sop_instance, strlen(a->sop_instance));
    put(&answer, (uint8_t[]){4, 0}, 2);
    put_be32(&answer, 6 + 12 + part.length);
    put_be32(&answer, 2 + 12 + part.length);
    put(&answer, (uint8_t[]){a->request_context, 3}, 2);
    put_element(&answer, 0, (uint8_t[]){part.length, part.length >> 8, 0, 0}, 4);
    put(&answer, part.data, part.length);
    if (command_field == 0x8001 && (service || slower)) {
        delay(a, answer.data, answer.length);
    } else if (two_writes) {
        write_out(a, answer.data, 12);
        write_out(a, answer.data + 12, answer.length - 12);
    } else {
        write_out(a, answer.data, answer.length);
    }
}

/* ---- association control */

static int answer_context(struct association *a, const uint8_t *item, uint32_t length) {
    uint8_t id = length >= 4 ? item[0] : 0;
    if (!(id & 1)) return fail(a, "a presentation context with id %u", id);
    for (uint32_t at = 4; at + 4 <= length; at += 4 + be16(item + at + 2)) {
        uint32_t size = be16(item + at + 2);
        if (at + 4 + size > length) break;
        if (item[at] != 0x40) continue;
        part.length = 0;
        put(&part, (uint8_t[]){id, 0, 0, 0}, 4);
        put_item(&part, 0x40, item + at + 4, size);
        put_item(&answer, 0x21, part.data, part.length);
        a->accepted[id] = 1;
        return 0;
    }
    return fail(a, "presentation context %u proposes no transfer syntax", id);
}

static unsigned proposed_window(const uint8_t *item, uint32_t length) {
    for (uint32_t at = 0; at + 4 <= length; at += 4 + be16(item + at + 2))
        if (item[at] == 0x53 && at + 8 <= length) return be16(item + at + 4) ? be16(item + at + 4) : 65535;
    return 0;
}

static int associate(struct association *a) {
    static const char uid[] = "2.25.113911560943412586127862345718", name[] = "NULL_SINK";
    const uint8_t *body = a->body;
    unsigned proposed = 0;
    if (a->is_answered || a->body_length < 68) return fail(a, "unexpected A-ASSOCIATE-RQ");
    if (most && accepted_now >= most) {
        write_out(a, (uint8_t[]){3, 0, 0, 0, 0, 4, 0, 2, 3, 2}, 10);
        return 0;
    }
    answer.length = 0;
    put(&answer, (uint8_t[]){2, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 10);
    put(&answer, body + 4, 64);
    for (uint32_t at = 68, size; at + 4 <= a->body_length; at += 4 + size) {
        size = be16(body + at + 2);
        if (at + 4 + size > a->body_length) return fail(a, "an item of the A-ASSOCIATE-RQ is too long");
        if (body[at] == 0x10) put_item(&answer, 0x10, body + at + 4, size);
        if (body[at] == 0x20 && answer_context(a, body + at + 4, size)) return -1;
        if (body[at] == 0x50) proposed = proposed_window(body + at + 4, size);
    }
    part.length = 0;
    put_item(&part, 0x51, (uint8_t[]){max_pdu >> 24, max_pdu >> 16, max_pdu >> 8, max_pdu}, 4);
    put_item(&part, 0x52, uid, sizeof uid - 1);
    if (window && proposed) {
        unsigned granted = proposed < window ? proposed : window;
        put_item(&part, 0x53, (uint8_t[]){granted >> 8, granted, 0, 1}, 4);
    }
    put_item(&part, 0x55, name, sizeof name - 1);
    put_item(&answer, 0x50, part.data, part.length);
    uint32_t length = answer.length - 6;
    uint8_t field[] = {length >> 24, length >> 16, length >> 8, length};
    memcpy(answer.data + 2, field, 4);
    a->is_answered = 1;
    accepted_now++;
    counts.associations++;
    write_out(a, answer.data, answer.length);
    return 0;
}

static int control_pdu(struct association *a) {
    static const uint8_t release_answer[] = {6, 0, 0, 0, 0, 4, 0, 0, 0, 0};
    switch (a->pdu_type) {
    case 1:
        return associate(a);
    case 5:
        if (a->has_request) return fail(a, "released in the middle of an instance");
        write_out(a, release_answer, sizeof release_answer);
        counts.released++;
        a->ended = 1;
        return -1;
    case 7:
        counts.aborted++;
        a->ended = 1;
        return -1;
    default:
        return fail(a, "PDU of type %02x", a->pdu_type);
    }
}

/* ---- messages */

static void copy_uid(char *target, const uint8_t *value, uint32_t length) {
    if (length > 64) length = 64;
    memcpy(target, value, length);
    target[length] = 0;
    for (char *end = target + strlen(target); end > target && end[-1] == ' ';) *--end = 0;
}

static int command_complete(struct association *a) {
    unsigned field = 0, data_set = 0x0101;
    a->sop_class[0] = a->sop_instance[0] = 0;
    for (uint32_t at = 0, length; at < a->command_length; at += 8 + length) {
        const uint8_t *element = a->command + at;
        if (at + 8 > a->command_length) return fail(a, "a command set with stray bytes");
        length = le32(element + 4);
        if (le16(element) || length > a->command_length - at - 8) return fail(a, "a broken command set");
        switch (le16(element + 2)) {
        case 0x0000:
            if (length != 4 || le32(element + 8) != a->command_length - 12) return fail(a, "wrong group length");
            break;
        case 0x0002: copy_uid(a->sop_class, element + 8, length); break;
        case 0x0100: field = length == 2 ? le16(element + 8) : 0; break;
        case 0x0110: a->message_id = length == 2 ? le16(element + 8) : 0; break;
        case 0x0800: data_set = length == 2 ? le16(element + 8) : 0; break;
        case 0x1000: copy_uid(a->sop_instance, element + 8, length); break;
        }
    }
    a->command_length = 0;
    a->request_context = a->context;
    if (field == 0x0030 && data_set == 0x0101) {
        respond(a, 0x8030);
        return 0;
    }
    if (field != 0x0001 || data_set == 0x0101) return fail(a, "command %04x, data set %04x", field, data_set);
    if (!a->sop_class[0] || !a->sop_instance[0]) return fail(a, "a C-STORE-RQ without UIDs");
    a->has_request = 1;
    return 0;
}

static void instance_complete(struct association *a) {
    uint32_t crc = crc32_of(a->sop_instance);
    counts.instances++;
    counts.uid_sum += crc;
    counts.uid_chain = counts.uid_chain * 31 + crc;
    a->has_request = 0;
    respond(a, 0x8001);
}

static int begin_pdv(struct association *a) {
    uint32_t length = be32(a->header);
    a->context = a->header[4];
    a->flags = a->header[5];
    if (length < 2 || length - 2 > a->pdu_left - 6) return fail(a, "a PDV of %u bytes in a PDU with %u left", length, a->pdu_left);
    if (!a->accepted[a->context]) return fail(a, "data on context %u, which was not accepted", a->context);
    if (a->flags & ~3) return fail(a, "message control header %02x", a->flags);
    a->pdu_left -= 6;
    a->pdv_left = length - 2;
    if (a->flags & 1) {
        if (a->has_request) return fail(a, "a command in the middle of a data set");
        a->state = COMMAND_DATA;
    } else {
        if (!a->has_request) return fail(a, "a data set without a command");
        if (a->context != a->request_context) return fail(a, "command and data set on different contexts");
        a->state = DATA_SET_DATA;
    }
    return 0;
}

static int end_pdv(struct association *a) {
    int was_command = a->state == COMMAND_DATA;
    a->have = 0;
    a->state = a->pdu_left ? PDV_HEADER : PDU_HEADER;
    if (!(a->flags & 2)) return 0;
    if (was_command) return command_complete(a);
    instance_complete(a);
    return 0;
}

static int begin_pdu(struct association *a) {
    uint32_t length = be32(a->header + 2);
    a->pdu_type = a->header[0];
    a->have = 0;
    if (a->pdu_type == 4) {
        counts.pdus++;
        if (length > counts.largest_pdu) counts.largest_pdu = length;
        if (!a->is_answered) return fail(a, "P-DATA-TF before the association");
        if (length < 6) return fail(a, "P-DATA-TF of %u bytes", length);
        if (max_pdu && length > max_pdu) return fail(a, "P-DATA-TF of %u bytes", length);
        a->pdu_left = length;
        a->state = PDV_HEADER;
        return 0;
    }
    if (length > LARGEST_BODY) return fail(a, "PDU %02x of %u bytes", a->pdu_type, length);
    a->body_length = length;
    free(a->body);
    if (!(a->body = malloc(length ? length : 1))) die("malloc");
    a->state = BODY;
    return 0;
}

/* Adds input to ``target`` until it holds ``wanted`` bytes; how many bytes of the input that took. */
static uint32_t collect(struct association *a, uint8_t *target, uint32_t wanted, const uint8_t *input, size_t size) {
    uint32_t count = wanted - a->have < size ? wanted - a->have : size;
    memcpy(target + a->have, input, count);
    a->have += count;
    return count;
}

static int take(struct association *a, const uint8_t *input, size_t size) {
    while (size || (a->state == BODY && a->have == a->body_length)) {
        uint32_t count = 0;
        switch (a->state) {
        case PDU_HEADER:
            count = collect(a, a->header, 6, input, size);
            if (a->have == 6 && begin_pdu(a)) return -1;
            break;
        case BODY:
            count = collect(a, a->body, a->body_length, input, size);
            if (a->have == a->body_length) {
                a->have = 0;
                a->state = PDU_HEADER;
                if (control_pdu(a)) return -1;
            }
            break;
        case PDV_HEADER:
            if (a->pdu_left < 6) return fail(a, "%u stray bytes at the end of a PDU", a->pdu_left);
            count = collect(a, a->header, 6, input, size);
            if (a->have == 6) {
                if (begin_pdv(a)) return -1;
                if (!a->pdv_left && end_pdv(a)) return -1;
            }
            break;
        default:
            count = a->pdv_left < size ? a->pdv_left : size;
            if (a->state == COMMAND_DATA) {
                if (a->command_length + count > LARGEST_COMMAND) return fail(a, "a command set without end");
                memcpy(a->command + a->command_length, input, count);
                a->command_length += count;
            } else {
                counts.bytes += count;
            }
            a->pdv_left -= count;
            a->pdu_left -= count;
            if (!a->pdv_left && end_pdv(a)) return -1;
        }
        input += count;
        size -= count;
    }
    return 0;
}

/* ---- the loop */

static void accept_one(int listener) {
    struct association *a = calloc(1, sizeof *a);
    int on = 1;
    if (!a) die("calloc");
    a->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (a->fd < 0) die("accept");
    if (!two_writes) setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    open_tls(a);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = a};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, a->fd, &event)) die("epoll_ctl");
    a->next = all;
    if (all) all->previous = a;
    all = a;
    open_now++;
}

static void end(struct association *a) {
    if (!a->ended) {
        counts.closed++;
        fail(a, "the connection was closed without release or abort");
    }
    close_tls(a);
    close(a->fd);
    if (a->next) a->next->previous = a->previous;
    if (a->previous) a->previous->next = a->next;
    else all = a->next;
    for (struct delayed *one = a->first, *next; one; one = next) {
        next = one->next;
        free(one);
    }
    accepted_now -= a->is_answered;
    free(a->body);
    free(a->output);
    free(a);
    open_now--;
}

static void serve(struct association *a, uint32_t events) {
    static uint8_t input[INPUT];
    if (events & EPOLLOUT && a->output_length) flush_output(a);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t count = receive_some(a, input, sizeof input);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        if (a->is_answered) end(a);
        else a->ended = 1, end(a); /* somebody looked whether we are here */
        return;
    }
    if (take(a, input, count)) end(a);
}

static void report(void) {
    char line[256];
    struct rusage used;
    ssize_t count = read(0, line, sizeof line);
    if (count <= 0) exit(0);
    getrusage(RUSAGE_SELF, &used);
    printf("{\"open\": %ld, \"associations\": %llu, \"instances\": %llu, \"bytes\": %llu, \"uid_sum\": %llu, "
           "\"uid_chain\": %llu, \"pdus\": %llu, \"largest_pdu\": %lu, \"released\": %llu, \"aborted\": %llu, "
           "\"closed\": %llu, \"problem\": \"%s\", \"cpu_seconds\": %.6f}\n",
           open_now, counts.associations, counts.instances, counts.bytes, counts.uid_sum, counts.uid_chain, counts.pdus,
           counts.largest_pdu, counts.released, counts.aborted, counts.closed, counts.problem,
           used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    fflush(stdout);
    if (line[0] == 'r') memset(&counts, 0, sizeof counts); /* "reset"; anything else only looks */
}

static int listen_on_free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 64)) die("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &size)) die("getsockname");
    printf("listening %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--nagle-two-writes")) two_writes = 1;
        else if (!strcmp(argv[i], "--max-pdu") && i + 1 < argc) max_pdu = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--service") && i + 1 < argc) service = strtoll(argv[++i], NULL, 10) * 1000;
        else if (!strcmp(argv[i], "--slower") && i + 1 < argc) slower = strtoll(argv[++i], NULL, 10) * 1000;
        else if (!strcmp(argv[i], "--most") && i + 1 < argc) most = strtol(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--window") && i + 1 < argc) window = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--tls") && i + 2 < argc) use_tls(argv[i + 1], argv[i + 2]), i += 2;
        else return fprintf(stderr, "null_sink: unknown argument %s\n", argv[i]), 2;
    }
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        crc_table[i] = crc;
    }
    static int listener_mark, input_mark;
    int listener = listen_on_free_port();
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener_mark};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event)) die("epoll_ctl");
    event.data.ptr = &input_mark;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &event)) die("epoll_ctl");
    for (;;) {
        struct epoll_event ready[64];
        int count = epoll_wait(poller, ready, 64, service || slower ? send_delayed() : -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr == &listener_mark) accept_one(listener);
            else if (ready[i].data.ptr == &input_mark) report();
            else serve(ready[i].data.ptr, ready[i].events);
        }
    }
}
