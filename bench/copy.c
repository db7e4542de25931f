/* SPDX-License-Identifier: MIT */
/*
 * Slots that go round: read a piece, write it, read the next one. Callbacks do it all; the caller waits and
 * shows how far it is. After an error no slot starts anything new, and what is in flight ends by itself.
 */
#include "copy.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOTS = 32, PIECE = 256 * 1024 };

struct copy {
    auraio_engine_t *engine;
    int from, to;
    off_t size, next, copied;
    unsigned busy; /* slots with an operation in flight */
    int error;
};

struct slot {
    struct copy *copy;
    void *buf;
    off_t offset;
};

static void on_written(auraio_request_t *req, ssize_t result, void *user_data);

static void stop(struct slot *slot, int error)
{
    if (slot->copy->error == 0)
        slot->copy->error = error;
    slot->copy->busy--;
}

static size_t piece_size(const struct slot *slot)
{
    off_t left = slot->copy->size - slot->offset;
    return left < PIECE ? (size_t)left : PIECE;
}

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct slot *slot = user_data;
    struct copy *copy = slot->copy;
    size_t size = piece_size(slot);
    if (result != (ssize_t)size)
        stop(slot, result < 0 ? (int)result : -EIO);
    else if (!auraio_write(copy->engine, copy->to, auraio_buf(slot->buf), size, slot->offset, on_written,
                           slot))
        stop(slot, -errno);
}

/* The slot is busy on entry, and stays so when there is another piece to copy. */
static void next_piece(struct slot *slot)
{
    struct copy *copy = slot->copy;
    if (copy->next >= copy->size || copy->error != 0) {
        copy->busy--;
        return;
    }
    slot->offset = copy->next;
    copy->next += PIECE;
    if (!auraio_read(copy->engine, copy->from, auraio_buf(slot->buf), piece_size(slot), slot->offset, on_read,
                     slot))
        stop(slot, -errno);
}

static void on_written(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct slot *slot = user_data;
    if (result != (ssize_t)piece_size(slot)) {
        stop(slot, result < 0 ? (int)result : -EIO);
        return;
    }
    slot->copy->copied += result;
    next_piece(slot);
}

int copy_file(auraio_engine_t *engine, int from, int to, off_t size, data_progress_t progress,
              void *user_data)
{
    struct copy copy = {.engine = engine, .from = from, .to = to, .size = size};
    struct slot slots[SLOTS];
    unsigned count = 0;
    for (; count < SLOTS && copy.error == 0; count++) {
        slots[count] = (struct slot){.copy = &copy, .buf = auraio_buffer_alloc(engine, PIECE)};
        if (!slots[count].buf) {
            copy.error = -errno;
            break;
        }
        copy.busy++;
        next_piece(&slots[count]);
    }
    while (copy.busy > 0) {
        if (auraio_wait(engine, -1) < 0) {
            copy.error = -errno;
            break;
        }
        progress((double)copy.copied / (double)size, user_data);
    }
    for (unsigned i = 0; i < count; i++)
        auraio_buffer_free(engine, slots[i].buf, PIECE);
    return copy.error;
}
