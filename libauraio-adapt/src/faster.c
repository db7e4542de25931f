/* A device that becomes a faster one under a search: a throttle is lifted, a neighbour leaves.
 *
 * Throughput rises no faster than depth. With less of it, it rises where more was queued than the device
 * could order: the kernel's throttle loses a third where more wait than a slice lets through. Where it surely
 * rose by more since another limit was measured, or while this one is, what was measured is another device's:
 * the search begins anew. An arm that holds both devices tells neither, and takes long to tell anything; its
 * newest batches, where they are long enough not to be a burst, tell the new one. Once a search: a device
 * that goes back and forth gets on. */
#include "state.h"

#include <math.h>

/* By how much `rate` is above what the limits measured explain; ln, 0: it is not, for sure. */
static double risen_since_nodes(const adapt_state_t *state, adapt_estimate_t rate)
{
    const adapt_search_t *search = &state->search;
    double most = 0;
    for (int i = 0; i < search->count; i++) {
        const adapt_node_t *other = &search->nodes[i];
        double gain = rate.mean - other->rate.mean;
        double distance = log((double)state->limit / other->limit);
        double explained = distance > 0 ? distance : adapt_min(-distance, ADAPT_RISE_BELOW);
        double error = hypot(rate.error, other->rate.error);
        if (gain - explained - ADAPT_Z_STEEP * error > ADAPT_CHANGE_GROSS)
            most = adapt_max(most, gain);
    }
    return most;
}

/* The newest batches before `end` that last ADAPT_RISE_NS together, two or more: where they begin. -1: there
 * are none. */
static int row_before(const adapt_arm_t *arm, int end)
{
    double time_ns = 0;
    int at = end;
    while (at > 0 && (end - at < 2 || time_ns < ADAPT_RISE_NS))
        time_ns += arm->evidence[--at].time_ns;
    return end - at >= 2 && time_ns >= ADAPT_RISE_NS ? at : -1;
}

/* By how much the slowest batch from `row` on is above the fastest before it, without the one in which it may
 * have happened; 0: it is not. */
static double risen_in_arm(const adapt_arm_t *arm, int row, double least)
{
    if (row < 1 || row_before(arm, row - 1) < 0)
        return 0;
    double highest = arm->evidence[0].log_rate;
    for (int i = 1; i < row - 1; i++)
        highest = adapt_max(highest, arm->evidence[i].log_rate);
    return least - highest > ADAPT_CHANGE_GROSS ? least - highest : 0;
}

static bool search_anew(adapt_state_t *state, double risen)
{
    if (risen <= 0)
        return false;
    int first = state->search.first.limit;
    state->base_limit = state->limit > first ? state->limit : first;
    adapt_change_search(state, risen);
    state->search.restarted = true;
    return true;
}

/* Look at the newest batches of a search. Returns true when it began anew. */
bool adapt_faster_in_row(adapt_state_t *state)
{
    const adapt_arm_t *arm = &state->arm;
    int row = state->search.restarted ? -1 : row_before(arm, arm->count);
    if (row < 0)
        return false;
    double least = arm->evidence[row].log_rate;
    for (int i = row + 1; i < arm->count; i++)
        least = adapt_min(least, arm->evidence[i].log_rate);
    double in_arm = risen_in_arm(arm, row, least);
    return search_anew(state, adapt_max(in_arm, risen_since_nodes(state, (adapt_estimate_t){.mean = least})));
}

/* Look at the arm of a search. Returns true when it began anew. */
bool adapt_faster_in_arm(adapt_state_t *state, adapt_estimate_t rate)
{
    return !state->search.restarted && search_anew(state, risen_since_nodes(state, rate));
}
