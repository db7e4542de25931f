/* SPDX-License-Identifier: MIT */
/*
 * The model: one token for each operation that was accepted, and what every byte of every file may be.
 *
 * Writes that are under way at the same time never overlap (the schedule sees to that), so a byte is what the
 * last write that succeeded there put, or, for a read beside a write, what that one puts. An operation that
 * has completed with r has moved r bytes, no more; one that failed, none.
 */
#ifndef SIMULATE_TOKEN_H
#define SIMULATE_TOKEN_H

#include <auraio.h>
#include <stdbool.h>
#include <stdint.h>

enum { TOKENS_MAX = 512, TOKEN_BYTES = 2048, TOKEN_VECTORS = 4, FILES_MAX = 3, FILE_BYTES = 16384 };

struct token {
    auraio_opcode_t opcode;
    auraio_request_t *handle;
    int file; /* of those below; -1: a pipe, or none */
    int fd;
    int thread;
    uint64_t offset, len;
    int rw_flags;
    int before;      /* in its chain; -1: none */
    int after_write; /* a read that must see what this token wrote; -1: none */
    bool accepted, completed;
    bool may_be_cancelled;
    bool stream;
    int64_t result;
    uint64_t submitted_at, completed_at; /* in steps of the model */
    int hard_errors;                     /* EIO, ENOSPC: how often the world let it fail */
    int last_error;
    int again_errors;
    uint64_t size_before;                    /* of the file */
    unsigned char *bytes;                    /* TOKEN_BYTES of them */
    unsigned char before_bytes[TOKEN_BYTES]; /* a read: what was there when it was submitted */
    struct iovec iov[TOKEN_VECTORS];
    char name[16];
};

struct file_model {
    int fd;
    uint64_t size;
    unsigned char bytes[FILE_BYTES];
    unsigned char unsure[FILE_BYTES]; /* a write whose sync failed: old or new */
    unsigned char unsure_bytes[FILE_BYTES];
    int writers; /* tokens under way that change it */
    int readers;
    bool resizing;
};

extern struct token tokens[TOKENS_MAX];
extern int token_count;
extern struct file_model files[FILES_MAX];
extern bool tokens_may_lack_memory; /* calls fail in this run: operations may fail with that */
extern bool tokens_end;             /* the engine is being shut down: what waits may be cancelled */

void tokens_begin(int file_count);

/* A new one, NULL: the run has used all. */
struct token *token_make(auraio_opcode_t opcode, int file, uint64_t offset, uint64_t len);
int token_number(const struct token *token);
/* The memory of all tokens' bytes: TOKENS_MAX * TOKEN_BYTES. */
unsigned char *token_all_bytes(void);

/* Bytes [offset, offset + len) may be written to now. */
bool token_may_write(int file, uint64_t offset, uint64_t len);
bool token_may_resize(int file);

/* Around the call that submits it. @handle NULL: it was refused, and never was. */
void token_submit(struct token *token);
void token_accepted(struct token *token, auraio_request_t *handle);

int token_of_key(uint64_t key);
void token_injected(int token, int error);

/* The callback of every operation: checks everything that can be. */
void token_complete(auraio_request_t *request, ssize_t result, void *user_data);

int tokens_pending(void);
/* The file's content is what the model says. */
void token_check_file(int file);

#endif
