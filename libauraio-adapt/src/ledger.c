/* The ledger: how much of the operations exceeded the target at which depth.
 *
 * A single arm tells little of a share of one in a hundred, and an arm that was ended because it was
 * bad tells it with a bias. The ledger keeps what was counted at each limit (in bins of a third of an
 * octave, fading), so that the question "does depth make the latency?" can be answered from all that
 * was seen. Exceedances come in clusters, a pause makes all operations in flight late at once: only
 * exceedances that a queue full of good completions separates count as separate events. */
#include "state.h"

#include <math.h>
#include <string.h>

void adapt_ledger_forget(adapt_state_t *state)
{
    memset(&state->ledger, 0, sizeof(state->ledger));
}

static int bin_of(int limit)
{
    int bin = (int)(ADAPT_LEDGER_PER_OCTAVE * log(limit) / log(2) + 0.5);
    return bin < ADAPT_LEDGER_BINS ? bin : ADAPT_LEDGER_BINS - 1;
}

static void add(adapt_account_t *account, int64_t samples, int64_t over)
{
    account->samples += (double)samples;
    account->over += (double)over;
}

/* The base limit moved. */
void adapt_ledger_move(adapt_state_t *state)
{
    state->ledger.stay = (adapt_account_t){0};
}

/* Whether so much is known of the base limit that a debt is a run of bad luck: in the long run it keeps
 * the promise. */
bool adapt_ledger_is_kept(const adapt_state_t *state)
{
    const adapt_account_t *stay = &state->ledger.stay;
    double allowed = state->goal.allowed;
    return stay->samples * allowed > ADAPT_KEPT_EXPECTED && stay->over < ADAPT_KEPT * allowed * stay->samples;
}

/* Completions at the limit in force. */
void adapt_ledger_count(adapt_state_t *state, int64_t samples, int64_t over)
{
    adapt_ledger_t *ledger = &state->ledger;
    if (ledger->limit != state->limit) {
        ledger->limit = state->limit;
        ledger->bin = bin_of(state->limit);
    }
    if (state->limit == state->base_limit)
        add(&ledger->stay, samples, over);
    adapt_account_t *account = &ledger->accounts[ledger->bin];
    add(account, samples, over);
    ledger->since += samples;
    if (over > 0) {
        account->events += ledger->since > state->limit;
        ledger->since = 0;
    }
    if (account->samples > ADAPT_LEDGER_SAMPLES) {
        account->samples /= 2;
        account->over /= 2;
        account->events /= 2;
    }
}

static adapt_account_t sum_of(const adapt_ledger_t *ledger, int from, int to)
{
    adapt_account_t sum = {0};
    for (int i = from < 0 ? 0 : from; i <= to && i < ADAPT_LEDGER_BINS; i++) {
        sum.samples += ledger->accounts[i].samples;
        sum.over += ledger->accounts[i].over;
        sum.events += ledger->accounts[i].events;
    }
    return sum;
}

static double share_of(adapt_account_t account)
{
    return account.samples > 0 ? account.over / account.samples : 0;
}

/* The share over the target at about `limit`. Returns false while there are too few events to say. */
bool adapt_ledger_share(const adapt_state_t *state, int limit, adapt_share_estimate_t *ret_share)
{
    int bin = bin_of(limit);
    adapt_account_t here = sum_of(&state->ledger, bin - 1, bin + 1);
    if (here.events < ADAPT_LEDGER_EVENTS)
        return false;
    double share = share_of(here);
    *ret_share = (adapt_share_estimate_t){.share = share, .error = share / sqrt(here.events)};
    return true;
}

/* Whether the share at about `limit` is no more than that at three fifths of it and less: then depth is
 * not what makes the latency. */
bool adapt_ledger_is_flat(const adapt_state_t *state, int limit)
{
    int bin = bin_of(limit);
    adapt_account_t high = sum_of(&state->ledger, bin - 1, bin + 1);
    adapt_account_t low = sum_of(&state->ledger, bin - 3 * ADAPT_LEDGER_PER_OCTAVE, bin - 2);
    return high.events >= ADAPT_LEDGER_EVENTS && low.events >= ADAPT_LEDGER_EVENTS &&
           share_of(low) > ADAPT_LEDGER_FLAT * share_of(high);
}
