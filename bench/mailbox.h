/* SPDX-License-Identifier: MIT */
/*
 * How a driver gives slots back to the one submitter they belong to: a ring of as many entries as there are
 * slots, so that it can't be full, written by one thread and read by another. The reader sleeps on a futex,
 * and the writer makes a system call only when it does.
 */
#ifndef BENCH_MAILBOX_H
#define BENCH_MAILBOX_H

#include <stdatomic.h>

struct mailbox {
    unsigned size; /* a power of two */
    unsigned *slots;
    unsigned head; /* the reader's */
    _Alignas(64) atomic_uint tail;
    atomic_uint asleep; /* 1: the reader sleeps, or is about to */
};

/* Room for at least `slots`. Returns 0 or -ENOMEM. */
int mailbox_init(struct mailbox *mailbox, unsigned slots);
void mailbox_destroy(struct mailbox *mailbox);

void mailbox_put(struct mailbox *mailbox, unsigned slot);

/* Everything there is, into ret_slots, which has room for all; sleeps while there is nothing. Returns how
 * many. */
unsigned mailbox_take(struct mailbox *mailbox, unsigned *ret_slots);

#endif
