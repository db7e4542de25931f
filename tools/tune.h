/* tune.h - the parts of `auraio tune`.
 *
 *     tune.c           the command: options in, exit status out
 *     tune_options.c   the command line
 *     tune_subject.c   what is measured: opened, or refused with the reason
 *     tune_scratch.c   a file of random data, made and already unlinked
 *     tune_stop.c      ^C
 *     tune_buffers.c   the memory of the loads
 *     tune_load.c      a closed loop of operations on an engine
 *     tune_latency.c   the latencies of one turn, out of the engine's that count from its start
 *     tune_journal.c   the decisions of the controller, gathered while it runs
 *     tune_run.c       the sweep, then the adaptive engine beside the best depths
 *     tune_judge.c     which depth is best, and what the adaptive engine makes of it
 *     tune_table.c     table and verdict
 *     tune_chart.c     the knee and the controller's path, in the terminal
 *     tune_export.c    JSON
 *     tune_svg.c       the same chart through gnuplot
 */
#ifndef TOOLS_TUNE_H
#define TOOLS_TUNE_H

#include <auraio.h>
#include <auraio/adapt.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TUNE_COMMAND "tune"
#define TUNE_DEPTH_MAX 4096
#define TUNE_ROWS 13 /* 1, 2, 4, ... TUNE_DEPTH_MAX */
#define TUNE_ROUNDS 5
#define TUNE_CANDIDATES 5
#define TUNE_MAY_EXCEED 0.01 /* a p99 target: the share of operations that may take longer */

typedef enum tune_access {
    TUNE_RANDREAD,
    TUNE_READ,
    TUNE_WRITE,
    TUNE_RANDWRITE,
    TUNE_MIXED,
} tune_access_t;

typedef struct tune_options {
    const char *path;
    int64_t target_ns; /* 0: none */
    tune_access_t access;
    size_t block_bytes;
    int64_t runtime_ns;
    int max_depth; /* a power of two */
    bool overwrite, help;
    const char *json, *svg;
    bool color, progress;
} tune_options_t;

/* Parse the command line. 0, or -1 after saying on stderr what is wrong with which argument. */
int tune_options_parse(int argc, char **argv, tune_options_t *ret_options);
void tune_options_help(void);

/* "randread". */
const char *tune_access_name(tune_access_t access);
bool tune_access_writes(tune_access_t access);

/* What is measured. */
typedef struct tune_subject {
    int fd;
    uint64_t size_bytes;
    uint64_t device; /* as in auraio_target_stats_t */
    bool direct;     /* O_DIRECT */
    bool memory;     /* a file system without a device */
    bool scratch;    /* made for this run, without a name */
    bool block_device;
} tune_subject_t;

/* Open what options->path names. EXIT_OK, or another exit status after saying why not. */
int tune_subject_open(const tune_options_t *options, tune_subject_t *ret_subject);
void tune_subject_close(tune_subject_t *subject);

/* A file of random data in `directory`, unlinked as soon as it is made, so that it is gone however this ends.
 * EXIT_OK and its descriptor, or another exit status after saying why not. */
int tune_scratch_make(const tune_options_t *options, const char *directory, int *ret_fd);

/* Fill memory with random bytes that differ with `seed`. */
void tune_scratch_fill(void *memory, size_t bytes, uint64_t seed);
uint64_t tune_random(uint64_t *state);

/* From now on SIGINT, SIGTERM and SIGHUP end the measuring, and a second one the process. */
void tune_stop_watch(void);
/* The signal that came; 0: none. */
int tune_stop_signal(void);

/* What some turns came to. All zero bytes: nothing yet. */
typedef struct tune_figures {
    int64_t ops;
    int64_t time_ns;
    auraio_hist_t latency;
} tune_figures_t;

double tune_rate(const tune_figures_t *figures);
int64_t tune_percentile(const tune_figures_t *figures, double percent);
/* The share of operations that took longer than `target_ns`. */
double tune_exceedance(const tune_figures_t *figures, int64_t target_ns);
void tune_figures_add(tune_figures_t *into, const tune_figures_t *from);

/* One decision, at a time that counts only while the adaptive engine ran. */
typedef struct tune_step {
    int64_t at_ns;
    auraio_decision_t decision;
} tune_step_t;

typedef struct tune_journal {
    tune_step_t *steps;
    int count, capacity;
    int target; /* of the engine; 0 until it is known */
} tune_journal_t;

/* Add what the engine has decided since the last time. `shift_ns` turns CLOCK_MONOTONIC into the time of the
 * steps. 0 or -ENOMEM. */
int tune_journal_gather(tune_journal_t *journal, const auraio_engine_t *engine, uint64_t device,
                        int64_t shift_ns);
void tune_journal_destroy(tune_journal_t *journal);

/* Completions in a row whose time is stamped, of the first adaptive turn. */
#define TUNE_STAMP_OPS 64
#define TUNE_STAMPS 65536

typedef struct tune_load tune_load_t;

#define TUNE_OFFERED 2 /* operations wanted of an adaptive engine, in largest depths */

typedef struct tune_buffers {
    unsigned char *memory;
    size_t count; /* of options->block_bytes each */
} tune_buffers_t;

/* 0, or -ENOMEM after saying so. */
int tune_buffers_make(const tune_options_t *options, tune_buffers_t *ret_buffers);
void tune_buffers_destroy(tune_buffers_t *buffers);

/* A closed loop. `depth` 0: the engine tunes itself, and more operations are wanted than its limit allows;
 * else that many are in the kernel. 0, or a negative errno after saying what failed. */
int tune_load_create(const tune_options_t *options, const tune_subject_t *subject,
                     const tune_buffers_t *buffers, int depth, tune_load_t **ret_load);
void tune_load_destroy(tune_load_t *load);

/* Run for a time, or until a signal, and add what it came to. 0, or a negative errno after saying what
 * failed. */
int tune_load_run(tune_load_t *load, int64_t duration_ns, tune_figures_t *into);

/* Of an adaptive load: its decisions; the nanoseconds from its start to every TUNE_STAMP_OPS completions; the
 * limit without probes. Owned by the load. */
const tune_journal_t *tune_load_journal(const tune_load_t *load);
const int64_t *tune_load_stamps(const tune_load_t *load, int *ret_count);
int tune_load_limit(const tune_load_t *load);

/* What moved the bytes of a load that has run. */
auraio_backend_info_t tune_load_backend(const tune_load_t *load);

/* A histogram of all latencies of the engine since its start, of which there are `ops`. The engine is idle.
 */
void tune_latency_read(const auraio_engine_t *engine, int64_t ops, auraio_hist_t *ret_latency);

/* One static depth. */
typedef struct tune_row {
    int depth;
    tune_figures_t sweep, rounds; /* rounds: beside the adaptive engine, for candidates */
    double rates[TUNE_ROUNDS];
} tune_row_t;

typedef struct tune_result {
    const tune_options_t *options;
    const tune_subject_t *subject;
    tune_row_t rows[TUNE_ROWS];
    int row_count, swept;            /* rows that were measured */
    int candidates[TUNE_CANDIDATES]; /* rows */
    int candidate_count;
    int rounds; /* that were completed */
    tune_buffers_t buffers;
    auraio_backend_info_t backend; /* of the engine that ran last */
    tune_load_t *adaptive;
    tune_figures_t first, steady; /* of the adaptive engine: run-in, and rounds */
    double rates[TUNE_ROUNDS];
    /* the judgement */
    int best;           /* row; -1: not known */
    bool unmet;         /* no depth keeps the target */
    double share;       /* of the best depth's throughput: median of rounds; 0: no round */
    double p99_ratio;   /* against the best depth's */
    int64_t reached_ns; /* -1: never */
    int64_t reached_ops;
} tune_result_t;

/* Measure everything. EXIT_OK, also when a signal ended it early, or EXIT_FAILED after saying why. The result
 * is to be destroyed either way. */
int tune_run(const tune_options_t *options, const tune_subject_t *subject, tune_result_t *ret_result);
void tune_result_destroy(tune_result_t *result);

/* After the sweep: which row is best, and which others are measured again beside it. */
void tune_judge_sweep(tune_result_t *result);
/* Before the rounds: the depth next to where the adaptive engine came to is measured again, too. */
void tune_judge_first(tune_result_t *result, int limit);
/* After the rounds. */
void tune_judge_rounds(tune_result_t *result);

/* All that is known of a row. */
tune_figures_t tune_row_figures(const tune_row_t *row);

void tune_head(const tune_options_t *options, const tune_subject_t *subject);
void tune_table(const tune_result_t *result);
void tune_verdict(const tune_result_t *result);
void tune_chart(const tune_result_t *result);

/* Into the file of that name ("-": stdout, JSON only). 0, or -1 after saying what failed. */
int tune_export_json(const tune_result_t *result, const char *path);
int tune_export_svg(const tune_result_t *result, const char *path);

#endif
