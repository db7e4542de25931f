/* policy.h - the policies that come with the library, each in its own file. */
#ifndef SIM_POLICY_H
#define SIM_POLICY_H

#include <auraio/adapt_sim.h>

extern const auraio_sim_policy_t sim_policy_auraio;
extern const auraio_sim_policy_t sim_policy_fixed;
extern const auraio_sim_policy_t sim_policy_aimd_p99;
extern const auraio_sim_policy_t sim_policy_vegas;
extern const auraio_sim_policy_t sim_policy_gradient2;
extern const auraio_sim_policy_t sim_policy_ticker;

#endif
