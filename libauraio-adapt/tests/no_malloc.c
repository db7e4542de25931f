/* The controller allocates nothing: this program has an allocator that fails loudly, and uses every
 * part of the library. A plain program, for a test framework allocates. */
#include <auraio/adapt.h>

#include <stdlib.h>
#include <unistd.h>

static bool armed;

static void *refuse(void)
{
    static const char message[] = "the library allocated memory\n";
    if (armed) {
        ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);
        _exit(written > 0 ? 1 : 2);
    }
    return NULL;
}

void *malloc(size_t size)
{
    (void)size;
    return refuse();
}

void *calloc(size_t count, size_t size)
{
    (void)count;
    (void)size;
    return refuse();
}

void *realloc(void *old, size_t size)
{
    (void)old;
    (void)size;
    return refuse();
}

void free(void *memory)
{
    (void)memory;
}

static auraio_adapt_t adapt;

static void use_controller(int64_t p99_target_ns)
{
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.p99_target_ns = p99_target_ns;
    if (auraio_adapt_init(&adapt, &options) != 0)
        _exit(3);
    for (int64_t i = 1; i <= 200000; i++) {
        auraio_adapt_sample_t sample = {.latency_ns = 50000 + i * 7919 % 100000,
                                        .size_bytes = i % 3 ? 4096 : 65536,
                                        .flags = AURAIO_ADAPT_BOUND};
        auraio_adapt_batch_t batch = {
            .now_ns = i * 10000, .in_flight = auraio_adapt_limit(&adapt) - 1, .count = 1, .samples = &sample};
        auraio_adapt_complete(&adapt, &batch);
    }
    auraio_adapt_decision_t decisions[AURAIO_ADAPT_JOURNAL];
    if (auraio_adapt_decisions(&adapt, decisions, AURAIO_ADAPT_JOURNAL) < 3)
        _exit(4); /* then hardly any of the controller ran */
}

int main(void)
{
    armed = true;
    use_controller(0);
    use_controller(120000);

    auraio_adapt_share_t share;
    auraio_adapt_share_user_t users[2] = {{0}};
    auraio_adapt_share_init(&share, 4);
    auraio_adapt_share_take(&share, users, 2, 0, 9);
    auraio_adapt_share_take(&share, users, 2, 1, 9);
    auraio_adapt_share_give(&share, users, 2, 0, 2);
    int index = 0;
    auraio_adapt_share_next(&share, users, 2, &index);

    auraio_adapt_batch_size_t batch_size;
    auraio_adapt_batch_size_init(&batch_size, 32);
    auraio_adapt_submit_t submit = {.ops = 1, .latency_ns = 100000};
    auraio_adapt_batch_size_submitted(&batch_size, &submit);
    armed = false;
    return index == 1 ? 0 : 5;
}
