/* sim.h - the parts of `auraio sim`.
 *
 *     sim.c          the command: options in, exit status out
 *     sim_options.c  the command line
 *     sim_plan.c     which policies run on which devices under which targets: rows of trials
 *     sim_work.c     runs many independent pieces of work on several threads, with a progress bar
 *     sim_table.c    the table
 *     sim_check.c    what --check found
 *     sim_worst.c    the distribution over random devices, and the worst five
 *     sim_chart.c    limit, throughput and p99 over time, in the terminal
 *     sim_export.c   CSV and JSON
 *     sim_svg.c      the same chart through gnuplot
 *     sim_file.c     models and traces read from files
 *     sim_trace.c    --record and --replay
 */
#ifndef TOOLS_SIM_H
#define TOOLS_SIM_H

#include <auraio/adapt_sim.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SIM_NAMES 64
#define SIM_SEEDS 100
#define SIM_POINTS 240

typedef enum sim_target {
    SIM_TARGET_NONE,
    SIM_TARGET_ONE,  /* options.target_ns */
    SIM_TARGET_EACH, /* none, and each the model knows and the oracle can keep */
} sim_target_t;

typedef struct sim_options {
    const char *models[SIM_NAMES];
    int model_count;
    const char *policies[SIM_NAMES];
    int policy_count;
    uint64_t seed;
    int seeds;
    sim_target_t target;
    int64_t target_ns;
    int64_t duration_ns; /* 0: the model's */
    int rings;
    bool separate;
    int initial_limit;     /* 0: default */
    int arrivals, workers; /* 0: the model's */
    int jobs;
    bool all, check, chart, list, help;
    int random;
    const char *csv, *json, *svg, *record, *replay;
    bool color, progress;
} sim_options_t;

/* Parse the command line. 0, or -1 after saying on stderr what is wrong with which argument. */
int sim_options_parse(int argc, char **argv, sim_options_t *ret_options);
void sim_options_help(void);

/* One device of the plan, and the oracle of each seed. */
typedef struct sim_subject {
    auraio_sim_model_t model;
    auraio_sim_oracle_t *oracles; /* one a seed */
} sim_subject_t;

/* One line of the table: trials that differ by the seed only. */
typedef struct sim_row {
    const sim_subject_t *subject;
    const auraio_sim_policy_t *policy;
    int64_t target_ns;
    int rings;
    bool judged;                    /* by --check */
    auraio_sim_verdict_t *verdicts; /* one a seed */
    auraio_sim_point_t *points;     /* of the first seed; NULL unless a chart is wanted */
    /* the worst of the seeds */
    double throughput, p99, violations, swing, jain;
    int64_t reached_ns, reached_completions, reaction_ns, settled_ns;
    int findings;
} sim_row_t;

typedef struct sim_plan {
    const sim_options_t *options;
    sim_subject_t *subjects;
    int subject_count;
    sim_row_t *rows;
    int row_count, row_capacity;
    int error; /* the first of a run, negative errno */
} sim_plan_t;

/* Decide the devices. EXIT_OK, or EXIT_USAGE or EXIT_FAILED after saying what is wrong. The plan
 * is to be destroyed either way. */
int sim_plan_init(sim_plan_t *plan, const sim_options_t *options);
void sim_plan_destroy(sim_plan_t *plan);

/* Ask the oracles, decide the rows, run the trials. EXIT_OK, or EXIT_FAILED after saying why. */
int sim_plan_run(sim_plan_t *plan);

/* Run `count` pieces of work on `jobs` threads: function(argument, index). `label` and the share
 * done stand on stderr while it runs, when `progress`. */
void sim_work(int count, int jobs, bool progress, const char *label,
              void (*function)(void *argument, int index), void *argument);

/* Write the table to stdout. */
void sim_table(const sim_plan_t *plan);

/* "nvme x64": the device of a row and how many rings share it. */
#define SIM_ROW_NAME 48
const char *sim_row_name(const sim_row_t *row, char text[SIM_ROW_NAME]);

/* What the judged rows of random devices come to, and the five worst by name. */
void sim_worst(const sim_plan_t *plan);

/* The median p99 ratio of a policy's rows without a target; 0 when it has none. */
double sim_worst_p99_median(const sim_plan_t *plan, const auraio_sim_policy_t *policy);

/* A row's run over time, in the terminal. */
void sim_chart(const sim_plan_t *plan, const sim_row_t *row);

/* The table as CSV or JSON into the file of that name, "-" for stdout; all charts of the plan
 * through gnuplot into an SVG. 0, or -1 after saying what failed. */
int sim_export_csv(const sim_plan_t *plan, const char *path);
int sim_export_json(const sim_plan_t *plan, const char *path);
int sim_export_svg(const sim_plan_t *plan, const char *path);

/* A model by name, curve:FILE or trace:FILE. EXIT_OK; EXIT_USAGE for a name there is not,
 * EXIT_FAILED for a file, after saying what is wrong, with the line. */
int sim_file_model(const char *name, auraio_sim_model_t *ret_model);

/* A trace from its file, which the caller destroys. 0, or -1 after saying what is wrong. */
int sim_file_trace(const char *path, auraio_sim_trace_t **ret_trace);

/* Run the plan's first row once more and write its trace; show a policy the trace of a file. 0, or
 * -1 after saying what failed. */
int sim_trace_record(const sim_plan_t *plan, const char *path);
int sim_trace_replay(const sim_options_t *options);

/* Name every figure of a judged row that is out of its bound; how many there are. */
int sim_check(const sim_plan_t *plan, FILE *out);

#endif
