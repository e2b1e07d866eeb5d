/* The least a sender can do: reads each file and writes its data set as P-DATA-TF PDUs, one round trip an instance.
 *
 *   limit PORT PATH
 *
 * Nothing is checked, nothing is remembered; all files must have a regular meta header and the SOP Class and transfer
 * syntax of the first one.  It uses what a fast sender may use: one buffer laid out as PDUs, preadv into the gaps, one send
 * for the command and the first 896 KiB, TCP_NODELAY and TCP_QUICKACK.  Source: PS3.8 §9.3, PS3.7 §9.3.1, PS3.10 §7.1. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HEAD_ROOM = 1024, HEADER = 12, CAPACITY = 7 << 17, META = 2048 };

static int peer;
static uint8_t *buffer;          /* head room, then slots, each behind its PDU header */
static struct iovec *slots;
static size_t slot_bytes, slot_count;
static char sop_class[65], transfer_syntax[65], sop_instance[65];
static unsigned message_id = 0;
static unsigned long sent_instances = 0;

static void fail(const char *what) {
    fprintf(stderr, "limit: %s\n", what);
    exit(1);
}

static uint32_t le32(const uint8_t *p) { return (uint32_t)p[3] << 24 | p[2] << 16 | p[1] << 8 | p[0]; }
static uint32_t be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

static void store_be32(uint8_t *p, uint32_t v) {
    p[0] = v >> 24, p[1] = v >> 16, p[2] = v >> 8, p[3] = v;
}

static void send_all(const uint8_t *data, size_t length) {
    while (length) {
        ssize_t count = send(peer, data, length, MSG_NOSIGNAL);
        if (count <= 0) fail("the peer has gone");
        data += count;
        length -= count;
    }
}

/* Receives one PDU; gives its type. */
static int receive_pdu(uint8_t *body, size_t room, uint32_t *length) {
    uint8_t header[6], *target = header;
    size_t wanted = 6;
    int on = 1;
    *length = 0;
    for (int part = 0; part < 2; part++) {
        while (wanted) {
            setsockopt(peer, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
            ssize_t count = recv(peer, target, wanted, 0);
            if (count <= 0) fail("the peer has gone");
            target += count;
            wanted -= count;
        }
        if (part) break;
        *length = wanted = be32(header + 2);
        if (wanted > room) fail("an answer is too long");
        target = body;
    }
    return header[0];
}

/* ---- association */

static size_t put_item(uint8_t *target, uint8_t type, const void *data, size_t length) {
    target[0] = type, target[1] = 0, target[2] = length >> 8, target[3] = length;
    memcpy(target + 4, data, length);
    return length + 4;
}

static void associate(void) {
    static uint8_t request[4096], answer[1 << 16];
    uint8_t context[512] = {1, 0, 0, 0}, user[128];
    static const uint8_t longest[] = {0, 2, 0, 0};
    static const char uid[] = "2.25.113911560943412586127862345719";
    size_t length = 6 + 68, size = 4, limit = 131072;
    memset(request + 6, 0, 4);
    request[7] = 1;
    memcpy(request + 10, "ANY-SCP         LIMIT           ", 32);
    length += put_item(request + length, 0x10, "1.2.840.10008.3.1.1.1", 21);
    size += put_item(context + size, 0x30, sop_class, strlen(sop_class));
    size += put_item(context + size, 0x40, transfer_syntax, strlen(transfer_syntax));
    length += put_item(request + length, 0x20, context, size);
    size = put_item(user, 0x51, longest, 4);
    size += put_item(user + size, 0x52, uid, sizeof uid - 1);
    length += put_item(request + length, 0x50, user, size);
    request[0] = 1;
    store_be32(request + 2, length - 6);
    send_all(request, length);
    uint32_t count;
    if (receive_pdu(answer, sizeof answer, &count) != 2) fail("no association");
    for (uint32_t at = 68; at + 8 <= count; at += 4 + (answer[at + 2] << 8 | answer[at + 3])) {
        if (answer[at] == 0x21 && answer[at + 6]) fail("context refused");
        if (answer[at] == 0x50 && answer[at + 4] == 0x51 && be32(answer + at + 8) && be32(answer + at + 8) < limit)
            limit = be32(answer + at + 8);
    }
    slot_bytes = limit / 2 * 2 - HEADER;
    slot_count = CAPACITY / (slot_bytes + HEADER);
    if (slot_count > 1000) slot_count = 1000;
    buffer = malloc(HEAD_ROOM + slot_count * (slot_bytes + HEADER));
    slots = calloc(slot_count, sizeof *slots);
    if (!buffer || !slots) fail("no memory");
    for (size_t i = 0; i < slot_count; i++)
        slots[i].iov_base = buffer + HEAD_ROOM + i * (slot_bytes + HEADER) + HEADER;
}

static void write_header(uint8_t *header, size_t length, uint8_t flags) {
    header[0] = 4, header[1] = 0, header[10] = 1, header[11] = flags;
    store_be32(header + 2, length + 6);
    store_be32(header + 6, length + 2);
}

/* ---- one instance */

static size_t put_element(uint8_t *target, unsigned element, const void *value, size_t length) {
    size_t padded = length + (length & 1);
    uint8_t header[] = {0, 0, element, element >> 8, padded, padded >> 8, 0, 0};
    memcpy(target, header, 8);
    memcpy(target + 8, value, length);
    if (length & 1) target[8 + length] = 0;
    return 8 + padded;
}

/* Writes the command PDU so that it ends where the head room ends; gives its beginning. */
static uint8_t *put_command(void) {
    uint8_t set[512];
    size_t length = 12;
    message_id = message_id % 65535 + 1;
    length += put_element(set + length, 0x0002, sop_class, strlen(sop_class));
    length += put_element(set + length, 0x0100, "\1\0", 2);
    length += put_element(set + length, 0x0110, (uint8_t[]){message_id, message_id >> 8}, 2);
    length += put_element(set + length, 0x0700, "\0\0", 2);
    length += put_element(set + length, 0x0800, "\1\0", 2);
    length += put_element(set + length, 0x1000, sop_instance, strlen(sop_instance));
    put_element(set, 0, (uint8_t[]){length - 12, (length - 12) >> 8, 0, 0}, 4);
    uint8_t *begin = buffer + HEAD_ROOM - HEADER - length;
    write_header(begin, length, 3);
    memcpy(begin + HEADER, set, length);
    return begin;
}

static void copy_uid(char *target, const uint8_t *value, size_t length) {
    if (length > 64) fail("a UID is too long");
    memcpy(target, value, length);
    target[length] = 0;
}

/* Reads the UIDs of the meta header; gives the position of the data set. */
static size_t read_meta(const uint8_t *data, size_t size, char *class, char *syntax) {
    if (size < 158 || memcmp(data + 128, "DICM\2\0\0\0UL\4", 11)) fail("a file without regular meta header");
    size_t end = 144 + le32(data + 140);
    if (end > size) fail("a meta header is too long");
    for (size_t at = 144, length; at + 8 <= end; at += length) {
        length = 8 + (data[at + 6] | data[at + 7] << 8);
        if (!memcmp(data + at + 4, "OB", 2)) length = 12 + le32(data + at + 8);
        if (at + length > end) fail("a broken meta header");
        if (data[at + 2] == 2) copy_uid(class, data + at + 8, length - 8);
        if (data[at + 2] == 3) copy_uid(sop_instance, data + at + 8, length - 8);
        if (data[at + 2] == 16) copy_uid(syntax, data + at + 8, length - 8);
    }
    return end;
}

static void send_file(const char *path) {
    uint8_t meta[META], answer[1024];
    char class[65] = "", syntax[65] = "";
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status)) fail(path);
    ssize_t size = pread(file, meta, META, 0);
    if (size < 0) fail(path);
    size_t offset = read_meta(meta, size, class, syntax), left = status.st_size - offset;
    if (!buffer) {
        strcpy(sop_class, class);
        strcpy(transfer_syntax, syntax);
        associate();
    }
    if (strcmp(class, sop_class) || strcmp(syntax, transfer_syntax)) fail("files of several kinds");
    uint8_t *begin = put_command();
    do {
        size_t piece = left < slot_count * slot_bytes ? left : slot_count * slot_bytes, got = 0;
        size_t used = piece ? (piece + slot_bytes - 1) / slot_bytes : 1;
        for (size_t i = 0; i < used; i++) {
            slots[i].iov_len = i + 1 < used ? slot_bytes : piece - i * slot_bytes;
            write_header(buffer + HEAD_ROOM + i * (slot_bytes + HEADER), slots[i].iov_len, left == piece && i + 1 == used ? 2 : 0);
        }
        ssize_t count = preadv(file, slots, used, offset);
        if (count > 0) got = count;
        if (got != piece) fail("a short read"); /* a regular file of a local file system gives what is there */
        offset += piece;
        left -= piece;
        send_all(begin, buffer + HEAD_ROOM + piece + used * HEADER - begin);
        begin = buffer + HEAD_ROOM;
    } while (left);
    close(file);
    uint32_t length;
    if (receive_pdu(answer, sizeof answer, &length) != 4) fail("no response");
    sent_instances++;
}

static void send_directory(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) fail(path);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char name[4096];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= (int)sizeof name) fail("a name is too long");
        if (entry->d_type == DT_DIR) send_directory(name);
        else send_file(name);
    }
    closedir(directory);
}

int main(int argc, char **argv) {
    static const uint8_t release[] = {5, 0, 0, 0, 0, 4, 0, 0, 0, 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t answer[64];
    uint32_t length;
    int on = 1;
    if (argc != 3) return fprintf(stderr, "usage: limit PORT PATH\n"), 2;
    address.sin_port = htons(atoi(argv[1]));
    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer < 0 || connect(peer, (struct sockaddr *)&address, sizeof address)) fail("cannot connect");
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct stat status;
    if (stat(argv[2], &status)) fail(argv[2]);
    if (S_ISDIR(status.st_mode)) send_directory(argv[2]);
    else send_file(argv[2]);
    if (!sent_instances) fail("no files");
    send_all(release, sizeof release);
    if (receive_pdu(answer, sizeof answer, &length) != 6) fail("no release");
    return 0;
}
