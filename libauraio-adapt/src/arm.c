/* Arms: batches of completions at one limit, and what is estimated from them.
 *
 * A batch opens where the last one closed and closes at the newest reap once it holds batch_size
 * completions, never between completions that share a time stamp: so a batch's time is exactly the
 * time its completions took. The rate of an arm is the trimmed mean of ln(rate) over its batches:
 * pauses fall out, and differences of two arms are relative gains. When the device serves in bursts
 * shorter batches lie (the mean of logs is under the log of the mean): batches then grow by merging
 * in pairs. */
#include "state.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int adapt_batch_size_for(int limit)
{
    if (limit < ADAPT_BATCH_MIN)
        return ADAPT_BATCH_MIN;
    return limit < ADAPT_BATCH_MAX ? limit : ADAPT_BATCH_MAX;
}

void adapt_arm_reset(adapt_arm_t *arm, int batch_size, int64_t pace_ns)
{
    assert(batch_size > 0 && pace_ns >= 0);
    memset(arm, 0, sizeof(*arm));
    arm->batch_size = batch_size;
    arm->pace_ns = pace_ns;
}

static void open_batch(adapt_arm_t *arm, int64_t now_ns)
{
    arm->batch_begin_ns = now_ns;
    arm->batch_gap_ns = 0;
    arm->batch_samples = 0;
    arm->batch_bound = 0;
    arm->batch_over = 0;
    arm->batch_cost = 0;
    memset(arm->batch_classes, 0, sizeof(arm->batch_classes));
}

void adapt_arm_begin(adapt_arm_t *arm, int64_t now_ns)
{
    arm->begin_ns = now_ns;
    arm->last_ns = now_ns;
    open_batch(arm, now_ns);
}

/* What was gathered since the last closed batch is no evidence: begin again at `now_ns`. */
void adapt_arm_drop_batch(adapt_arm_t *arm, int64_t now_ns)
{
    arm->last_ns = now_ns;
    open_batch(arm, now_ns);
}

/* What came with the reap at `now_ns` is no evidence, nor is the time since the one before: cut both out. To
 * drop the batch would starve an arm of long ones where such reaps come every few milliseconds. */
void adapt_arm_skip(adapt_arm_t *arm, int64_t now_ns)
{
    arm->batch_begin_ns += now_ns - arm->last_ns;
    arm->last_ns = now_ns;
}

bool adapt_arm_batch_is_full(const adapt_arm_t *arm, int64_t now_ns)
{
    return arm->batch_samples >= arm->batch_size && now_ns > arm->last_ns &&
           arm->last_ns > arm->batch_begin_ns && arm->last_ns - arm->batch_begin_ns >= arm->pace_ns;
}

bool adapt_arm_batch_was_bound(const adapt_arm_t *arm)
{
    return (double)arm->batch_bound >= ADAPT_BOUND_SHARE * (double)arm->batch_samples;
}

static void set_rate(adapt_evidence_t *evidence)
{
    evidence->log_rate = log(evidence->cost / evidence->time_ns);
}

static void merge_pairs(adapt_arm_t *arm)
{
    for (int i = 0; i < arm->count / 2; i++) {
        const adapt_evidence_t *a = &arm->evidence[2 * i], *b = &arm->evidence[2 * i + 1];
        adapt_evidence_t merged = {
            .cost = a->cost + b->cost,
            .time_ns = a->time_ns + b->time_ns,
            .exceedance = (a->exceedance + b->exceedance) / 2,
        };
        set_rate(&merged);
        arm->evidence[i] = merged;
    }
    arm->count /= 2;
    arm->batch_size *= 2;
    if (arm->closed > arm->count)
        arm->closed = arm->count;
}

void adapt_arm_close_batch(adapt_arm_t *arm)
{
    assert(arm->batch_samples > 0 && arm->batch_cost > 0);
    assert(arm->last_ns > arm->batch_begin_ns);

    if (arm->count == ADAPT_ARM_BATCHES) {
        int closed = arm->closed;
        merge_pairs(arm);
        arm->closed = closed;
    }
    adapt_evidence_t *evidence = &arm->evidence[arm->count++];
    evidence->cost = arm->batch_cost;
    evidence->time_ns = (double)(arm->last_ns - arm->batch_begin_ns);
    evidence->exceedance = (double)arm->batch_over / (double)arm->batch_samples;
    set_rate(evidence);
    arm->closed++;
    for (int i = 0; i < ADAPT_CLASSES; i++)
        arm->classes[i] += arm->batch_classes[i];
    open_batch(arm, arm->last_ns);
}

/* Merges and returns true when the batches are too short for the bursts of the device. */
bool adapt_arm_merge_if_bursty(adapt_arm_t *arm)
{
    if (arm->count < 6 || arm->count % 2 != 0 || arm->batch_size >= ADAPT_BATCH_MERGED_MAX)
        return false;

    double cost = 0, time_ns = 0;
    for (int i = 0; i < arm->count; i++) {
        cost += arm->evidence[i].cost;
        time_ns += arm->evidence[i].time_ns;
    }
    if (time_ns / arm->count >= ADAPT_MERGE_BELOW_NS)
        return false;

    adapt_estimate_t rate = adapt_arm_rate(arm);
    bool scattered = arm->count >= 8 && rate.spread > ADAPT_SCATTER_MAX;
    bool drifting =
        arm->count >= 12 && rate.spread > ADAPT_BIAS_MAX && rate.correlation > ADAPT_CORRELATION_HIGH;
    if (!scattered && !drifting && rate.mean - log(cost / time_ns) <= ADAPT_BIAS_MAX)
        return false;
    merge_pairs(arm);
    return true;
}

/* Insertion sort: at most 64 values, nearly always fewer than 16. */
void adapt_sort(double *values, int count)
{
    for (int i = 1; i < count; i++) {
        double value = values[i];
        int j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

/* Autocorrelation of first order of the batches, of which only what chance does not explain counts.
 */
static double correlation(const adapt_arm_t *arm, double lowest, double highest, double mean, double squares)
{
    double products = 0;
    double previous = adapt_clamp(arm->evidence[0].log_rate, lowest, highest) - mean;
    for (int i = 1; i < arm->count; i++) {
        double difference = adapt_clamp(arm->evidence[i].log_rate, lowest, highest) - mean;
        products += previous * difference;
        previous = difference;
    }
    if (squares <= 0)
        return 0;
    return adapt_clamp(products / squares - 1 / sqrt(arm->count), 0, ADAPT_CORRELATION_MAX);
}

/* Trimmed mean with the standard error of the winsorised sample (Tukey and McLaughlin 1963). */
adapt_estimate_t adapt_arm_rate(const adapt_arm_t *arm)
{
    int count = arm->count;
    assert(count > 0);
    double sorted[ADAPT_ARM_BATCHES];
    for (int i = 0; i < count; i++)
        sorted[i] = arm->evidence[i].log_rate;
    adapt_sort(sorted, count);

    int trim = count / ADAPT_TRIM_DIVISOR;
    double trimmed = 0, winsorised = 0;
    for (int i = trim; i < count - trim; i++)
        trimmed += sorted[i];
    winsorised = trimmed + trim * (sorted[trim] + sorted[count - 1 - trim]);
    trimmed /= count - 2 * trim;
    winsorised /= count;

    double squares = 0;
    for (int i = 0; i < count; i++) {
        int clamped = i < trim ? trim : i >= count - trim ? count - 1 - trim : i;
        double difference = sorted[clamped] - winsorised;
        squares += difference * difference;
    }
    double variance = count > 1 ? squares / (count - 1) : 1.0;
    double kept = (count - 2.0 * trim) / count;
    /* Few batches know their own scatter badly: Student's quantile over the normal one. */
    int freedom = count - 2 * trim - 1;
    double student = freedom > 0 ? 1 + ADAPT_STUDENT / freedom : 1;
    /* Batches that resemble their neighbours understate the error of their mean. */
    double r = correlation(arm, sorted[trim], sorted[count - 1 - trim], winsorised, squares);
    double correlated = sqrt((1 + r) / (1 - r));
    return (adapt_estimate_t){
        .mean = trimmed,
        .error = adapt_max(student * correlated * sqrt(variance / count) / kept, ADAPT_ERROR_FLOOR),
        .spread = sqrt(variance),
        .correlation = r,
    };
}

/* Exceedances come in clusters (a queue that is long stays long): the error is that of batch means,
 * and at least the binomial one. */
adapt_share_estimate_t adapt_arm_exceedance(const adapt_arm_t *arm)
{
    int count = arm->count;
    if (count < 2) {
        double share = arm->samples > 0 ? (double)arm->over / (double)arm->samples : 0;
        return (adapt_share_estimate_t){.share = share, .error = 1};
    }
    double mean = 0, squares = 0;
    for (int i = 0; i < count; i++)
        mean += arm->evidence[i].exceedance;
    mean /= count;
    for (int i = 0; i < count; i++) {
        double difference = arm->evidence[i].exceedance - mean;
        squares += difference * difference;
    }
    double samples = (double)arm->samples + 1;
    double binomial = sqrt((mean + 1 / samples) * (1 - mean) / samples);
    double clustered = sqrt(squares / (count - 1) / count);
    return (adapt_share_estimate_t){.share = mean, .error = adapt_max(clustered, binomial)};
}
