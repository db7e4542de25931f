/* policy.c - the list of policies. */
#include "policy.h"

#include <string.h>

static const auraio_sim_policy_t *const policies[] = {
    &sim_policy_auraio, &sim_policy_fixed,     &sim_policy_aimd_p99,
    &sim_policy_vegas,  &sim_policy_gradient2, &sim_policy_ticker,
};

const auraio_sim_policy_t *auraio_sim_policy_at(int index)
{
    int count = (int)(sizeof(policies) / sizeof(policies[0]));
    return index >= 0 && index < count ? policies[index] : NULL;
}

const auraio_sim_policy_t *auraio_sim_policy_find(const char *name)
{
    const auraio_sim_policy_t *policy;
    for (int i = 0; name && (policy = auraio_sim_policy_at(i)); i++) {
        if (strcmp(policy->name, name) == 0)
            return policy;
    }
    return NULL;
}
