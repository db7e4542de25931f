/* SPDX-License-Identifier: MIT */
/*
 * The benchmarks measure others: here they are held to account themselves. Each peer must really read what it
 * claims, wrong bytes must be noticed, and a ratio must be what it says.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crew.h"
#include "data.h"
#include "duel.h"
#include "peers.h"

enum { FILE_BYTES = 4 << 20 };

static char *make_file(void)
{
    char *path = NULL;
    char name[64];
    snprintf(name, sizeof(name), "test-bench-%d.data", (int)getpid());
    cr_assert_eq(data_file_prepare(".", name, FILE_BYTES, NULL, NULL, &path), 0);
    return path;
}

static void drop_file(char *path)
{
    unlink(path);
    free(path);
}

static void overwrite(const char *path, off_t offset, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, text, strlen(text), offset), (long)strlen(text));
    close(fd);
}

Test(data, a_page_is_recognised_by_its_number_and_its_every_byte)
{
    unsigned char page[DATA_PAGE];
    data_fill_page(page, 7);
    cr_assert(data_page_is(page, 7));
    cr_assert_not(data_page_is(page, 8));
    cr_assert(data_page_is_valid(page, 8));
    cr_assert_not(data_page_is_valid(page, 7));
    page[DATA_PAGE - 1] ^= 1;
    cr_assert_not(data_page_is(page, 7));
}

Test(data, a_good_file_is_kept_and_a_damaged_one_is_written_anew)
{
    char *path = make_file();
    /* Neither the first nor the last nor one of the pages looked at on the way: only a keeper keeps this. */
    overwrite(path, 3 * DATA_PAGE, "kept");
    char *again = NULL;
    const char *name = strrchr(path, '/') + 1;
    cr_assert_eq(data_file_prepare(".", name, FILE_BYTES, NULL, NULL, &again), 0);
    char text[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(pread(fd, text, 4, 3 * DATA_PAGE), 4);
    cr_assert_eq(memcmp(text, "kept", 4), 0);
    close(fd);
    free(again);

    overwrite(path, 0, "damaged");
    cr_assert_eq(data_file_prepare(".", name, FILE_BYTES, NULL, NULL, &again), 0);
    unsigned char page[DATA_PAGE];
    fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(pread(fd, page, DATA_PAGE, 0), DATA_PAGE);
    close(fd);
    cr_assert(data_page_is(page, 0));
    free(again);
    drop_file(path);
}

Test(data, a_file_system_in_memory_is_refused)
{
    char *path = NULL;
    if (access("/dev/shm", W_OK) != 0)
        cr_skip_test("there is no /dev/shm here");
    cr_assert_eq(data_file_prepare("/dev/shm", "x", FILE_BYTES, NULL, NULL, &path), -EOPNOTSUPP);
    cr_assert_null(path);
}

static void run_peer(const struct task *task, const struct peer *peer)
{
    struct crew *crew = NULL;
    struct crew_time time;
    int r = crew_new(task, &crew);
    if (r == -EMEDIUMTYPE) {
        cr_log_warn("not looked at: this file system refuses O_DIRECT");
        return;
    }
    cr_assert_eq(r, 0);
    cr_assert_eq(crew_open(crew, 0, peer), 0, "%s does not open", peer->name);
    crew_scrub(crew, 0);
    cr_assert_not(crew_verify(crew, 0));
    cr_assert_eq(crew_run(crew, 0, 10 * task->depth + 3, 1, &time), 0, "%s does not run", peer->name);
    cr_assert(crew_verify(crew, 0), "%s has not read what it must, depth %u, %u lanes", peer->name,
              task->depth, task->lanes);
    crew_free(crew);
}

Test(peer, every_one_reads_what_it_must)
{
    char *path = make_file();
    for (size_t i = 0; peer_table[i]; i++) {
        if (peer_table[i]->missing)
            continue;
        run_peer(&(struct task){.path = path, .depth = 1, .lanes = 1}, peer_table[i]);
        run_peer(&(struct task){.path = path, .depth = 128, .lanes = 1}, peer_table[i]);
        run_peer(&(struct task){.path = path, .depth = 32, .lanes = 2}, peer_table[i]);
        run_peer(&(struct task){.path = path, .depth = 16, .lanes = 1, .mixed = true}, peer_table[i]);
        run_peer(&(struct task){.path = path, .depth = 8, .lanes = 2, .direct = true}, peer_table[i]);
    }
    drop_file(path);
}

Test(peer, every_one_reports_a_file_that_ends_too_early)
{
    char *path = make_file();
    for (size_t i = 0; peer_table[i]; i++) {
        if (peer_table[i]->missing)
            continue;
        struct crew *crew = NULL;
        struct crew_time time;
        cr_assert_eq(crew_new(&(struct task){.path = path, .depth = 4, .lanes = 1}, &crew), 0);
        cr_assert_eq(crew_open(crew, 0, peer_table[i]), 0);
        cr_assert_eq(truncate(path, DATA_PAGE), 0);
        cr_assert_eq(crew_run(crew, 0, 100, 1, &time), -EIO, "%s", peer_table[i]->name);
        cr_assert_eq(truncate(path, FILE_BYTES), 0);
        crew_free(crew);
    }
    drop_file(path);
}

Test(lane, the_same_seed_gives_the_same_places_and_another_gives_others)
{
    char *path = make_file();
    struct crew *crew = NULL;
    struct crew_time time;
    unsigned char first[DATA_PAGE], again[DATA_PAGE], other[DATA_PAGE];
    unsigned char *const copies[] = {first, again, other};
    const uint64_t seeds[] = {7, 7, 8};
    cr_assert_eq(crew_new(&(struct task){.path = path, .depth = 1, .lanes = 1}, &crew), 0);
    cr_assert_eq(crew_open(crew, 0, &peer_pread), 0);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(crew_run(crew, 0, 50, seeds[i], &time), 0);
        memcpy(copies[i], crew_buffer(crew, 0, 0, 0), DATA_PAGE);
    }
    cr_assert_eq(memcmp(first, again, DATA_PAGE), 0);
    cr_assert_neq(memcmp(first, other, DATA_PAGE), 0);
    crew_free(crew);
    drop_file(path);
}

Test(lane, mixed_reads_stay_inside_the_file_and_have_every_size)
{
    struct load load = {.mixed = true, .places = 100};
    struct lane lane = {.load = &load, .random = 1};
    bool seen[MIXED_MOST / DATA_PAGE + 1] = {false};
    for (int i = 0; i < 10000; i++) {
        struct read read = lane_next(&lane);
        cr_assert(read.offset >= 0 && read.offset < 100 * DATA_PAGE && read.offset % DATA_PAGE == 0);
        cr_assert(read.bytes % DATA_PAGE == 0 && read.bytes <= MIXED_MOST);
        seen[read.bytes / DATA_PAGE] = true;
    }
    for (int i = 0; i < MIXED_SIZES; i++)
        cr_assert(seen[mixed_sizes[i] / DATA_PAGE], "%u bytes", mixed_sizes[i]);
}

Test(crew, a_torn_read_is_noticed)
{
    char *path = make_file();
    struct crew *crew = NULL;
    struct crew_time time;
    cr_assert_eq(crew_new(&(struct task){.path = path, .depth = 2, .lanes = 1, .mixed = true}, &crew), 0);
    cr_assert_eq(crew_open(crew, 0, &peer_pread), 0);
    crew_scrub(crew, 0);
    cr_assert_eq(crew_run(crew, 0, 20, 1, &time), 0);
    cr_assert(crew_verify(crew, 0));
    crew_buffer(crew, 0, 0, 1)[MIXED_MOST - 1] ^= 1;
    cr_assert_not(crew_verify(crew, 0));
    crew_free(crew);
    drop_file(path);
}

Test(duel, notices_wrong_bytes)
{
    char *path = make_file();
    struct task task = {.path = path, .depth = 8, .lanes = 1};
    cr_assert_eq(duel_run_alone(&task, &peer_pread, 100), 0);
    cr_assert_eq(truncate(path, 0), 0);
    cr_assert_eq(truncate(path, FILE_BYTES), 0); /* all zero: no page but the first is right */
    cr_assert_eq(duel_run_alone(&task, &peer_pread, 100), -EBADMSG);
    drop_file(path);
}

Test(duel, a_peer_is_as_fast_as_itself)
{
    char *path = make_file();
    struct duel duel = {
        .task = {.path = path, .depth = 1, .lanes = 1},
        .rounds = 9,
        .turn_ms = 5,
        .peers = {&peer_pread, &peer_pread},
        .peer_count = 2,
    };
    struct duel_result results[DUEL_PEERS];
    cr_assert_eq(duel_run(&duel, results), 0);
    struct interval ratio = results[1].ratio[DUEL_CPU];
    cr_assert(ratio.middle > 0.8 && ratio.middle < 1.25);
    cr_assert(ratio.low <= ratio.middle && ratio.middle <= ratio.high);
    drop_file(path);
}

/* Half as fast as pread: it reads everything twice. */
static int twice_run(void *state, uint64_t ops)
{
    return peer_pread.run(state, 2 * ops);
}

Test(duel, half_as_fast_counts_half)
{
    char *path = make_file();
    struct peer twice = peer_pread;
    twice.name = "twice";
    twice.run = twice_run;
    struct duel duel = {
        .task = {.path = path, .depth = 1, .lanes = 1},
        .rounds = 9,
        .turn_ms = 5,
        .peers = {&peer_pread, &twice},
        .peer_count = 2,
    };
    struct duel_result results[DUEL_PEERS];
    cr_assert_eq(duel_run(&duel, results), 0);
    cr_assert(results[1].ratio[DUEL_CPU].middle > 1.6 && results[1].ratio[DUEL_CPU].middle < 2.5);
    drop_file(path);
}

Test(duel, a_missing_peer_is_left_out_and_the_others_run)
{
    static const struct peer missing = {.name = "missing", .missing = "on purpose"};
    char *path = make_file();
    struct duel duel = {
        .task = {.path = path, .depth = 4, .lanes = 1},
        .rounds = 3,
        .turn_ms = 1,
        .peers = {&peer_pread, &missing, &peer_pool},
        .peer_count = 3,
    };
    struct duel_result results[DUEL_PEERS];
    cr_assert_eq(duel_run(&duel, results), 0);
    cr_assert_eq(results[1].error, -ENOSYS);
    cr_assert_eq(results[2].error, 0);
    cr_assert_gt(results[2].rate[DUEL_CPU], 0);
    cr_assert_gt(results[2].rate[DUEL_WALL], 0);
    drop_file(path);
}
