/* SPDX-License-Identifier: MIT */
/*
 * A process writes random blocks and is killed at a random moment; what it was told is written must be there.
 *
 * usage: crash-verify MODE SECONDS
 *
 * A block of the file holds its number, the generation of the write and a pattern made of both. The writer
 * has one write of a block under way at a time, plain, with RWF_DSYNC, or linked to an fdatasync, and reports
 * in shared memory what it is about to write (`begun`) and, in the callback, what it was told is done
 * (`promised`). After SIGKILL the parent looks at every block: it is whole, its generation is at least the
 * promised one and at most the begun one. A torn block, a lost write, one that nobody asked for, or a
 * callback that came too early are found. The file survives from round to round, and generations go on.
 *
 * A killed process takes nothing of the page cache with it, so that this is about the library, not about the
 * disk's power. Writes of a dying process are done by it or by workers that are threads of it, so that none
 * goes on when waitpid() has returned.
 */
#include <auraio.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"
#include "modes.h"
#include "process.h"

enum { BLOCKS = 64, WORDS = 512, BLOCK_BYTES = WORDS * (int)sizeof(uint64_t), PROMISES_MAX = 300 };

/* Shared by writer and parent, and left behind by the writer. What was begun and lost may be promised by
 * nobody any more; its generation is not used again. */
struct ledger {
    _Atomic uint64_t begun[BLOCKS];
    _Atomic uint64_t promised[BLOCKS];
    _Atomic int promises; /* of this round */
};

/* One block of the writer. */
struct writer_block {
    struct ledger *ledger;
    int number;
    bool busy;
    bool failed;
    uint64_t words[WORDS];
};

static uint64_t word_of(int number, uint64_t generation, int place)
{
    return (uint64_t)number << 48 ^ generation << 12 ^ (uint64_t)place;
}

/* The generation of a whole block; ends the program when it is torn. 0: never written. */
static uint64_t generation_of(const uint64_t words[WORDS], int number)
{
    const uint64_t generation = (words[0] ^ (uint64_t)number << 48) >> 12;
    bool empty = true, whole = true;
    for (int i = 0; i < WORDS; i++) {
        empty = empty && words[i] == 0;
        whole = whole && words[i] == word_of(number, generation, i);
    }
    if (!empty && !whole) {
        fprintf(stderr, "block %d is torn\n", number);
        exit(1);
    }
    return empty ? 0 : generation;
}

/* ------------------------------------------------------------------ writer */

static void on_written(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct writer_block *block = user_data;
    (void)req;
    block->busy = false;
    block->failed = result < 0;
    if (block->failed)
        return;
    atomic_store(&block->ledger->promised[block->number], atomic_load(&block->ledger->begun[block->number]));
    atomic_fetch_add(&block->ledger->promises, 1);
}

/* Write @block's next generation in one of three ways; the callback is that of the whole. */
static void begin_write(auraio_engine_t *engine, int fd, struct writer_block *block, int way)
{
    const uint64_t generation = atomic_fetch_add(&block->ledger->begun[block->number], 1) + 1;
    for (int i = 0; i < WORDS; i++)
        block->words[i] = word_of(block->number, generation, i);
    auraio_op_t ops[2] = {auraio_op(AURAIO_OP_WRITE), auraio_op(AURAIO_OP_FSYNC)};
    ops[0].fd = ops[1].fd = fd;
    ops[0].buf = auraio_buf(block->words);
    ops[0].len = BLOCK_BYTES;
    ops[0].offset = (off_t)block->number * BLOCK_BYTES;
    ops[0].rw_flags = way == 1 ? RWF_DSYNC : 0;
    ops[0].flags = way == 2 ? AURAIO_OP_LINK : 0;
    ops[1].sys_flags = AURAIO_FSYNC_DATASYNC;
    struct auraio_op_t *last = way == 2 ? &ops[1] : &ops[0];
    last->callback = on_written;
    last->user_data = block;
    block->busy = true;
    const int count = way == 2 ? 2 : 1;
    if (auraio_submit_batch(engine, ops, count, NULL, NULL, NULL) != count)
        fatal("auraio_submit_batch");
}

_Noreturn static void write_for_ever(auraio_ring_select_t mode, int fd, struct ledger *ledger, unsigned seed)
{
    static struct writer_block blocks[BLOCKS];
    auraio_options_t options = mode_options(mode);
    options.queue_depth = 16;
    auraio_engine_t *engine = engine_with(&options);
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = (struct writer_block){.ledger = ledger, .number = i};
    for (;;) {
        seed = seed * 1103515245u + 12345u;
        struct writer_block *block = &blocks[(seed >> 16) % BLOCKS];
        if (block->failed)
            fatal("a write failed");
        if (block->busy)
            (void)auraio_wait(engine, -1);
        else /* one in eight waits for the disk */
            begin_write(engine, fd, block, (seed >> 24) % 8 == 0 ? 1 + (int)(seed >> 30) % 2 : 0);
    }
}

/* ------------------------------------------------------------------ parent */

static void verify(int fd, const struct ledger *ledger)
{
    static uint64_t words[WORDS];
    for (int i = 0; i < BLOCKS; i++) {
        memset(words, 0, sizeof(words));
        if (pread(fd, words, BLOCK_BYTES, (off_t)i * BLOCK_BYTES) < 0)
            fatal("pread");
        const uint64_t found = generation_of(words, i), promised = atomic_load(&ledger->promised[i]),
                       begun = atomic_load(&ledger->begun[i]);
        if (found < promised || found > begun) {
            fprintf(stderr, "block %d: generation %ju, promised %ju, begun %ju\n", i, (uintmax_t)found,
                    (uintmax_t)promised, (uintmax_t)begun);
            exit(1);
        }
    }
}

static struct ledger *ledger_new(void)
{
    void *memory =
        mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fatal("mmap");
    return memory;
}

/* Let a writer go on until it has made some promises, and kill it wherever it is then. */
static void kill_one(auraio_ring_select_t mode, int fd, struct ledger *ledger, unsigned seed)
{
    const int enough = 1 + (int)(seed >> 8) % PROMISES_MAX;
    int status;
    atomic_store(&ledger->promises, 0);
    const pid_t pid = fork();
    if (pid < 0)
        fatal("fork");
    if (pid == 0)
        write_for_ever(mode, fd, ledger, seed);
    const int64_t deadline_ms = now_ms() + 60000;
    while (atomic_load(&ledger->promises) < enough && now_ms() < deadline_ms)
        sched_yield();
    kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fatal("the writer ended by itself");
    if (atomic_load(&ledger->promises) < enough)
        fatal("the writer made no progress");
}

int main(int argc, char **argv)
{
    if (argc != 3 || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: %s MODE SECONDS\n", argv[0]);
        return 2;
    }
    const auraio_ring_select_t mode = mode_of_name(argv[1]);
    const int64_t end_ms = now_ms() + 1000 * (int64_t)atoi(argv[2]);
    const int fd = file_empty(0);
    struct ledger *ledger = ledger_new();
    unsigned seed = (unsigned)now_ns();
    long rounds = 0, promises = 0;
    printf("seed %u\n", seed);
    do {
        seed = seed * 1103515245u + 12345u;
        kill_one(mode, fd, ledger, seed);
        verify(fd, ledger);
        promises += atomic_load(&ledger->promises);
        rounds++;
    } while (now_ms() < end_ms);
    printf("%s: %ld writers killed, %ld writes promised, none lost\n", mode_name(mode), rounds, promises);
    close(fd);
    return 0;
}
