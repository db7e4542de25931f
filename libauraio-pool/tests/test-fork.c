/*
 * fork(): a child may use and destroy what it inherited; the parent never notices.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* Runs a function in a child, which tells by its exit status whether all was well. */
static void run_in_child(bool (*run)(void *), void *arg)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        alarm(20);
        _exit(run(arg) ? 0 : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child's status %#x", (unsigned)status);
}

struct inherited {
    pool_t *pool;
    char *live;
    pthread_barrier_t used;
    pthread_barrier_t done;
    atomic_bool stop;
};

static bool works(pool_t *pool)
{
    for (size_t size = 4096; size <= 4 * MIB; size *= 2) {
        void *ptr = NULL;
        if (pool_alloc(pool, size, &ptr) < 0)
            return false;
        memset(ptr, 7, size);
        if (pool_free(pool, ptr, size) < 0)
            return false;
    }
    return true;
}

static bool use_and_destroy(void *arg)
{
    struct inherited *inherited = arg;
    bool ok = inherited->live[0] == 5 && works(inherited->pool) && pool_check(inherited->pool);
    ok = ok && pool_free(inherited->pool, inherited->live, 4096) == 0;
    pool_destroy(inherited->pool);
    pool_t *own = NULL;
    ok = ok && pool_create(&(struct pool_options){.alignment = 4096}, &own) == 0 && works(own) &&
         pool_check(own);
    pool_destroy(own);
    return ok;
}

static void inherit(struct inherited *inherited)
{
    inherited->pool = support_pool(4096);
    inherited->live = support_alloc(inherited->pool, 4096);
    inherited->live[0] = 5;
    cr_assert(works(inherited->pool));
}

static void check_parent(struct inherited *inherited)
{
    cr_assert_eq(inherited->live[0], 5);
    cr_assert_eq(pool_free(inherited->pool, inherited->live, 4096), 0);
    cr_assert(works(inherited->pool));
    cr_assert(pool_check(inherited->pool));
    cr_assert_eq(support_stats(inherited->pool).live_buffers, 0);
    pool_destroy(inherited->pool);
}

Test(fork, a_child_may_use_and_destroy_an_inherited_pool)
{
    static struct inherited inherited;
    inherit(&inherited);
    run_in_child(use_and_destroy, &inherited);
    check_parent(&inherited);
}

static void *use_and_linger(void *arg)
{
    struct inherited *inherited = arg;
    cr_assert(works(inherited->pool));
    pthread_barrier_wait(&inherited->used);
    pthread_barrier_wait(&inherited->done);
    return NULL;
}

static void *fork_here(void *arg)
{
    run_in_child(use_and_destroy, arg);
    return NULL;
}

static void *works_on_thread(void *pool)
{
    return works(pool) ? pool : NULL;
}

static bool use_and_destroy_on_threads(void *arg)
{
    /* The child's threads get the stacks that the parent's other threads had: what those held must
     * not be touched. */
    pthread_t threads[4];
    struct inherited *inherited = arg;
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, works_on_thread, inherited->pool) != 0)
            return false;
    for (int i = 0; i < 4; i++) {
        void *ok = NULL;
        if (pthread_join(threads[i], &ok) != 0 || !ok)
            return false;
    }
    return use_and_destroy(arg);
}

Test(fork, caches_of_threads_that_are_not_in_the_child_do_no_harm)
{
    static struct inherited inherited;
    pthread_t threads[3];
    inherit(&inherited);
    pthread_barrier_init(&inherited.used, NULL, 4);
    pthread_barrier_init(&inherited.done, NULL, 4);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use_and_linger, &inherited), 0);
    pthread_barrier_wait(&inherited.used);
    run_in_child(use_and_destroy, &inherited);
    run_in_child(use_and_destroy_on_threads, &inherited);
    support_run_on_thread(fork_here, &inherited);
    pthread_barrier_wait(&inherited.done);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    check_parent(&inherited);
}

static pthread_barrier_t inside_lock;

/* Runs with a shard's lock held. Goes on to hold it for a while: a fork that does not wait for the
 * lock falls into that time. */
static void linger_in_lock(void)
{
    support_on_madvise = NULL;
    pthread_barrier_wait(&inside_lock);
    for (int i = 0; i < 20000; i++)
        sched_yield();
}

static void *trim(void *pool)
{
    pool_trim(pool);
    return NULL;
}

Test(fork, waits_for_a_thread_inside_the_pool_and_leaves_the_child_no_lock_held)
{
    static struct inherited inherited;
    pthread_t thread;
    inherit(&inherited);
    /* Dirty pages in the central lists, which a trim on another thread will purge. */
    support_run_on_thread(works_on_thread, inherited.pool);
    pthread_barrier_init(&inside_lock, NULL, 2);
    support_on_madvise = linger_in_lock;
    cr_assert_eq(pthread_create(&thread, NULL, trim, inherited.pool), 0);
    pthread_barrier_wait(&inside_lock);
    run_in_child(use_and_destroy, &inherited);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    check_parent(&inherited);
}

static void *use_until_stopped(void *arg)
{
    struct inherited *inherited = arg;
    static const size_t sizes[] = {4096, 1048576, 2097152};
    pthread_barrier_wait(&inherited->used);
    for (unsigned i = 0; !atomic_load(&inherited->stop); i++) {
        void *ptrs[8];
        size_t size = sizes[i % 3];
        for (int j = 0; j < 8; j++)
            ptrs[j] = support_alloc(inherited->pool, size);
        for (int j = 0; j < 8; j++)
            cr_assert_eq(pool_free(inherited->pool, ptrs[j], size), 0);
        if (i % 16 == 0)
            pool_trim(inherited->pool);
    }
    return NULL;
}

static bool just_use_and_destroy(void *arg)
{
    struct inherited *inherited = arg;
    bool ok = inherited->live[0] == 5 && works(inherited->pool);
    pool_destroy(inherited->pool);
    return ok;
}

Test(fork, works_at_any_moment_of_other_threads)
{
    static struct inherited inherited;
    pthread_t threads[2];
    inherit(&inherited);
    pthread_barrier_init(&inherited.used, NULL, 3);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use_until_stopped, &inherited), 0);
    pthread_barrier_wait(&inherited.used);
    for (int i = 0; i < 50; i++)
        run_in_child(just_use_and_destroy, &inherited);
    atomic_store(&inherited.stop, true);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    check_parent(&inherited);
}
