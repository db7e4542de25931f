/*
 * Memory from the operating system: the only place that calls mmap and its kin.
 */
#ifndef AURAIO_POOL_OS_H
#define AURAIO_POOL_OS_H

#include <stddef.h>

/* What memory must have to gain from huge pages: on x86-64, and on arm64 with pages of 4 KiB, one of them. */
#define POOL_OS_HUGE_BYTES ((size_t)2 << 20)

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

/* Asks for huge pages in untouched memory, where the system has them. */
void pool_os_prefer_huge(void *memory, size_t size_bytes);

size_t pool_os_page_bytes(void);

/* Physical memory of the machine. */
size_t pool_os_memory_bytes(void);

#endif
