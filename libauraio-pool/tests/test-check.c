/*
 * The invariant walker sees damage: each test breaks one thing in a sound pool and repairs it
 * again.
 */
#include <criterion/criterion.h>
#include <stdint.h>

#include "../src/bits.h"
#include "../src/cache.h"
#include "../src/internal.h"
#include "../src/registry.h"
#include "support.h"

/* A pool with live, cached and centrally free blocks, small and big. */
struct sound {
    pool_t *pool;
    char *live;
    struct pool_arena *arena;
    struct pool_cache *cache;
    struct pool_bin *bin;
};

static struct sound make_sound(void)
{
    struct sound sound = {.pool = support_pool(4096)};
    void *freed = support_alloc(sound.pool, 2 * MIB);
    cr_assert_eq(pool_free(sound.pool, freed, 2 * MIB), 0);
    sound.live = support_alloc(sound.pool, 5000);
    freed = support_alloc(sound.pool, 5000);
    cr_assert_eq(pool_free(sound.pool, freed, 5000), 0);
    sound.arena = pool_table_find(&sound.pool->root, sound.live);
    sound.cache = pool_cache_here(sound.pool);
    sound.bin = &sound.cache->bins[pool_class_of(8192)];
    cr_assert_gt(sound.bin->count, 0);
    cr_assert(pool_check(sound.pool));
    return sound;
}

static void end_sound(struct sound *sound)
{
    cr_assert(pool_check(sound->pool));
    pool_destroy(sound->pool);
}

Test(check, refuses_null)
{
    cr_assert_not(pool_check(NULL));
}

Test(check, sees_a_wrong_state_word)
{
    struct sound sound = make_sound();
    _Atomic uint32_t *word = pool_word_of(sound.pool, sound.arena, sound.live);
    static const uint32_t wrong[] = {0, 1, 4096, 8193};
    for (int i = 0; i < 4; i++) {
        *word = wrong[i];
        cr_assert_not(pool_check(sound.pool), "word %u", wrong[i]);
    }
    *word = 5000;
    word = pool_word_of(sound.pool, sound.arena, sound.live + 4096);
    *word = 4096;
    cr_assert_not(pool_check(sound.pool));
    *word = 0;
    end_sound(&sound);
}

Test(check, sees_a_block_in_two_places)
{
    struct sound sound = make_sound();
    struct pool_block cached = sound.bin->blocks[0];
    sound.bin->blocks[0] = (struct pool_block){sound.live, pool_word_of(sound.pool, sound.arena, sound.live)};
    cr_assert_not(pool_check(sound.pool));
    sound.bin->blocks[0] = cached;
    size_t index = (size_t)(sound.live - (char *)pool_arena_base(sound.arena)) / 4096;
    pool_bit_set(sound.arena->free_bits, index);
    cr_assert_not(pool_check(sound.pool));
    pool_bit_clear(sound.arena->free_bits, index);
    end_sound(&sound);
}

Test(check, sees_a_foreign_block_in_a_cache)
{
    struct sound sound = make_sound();
    struct pool_block cached = sound.bin->blocks[0];
    sound.bin->blocks[0].start = &sound;
    cr_assert_not(pool_check(sound.pool));
    sound.bin->blocks[0] = cached;
    end_sound(&sound);
}

Test(check, sees_a_lost_block)
{
    struct sound sound = make_sound();
    sound.bin->count--;
    cr_assert_not(pool_check(sound.pool));
    sound.bin->count++;
    end_sound(&sound);
}

Test(check, sees_wrong_figures)
{
    struct sound sound = make_sound();
    sound.cache->allocated_bytes++;
    cr_assert_not(pool_check(sound.pool));
    sound.cache->allocated_bytes--;
    sound.pool->shards[0].page_bytes++;
    cr_assert_not(pool_check(sound.pool));
    sound.pool->shards[0].page_bytes--;
    sound.pool->shards[0].shared_bytes++;
    cr_assert_not(pool_check(sound.pool));
    sound.pool->shards[0].shared_bytes--;
    size_t granted_bytes = sound.cache->granted_bytes;
    sound.cache->granted_bytes = 0;
    cr_assert_not(pool_check(sound.pool));
    sound.cache->granted_bytes = granted_bytes;
    end_sound(&sound);
}

Test(check, sees_wrong_slices_and_pages)
{
    struct sound sound = make_sound();
    sound.arena->free_slices ^= 1;
    cr_assert_not(pool_check(sound.pool));
    sound.arena->free_slices ^= 1;
    uint8_t first = sound.arena->span_of_slice[0];
    sound.arena->span_of_slice[0] = 1;
    cr_assert_not(pool_check(sound.pool));
    sound.arena->span_of_slice[0] = first;
    sound.arena->dirty[0] ^= 1;
    cr_assert_not(pool_check(sound.pool));
    sound.arena->dirty[0] ^= 1;
    end_sound(&sound);
}

Test(check, sees_a_big_arena_of_the_wrong_class)
{
    struct sound sound = make_sound();
    struct pool_arena *big = TAILQ_FIRST(&sound.pool->shards[0].big_by_age);
    cr_assert_not_null(big);
    big->class_index++;
    cr_assert_not(pool_check(sound.pool));
    big->class_index--;
    end_sound(&sound);
}
