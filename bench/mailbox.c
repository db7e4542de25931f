/* SPDX-License-Identifier: MIT */
/* See mailbox.h. */
#include "mailbox.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int mailbox_init(struct mailbox *mailbox, unsigned slots)
{
    unsigned size = 1;
    while (size < slots)
        size *= 2;
    mailbox->size = size;
    mailbox->head = 0;
    atomic_init(&mailbox->tail, 0);
    atomic_init(&mailbox->asleep, 0);
    mailbox->slots = calloc(size, sizeof(mailbox->slots[0]));
    return mailbox->slots ? 0 : -ENOMEM;
}

void mailbox_destroy(struct mailbox *mailbox)
{
    free(mailbox->slots);
    mailbox->slots = NULL;
}

void mailbox_put(struct mailbox *mailbox, unsigned slot)
{
    unsigned tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
    mailbox->slots[tail & (mailbox->size - 1)] = slot;
    /* Sequentially consistent with what the reader does: it says that it sleeps, then looks at the tail. */
    atomic_store(&mailbox->tail, tail + 1);
    if (atomic_load(&mailbox->asleep) && atomic_exchange(&mailbox->asleep, 0))
        syscall(SYS_futex, &mailbox->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static unsigned await(struct mailbox *mailbox)
{
    unsigned tail;
    while ((tail = atomic_load_explicit(&mailbox->tail, memory_order_acquire)) == mailbox->head) {
        atomic_store(&mailbox->asleep, 1);
        if (atomic_load(&mailbox->tail) == mailbox->head)
            syscall(SYS_futex, &mailbox->asleep, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
        atomic_store(&mailbox->asleep, 0);
    }
    return tail;
}

unsigned mailbox_take(struct mailbox *mailbox, unsigned *ret_slots)
{
    unsigned count = 0;
    for (unsigned tail = await(mailbox); mailbox->head != tail; mailbox->head++)
        ret_slots[count++] = mailbox->slots[mailbox->head & (mailbox->size - 1)];
    return count;
}
