/* The submit batch size: operations gathered before one kernel call.
 *
 * A call costs `call_ns` whatever it carries: gathering n operations saves call_ns (1 - 1/n) an
 * operation, and makes the first wait for the last. The wait is allowed a small share of the
 * device's latency, because nobody notices it there: so a slow device gathers much and a fast one
 * little, and an idle application (long gaps) not at all. Additive increase while calls are full
 * and within that share; multiplicative decrease when the wait exceeds it, or when calls leave far
 * from full. */
#include <auraio/adapt.h>

#include <assert.h>

#define SMOOTHING 0.125   /* TCP's smoothed round trip: eight calls count (Jacobson 1988) */
#define WAIT_SHARE 0.0625 /* of the device latency a batch may wait for itself */
#define FULL_CALLS 4      /* full calls in a row before an increase: one burst proves nothing */
#define SAVING_MIN_NS 1.0 /* an operation: an increase that saves less is not worth its wait */
#define MAX_SIZE 65536

static double smooth(double average, double value)
{
    return average > 0 ? average + SMOOTHING * (value - average) : value;
}

void auraio_adapt_batch_size_init(auraio_adapt_batch_size_t *batch_size, int max_size)
{
    int clamped = max_size < 1 ? 1 : max_size;
    *batch_size = (auraio_adapt_batch_size_t){.size = 1, .max_size = clamped < MAX_SIZE ? clamped : MAX_SIZE};
}

static void decrease(auraio_adapt_batch_size_t *batch_size)
{
    batch_size->full_calls = 0;
    batch_size->size = batch_size->size > 1 ? batch_size->size / 2 : 1;
}

void auraio_adapt_batch_size_submitted(auraio_adapt_batch_size_t *batch_size,
                                       const auraio_adapt_submit_t *submit)
{
    assert(batch_size->size >= 1 && batch_size->size <= batch_size->max_size);
    if (submit->ops <= 0)
        return;
    if (submit->call_ns > 0)
        batch_size->call_ns = smooth(batch_size->call_ns, (double)submit->call_ns);
    if (submit->latency_ns > 0)
        batch_size->latency_ns = smooth(batch_size->latency_ns, (double)submit->latency_ns);
    double waited_ns = submit->waited_ns > 0 ? (double)submit->waited_ns : 0;
    if (submit->ops > 1)
        batch_size->gap_ns = smooth(batch_size->gap_ns, waited_ns / (submit->ops - 1) + 1);

    double allowed_ns = WAIT_SHARE * batch_size->latency_ns;
    if (waited_ns > allowed_ns && batch_size->latency_ns > 0) {
        decrease(batch_size);
        return;
    }
    if (submit->ops * 2 <= batch_size->size) {
        decrease(batch_size);
        return;
    }
    if (submit->ops < batch_size->size) {
        batch_size->full_calls = 0;
        return;
    }
    double size = batch_size->size;
    bool waits_too_long = batch_size->gap_ns * size > allowed_ns;
    bool saves_too_little =
        batch_size->call_ns > 0 && batch_size->call_ns / (size * (size + 1)) < SAVING_MIN_NS;
    if (++batch_size->full_calls < FULL_CALLS || waits_too_long || saves_too_little)
        return;
    batch_size->full_calls = 0;
    if (batch_size->size < batch_size->max_size)
        batch_size->size++;
}

int auraio_adapt_batch_size(const auraio_adapt_batch_size_t *batch_size)
{
    return batch_size->size;
}
