/* What a completion costs the controller: wall time, without and with a target, and the histogram
 * alone. Each figure is the least of several runs: the machine disturbs only in one direction. With
 * an argument (none, target or hist) only that loop runs, once, for counting instructions under
 * callgrind. */
#include <auraio/adapt.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define COMPLETIONS 2000000
#define REAP 8 /* completions a reap, as an engine at depth 32 sees */
#define RUNS 7

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Reports as from a device of 32 servers at 400,000 operations a second. */
static void run_controller(int64_t p99_target_ns)
{
    static auraio_adapt_t adapt;
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.p99_target_ns = p99_target_ns;
    if (auraio_adapt_init(&adapt, &options) != 0)
        return;
    uint32_t random = 1;
    int64_t time_ns = 0;
    for (int i = 0; i < COMPLETIONS / REAP; i++) {
        auraio_adapt_sample_t samples[REAP];
        for (int j = 0; j < REAP; j++) {
            random = random * 1664525u + 1013904223u;
            samples[j] = (auraio_adapt_sample_t){.latency_ns = 60000 + (int64_t)(random >> 15),
                                                 .size_bytes = 4096,
                                                 .flags = AURAIO_ADAPT_BOUND};
        }
        int limit = auraio_adapt_limit(&adapt);
        time_ns += (int64_t)REAP * 80000 / (limit < 32 ? limit : 32) + (int64_t)(random >> 22);
        auraio_adapt_batch_t batch = {
            .now_ns = time_ns, .in_flight = limit - REAP, .count = REAP, .samples = samples};
        auraio_adapt_complete(&adapt, &batch);
    }
}

/* The same loop without the controller: what is subtracted. */
static void run_nothing(int64_t unused)
{
    (void)unused;
    uint32_t random = 1;
    for (int i = 0; i < COMPLETIONS / REAP; i++) {
        auraio_adapt_sample_t samples[REAP];
        for (int j = 0; j < REAP; j++) {
            random = random * 1664525u + 1013904223u;
            samples[j] = (auraio_adapt_sample_t){.latency_ns = 60000 + (int64_t)(random >> 15),
                                                 .size_bytes = 4096,
                                                 .flags = AURAIO_ADAPT_BOUND};
        }
        __asm__ volatile("" : : "r"(samples) : "memory");
    }
}

static void run_hist(int64_t unused)
{
    (void)unused;
    static auraio_hist_t hist;
    uint32_t random = 1;
    for (int i = 0; i < COMPLETIONS; i++) {
        random = random * 1664525u + 1013904223u;
        auraio_hist_record(&hist, 60000 + (int64_t)(random >> 15));
    }
    __asm__ volatile("" : : "r"(&hist) : "memory");
}

typedef struct subject {
    const char *name;
    void (*run)(int64_t p99_target_ns);
    int64_t p99_target_ns;
} subject_t;

static const subject_t subjects[] = {
    {"empty", run_nothing, 0},
    {"none", run_controller, 0},
    {"target", run_controller, 250000},
    {"hist", run_hist, 0},
};

static double best_ns(const subject_t *subject)
{
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        double begin_ns = now_ns();
        subject->run(subject->p99_target_ns);
        double each_ns = (now_ns() - begin_ns) / COMPLETIONS;
        if (i == 0 || each_ns < best)
            best = each_ns;
    }
    return best;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        if (strcmp(argv[1], subjects[i].name) != 0)
            continue;
        subjects[i].run(subjects[i].p99_target_ns);
        printf("%d completions\n", COMPLETIONS);
        return 0;
    }
    if (argc > 1) {
        fprintf(stderr, "usage: %s [empty|none|target|hist]\n", argv[0]);
        return 2;
    }
    double empty_ns = best_ns(&subjects[0]);
    printf("controller, no target    %6.2f ns a completion\n", best_ns(&subjects[1]) - empty_ns);
    printf("controller, with target  %6.2f ns a completion\n", best_ns(&subjects[2]) - empty_ns);
    printf("histogram record         %6.2f ns a value\n", best_ns(&subjects[3]));
    printf("state                    %6zu bytes\n", sizeof(auraio_adapt_t));
    return 0;
}
