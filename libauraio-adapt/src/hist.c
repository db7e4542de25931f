/* The latency histogram: counters in log-linear buckets (exact below 64 ns, then 32 an octave).
 * A bucket's index and bounds are inverse to each other: auraio_hist_index(low) == index, and
 * auraio_hist_index(high - 1) == index. Recording is inline in the header; here is what reads. */
#include <auraio/adapt.h>

#include <string.h>

void auraio_hist_reset(auraio_hist_t *hist)
{
    memset(hist, 0, sizeof(*hist));
}

void auraio_hist_merge(auraio_hist_t *into, const auraio_hist_t *from)
{
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++) {
        uint32_t sum = into->buckets[i] + from->buckets[i];
        into->buckets[i] = sum < from->buckets[i] ? UINT32_MAX : sum;
    }
}

uint64_t auraio_hist_count(const auraio_hist_t *hist)
{
    uint64_t count = 0;
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++)
        count += hist->buckets[i];
    return count;
}

int auraio_hist_bucket_count(void)
{
    return AURAIO_HIST_BUCKETS;
}

static int clamp_index(int index)
{
    if (index < 0)
        return 0;
    return index < AURAIO_HIST_BUCKETS ? index : AURAIO_HIST_BUCKETS - 1;
}

int64_t auraio_hist_bucket_low_ns(int index)
{
    index = clamp_index(index);
    if (index < AURAIO_HIST_SUBS)
        return index;
    int shift = index / AURAIO_HIST_SUBS - 1;
    return (int64_t)(AURAIO_HIST_SUBS + index % AURAIO_HIST_SUBS) << shift;
}

int64_t auraio_hist_bucket_high_ns(int index)
{
    index = clamp_index(index);
    return index == AURAIO_HIST_BUCKETS - 1 ? INT64_MAX : auraio_hist_bucket_low_ns(index + 1);
}

uint32_t auraio_hist_bucket(const auraio_hist_t *hist, int index)
{
    return index >= 0 && index < AURAIO_HIST_BUCKETS ? hist->buckets[index] : 0;
}

/* The last bucket is open above: its lower bound is all that is known of its values. */
static int64_t bucket_middle_ns(int index)
{
    int64_t low_ns = auraio_hist_bucket_low_ns(index);
    if (index == AURAIO_HIST_BUCKETS - 1)
        return low_ns;
    return low_ns + (auraio_hist_bucket_high_ns(index) - low_ns) / 2;
}

int64_t auraio_hist_percentile(const auraio_hist_t *hist, double percent)
{
    uint64_t count = auraio_hist_count(hist);
    if (count == 0)
        return 0;
    if (!(percent <= 100.0))
        percent = 100.0;
    if (percent < 0.0)
        percent = 0.0;

    double needed = percent / 100.0 * (double)count;
    uint64_t seen = 0;
    int last = 0;
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++) {
        if (hist->buckets[i] == 0)
            continue;
        seen += hist->buckets[i];
        last = i;
        if ((double)seen >= needed)
            break;
    }
    return bucket_middle_ns(last);
}
