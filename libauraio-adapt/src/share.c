/* One device divided between several users.
 *
 * Credits are operations the device may hold. Free credits go to who asks; while some ask in vain
 * nobody takes more than its fair share, users above it give credits back as their operations
 * complete, and freed credits go to the waiting user that holds least, in turn among equals. So the
 * division is work conserving and max-min fair, also when there are more users than credits.
 * Invariant: held is the sum of the users' held, waiting the number of users with wanted > 0. */
#include <auraio/adapt.h>

#include <assert.h>
#include <errno.h>

void auraio_adapt_share_init(auraio_adapt_share_t *share, int limit)
{
    *share = (auraio_adapt_share_t){.limit = limit < 1 ? 1 : limit};
}

void auraio_adapt_share_set_limit(auraio_adapt_share_t *share, int limit)
{
    share->limit = limit < 1 ? 1 : limit;
}

static int free_credits(const auraio_adapt_share_t *share)
{
    return share->limit > share->held ? share->limit - share->held : 0;
}

static int minimum(int a, int b)
{
    return a < b ? a : b;
}

static void note_wanted(auraio_adapt_share_t *share, auraio_adapt_share_user_t *user, int wanted)
{
    share->waiting += (wanted > 0) - (user->wanted > 0);
    user->wanted = wanted;
    assert(share->waiting >= 0);
}

static void grant(auraio_adapt_share_t *share, auraio_adapt_share_user_t *user, int credits)
{
    user->held += credits;
    user->granted += credits;
    share->held += credits;
}

/* The level of max-min fairness: who wants less keeps less, the others divide what that leaves.
 * Each round settles at least one more user, so there are at most `count` of them, nearly always
 * two. */
static int fair_share(const auraio_adapt_share_t *share, const auraio_adapt_share_user_t *users, int count)
{
    int level = 0, modest_before = -1;
    for (;;) {
        int modest = 0, greedy = 0;
        int64_t modest_credits = 0;
        for (int i = 0; i < count; i++) {
            int64_t demand = (int64_t)users[i].held + users[i].wanted;
            if (demand > level) {
                greedy++;
            } else {
                modest += demand > 0;
                modest_credits += demand;
            }
        }
        if (greedy == 0)
            return share->limit;
        if (modest == modest_before)
            return level;
        modest_before = modest;
        level = modest_credits < share->limit ? (int)((share->limit - modest_credits) / greedy) : 0;
    }
}

int auraio_adapt_share_take(auraio_adapt_share_t *share, auraio_adapt_share_user_t *users, int count,
                            int index, int want)
{
    if (index < 0 || index >= count || want < 0)
        return -EINVAL;
    auraio_adapt_share_user_t *user = &users[index];
    int taken = minimum(want, free_credits(share));
    bool others_wait = share->waiting > (user->wanted > 0);
    if (others_wait) {
        int room = fair_share(share, users, count) - user->held;
        taken = minimum(taken, room > 0 ? room : 0);
    }
    grant(share, user, taken);
    note_wanted(share, user, want - taken);
    return taken;
}

int auraio_adapt_share_give(auraio_adapt_share_t *share, auraio_adapt_share_user_t *users, int count,
                            int index, int credits)
{
    if (index < 0 || index >= count || credits < 0 || credits > users[index].held)
        return -EINVAL;
    users[index].held -= credits;
    share->held -= credits;
    assert(share->held >= 0);
    return 0;
}

int auraio_adapt_share_next(auraio_adapt_share_t *share, auraio_adapt_share_user_t *users, int count,
                            int *ret_index)
{
    int available = free_credits(share);
    if (available == 0 || share->waiting == 0 || count <= 0)
        return 0;

    int chosen = -1;
    for (int i = 0; i < count; i++) {
        int index = (share->cursor + i) % count;
        if (users[index].wanted > 0 && (chosen < 0 || users[index].held < users[chosen].held))
            chosen = index;
    }
    assert(chosen >= 0);
    auraio_adapt_share_user_t *user = &users[chosen];
    int room = fair_share(share, users, count) - user->held;
    int credits = minimum(minimum(user->wanted, available), room > 1 ? room : 1);
    grant(share, user, credits);
    note_wanted(share, user, user->wanted - credits);
    share->cursor = (chosen + 1) % count;
    *ret_index = chosen;
    return credits;
}

int auraio_adapt_share_excess(const auraio_adapt_share_t *share, const auraio_adapt_share_user_t *users,
                              int count, int index)
{
    if (index < 0 || index >= count)
        return 0;
    const auraio_adapt_share_user_t *user = &users[index];
    int over_limit = share->held > share->limit ? share->held - share->limit : 0;
    bool others_wait = share->waiting > (user->wanted > 0);
    if (!others_wait && over_limit == 0)
        return 0;
    int above = user->held - fair_share(share, users, count);
    if (above < 0)
        above = 0;
    if (!others_wait)
        above = minimum(above > 0 ? above : over_limit, over_limit);
    return minimum(above, user->held);
}
