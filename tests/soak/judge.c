/* SPDX-License-Identifier: MIT */
/* What is written, and whether what came of an operation may be. Callbacks run on whichever thread drives:
 * they put the result down and count; the seat's thread judges it later. */
#include "seat.h"

#include <errno.h>
#include <string.h>

enum { WORDS = BLOCK_BYTES / 8 };

/* ------------------------------------------------------------------ contents */

static uint64_t word_of(const struct seat *seat, int block, uint64_t generation, int place)
{
    if (generation == 0)
        return 0; /* never written */
    return (uint64_t)seat->number << 56 ^ (uint64_t)block << 44 ^ generation << 9 ^ (uint64_t)place;
}

void record_fill(const struct record *record)
{
    for (int i = 0; i < WORDS; i++) {
        uint64_t word = word_of(record->seat, record->block, record->generation, i);
        memcpy(record->bytes + 8 * i, &word, sizeof(word));
    }
}

static void verify(const struct record *record, uint64_t generation, uint64_t unsure)
{
    for (int i = 0; i < WORDS; i++) {
        uint64_t word;
        memcpy(&word, record->bytes + 8 * i, sizeof(word));
        if (word == word_of(record->seat, record->block, generation, i) ||
            (unsure && word == word_of(record->seat, record->block, unsure, i)))
            continue;
        soak_fail("seat %d: word %d of block %d is %016llx, of neither generation %llu nor %llu",
                  record->seat->number, i, record->block, (unsigned long long)word,
                  (unsigned long long)generation, (unsigned long long)unsure);
    }
    atomic_fetch_add(&soak_counts.bytes_verified, BLOCK_BYTES);
}

/* ----------------------------------------------------------------- callbacks */

/* What is about no block is about the first. */
off_t record_offset(const struct record *record)
{
    int block = record->block < 0 ? 0 : record->block;
    return ((off_t)record->seat->number * SEAT_BLOCKS + block) * BLOCK_BYTES;
}

static void note(struct record *record, int step, ssize_t result)
{
    record->results[step] = result;
    int left = atomic_fetch_sub(&record->left, 1); /* the last one hands the record to the seat's thread */
    if (left < 1)
        soak_fail("seat %d: an operation calls back once too often", record->seat->number);
}

void on_first(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    note(user_data, 0, result);
}

void on_second(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    note(user_data, 1, result);
}

void on_third(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    note(user_data, 2, result);
}

/* Read back what was just written. Where that is refused, or the write was no success, there is no second. */
void on_written(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct record *record = user_data;
    bool goes_on = false;
    (void)req;
    record->results[1] = -EAGAIN;
    if (result == BLOCK_BYTES) {
        memset(record->bytes, 0, BLOCK_BYTES);
        goes_on = auraio_read(record->seat->engine, record->seat->fd, auraio_buf(record->bytes), BLOCK_BYTES,
                              record_offset(record), on_second, record) != NULL;
        if (!goes_on)
            require(errno == EAGAIN);
    }
    if (!goes_on)
        atomic_fetch_sub(&record->left, 1);
    note(record, 0, result);
}

/* ------------------------------------------------------------------ judging */

static bool may_have_stopped(const struct record *record, ssize_t result)
{
    if (result == -ECANCELED && atomic_load(&record->asked)) {
        atomic_fetch_add(&soak_counts.cancelled, 1);
        return true;
    }
    if (result == -ETIMEDOUT && record->deadline) {
        atomic_fetch_add(&soak_counts.timed_out, 1);
        return true;
    }
    return result >= 0 && (record->deadline || atomic_load(&record->asked)); /* bytes so far */
}

_Noreturn static void implausible(const struct record *record, int step, ssize_t result)
{
    soak_fail("seat %d: operation of kind %d, step %d, gives %zd (%s)", record->seat->number,
              (int)record->kind, step, result, result < 0 ? strerror((int)-result) : "bytes");
}

static void judge_write(struct record *record, ssize_t result)
{
    struct block *block = &record->seat->blocks[record->block];
    if (result == BLOCK_BYTES) {
        *block = (struct block){.generation = record->generation, .busy = true};
        atomic_fetch_add(&soak_counts.bytes_written, BLOCK_BYTES);
    } else if (may_have_stopped(record, result)) {
        block->unsure = record->generation; /* it was clean: see start_block() */
    } else {
        implausible(record, 0, result);
    }
}

static void judge_read(const struct record *record, int step)
{
    const struct block *block = &record->seat->blocks[record->block];
    if (record->results[step] == BLOCK_BYTES)
        verify(record, block->generation, block->unsure);
    else if (!may_have_stopped(record, record->results[step]))
        implausible(record, step, record->results[step]);
}

static void judge_chain(struct record *record)
{
    judge_write(record, record->results[0]);
    bool synced = record->results[0] == BLOCK_BYTES && record->results[1] == 0;
    if (!synced && (record->results[2] != -ECANCELED ||
                    (record->results[0] != BLOCK_BYTES && record->results[1] != -ECANCELED)))
        implausible(record, 1, record->results[1]);
    if (synced)
        judge_read(record, 2);
}

static void expect(const struct record *record, ssize_t result)
{
    if (record->results[0] == result && result < 0)
        atomic_fetch_add(&soak_counts.errors_expected, 1);
    else if (record->results[0] != result && !may_have_stopped(record, record->results[0]))
        implausible(record, 0, record->results[0]);
}

static void judge(struct record *record)
{
    switch (record->kind) {
    case WRITE:
        judge_write(record, record->results[0]);
        break;
    case READ:
        judge_read(record, 0);
        break;
    case WRITE_THEN_READ:
        judge_write(record, record->results[0]);
        if (record->results[0] == BLOCK_BYTES && record->results[1] != -EAGAIN)
            judge_read(record, 1);
        break;
    case SYNCED:
        judge_chain(record);
        break;
    case FED_PIPE:
        expect(record, 1);
        record->seat->fed_bytes += record->results[0] != 1;
        break;
    case EMPTY_PIPE:
        expect(record, -ETIMEDOUT);
        break;
    case CANCELLED_PIPE:
        expect(record, -ECANCELED);
        break;
    case FULL:
        expect(record, -ENOSPC);
        break;
    default:
        expect(record, -EBADF);
        break;
    }
}

void record_finish(struct record *record)
{
    if (record->steps == 0)
        return; /* never used, or finished */
    judge(record);
    atomic_fetch_add(&soak_counts.operations, record->steps);
    if (record->block >= 0)
        record->seat->blocks[record->block].busy = false;
    if (record->bytes != record->own)
        auraio_buffer_free(record->seat->engine, record->bytes, BLOCK_BYTES);
    record->steps = 0;
}
