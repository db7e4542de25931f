/* The evidence of probes: differences of a probe and the base arms around it, added up while they tell the
 * same story, and how large their errors really are. */
#include "state.h"

#include <math.h>

double adapt_paired_mean(const adapt_paired_t *paired)
{
    return paired->weight > 0 ? paired->weighted / paired->weight : 0;
}

/* Whether the newest probes tell another story than those before them, which then is no longer true: a
 * cumulative sum of the deviations both ways (Page 1954). */
static bool is_surprised(adapt_paired_t *paired, double difference, double variance)
{
    if (paired->cycles < 2)
        return false;
    double deviation = (difference - adapt_paired_mean(paired)) / sqrt(variance);
    paired->rise = adapt_max(paired->rise + deviation - ADAPT_SURPRISE_SLACK, 0);
    paired->fall = adapt_max(paired->fall - deviation - ADAPT_SURPRISE_SLACK, 0);
    return paired->rise > ADAPT_SURPRISE || paired->fall > ADAPT_SURPRISE;
}

/* Returns true when the newest probes surprised. */
bool adapt_pair(adapt_paired_t *paired, double difference, double variance, int64_t now_ns)
{
    bool surprised = is_surprised(paired, difference, adapt_max(variance, paired->variance));
    if (surprised)
        *paired = (adapt_paired_t){0};
    double aged = paired->cycles > 0 ? (double)(now_ns - paired->last_ns) / ADAPT_PROBE_MEMORY_NS : 0;
    const double keep = adapt_clamp(1 - aged, ADAPT_PROBE_DECAY, ADAPT_PROBE_DECAY_SLOW);
    paired->last_ns = now_ns;
    paired->weight = keep * paired->weight + 1;
    paired->weight_squares = keep * keep * paired->weight_squares + 1;
    paired->weighted = keep * paired->weighted + difference;
    paired->variance += (variance - paired->variance) / paired->weight;
    paired->cycles++;
    return surprised;
}

/* The arm's errors are estimated from its batches, and these may resemble or balance each other: base
 * arms that follow each other show how large the errors really are. */
void adapt_noise_learn(adapt_knee_t *knee, adapt_estimate_t arm)
{
    double difference = arm.mean - knee->last.mean;
    double expected = arm.error * arm.error + knee->last.error * knee->last.error;
    knee->noise_weight = adapt_min(knee->noise_weight + 1, ADAPT_NOISE_ARMS);
    knee->noise += (difference * difference / expected - knee->noise) / knee->noise_weight;
}

/* By how much the variance of an arm must be multiplied. */
double adapt_noise(const adapt_knee_t *knee)
{
    return adapt_clamp(knee->noise, ADAPT_NOISE_MIN, ADAPT_NOISE_MAX);
}

double adapt_paired_error(const adapt_paired_t *paired)
{
    return paired->weight > 0 ? sqrt(paired->variance * paired->weight_squares) / paired->weight : 1;
}

/* Base arms between two probes, weighted by their errors. */
void adapt_run_add(adapt_knee_t *knee, adapt_estimate_t rate, int64_t samples)
{
    double weight = 1 / (rate.error * rate.error);
    double before = knee->run_samples > 0 ? 1 / (knee->run.error * knee->run.error) : 0;
    knee->run.mean = (before * knee->run.mean + weight * rate.mean) / (before + weight);
    knee->run.error = 1 / sqrt(before + weight);
    knee->run_samples += samples;
}
