/* tune_journal.c - the controller keeps its newest decisions only; who wants all of them asks often enough.
 */
#include "tune.h"

#include <errno.h>
#include <stdlib.h>

/* The engine's storage target for the device: its index, 0 while there is none. */
static int find_target(const auraio_engine_t *engine, uint64_t device)
{
    auraio_target_stats_t stats;
    for (int i = 1; i < auraio_get_target_count(engine); i++) {
        if (auraio_get_target_stats(engine, i, &stats) == 0 && stats.device == device)
            return i;
    }
    return 0;
}

static bool is_same(const auraio_decision_t *a, const auraio_decision_t *b)
{
    return a->time_ns == b->time_ns && a->old_limit == b->old_limit && a->new_limit == b->new_limit &&
           a->cause == b->cause;
}

/* How many of the decisions are known: those up to the newest step. */
static int known(const tune_journal_t *journal, const auraio_decision_t *decisions, int count)
{
    for (int i = count; i > 0 && journal->count > 0; i--) {
        if (is_same(&journal->steps[journal->count - 1].decision, &decisions[i - 1]))
            return i;
    }
    return 0;
}

static int add(tune_journal_t *journal, const auraio_decision_t *decision, int64_t shift_ns)
{
    if (journal->count == journal->capacity) {
        int capacity = 2 * journal->capacity + AURAIO_DECISIONS_MAX;
        tune_step_t *steps = reallocarray(journal->steps, (size_t)capacity, sizeof(*steps));
        if (!steps)
            return -ENOMEM;
        journal->steps = steps;
        journal->capacity = capacity;
    }
    int64_t at_ns = decision->time_ns + shift_ns;
    journal->steps[journal->count++] = (tune_step_t){
        .at_ns = decision->time_ns == 0 || at_ns < 0 ? 0 : at_ns,
        .decision = *decision,
    };
    return 0;
}

int tune_journal_gather(tune_journal_t *journal, const auraio_engine_t *engine, uint64_t device,
                        int64_t shift_ns)
{
    auraio_decision_t decisions[AURAIO_DECISIONS_MAX];
    if (journal->target == 0)
        journal->target = find_target(engine, device);
    int count = auraio_get_decisions(engine, journal->target, decisions, AURAIO_DECISIONS_MAX);
    int error = 0;
    for (int i = known(journal, decisions, count); i < count && error == 0; i++)
        error = add(journal, &decisions[i], shift_ns);
    return error;
}

void tune_journal_destroy(tune_journal_t *journal)
{
    free(journal->steps);
    *journal = (tune_journal_t){0};
}
