/* SPDX-License-Identifier: MIT */
/*
 * Vectored I/O: one operation gathers a record from several places, and one scatters it back.
 *
 * A record is a header, a body and a checksum that live in three different structures; writev puts them side
 * by side in the file without copying them together first. The iovec array and what it points to must stay
 * valid until the callback, so they live in the record itself.
 */
#include "example.h"

enum { RECORDS = 64, BODY = 1500 };

struct header {
    uint32_t magic;
    uint32_t number;
};

struct record {
    struct header header;
    unsigned char body[BODY];
    uint64_t checksum;
    struct iovec iov[3];
};

static const uint32_t magic = 0x41555241;
static const size_t record_size = sizeof(struct header) + BODY + sizeof(uint64_t);

static uint64_t checksum(const unsigned char *body)
{
    uint64_t sum = 0;
    for (int i = 0; i < BODY; i++)
        sum = sum * 31 + body[i];
    return sum;
}

static void set_iov(struct record *record)
{
    record->iov[0] = (struct iovec){&record->header, sizeof(record->header)};
    record->iov[1] = (struct iovec){record->body, sizeof(record->body)};
    record->iov[2] = (struct iovec){&record->checksum, sizeof(record->checksum)};
}

static void on_done(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    if (result != (ssize_t)record_size)
        example_fail_errno("record", result < 0 ? (int)-result : EIO);
}

static void write_records(auraio_engine_t *engine, int fd, struct record *records)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct record *record = &records[i];
        record->header = (struct header){magic, i};
        example_fill(record->body, BODY, (off_t)i * BODY);
        record->checksum = checksum(record->body);
        set_iov(record);
        if (!auraio_writev(engine, fd, record->iov, 3, (off_t)(i * record_size), on_done, NULL))
            example_fail("auraio_writev");
    }
    if (auraio_drain(engine, -1) < 0)
        example_fail("auraio_drain");
}

static void read_records(auraio_engine_t *engine, int fd, struct record *records)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        memset(&records[i], 0, sizeof(records[i]));
        set_iov(&records[i]);
        if (!auraio_readv(engine, fd, records[i].iov, 3, (off_t)(i * record_size), on_done, NULL))
            example_fail("auraio_readv");
    }
    if (auraio_drain(engine, -1) < 0)
        example_fail("auraio_drain");
    for (uint32_t i = 0; i < RECORDS; i++) {
        const struct record *record = &records[i];
        example_check(record->body, BODY, (off_t)i * BODY);
        if (record->header.magic != magic || record->header.number != i ||
            record->checksum != checksum(record->body))
            example_fail_errno("a record came back different", EIO);
    }
}

int main(void)
{
    static struct record records[RECORDS];
    int fd = example_file(0);
    auraio_engine_t *engine = auraio_create();
    if (!engine)
        example_fail("auraio_create");
    write_records(engine, fd, records);
    read_records(engine, fd, records);
    auraio_destroy(engine);
    close(fd);
    printf("%d records of %zu bytes written from three places and read back into them\n", RECORDS,
           record_size);
    return EXIT_SUCCESS;
}
