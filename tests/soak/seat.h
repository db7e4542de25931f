/* SPDX-License-Identifier: MIT */
/*
 * A seat's window of operations on blocks that nobody else writes, so that what a read must find is known: a
 * block holds its number and the generation of its last write. A write that was cancelled, or came too late,
 * may be there or not, in part: until the next complete write each word of the block may be of either
 * generation.
 */
#ifndef TESTS_SOAK_SEAT_H
#define TESTS_SOAK_SEAT_H

#include "soak.h"

#include "files.h"

enum { CHAIN = 3 };

enum kind {
    WRITE,
    READ,
    WRITE_THEN_READ, /* in the callback of the write */
    SYNCED,          /* a chain: write, fdatasync, read */
    FED_PIPE,
    EMPTY_PIPE, /* ends by its deadline */
    CANCELLED_PIPE,
    CLOSED,    /* EBADF */
    READ_ONLY, /* EBADF of a write */
    FULL,      /* ENOSPC */
    KINDS
};

struct block {
    uint64_t generation; /* of the last complete write */
    uint64_t unsure;     /* of a write that may be there in part; 0: none */
    bool busy;
};

struct record {
    struct seat *seat;
    enum kind kind;
    int block;
    uint64_t generation;
    char *own, *bytes; /* its own memory, and that in use: its own or the pool's */
    struct iovec iov[2];
    bool deadline, writes;
    bool mends;                         /* a write of what is unsure: nobody may stop it */
    int steps;                          /* callbacks to come in all */
    atomic_int left;                    /* still to come; 0: it can be judged */
    ssize_t results[CHAIN];             /* in the order of the chain */
    _Atomic(auraio_request_t *) handle; /* for those who cancel; NULL: not this one */
    atomic_bool asked;                  /* to be cancelled, it or one before it */
};

struct seat {
    auraio_engine_t *engine;
    int fd, number;
    bool direct; /* O_DIRECT: memory must be aligned */
    uint64_t random, next_generation;
    struct block blocks[SEAT_BLOCKS];
    struct record records[SEAT_WINDOW];
    char *memory;
    pipe_pair_t fed, empty;
    int fed_bytes; /* in the first, left by reads that were cancelled */
    int read_only_fd, full_fd;
};

/* ------------------------------------------------------------------ judge.c */

/* Where in the file the record's block is. */
off_t record_offset(const struct record *record);
/* Put the block's next content into its bytes. */
void record_fill(const struct record *record);

/* Callbacks: of an operation alone or first in a chain, of the next ones, and of a write that is read back.
 */
void on_first(auraio_request_t *req, ssize_t result, void *user_data);
void on_second(auraio_request_t *req, ssize_t result, void *user_data);
void on_third(auraio_request_t *req, ssize_t result, void *user_data);
void on_written(auraio_request_t *req, ssize_t result, void *user_data);

/* With nothing to come: judge what has, and let go of what the record has. */
void record_finish(struct record *record);

#endif
