/* normal.c - the table behind normal.h. */
#include "normal.h"

/* Newton's method on the distribution function, erfc(-z / sqrt 2) / 2. It converges from 0 for
 * every p because the function is concave on the side the iteration runs on; steps are bounded for
 * the far tails, where the density is tiny. */
double sim_normal_quantile(double p)
{
    double z = 0;
    for (int i = 0; i < 64; i++) {
        double error = 0.5 * erfc(-z * M_SQRT1_2) - p;
        double density = exp(-0.5 * z * z) * 0.3989422804014327;
        double step = fmax(-1, fmin(1, error / density));
        z -= step;
        if (fabs(step) < 1e-12)
            break;
    }
    return z;
}

void sim_normal_init(sim_normal_t *normal)
{
    for (int i = 0; i <= SIM_NORMAL_CELLS / 2; i++) {
        /* The outermost points stand half a cell from the ends, where the quantile is finite. */
        double p = fmax(i, 0.5) / SIM_NORMAL_CELLS;
        double z = sim_normal_quantile(p);
        normal->at[i] = z;
        normal->at[SIM_NORMAL_CELLS - i] = -z;
    }
}
