/* Fuzz target: bytes become options, reaps, shares and submits; every invariant is checked after
 * every step. With libFuzzer: clang -fsanitize=fuzzer. Without: -DFUZZ_REPLAY makes a program that
 * replays the files it is given, which is how the corpus is a test under any compiler. */
#include <auraio/adapt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define USERS 5

typedef struct input {
    const uint8_t *data;
    size_t left;
} input_t;

/* The next `size` bytes as a number; zero bytes when the input has ended. */
static uint64_t take(input_t *input, size_t size)
{
    uint64_t value = 0;
    size_t taken = size < input->left ? size : input->left;
    memcpy(&value, input->data, taken);
    input->data += taken;
    input->left -= taken;
    return value;
}

static void expect(int condition)
{
    if (!condition)
        abort();
}

/* Numbers of every magnitude: a byte of exponent, three of mantissa. */
static int64_t take_wide(input_t *input)
{
    uint64_t exponent = take(input, 1), mantissa = take(input, 3);
    return (int64_t)(mantissa << exponent % 39);
}

static void fuzz_options(input_t *input, auraio_adapt_t *adapt, int *ret_lowest, int *ret_highest)
{
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.p99_target_ns = take_wide(input);
    options.min_limit = (int)take(input, 2);
    options.max_limit = (int)take(input, 3);
    options.initial_limit = (int)take(input, 2);
    if (auraio_adapt_init(adapt, &options) != 0)
        expect(auraio_adapt_init(adapt, NULL) == 0);
    else if (options.max_limit > 0 && options.min_limit > 0)
        expect(auraio_adapt_limit(adapt) >= options.min_limit &&
               auraio_adapt_limit(adapt) <= options.max_limit);
    *ret_lowest = 1;
    *ret_highest = AURAIO_ADAPT_MAX_LIMIT;
}

/* One record may stand for many equal reaps: arms end only after hundreds of them. */
static void fuzz_reaps(input_t *input, auraio_adapt_t *adapt, int64_t *now_ns)
{
    uint64_t shape = take(input, 1);
    int repeat = shape & 1 ? 1 : 200;
    int64_t step_ns = take_wide(input), latency_ns = take_wide(input);
    auraio_adapt_sample_t samples[16];
    int count = 1 + (int)(shape >> 4);
    uint32_t size_bytes = (uint32_t)take(input, 4);
    for (int i = 0; i < count; i++)
        samples[i] = (auraio_adapt_sample_t){
            .latency_ns = shape & 2 ? -latency_ns : latency_ns + i * (latency_ns / 16),
            .size_bytes = size_bytes >> i,
            .kind = (uint8_t)(size_bytes >> (2 * i) & 3),
            .flags = (uint8_t)(shape & 4 ? 0 : AURAIO_ADAPT_BOUND),
        };
    for (int i = 0; i < repeat; i++) {
        *now_ns = (int64_t)((uint64_t)*now_ns + (uint64_t)step_ns);
        auraio_adapt_batch_t batch = {
            .now_ns = *now_ns,
            .in_flight = auraio_adapt_limit(adapt) - (int)(size_bytes & 3),
            .count = count,
            .flags = shape & 8 ? AURAIO_ADAPT_LATE : 0,
            .samples = samples,
        };
        auraio_adapt_complete(adapt, &batch);
    }
}

static void fuzz_share(input_t *input, auraio_adapt_share_t *share, auraio_adapt_share_user_t *users)
{
    uint64_t what = take(input, 1);
    int index = (int)(what >> 2) % (USERS + 1), amount = (int)(int16_t)take(input, 2);
    if ((what & 3) == 0)
        auraio_adapt_share_take(share, users, USERS, index, amount);
    else if ((what & 3) == 1)
        auraio_adapt_share_give(share, users, USERS, index, amount);
    else if ((what & 3) == 2)
        auraio_adapt_share_set_limit(share, amount);
    int served;
    while (auraio_adapt_share_next(share, users, USERS, &served) > 0)
        expect(served >= 0 && served < USERS);
    int held = 0;
    for (int i = 0; i < USERS; i++) {
        held += users[i].held;
        expect(auraio_adapt_share_excess(share, users, USERS, i) <= users[i].held);
    }
    expect(held == share->held);
    expect(share->waiting == 0 || share->held >= share->limit);
}

static void fuzz_submit(input_t *input, auraio_adapt_batch_size_t *batch_size)
{
    auraio_adapt_submit_t submit = {
        .waited_ns = take_wide(input),
        .call_ns = take_wide(input),
        .latency_ns = take_wide(input),
        .ops = (int)(int16_t)take(input, 2),
    };
    auraio_adapt_batch_size_submitted(batch_size, &submit);
    expect(auraio_adapt_batch_size(batch_size) >= 1 && auraio_adapt_batch_size(batch_size) <= 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_t input = {data, size};
    auraio_adapt_t adapt;
    auraio_adapt_share_t share;
    auraio_adapt_share_user_t users[USERS] = {{0}};
    auraio_adapt_batch_size_t batch_size;
    int lowest, highest;
    int64_t now_ns = 0;
    fuzz_options(&input, &adapt, &lowest, &highest);
    auraio_adapt_share_init(&share, auraio_adapt_limit(&adapt));
    auraio_adapt_batch_size_init(&batch_size, 64);

    while (input.left > 0) {
        uint64_t what = take(&input, 1) % 8;
        if (what == 0)
            fuzz_share(&input, &share, users);
        else if (what == 1)
            fuzz_submit(&input, &batch_size);
        else
            fuzz_reaps(&input, &adapt, &now_ns);
        expect(auraio_adapt_limit(&adapt) >= lowest && auraio_adapt_limit(&adapt) <= highest);
        expect(auraio_adapt_is_valid(&adapt));
    }
    return 0;
}

#ifdef FUZZ_REPLAY
static int replay(const char *path)
{
    static uint8_t buffer[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(buffer, 1, sizeof(buffer), file);
    fclose(file);
    return LLVMFuzzerTestOneInput(buffer, size);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) != 0)
            return 1;
    printf("%d inputs replayed\n", argc - 1);
    return 0;
}
#endif
