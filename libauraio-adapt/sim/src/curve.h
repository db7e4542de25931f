/* curve.h - models made of a measured curve. */
#ifndef SIM_CURVE_H
#define SIM_CURVE_H

#include <auraio/adapt_sim.h>

/* Fill in what the knots of a model (at least one) don't say: a closed load of small reads, room
 * above the last depth, runs that are long enough. */
void sim_curve_model_complete(auraio_sim_model_t *model);

#endif
