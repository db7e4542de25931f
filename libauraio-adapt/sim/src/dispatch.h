/* dispatch.h - sends what the limit allows, shared fairly between rings. */
#ifndef SIM_DISPATCH_H
#define SIM_DISPATCH_H

#include "run.h"

/* Take the policies' limits. Before completions are accounted for, or a ring would reuse a credit
 * that the new limit takes away. */
void sim_dispatch_refresh(sim_run_t *run);

/* Send all that the limits and the load allow. */
void sim_dispatch(sim_run_t *run);

/* An operation of the ring completed: give its credit back, unless the ring uses it again. */
void sim_dispatch_completed(sim_run_t *run, uint32_t ring);

/* The controller a ring obeys. */
sim_control_t *sim_dispatch_control(sim_run_t *run, uint32_t ring);

#endif
