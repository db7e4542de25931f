/* SPDX-License-Identifier: MIT */
/*
 * A key-value log, and the test of its recovery: in each of a thousand lives the power fails at some moment,
 * and what is found afterwards must be every put that was acknowledged, and nothing that was never put.
 *
 * A put appends a record (checksum, key, value) and syncs it, chained, so that the sync begins when the
 * record is written; it is acknowledged when both have succeeded. Recovery reads records up to the first that
 * is not whole.
 *
 * usage: example_sim_log [SEED]: one life, that of the seed
 */
#include <auraio/sim.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 8, PUTS = 40, LIVES = 1000 };

struct record {
    uint32_t checksum; /* of the rest */
    uint32_t key;
    uint64_t number; /* of the put, from 1 */
    char value[600]; /* longer than a sector: a crash may leave half of it */
};

struct store {
    auraio_sim_t *sim;
    auraio_engine_t *engine;
    int fd;
    uint64_t size;
    uint64_t newest[KEYS]; /* number of the put that is the key's value; 0: none */
};

static void fail(uint64_t seed, const char *what)
{
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, what);
    exit(1);
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint32_t checksum(const struct record *record)
{
    uint32_t sum = 2166136261u;
    const unsigned char *bytes = (const unsigned char *)record;
    for (size_t i = sizeof(record->checksum); i < sizeof(*record); i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

static void note_result(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    *(ssize_t *)user_data = result;
}

/* Whether the put is acknowledged. The power fails after @crash_ns; negative: it does not. */
static bool put(struct store *store, uint32_t key, uint64_t number, int64_t crash_ns)
{
    struct record record = {.key = key, .number = number};
    memset(record.value, (int)('a' + number % 26), sizeof(record.value));
    record.checksum = checksum(&record);
    ssize_t written = -1, synced = -1;
    auraio_op_t ops[2] = {auraio_op(AURAIO_OP_WRITE), auraio_op(AURAIO_OP_FSYNC)};
    ops[0].fd = ops[1].fd = store->fd;
    ops[0].buf = auraio_buf(&record);
    ops[0].len = sizeof(record);
    ops[0].offset = (off_t)store->size;
    ops[0].flags = AURAIO_OP_LINK;
    ops[0].callback = ops[1].callback = note_result;
    ops[0].user_data = &written;
    ops[1].user_data = &synced;
    if (auraio_submit_batch(store->engine, ops, 2, NULL, NULL, NULL) != 2)
        return false;
    if (crash_ns >= 0) {
        (void)auraio_flush(store->engine);
        (void)auraio_sim_advance(store->sim, crash_ns);
        (void)auraio_sim_crash(store->sim);
    }
    (void)auraio_drain(store->engine, -1);
    if (written != (ssize_t)sizeof(record) || synced != 0)
        return false;
    store->size += sizeof(record);
    store->newest[key] = number;
    return true;
}

/* What the file holds, up to the first record that is not whole. */
static void recover(auraio_sim_t *sim, struct store *store)
{
    struct record record;
    *store = (struct store){.sim = sim, .engine = auraio_sim_engine(sim, NULL)};
    store->fd = auraio_sim_open(sim, "log", O_RDWR | O_CREAT | O_CLOEXEC);
    if (!store->engine || store->fd < 0) {
        fprintf(stderr, "no store: %s\n", auraio_last_error());
        exit(1);
    }
    for (;; store->size += sizeof(record)) {
        ssize_t got = -1;
        auraio_read(store->engine, store->fd, auraio_buf(&record), sizeof(record), (off_t)store->size,
                    note_result, &got);
        (void)auraio_drain(store->engine, -1);
        if (got != (ssize_t)sizeof(record) || record.checksum != checksum(&record) || record.key >= KEYS)
            return;
        store->newest[record.key] = record.number;
    }
}

static void leave(struct store *store)
{
    auraio_destroy(store->engine);
    close(store->fd);
}

static void live(uint64_t seed)
{
    uint64_t acknowledged[KEYS] = {0}, tried[KEYS] = {0}, number = 0;
    struct store store;
    auraio_sim_t *sim = auraio_sim_create(seed);
    if (!sim)
        fail(seed, "no world");
    recover(sim, &store);
    (void)auraio_sim_set_fault(sim, AURAIO_SIM_SHORT, 0.2);
    (void)auraio_sim_set_fault(sim, AURAIO_SIM_NO_SPACE, 0.02);
    uint64_t puts = 1 + seed % PUTS;
    for (bool ok = true; ok && number < puts;) { /* a full disk ends this life, too */
        uint32_t key = (uint32_t)((seed + ++number) % KEYS);
        tried[key] = number;
        ok = put(&store, key, number, number == puts ? (int64_t)(seed * 7919 % 400000) : -1);
        acknowledged[key] = ok ? number : acknowledged[key];
    }
    leave(&store);

    (void)auraio_sim_set_fault(sim, AURAIO_SIM_NO_SPACE, 0);
    recover(sim, &store);
    for (int key = 0; key < KEYS; key++) {
        if (store.newest[key] < acknowledged[key])
            fail(seed, "a put that was acknowledged is lost");
        if (store.newest[key] > tried[key])
            fail(seed, "a put is found that never was");
    }
    if (!put(&store, 0, number + 1, -1))
        fail(seed, "the next life can't put anything");
    leave(&store);
    if (auraio_sim_destroy(sim) < 0)
        fail(seed, auraio_last_error());
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        live(strtoull(argv[1], NULL, 10));
        return 0;
    }
    for (uint64_t seed = 1; seed <= LIVES; seed++)
        live(seed);
    printf("%d lives: what was acknowledged survived every crash\n", LIVES);
    return 0;
}
