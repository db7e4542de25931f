/* The controller's state and what its pieces offer each other.
 *
 * The controller works in arms. An arm is a stay at one limit: it begins when the limit is set,
 * waits until the operations of the previous limit are gone, and then gathers batches of
 * completions until the piece in charge (search, knee, target) decides something and starts the
 * next arm. The pieces:
 *
 *   arm        batches, and the rate and exceedance estimated from them
 *   cost       what operations of different kinds and sizes cost the device
 *   search     doubling and halving until the limit is bracketed, then refining
 *   judge      what an arm of the search came to
 *   curve      the limits measured, and what is read from them
 *   knee       cruise where throughput bounds the limit: probes above and below
 *   paired     the evidence of probes
 *   target     cruise where the latency target bounds the limit: debt account, decrease, increase
 *   look       far below or above, to see whether depth is what makes the latency
 *   pace       how long a batch must be on a device that serves in slices
 *   ledger     what exceeded the target at which depth, for longer than an arm remembers
 *   change     notices that the device became another one
 *   exogenous  what is promised: the goal, and its suspension while latency has another cause
 *   journal    decisions with their figures
 *   adapt      the border: options, completions in, limit and phase out
 */
#ifndef ADAPT_STATE_H
#define ADAPT_STATE_H

#include <auraio/adapt.h>

#include "tuning.h"

/* ---- arm */

#define ADAPT_KINDS 3
#define ADAPT_SIZE_CLASSES 10 /* up to 4 KiB, 8 KiB, ... 1 MiB, above */
#define ADAPT_CLASSES (ADAPT_KINDS * ADAPT_SIZE_CLASSES)

/* One batch of evidence: the ops that completed in `time_ns`. */
typedef struct adapt_evidence {
    double log_rate; /* ln of cost a nanosecond */
    double cost;
    double time_ns;
    double exceedance; /* share of completions over the target */
} adapt_evidence_t;

typedef struct adapt_arm {
    adapt_evidence_t evidence[ADAPT_ARM_BATCHES];
    int count;       /* batches stored */
    int closed;      /* batches closed and not merged away: never more than the evidence is worth */
    int unfilled;    /* batches dropped because the application was the bottleneck */
    int batch_size;  /* completions that close a batch */
    int64_t pace_ns; /* and the time it must take */
    int64_t begin_ns;
    int64_t last_ns; /* the newest reap */
    int64_t samples; /* completions seen, also of batches that were no evidence */
    int64_t over;    /* of these, over the target */

    /* the batch being filled */
    int64_t batch_begin_ns;
    int64_t batch_gap_ns; /* the longest time without a completion */
    int64_t batch_samples;
    int64_t batch_bound;
    int64_t batch_over;
    double batch_cost;
    uint32_t batch_classes[ADAPT_CLASSES];

    uint64_t classes[ADAPT_CLASSES]; /* of the stored batches */
    auraio_hist_t hist;              /* filled only while there is a target */
} adapt_arm_t;

typedef struct adapt_estimate {
    double mean;        /* trimmed mean of ln rate */
    double error;       /* its standard error */
    double spread;      /* standard deviation of one batch */
    double correlation; /* of batches with their neighbours */
} adapt_estimate_t;

typedef struct adapt_share_estimate {
    double share; /* of completions over the target */
    double error;
} adapt_share_estimate_t;

void adapt_arm_reset(adapt_arm_t *arm, int batch_size, int64_t pace_ns);
void adapt_arm_begin(adapt_arm_t *arm, int64_t now_ns);
void adapt_arm_drop_batch(adapt_arm_t *arm, int64_t now_ns);
void adapt_arm_skip(adapt_arm_t *arm, int64_t now_ns);
bool adapt_arm_batch_is_full(const adapt_arm_t *arm, int64_t now_ns);
bool adapt_arm_batch_was_bound(const adapt_arm_t *arm);
void adapt_arm_close_batch(adapt_arm_t *arm);
bool adapt_arm_merge_if_bursty(adapt_arm_t *arm);
adapt_estimate_t adapt_arm_rate(const adapt_arm_t *arm);
adapt_share_estimate_t adapt_arm_exceedance(const adapt_arm_t *arm);
int adapt_batch_size_for(int limit);
void adapt_sort(double *values, int count);

/* ---- cost */

typedef struct adapt_cost {
    double cost[ADAPT_CLASSES];       /* in force: read for every completion */
    double covariance[ADAPT_CLASSES]; /* of a class's share of a batch with the batch's slowness,
                                         fading */
    double variance[ADAPT_CLASSES];   /* of that share, fading alike */
    uint32_t seen;                    /* bit set of classes that ever completed */
} adapt_cost_t;

void adapt_cost_init(adapt_cost_t *cost);
int adapt_cost_class(unsigned kind, uint32_t size_bytes);
void adapt_cost_learn(adapt_cost_t *cost, const adapt_arm_t *arm);
void adapt_cost_adopt(adapt_cost_t *cost, const adapt_arm_t *arm);

/* ---- search */

typedef struct adapt_node {
    int limit;
    bool violating;
    bool precise; /* measured as well as it can be: others were only good enough to go on */
    adapt_estimate_t rate;
    double fitted; /* rate.mean, with noise around a plateau pooled */
    double p99_ns;
    adapt_share_estimate_t exceedance;
} adapt_node_t;

#define ADAPT_NODES 24

typedef enum adapt_direction { ADAPT_UP, ADAPT_DOWN, ADAPT_ANCHOR, ADAPT_REFINE } adapt_direction_t;

typedef struct adapt_search {
    adapt_node_t nodes[ADAPT_NODES]; /* measured limits, ascending */
    int count;
    adapt_node_t first;   /* where the search began */
    adapt_node_t anchor;  /* what the arm under measurement is compared with */
    adapt_node_t doubted; /* what failed against an anchor that is being measured again */
    adapt_direction_t direction;
    int failures; /* doublings in a row that did not pay */
    bool tried_up, tried_down;
    bool restarted;
    bool best_refined;
    int refinements;
    int unfilled;      /* batches in a row in which the application was the bottleneck */
    int used;          /* operations in flight in those, at most */
    bool fitted;       /* the curve was: what follows, and rates of nodes, are known */
    double best;       /* fitted ln rate of the best limit */
    double best_error; /* its standard error */
} adapt_search_t;

/* ---- knee */

typedef enum adapt_probe {
    ADAPT_PROBE_NONE,
    ADAPT_PROBE_UP,
    ADAPT_PROBE_DOWN,
    ADAPT_PROBE_WIDE,
    ADAPT_PROBE_HIGH, /* far above a limit at the edge of the target, to see the same */
    ADAPT_PROBE_DEEP, /* far below, to see whether depth is what makes the latency */
} adapt_probe_t;

/* Differences of probe and base, fading. Every pair counts the same: its own error is too uncertain
 * to be its weight. */
typedef struct adapt_paired {
    double weight;
    double weight_squares;
    double weighted;
    double variance;   /* of a pair, smoothed */
    double rise, fall; /* cumulative sums of surprises */
    int64_t last_ns;
    int cycles;
} adapt_paired_t;

typedef struct adapt_knee {
    adapt_probe_t probe;   /* what the arm under measurement is */
    adapt_estimate_t last; /* the newest base arm */
    adapt_estimate_t base; /* the base arms before the probe */
    adapt_estimate_t run;  /* those since */
    int64_t run_samples, probed_samples;
    adapt_estimate_t probed;
    adapt_probe_t probed_kind; /* the probe that awaits its second base arm */
    bool have_base;
    adapt_paired_t up, down;
    int turn;       /* probes made */
    int gap;        /* completions between probes, in those of a probe */
    bool bold;      /* probes below go to half: a search that went too far shows at once */
    bool look_wide; /* the last probes above surprised: see at once what twice the limit brings */
    bool repeat_up; /* the last probe above was promising: look again at once */
    int wide_gap;   /* completions between wide probes, in limits */
    int64_t since_wide;
    double noise, noise_weight; /* variance of base arms over what their batches say */
    int step;                   /* additive increase */
    double deficit;             /* ln of the best throughput over that of the base limit */
    double deficit_allowed;     /* what it may be */
} adapt_knee_t;

/* ---- target */

typedef struct adapt_target {
    double debt;      /* completions over the target beyond the budget */
    double debt_mark; /* of it, what decreases were made for already, and what probes left */
    int ceiling;      /* a limit that violated: stay below */
    int hold;         /* arms until it is lifted */
    int hold_length;
    int good_limit;     /* the last limit seen to keep the target */
    int paid_limit;     /* where increases were last seen to bring throughput, */
    double paid_rate;   /* and how much there was */
    int violated_limit; /* where the newest violation was */
    int fell_from;      /* where the present decreases began; 0: none since an increase */
    double violated_share;
    bool depth_matters;      /* a deep probe showed it */
    bool retrying;           /* the deep probe decides whether a suspended target is taken up */
    int edge_arms, edge_gap; /* arms since depth last moved, and those between looks far above */
    /* latency while the application is the bottleneck */
    int64_t free_samples, free_over;
    int free_peak; /* operations in flight when it was violated, at most */
} adapt_target_t;

/* ---- ledger */

#define ADAPT_LEDGER_PER_OCTAVE 3
#define ADAPT_LEDGER_BINS 50 /* up to a limit of 80,000 */

typedef struct adapt_account {
    double samples, over, events;
} adapt_account_t;

typedef struct adapt_ledger {
    adapt_account_t accounts[ADAPT_LEDGER_BINS];
    adapt_account_t stay; /* at the base limit, since it moved */
    int limit, bin;       /* the bin of the newest limit */
    int64_t since;        /* completions since the last exceedance */
} adapt_ledger_t;

/* ---- change */

typedef struct adapt_change {
    bool known;
    double reference; /* ln rate at the base limit */
    double spread;
    int row; /* batches in a row on one side */
    int side;
    int64_t row_begin_ns;
    double slow;       /* a slower reference, for small shifts */
    double rise, fall; /* cumulative sums */
} adapt_change_t;

/* ---- pace */

typedef struct adapt_pace {
    int64_t pace_ns; /* the time a batch must take at least; 0: any */
    int64_t last_stall_ns;
    int calm;     /* batches in a row, as long as the pace, without a stall */
    bool stalled; /* the pace is that of stalls */
    bool ended;   /* it was seen to be over since the device last changed */
} adapt_pace_t;

/* ---- goal */

/* What is promised now. Level 0: what the options ask. 1: only nine in ten operations keep the
 * target, because its p99 has another cause than depth. 2: nothing can keep it: depth only where it
 * pays well. */
typedef struct adapt_goal {
    int level;
    int64_t target_ns; /* 0: none, or suspended */
    double allowed;    /* share of completions that may exceed it */
    double percent;    /* the percentile that goes with it */
    double elasticity;
    double doubling_gain;
    double knee_share;
    double deficit_allowed;
    int suspensions;
    int64_t since_ns;
    double share; /* over the target when it was last loosened */
    int cap;      /* level 1: no more depth than this; 0: any */
} adapt_goal_t;

/* ---- journal */

typedef struct adapt_journal {
    auraio_adapt_decision_t entries[AURAIO_ADAPT_JOURNAL];
    int next;
    int count;
} adapt_journal_t;

/* ---- all of it */

typedef enum adapt_mode { ADAPT_SEARCHING, ADAPT_AT_KNEE, ADAPT_AT_TARGET } adapt_mode_t;

typedef struct __attribute__((may_alias)) adapt_state {
    int min_limit, max_limit;
    int64_t target_ns; /* asked for */
    adapt_mode_t mode;
    int base_limit;
    int limit;        /* in force: the base, or a probe */
    int settle_left;  /* completions of older limits to ignore */
    int settle_bound; /* ignore no more than these, whatever is in flight */
    int64_t last_ns;
    uint32_t epoch; /* counts arms */
    adapt_goal_t goal;
    adapt_search_t search;
    adapt_knee_t knee;
    adapt_target_t target;
    adapt_ledger_t ledger;
    adapt_change_t change;
    adapt_pace_t pace;
    adapt_cost_t cost;
    adapt_arm_t arm;
    adapt_journal_t journal;
} adapt_state_t;

_Static_assert(sizeof(adapt_state_t) <= AURAIO_ADAPT_STATE_BYTES, "the public type must hold the state");

static inline int adapt_clamp_limit(const adapt_state_t *state, int limit)
{
    int highest = state->goal.cap > 0 ? state->goal.cap : state->max_limit;
    if (limit > highest)
        limit = highest;
    return limit < state->min_limit ? state->min_limit : limit;
}

static inline double adapt_max(double a, double b)
{
    return a > b ? a : b;
}

static inline double adapt_min(double a, double b)
{
    return a < b ? a : b;
}

static inline double adapt_clamp(double value, double low, double high)
{
    return adapt_max(low, adapt_min(value, high));
}

/* adapt.c */
auraio_adapt_phase_t adapt_phase(const adapt_state_t *state);
/* Set the limit and start an arm at it. */
void adapt_start_arm(adapt_state_t *state, int limit, int batch_size);

/* judge.c: what an arm came to. */
typedef enum adapt_verdict { ADAPT_UNDECIDED, ADAPT_CONTINUE, ADAPT_STOP } adapt_verdict_t;
bool adapt_search_is_precise(const adapt_arm_t *arm, double error);
adapt_verdict_t adapt_search_judge(const adapt_state_t *state, adapt_estimate_t rate, bool violating);

void adapt_search_begin(adapt_state_t *state, int from);
void adapt_search_evaluate(adapt_state_t *state);
void adapt_search_unfilled(adapt_state_t *state);
void adapt_curve_bound(adapt_search_t *search, double bound);
double adapt_curve_elasticity(const adapt_search_t *search, int limit);
double adapt_curve_deficit(const adapt_search_t *search, int limit);
void adapt_search_begin_down(adapt_state_t *state, int from);
double adapt_curve_knee(const adapt_search_t *search, double knee_share, double *ret_lowest);
int adapt_curve_doubtful(const adapt_search_t *search, double knee_share);
void adapt_curve_fit(adapt_search_t *search);
double adapt_curve_utility_peak(const adapt_search_t *search, double elasticity);
double adapt_curve_target_limit(const adapt_search_t *search, double target_ns);

/* knee.c: begin cruising at a limit (all evidence of probes is forgotten), or move a little while
 * cruising. */
void adapt_cruise_begin(adapt_state_t *state, int limit, adapt_mode_t mode);
void adapt_cruise_move(adapt_state_t *state, int limit);
void adapt_cruise_evaluate(adapt_state_t *state);
void adapt_increase(adapt_state_t *state, int highest, auraio_adapt_cause_t cause);

/* paired.c */
double adapt_paired_mean(const adapt_paired_t *paired);
double adapt_paired_error(const adapt_paired_t *paired);
bool adapt_pair(adapt_paired_t *paired, double difference, double variance, int64_t now_ns);
void adapt_run_add(adapt_knee_t *knee, adapt_estimate_t rate, int64_t samples);
void adapt_noise_learn(adapt_knee_t *knee, adapt_estimate_t arm);
double adapt_noise(const adapt_knee_t *knee);

void adapt_target_begin(adapt_state_t *state);
void adapt_target_lower(adapt_state_t *state, int old_limit, double factor, double share,
                        auraio_adapt_cause_t cause);
bool adapt_target_may_look_high(adapt_state_t *state, int highest);
void adapt_target_probe_high(adapt_state_t *state, int highest);
void adapt_target_probe_deep(adapt_state_t *state, double share);
void adapt_target_judge_deep(adapt_state_t *state);
void adapt_target_count(adapt_state_t *state, int64_t samples, int64_t over);
void adapt_target_judge_high(adapt_state_t *state);
bool adapt_target_violated(adapt_state_t *state);
void adapt_target_cruise(adapt_state_t *state, adapt_estimate_t rate, double p99_ns, double share);
bool adapt_target_leave(adapt_state_t *state, double p99_ns, double share);
double adapt_target_debt_cap(const adapt_state_t *state);
bool adapt_target_free_batch(adapt_state_t *state);

void adapt_ledger_forget(adapt_state_t *state);
void adapt_ledger_move(adapt_state_t *state);
bool adapt_ledger_is_kept(const adapt_state_t *state);
void adapt_ledger_count(adapt_state_t *state, int64_t samples, int64_t over);
bool adapt_ledger_share(const adapt_state_t *state, int limit, adapt_share_estimate_t *ret_share);
bool adapt_ledger_is_flat(const adapt_state_t *state, int limit);

void adapt_change_forget(adapt_state_t *state);
bool adapt_change_in_batches(adapt_state_t *state);
bool adapt_change_is_pending(const adapt_state_t *state);
bool adapt_change_in_arm(adapt_state_t *state, adapt_estimate_t rate);
bool adapt_change_is_suspected(adapt_state_t *state, adapt_estimate_t rate);
void adapt_change_search(adapt_state_t *state, double change);
bool adapt_faster_in_row(adapt_state_t *state);
bool adapt_faster_in_arm(adapt_state_t *state, adapt_estimate_t rate);
bool adapt_pace_learn(adapt_state_t *state);
void adapt_pace_keep(adapt_state_t *state);
void adapt_pace_forget(adapt_state_t *state, double change);
bool adapt_pace_has_ended(adapt_state_t *state, int64_t gap_ns);
void adapt_pace_fade(adapt_state_t *state, adapt_estimate_t rate);
int adapt_pace_batches(const adapt_state_t *state, int batches);
void adapt_change_learn(adapt_state_t *state, adapt_estimate_t rate);

void adapt_goal_set(adapt_state_t *state, int level);
void adapt_goal_loosen(adapt_state_t *state, double share, int cap);
bool adapt_goal_retry(adapt_state_t *state);
void adapt_goal_restore(adapt_state_t *state, double change);

double adapt_arm_percentile_ns(const adapt_state_t *state);
void adapt_journal_add(adapt_state_t *state, auraio_adapt_cause_t cause, int old_limit, int new_limit,
                       double gain, double gain_error);

#endif
