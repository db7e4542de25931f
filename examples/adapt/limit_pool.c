/* limit_pool.c - let the controller decide how many threads of an ordinary pool may read at once.
 *
 * A pool of 64 threads reads random 4 KiB blocks of a file with pread. A gate in front of pread
 * holds back whoever exceeds the limit; each completion is reported, and the limit follows the
 * device. The same few lines limit anything that is dispatched and completes: RPCs to a server,
 * queries to a database.
 *
 *   cc limit_pool.c $(pkg-config --cflags --libs auraio-adapt) -pthread -o limit_pool
 *   ./limit_pool FILE [SECONDS [P99_TARGET_US]]
 */
#include <auraio/adapt.h>

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define THREADS 64
#define BLOCK_BYTES 4096

/* Everything below is guarded by `lock`: the controller has no lock of its own. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t room;
    auraio_adapt_t adapt;
    int in_flight;
    int waiting;
} gate_t;

typedef struct pool {
    gate_t gate;
    int fd;
    int64_t blocks;
    int64_t end_ns;
    int64_t reads; /* under the gate's lock */
    int failed;    /* under the gate's lock */
} pool_t;

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void enter(gate_t *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    while (gate->in_flight >= auraio_adapt_limit(&gate->adapt))
        pthread_cond_wait(&gate->room, &gate->lock);
    gate->waiting--;
    gate->in_flight++;
    pthread_mutex_unlock(&gate->lock);
}

/* Called with the lock held. */
static void leave(gate_t *gate, int64_t dispatched_ns, int64_t completed_ns)
{
    gate->in_flight--;
    auraio_adapt_sample_t sample = {
        .latency_ns = completed_ns - dispatched_ns,
        .size_bytes = BLOCK_BYTES,
        .kind = AURAIO_ADAPT_READ,
        /* Somebody was held back: so the limit, not the application, was the bottleneck. */
        .flags = gate->waiting > 0 ? AURAIO_ADAPT_BOUND : 0,
    };
    auraio_adapt_batch_t batch = {
        .now_ns = completed_ns, .in_flight = gate->in_flight, .count = 1, .samples = &sample};
    auraio_adapt_complete(&gate->adapt, &batch);
    /* The limit may have grown by more than one: wake as many as have room. */
    int room = auraio_adapt_limit(&gate->adapt) - gate->in_flight;
    for (int i = 0; i < room && i < gate->waiting; i++)
        pthread_cond_signal(&gate->room);
}

static void *work(void *argument)
{
    pool_t *pool = argument;
    char block[BLOCK_BYTES];
    unsigned seed = (unsigned)(uintptr_t)block;
    for (;;) {
        int64_t at = rand_r(&seed) % pool->blocks;
        enter(&pool->gate);
        int64_t dispatched_ns = now_ns();
        ssize_t got = pread(pool->fd, block, sizeof(block), (off_t)(at * BLOCK_BYTES));
        int64_t completed_ns = now_ns();
        pthread_mutex_lock(&pool->gate.lock);
        leave(&pool->gate, dispatched_ns, completed_ns);
        pool->reads++;
        pool->failed |= got < 0;
        pthread_mutex_unlock(&pool->gate.lock);
        if (completed_ns >= pool->end_ns || got < 0)
            return NULL;
    }
}

static void print_decisions(const auraio_adapt_t *adapt)
{
    auraio_adapt_decision_t decisions[AURAIO_ADAPT_JOURNAL];
    int count = auraio_adapt_decisions(adapt, decisions, AURAIO_ADAPT_JOURNAL);
    int64_t first_ns = count > 1 ? decisions[1].now_ns : 0;
    for (int i = 1; i < count; i++)
        printf("%+9.1f ms  %4d -> %-4d  %-18s %8.0f/s\n", (double)(decisions[i].now_ns - first_ns) / 1e6,
               decisions[i].old_limit, decisions[i].new_limit, auraio_adapt_cause_name(decisions[i].cause),
               decisions[i].throughput_ops);
}

static int run(pool_t *pool, double seconds)
{
    pthread_t threads[THREADS];
    int started = 0;
    int64_t begin_ns = now_ns();
    pool->end_ns = begin_ns + (int64_t)(seconds * 1e9);
    while (started < THREADS && pthread_create(&threads[started], NULL, work, pool) == 0)
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (started == 0 || pool->failed) {
        fprintf(stderr, started ? "reading failed\n" : "no thread could be started\n");
        return 1;
    }
    print_decisions(&pool->gate.adapt);
    printf("%" PRId64 " reads, %.0f a second, limit %d (%s)\n", pool->reads,
           (double)pool->reads * 1e9 / (double)(now_ns() - begin_ns),
           auraio_adapt_base_limit(&pool->gate.adapt),
           auraio_adapt_phase_name((int)auraio_adapt_phase(&pool->gate.adapt)));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: %s FILE [SECONDS [P99_TARGET_US]]\n", argv[0]);
        return 2;
    }
    static pool_t pool = {.gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER}};
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.max_limit = THREADS;
    options.p99_target_ns = argc > 3 ? (int64_t)(atof(argv[3]) * 1e3) : 0;
    if (auraio_adapt_init(&pool.gate.adapt, &options) != 0) {
        fprintf(stderr, "%s: the target must not be negative\n", argv[0]);
        return 2;
    }
    pool.fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (pool.fd < 0 || fstat(pool.fd, &status) != 0) {
        perror(argv[1]);
        return 1;
    }
    pool.blocks = status.st_size / BLOCK_BYTES;
    if (pool.blocks == 0) {
        fprintf(stderr, "%s: at least %d bytes are needed\n", argv[1], BLOCK_BYTES);
        return 1;
    }
    int result = run(&pool, argc > 2 ? atof(argv[2]) : 2);
    close(pool.fd);
    return result;
}
