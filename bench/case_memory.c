/* SPDX-License-Identifier: MIT */
/*
 * What one engine holds, ready for 32 reads and used: resident memory beside the reads' buffers, descriptors,
 * threads. Several are opened at once and the difference divided, so that what a process pays once (a
 * library's pages) counts by its share only. Kernel memory that is not mapped into the process is not seen.
 */
#include "cases.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "peers.h"

enum { ENGINES = CREW_SEATS, READS = 2000 };

struct holding {
    double resident_kib, descriptors, threads;
};

static double count_entries(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    double count = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static int look(struct holding *ret_holding)
{
    unsigned long size_pages, resident_pages;
    FILE *in = fopen("/proc/self/statm", "re");
    if (!in)
        return -errno;
    int got = fscanf(in, "%lu %lu", &size_pages, &resident_pages);
    fclose(in);
    ret_holding->resident_kib = (double)resident_pages * (double)sysconf(_SC_PAGESIZE) / 1024;
    ret_holding->descriptors = count_entries("/proc/self/fd");
    ret_holding->threads = count_entries("/proc/self/task");
    return got == 2 && ret_holding->descriptors >= 0 && ret_holding->threads >= 0 ? 0 : -EIO;
}

static int open_and_use(struct crew *crew, const struct peer *peer)
{
    struct crew_time time;
    int r = 0;
    for (unsigned seat = 0; r == 0 && seat < ENGINES; seat++) {
        r = crew_open(crew, seat, peer);
        if (r == 0)
            r = crew_run(crew, seat, READS, seat, &time);
    }
    return r;
}

static int measure_memory(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    struct holding before, after;
    struct crew *crew = NULL;
    struct task task = row->task;
    task.path = bench->path;
    if (row->peers[0]->missing)
        return outcome_leave_out(outcome, "%s", row->peers[0]->missing);
    int r = bench_prepare_file(bench, row);
    if (r == 0)
        r = crew_new(&task, &crew);
    if (r == 0)
        r = look(&before);
    if (r == 0)
        r = open_and_use(crew, row->peers[0]);
    if (r == 0)
        r = look(&after);
    crew_free(crew);
    if (r < 0)
        return r;
    /* A peer with buffers of its own has made them in between. */
    double own_kib = row->peers[0]->buffer ? task.depth * (DATA_PAGE / 1024.0) : 0;
    double resident_kib = (after.resident_kib - before.resident_kib) / ENGINES;
    outcome_add_single(outcome, "resident", "KiB", resident_kib - own_kib);
    outcome_add_single(outcome, "descriptors", "", (after.descriptors - before.descriptors) / ENGINES);
    outcome_add_single(outcome, "threads", "", (after.threads - before.threads) / ENGINES);
    return 0;
}

void case_memory(struct plan *plan)
{
    static const struct peer *const all[] = {&peer_auraio,     &peer_auraio_zero, &peer_raw,
                                             &peer_raw_shared, &peer_libaio,      &peer_pool,
                                             &peer_libuv,      &peer_posix_aio,   &peer_threads};
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct row row = {
            .ours = all[i]->name,
            .seconds = 0.2,
            .measure = measure_memory,
            .task = {.depth = 32, .lanes = 1},
            .peers = {all[i]},
        };
        plan_add(plan, &row, "memory/%s", row.ours);
    }
}
