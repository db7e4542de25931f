/* The curve through the limits a search measured, and the limits read from it.
 *
 * Throughput does not fall with depth but for noise and for devices that thrash: nodes that fall by
 * less than their errors explain are pooled (the pool-adjacent-violators algorithm of isotonic
 * regression, Ayer et al. 1955), so that the best is the mean of a plateau and not its luckiest
 * node. Between two nodes the curve is bounded both ways: it lies on or above the chord (it is
 * concave in ln limit), and it cannot rise faster than the limit (elasticity at most 1). */
#include "state.h"

#include <assert.h>
#include <math.h>

/* Pool nodes [from, to] to their weighted mean. Returns its variance. */
static double pool(adapt_search_t *search, int from, int to)
{
    double weight = 0, weighted = 0;
    for (int i = from; i <= to; i++) {
        const adapt_estimate_t *rate = &search->nodes[i].rate;
        weight += 1 / (rate->error * rate->error);
        weighted += rate->mean / (rate->error * rate->error);
    }
    for (int i = from; i <= to; i++)
        search->nodes[i].fitted = weighted / weight;
    return 1 / weight;
}

void adapt_curve_fit(adapt_search_t *search)
{
    assert(search->count > 0);
    search->fitted = true;
    int starts[ADAPT_NODES];
    double variances[ADAPT_NODES];
    int blocks = 0;
    for (int i = 0; i < search->count; i++) {
        starts[blocks] = i;
        variances[blocks] = pool(search, i, i);
        blocks++;
        while (blocks > 1) {
            double fall = search->nodes[starts[blocks - 2]].fitted - search->nodes[i].fitted;
            double error = sqrt(variances[blocks - 2] + variances[blocks - 1]);
            if (fall <= 0 || fall > ADAPT_POOL_Z * error)
                break;
            blocks--;
            variances[blocks - 1] = pool(search, starts[blocks - 1], i);
        }
    }
    search->best = -INFINITY;
    for (int i = 0; i < blocks; i++) {
        double fitted = search->nodes[starts[i]].fitted;
        if (fitted > search->best) {
            search->best = fitted;
            search->best_error = sqrt(variances[i]);
        }
    }
}

static double interpolate_limit(const adapt_node_t *low, const adapt_node_t *high, double fraction)
{
    double a = log(low->limit), b = log(high->limit);
    return exp(a + adapt_clamp(fraction, 0, 1) * (b - a));
}

/* The smallest limit that reaches a share of the best: at most what is returned (on the chord), at
 * least `ret_lowest` (at elasticity 1 from the node below). */
double adapt_curve_knee(const adapt_search_t *search, double knee_share, double *ret_lowest)
{
    double wanted = search->best + log(knee_share);
    int at = 0;
    while (at < search->count - 1 && search->nodes[at].fitted < wanted)
        at++;
    const adapt_node_t *high = &search->nodes[at];
    *ret_lowest = high->limit;
    if (at == 0)
        return high->limit;
    const adapt_node_t *low = &search->nodes[at - 1];
    double rise = high->fitted - low->fitted;
    double highest = interpolate_limit(low, high, rise > 0 ? (wanted - low->fitted) / rise : 1);
    *ret_lowest = adapt_min(low->limit * exp(wanted - low->fitted), highest);
    return highest;
}

/* A limit below the knee that was measured too roughly to say so, or 0. */
int adapt_curve_doubtful(const adapt_search_t *search, double knee_share)
{
    double wanted = search->best + log(knee_share);
    for (int i = 0; i < search->count && search->nodes[i].fitted < wanted; i++) {
        const adapt_node_t *node = &search->nodes[i];
        if (!node->precise && node->rate.mean + ADAPT_Z_STEEP * node->rate.error > wanted)
            return node->limit;
    }
    return 0;
}

/* Where depth no longer pays at a given elasticity: the best of ln(rate) - e ln(limit). */
double adapt_curve_utility_peak(const adapt_search_t *search, double elasticity)
{
    double best = -INFINITY, limit = 1;
    for (int i = 0; i < search->count; i++) {
        double utility = search->nodes[i].fitted - elasticity * log(search->nodes[i].limit);
        if (utility > best) {
            best = utility;
            limit = search->nodes[i].limit;
        }
    }
    return limit;
}

/* The limit at which the percentile meets its aim, interpolated in ln-ln; INFINITY when no node
 * violates. */
double adapt_curve_target_limit(const adapt_search_t *search, double target_ns)
{
    int bad = 0;
    while (bad < search->count && !search->nodes[bad].violating)
        bad++;
    if (bad == search->count)
        return INFINITY;
    const adapt_node_t *high = &search->nodes[bad];
    if (bad == 0)
        return high->limit * 0.7 * adapt_min(1, target_ns / (high->p99_ns + 1));
    const adapt_node_t *low = &search->nodes[bad - 1];
    double a = log(adapt_max(1, adapt_min(low->p99_ns, 0.99 * target_ns)));
    double b = log(adapt_max(high->p99_ns, 1.02 * target_ns));
    return interpolate_limit(low, high, (log(ADAPT_TARGET_AIM * target_ns) - a) / (b - a));
}

/* The curve at a limit: ln rate. Below the least node the rate falls with the limit. */
static double rate_at(const adapt_search_t *search, double limit)
{
    int at = 0;
    while (at < search->count - 1 && search->nodes[at].limit < limit)
        at++;
    const adapt_node_t *high = &search->nodes[at];
    if (limit >= high->limit)
        return high->fitted;
    double distance = log(high->limit / limit);
    if (at == 0)
        return high->fitted - distance;
    const adapt_node_t *low = &search->nodes[at - 1];
    double width = log((double)high->limit / low->limit);
    return high->fitted - distance / width * (high->fitted - low->fitted);
}

/* Limits above `bound` violate the target: the best is what can be had below. */
void adapt_curve_bound(adapt_search_t *search, double bound)
{
    double best = rate_at(search, bound);
    for (int i = 0; i < search->count && search->nodes[i].limit <= bound; i++)
        best = adapt_max(best, search->nodes[i].fitted);
    search->best = adapt_min(best, search->best);
}

/* ln of the best throughput over that at `limit`, at least 0. */
double adapt_curve_deficit(const adapt_search_t *search, int limit)
{
    return search->fitted ? adapt_max(search->best - rate_at(search, limit), 0) : 0;
}

/* The elasticity of throughput just below a limit: 1 where it grows with depth, 0 on a plateau. */
double adapt_curve_elasticity(const adapt_search_t *search, int limit)
{
    double lower = adapt_max(limit / 2.0, 1);
    return limit > 1 ? (rate_at(search, limit) - rate_at(search, lower)) / log(limit / lower) : 1;
}
