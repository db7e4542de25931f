/*
 * Memory from the operating system: the only place that calls mmap and its kin.
 */
#ifndef AURAIO_POOL_OS_H
#define AURAIO_POOL_OS_H

#include <stdbool.h>
#include <stddef.h>

/* A huge page on x86-64, and on arm64, where pages are of 4 KiB; what memory must have to gain from them. */
#define POOL_OS_HUGE_BYTES ((size_t)2 << 20)
#define POOL_OS_HUGE_BASE_BYTES ((size_t)4096)

/* Zeroed memory for buffers, at a multiple of align_bytes (a power of two, a multiple of the page);
 * NULL when refused. */
void *pool_os_map(size_t size_bytes, size_t align_bytes);

/* Zeroed memory for the pool's own records, with an inaccessible page on either side: a stray write
 * of the application next to its buffers faults there instead of changing what the pool believes.
 * NULL when refused. */
void *pool_os_map_guarded(size_t size_bytes);

void pool_os_unmap(void *memory, size_t size_bytes);
void pool_os_unmap_guarded(void *memory, size_t size_bytes);

/* Gives the pages back to the system; they read as zero when touched again. */
void pool_os_purge(void *memory, size_t size_bytes);

/* Asks for huge pages where nothing has been touched yet; whether the system has them at all. */
bool pool_os_prefer_huge(void *memory, size_t size_bytes);

/* Makes one huge page of what has been touched, if the system can now; otherwise it may later by itself. */
void pool_os_collapse(void *memory, size_t size_bytes);

/* Asks for small pages from now on. */
void pool_os_refuse_huge(void *memory, size_t size_bytes);

size_t pool_os_page_bytes(void);

/* Physical memory of the machine. */
size_t pool_os_memory_bytes(void);

#endif
