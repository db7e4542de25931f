/* policy_auraio.c - the controller of libauraio-adapt, as the engine uses it. */
#include "policy.h"

static int default_init(void *state, const auraio_adapt_options_t *options)
{
    return auraio_adapt_init(state, options);
}

static void default_complete(void *state, const auraio_adapt_batch_t *batch)
{
    auraio_adapt_complete(state, batch);
}

static int default_limit(const void *state)
{
    return auraio_adapt_limit(state);
}

static int default_phase(const void *state)
{
    return (int)auraio_adapt_phase(state);
}

const auraio_sim_policy_t sim_policy_auraio = {
    .name = "auraio",
    .summary = "the default controller: searches the knee or the target, moves on evidence",
    .state_size = sizeof(auraio_adapt_t),
    .init = default_init,
    .complete = default_complete,
    .limit = default_limit,
    .phase = default_phase,
};
