/*
 * What AddressSanitizer and Valgrind are told, so that they find the application's mistakes in pool
 * memory: a free block is out of bounds, and of a live one only the bytes that were asked for are
 * in bounds.
 *
 * The only file that knows these tools. AddressSanitizer is decided when the library is compiled
 * with it; Valgrind when a pool is created.
 */
#ifndef AURAIO_POOL_ANNOTATE_H
#define AURAIO_POOL_ANNOTATE_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN 1
#endif
#endif

#ifdef POOL_ASAN
#define POOL_ON_ASAN true
#include <sanitizer/asan_interface.h>
#define POOL_ASAN_POISON(start, size_bytes) ASAN_POISON_MEMORY_REGION(start, size_bytes)
#define POOL_ASAN_UNPOISON(start, size_bytes) ASAN_UNPOISON_MEMORY_REGION(start, size_bytes)
#else
#define POOL_ON_ASAN false
#define POOL_ASAN_POISON(start, size_bytes) ((void)(start), (void)(size_bytes))
#define POOL_ASAN_UNPOISON(start, size_bytes) ((void)(start), (void)(size_bytes))
#endif

#ifdef POOL_HAVE_VALGRIND
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#define POOL_ON_VALGRIND() (RUNNING_ON_VALGRIND != 0)
/* Not declared defined, although fresh memory is zero: a buffer that is used again is not. */
#define POOL_VG_ALLOC(start, size_bytes) VALGRIND_MALLOCLIKE_BLOCK(start, size_bytes, 0, 0)
#define POOL_VG_FREE(start) VALGRIND_FREELIKE_BLOCK(start, 0)
#define POOL_VG_CLOSE(start, size_bytes) ((void)VALGRIND_MAKE_MEM_NOACCESS(start, size_bytes))
#else
#define POOL_ON_VALGRIND() false
#define POOL_VG_ALLOC(start, size_bytes) ((void)0)
#define POOL_VG_FREE(start) ((void)0)
#define POOL_VG_CLOSE(start, size_bytes) ((void)0)
#endif

static inline bool pool_annotate_is_on_valgrind(void)
{
    return POOL_ON_VALGRIND();
}

static inline bool pool_annotate_is_on_asan(void)
{
    return POOL_ON_ASAN;
}

/* A buffer was handed out. */
static inline void pool_annotate_alloc(bool on_valgrind, void *block, size_t size_bytes)
{
    POOL_ASAN_UNPOISON(block, size_bytes);
    if (on_valgrind)
        POOL_VG_ALLOC(block, size_bytes);
}

/* A buffer was taken back. */
static inline void pool_annotate_free(bool on_valgrind, void *block, size_t size_bytes)
{
    if (on_valgrind)
        POOL_VG_FREE(block);
    POOL_ASAN_POISON(block, size_bytes);
}

/* Memory for buffers was mapped: none of it is the application's yet. */
static inline void pool_annotate_map(bool on_valgrind, void *memory, size_t size_bytes)
{
    POOL_ASAN_POISON(memory, size_bytes);
    if (on_valgrind)
        POOL_VG_CLOSE(memory, size_bytes);
}

/* Memory for buffers is about to be unmapped: its addresses may come back as anyone's. */
static inline void pool_annotate_unmap(void *memory, size_t size_bytes)
{
    POOL_ASAN_UNPOISON(memory, size_bytes);
}

#endif
