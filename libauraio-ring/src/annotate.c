/* SPDX-License-Identifier: MIT */
#include "annotate.h"

#include <linux/stat.h>

bool annotate_wanted;

#if defined(__SANITIZE_THREAD__)
#define ON_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ON_TSAN 1
#endif
#endif

#ifdef ON_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static char mappings;
void annotate_mapped(void)
{
    __tsan_acquire(&mappings);
}
void annotate_unmapping(void)
{
    __tsan_release(&mappings);
}
#else
void annotate_mapped(void) {}
void annotate_unmapping(void) {}
#endif

#ifdef AURAIO_HAVE_VALGRIND

#include <valgrind/memcheck.h>

/* The other tools of Valgrind don't know what is defined, and answer no request about it. */
static bool on_memcheck(void)
{
    char byte = 0, bits = 0;
    return RUNNING_ON_VALGRIND && VALGRIND_GET_VBITS(&byte, &bits, 1) == 1;
}

void annotate_look(void)
{
    if (on_memcheck())
        annotate_wanted = true;
}

static void vector_filled(const struct iovec *iov, uint64_t bytes)
{
    for (; bytes > 0; iov++) {
        uint64_t here = bytes < iov->iov_len ? bytes : iov->iov_len;
        (void)VALGRIND_MAKE_MEM_DEFINED(iov->iov_base, here);
        bytes -= here;
    }
}

void annotate_filled(const struct ring_slot *slot)
{
    if (slot->result < 0)
        return;
    if (slot->op.opcode == RING_OP_READ)
        (void)VALGRIND_MAKE_MEM_DEFINED(slot->op.u.addr, (uint64_t)slot->result);
    else if (slot->op.opcode == RING_OP_READV)
        vector_filled(slot->op.u.iov, (uint64_t)slot->result);
    else if (slot->op.opcode == RING_OP_STATX)
        (void)VALGRIND_MAKE_MEM_DEFINED(slot->rare.statx, sizeof(struct statx));
}

#else

void annotate_look(void) {}
void annotate_filled(const struct ring_slot *slot)
{
    (void)slot;
}

#endif
