/* policy_fixed.c - the limit that never moves: what a person who knows the device would set. The
 * oracle tries them all. */
#include "policy.h"

typedef struct fixed {
    int limit;
} fixed_t;

static int fixed_init(void *state, const auraio_adapt_options_t *options)
{
    fixed_t *fixed = state;
    fixed->limit = options->initial_limit;
    return 0;
}

static void fixed_complete(void *state, const auraio_adapt_batch_t *batch)
{
    (void)state;
    (void)batch;
}

static int fixed_limit(const void *state)
{
    const fixed_t *fixed = state;
    return fixed->limit;
}

const auraio_sim_policy_t sim_policy_fixed = {
    .name = "fixed",
    .summary = "the initial limit, for ever",
    .state_size = sizeof(fixed_t),
    .init = fixed_init,
    .complete = fixed_complete,
    .limit = fixed_limit,
};
