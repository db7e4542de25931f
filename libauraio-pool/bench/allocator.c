#include "allocator.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <auraio-pool/pool.h>

#include "pattern.h"

static pool_t *pool;

static int open_pool(void)
{
    /* Kept for reuse is at most what a pattern frees at once, and as much again for what other rows left. */
    struct pool_options options = {.alignment = ALIGNMENT_BYTES, .max_cached_bytes = 2 * PATTERN_HELD_BYTES};
    return pool_create(&options, &pool);
}

static void *take_pool(size_t size_bytes)
{
    void *ptr = NULL;
    (void)pool_alloc(pool, size_bytes, &ptr);
    return ptr;
}

static void give_pool(void *ptr, size_t size_bytes)
{
    (void)pool_free(pool, ptr, size_bytes);
}

static void *(*mi_malloc_aligned)(size_t size_bytes, size_t alignment);
static void (*mi_free_size_aligned)(void *ptr, size_t size_bytes, size_t alignment);

static int open_mimalloc(void)
{
    void *library = dlopen("libmimalloc.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return -1;
    *(void **)&mi_malloc_aligned = dlsym(library, "mi_malloc_aligned");
    *(void **)&mi_free_size_aligned = dlsym(library, "mi_free_size_aligned");
    return mi_malloc_aligned && mi_free_size_aligned ? 0 : -1;
}

static void *take_mimalloc(size_t size_bytes)
{
    return mi_malloc_aligned(size_bytes, ALIGNMENT_BYTES);
}

static void give_mimalloc(void *ptr, size_t size_bytes)
{
    mi_free_size_aligned(ptr, size_bytes, ALIGNMENT_BYTES);
}

/* MALLOCX_LG_ALIGN(12) of jemalloc's header, which is not needed to build this. */
#define JEMALLOC_FLAGS 12

_Static_assert((size_t)1 << JEMALLOC_FLAGS == ALIGNMENT_BYTES, "jemalloc is asked for the same alignment");

static void *(*je_mallocx)(size_t size_bytes, int flags);
static void (*je_sdallocx)(void *ptr, size_t size_bytes, int flags);

static int open_jemalloc(void)
{
    void *library = dlopen("libjemalloc.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return -1;
    *(void **)&je_mallocx = dlsym(library, "mallocx");
    *(void **)&je_sdallocx = dlsym(library, "sdallocx");
    return je_mallocx && je_sdallocx ? 0 : -1;
}

static void *take_jemalloc(size_t size_bytes)
{
    return je_mallocx(size_bytes, JEMALLOC_FLAGS);
}

static void give_jemalloc(void *ptr, size_t size_bytes)
{
    je_sdallocx(ptr, size_bytes, JEMALLOC_FLAGS);
}

static int open_libc(void)
{
    return 0;
}

static void *take_libc(size_t size_bytes)
{
    void *ptr = NULL;
    return posix_memalign(&ptr, ALIGNMENT_BYTES, size_bytes) == 0 ? ptr : NULL;
}

static void give_libc(void *ptr, size_t size_bytes)
{
    (void)size_bytes;
    free(ptr);
}

const struct allocator allocators[ALLOCATOR_COUNT] = {
    {"pool", open_pool, take_pool, give_pool},
    {"mimalloc", open_mimalloc, take_mimalloc, give_mimalloc},
    {"jemalloc", open_jemalloc, take_jemalloc, give_jemalloc},
    {"posix_memalign", open_libc, take_libc, give_libc},
};
