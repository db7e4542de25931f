/*
 * Memory from the operating system. Address space is reserved without access first and opened
 * afterwards, so that what alignment wastes for a moment is never counted against a strict
 * overcommit limit.
 */
#include "os.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* In the C library from 2.37 on. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void *reserve(size_t size_bytes)
{
    void *memory = mmap(NULL, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* munmap fails only for arguments that were never mapped, or when splitting a mapping exceeds the
 * system's limit on their number; then the address space stays reserved and costs no memory. */
static void unmap(uintptr_t start, size_t size_bytes)
{
    if (size_bytes > 0)
        (void)munmap((void *)start, size_bytes);
}

static void *open_range(uintptr_t start, size_t size_bytes)
{
    if (mprotect((void *)start, size_bytes, PROT_READ | PROT_WRITE) == 0)
        return (void *)start;
    unmap(start, size_bytes);
    return NULL;
}

void *pool_os_map(size_t size_bytes, size_t align_bytes)
{
    assert(align_bytes % pool_os_page_bytes() == 0);
    assert(size_bytes % pool_os_page_bytes() == 0);
    void *memory = reserve(size_bytes + align_bytes);
    if (!memory)
        return NULL;
    uintptr_t reserved = (uintptr_t)memory;
    uintptr_t start = (reserved + align_bytes - 1) & ~(uintptr_t)(align_bytes - 1);
    unmap(reserved, start - reserved);
    unmap(start + size_bytes, reserved + align_bytes - start);
    return open_range(start, size_bytes);
}

static size_t page_multiple(size_t size_bytes)
{
    size_t page = pool_os_page_bytes();
    return (size_bytes + page - 1) & ~(page - 1);
}

/* Records begin this far into a page. Buffers begin where pages do, and the first lines of all of them
 * compete for the same few places in the processor's first-level cache: no record should be there. */
#define POOL_OS_RECORD_OFFSET ((size_t)1024 + 64)

void *pool_os_map_guarded(size_t size_bytes)
{
    size_t page = pool_os_page_bytes();
    size_t inner = page_multiple(POOL_OS_RECORD_OFFSET + size_bytes);
    void *memory = reserve(inner + 2 * page);
    if (!memory)
        return NULL;
    uintptr_t start = (uintptr_t)memory + page;
    if (mprotect((void *)start, inner, PROT_READ | PROT_WRITE) == 0)
        return (void *)(start + POOL_OS_RECORD_OFFSET);
    unmap(start - page, inner + 2 * page);
    return NULL;
}

void pool_os_unmap(void *memory, size_t size_bytes)
{
    unmap((uintptr_t)memory, size_bytes);
}

void pool_os_unmap_guarded(void *memory, size_t size_bytes)
{
    size_t page = pool_os_page_bytes();
    unmap((uintptr_t)memory - POOL_OS_RECORD_OFFSET - page,
          page_multiple(POOL_OS_RECORD_OFFSET + size_bytes) + 2 * page);
}

void pool_os_purge(void *memory, size_t size_bytes)
{
    /* Refused for locked pages only (EINVAL): those stay resident, as whoever locked them asked
     * for. */
    (void)madvise(memory, size_bytes, MADV_DONTNEED);
}

bool pool_os_prefer_huge(void *memory, size_t size_bytes)
{
    /* Refused by kernels built without: small pages work as well. */
    return madvise(memory, size_bytes, MADV_HUGEPAGE) == 0;
}

void pool_os_collapse(void *memory, size_t size_bytes)
{
    /* Refused by kernels before 6.1, where nothing was touched, and while a page is in use by a device. */
    (void)madvise(memory, size_bytes, MADV_COLLAPSE);
}

void pool_os_refuse_huge(void *memory, size_t size_bytes)
{
    (void)madvise(memory, size_bytes, MADV_NOHUGEPAGE);
}

size_t pool_os_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t pool_os_memory_bytes(void)
{
    return (size_t)sysconf(_SC_PHYS_PAGES) * pool_os_page_bytes();
}
