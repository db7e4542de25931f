/* dispatch.c - sends what the limit allows.
 *
 * Several rings under one controller take credits of the device's limit through
 * auraio_adapt_share_*, the same way an engine does: a ring keeps a credit as long as it has more
 * to send and no one waits for its fair share.
 */
#include "dispatch.h"

#define CREDITS_AT_ONCE 8 /* a ring asks for so many: as an engine does, to ask rarely */

sim_control_t *sim_dispatch_control(sim_run_t *run, uint32_t ring)
{
    return &run->controls[run->control_count > 1 ? ring : 0];
}

static void send(sim_run_t *run, uint32_t ring)
{
    sim_dispatch_control(run, ring)->in_flight++;
    sim_device_send(&run->device, sim_load_take(&run->load, ring, run->now_ns));
}

static bool is_shared(const sim_run_t *run)
{
    return run->rings > 1 && run->control_count == 1;
}

void sim_dispatch_refresh(sim_run_t *run)
{
    int max = run->model->max_limit;
    for (int i = 0; i < run->control_count; i++) {
        int limit = run->policy->limit(run->controls[i].state);
        run->controls[i].limit = limit < 1 ? 1 : limit > max ? max : limit;
    }
    if (is_shared(run) && run->share.limit != run->controls[0].limit)
        auraio_adapt_share_set_limit(&run->share, run->controls[0].limit);
}

void sim_dispatch_completed(sim_run_t *run, uint32_t ring)
{
    sim_dispatch_control(run, ring)->in_flight--;
    if (!is_shared(run))
        return;
    bool keep = sim_load_waiting(&run->load, ring) > 0 &&
                auraio_adapt_share_excess(&run->share, run->users, run->rings, (int)ring) == 0;
    assert(run->users[ring].held > 0);
    if (keep)
        send(run, ring);
    else
        auraio_adapt_share_give(&run->share, run->users, run->rings, (int)ring, 1);
}

/* Credits of the ring that no operation of it uses. A credit granted for a request always finds it
 * still waiting: only its own ring takes it. */
static void use_credits(sim_run_t *run, uint32_t ring, int credits)
{
    while (credits > 0 && sim_load_waiting(&run->load, ring) > 0) {
        send(run, ring);
        credits--;
    }
    if (credits > 0)
        auraio_adapt_share_give(&run->share, run->users, run->rings, (int)ring, credits);
}

static void dispatch_shared(sim_run_t *run)
{
    int index = 0, granted;
    while ((granted = auraio_adapt_share_next(&run->share, run->users, run->rings, &index)) > 0)
        use_credits(run, (uint32_t)index, granted);
    for (uint32_t ring = 0; ring < (uint32_t)run->rings; ring++) {
        int waiting = sim_load_waiting(&run->load, ring);
        if (waiting == 0 || run->users[ring].wanted > 0)
            continue;
        int want = waiting < CREDITS_AT_ONCE ? waiting : CREDITS_AT_ONCE;
        int taken = auraio_adapt_share_take(&run->share, run->users, run->rings, (int)ring, want);
        use_credits(run, ring, taken);
    }
}

void sim_dispatch(sim_run_t *run)
{
    if (is_shared(run)) {
        dispatch_shared(run);
        return;
    }
    for (uint32_t ring = 0; ring < (uint32_t)run->rings; ring++) {
        sim_control_t *control = sim_dispatch_control(run, ring);
        while (control->in_flight < control->limit && sim_load_waiting(&run->load, ring) > 0)
            send(run, ring);
    }
}
