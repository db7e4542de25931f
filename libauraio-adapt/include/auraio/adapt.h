/**
 * @file
 * auraio/adapt.h - how many operations to keep in flight on a storage device.
 *
 * A controller, a latency histogram, a divider of one device between several users, and a
 * controller of the submit batch size. All of it is pure arithmetic: state and observations in, a
 * decision out. No clock, thread, lock, atomic, allocation or I/O; the caller brings the time and
 * owns all memory.
 *
 * The model. The caller keeps at most auraio_adapt_limit() operations in the device and reports
 * every completion. Without a latency target the controller looks for the knee: the smallest limit
 * that reaches 95 % of the best throughput any limit reaches. With a p99 target it looks for the
 * best throughput among the limits that keep the target. It moves on evidence only, and knows
 * whether the device or the application was the bottleneck: see docs/control.md for the equations
 * and every constant.
 *
 * Threads. No function synchronises. Calls on the same object must not overlap; calls on different
 * objects are independent. Functions taking a pointer to const may run at once with each other.
 *
 * Objects. Every type here is plain data without pointers into itself: it may be copied with
 * memcpy, put into any memory, and needs no destruction.
 */
#ifndef AURAIO_ADAPT_H
#define AURAIO_ADAPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AURAIO_ADAPT_API __attribute__((visibility("default")))
#else
#define AURAIO_ADAPT_API
#endif

/* ---- latency histogram -------------------------------------------------------------------------
 */

#define AURAIO_HIST_SUB_BITS 5  /**< 32 sub-buckets an octave: 1.6 % error */
#define AURAIO_HIST_TOP_BITS 37 /**< values from 2^37 ns (137 s) count as the last bucket */
#define AURAIO_HIST_SUBS (1 << AURAIO_HIST_SUB_BITS)
#define AURAIO_HIST_BUCKETS ((AURAIO_HIST_TOP_BITS - AURAIO_HIST_SUB_BITS + 1) * AURAIO_HIST_SUBS)

/** Log-linear histogram of times in nanoseconds: exact below 64 ns, then 32 buckets an octave. Every
 * counter stops at UINT32_MAX instead of wrapping. All zero bytes is an empty histogram. */
typedef struct auraio_hist {
    uint32_t buckets[AURAIO_HIST_BUCKETS];
} auraio_hist_t;

/** The bucket a value falls into, 0 to AURAIO_HIST_BUCKETS - 1. Negative values count as 0. */
static inline int auraio_hist_index(int64_t value_ns)
{
    if (value_ns < AURAIO_HIST_SUBS)
        return value_ns < 0 ? 0 : (int)value_ns;
    /* 63 ^ leading zeros, rather than minus: the place of the highest bit is one instruction then. */
    int shift = (63 ^ __builtin_clzll((unsigned long long)value_ns)) - AURAIO_HIST_SUB_BITS;
    if (shift >= AURAIO_HIST_TOP_BITS - AURAIO_HIST_SUB_BITS)
        return AURAIO_HIST_BUCKETS - 1;
    /* Shifted, the value has its highest bit still: that is the one octave that comes before. */
    return shift * AURAIO_HIST_SUBS + (int)(value_ns >> shift);
}

/** Empty the histogram. */
AURAIO_ADAPT_API void auraio_hist_reset(auraio_hist_t *hist);

/** Count one value, in nanoseconds. Inline: this is the hot path of an I/O engine. */
static inline void auraio_hist_record(auraio_hist_t *hist, int64_t value_ns)
{
    uint32_t *bucket = &hist->buckets[auraio_hist_index(value_ns)];
    *bucket += *bucket != UINT32_MAX;
}

/** Add the counts of `from` to `into`; counters stop at UINT32_MAX. `into` and `from` may be the
 * same. */
AURAIO_ADAPT_API void auraio_hist_merge(auraio_hist_t *into, const auraio_hist_t *from);

/** How many values were counted. */
AURAIO_ADAPT_API uint64_t auraio_hist_count(const auraio_hist_t *hist);

/** The smallest value that at least `percent` (0 to 100, clamped; NaN counts as 100) of the values
 * do not exceed, as the middle of its bucket: at most 1.6 % off. 0 when the histogram is empty. */
AURAIO_ADAPT_API int64_t auraio_hist_percentile(const auraio_hist_t *hist, double percent);

/** Number of buckets, for iteration. */
AURAIO_ADAPT_API int auraio_hist_bucket_count(void);

/** Bounds of bucket `index`: it holds the values low <= v < high (nanoseconds). An index out of
 * range is clamped into it. The high bound of the last bucket is INT64_MAX. */
AURAIO_ADAPT_API int64_t auraio_hist_bucket_low_ns(int index);
AURAIO_ADAPT_API int64_t auraio_hist_bucket_high_ns(int index);

/** The count in bucket `index`; 0 when out of range. */
AURAIO_ADAPT_API uint32_t auraio_hist_bucket(const auraio_hist_t *hist, int index);

/* ---- the controller ----------------------------------------------------------------------------
 */

/** What an operation does to the device. Costs of kinds are learned apart. */
typedef enum auraio_adapt_kind {
    AURAIO_ADAPT_READ = 0,
    AURAIO_ADAPT_WRITE = 1,
    AURAIO_ADAPT_OTHER = 2, /**< flushes, discards, metadata: they occupy the limit, and bear no
                               evidence of throughput */
} auraio_adapt_kind_t;

/** Where the search for the limit stands. */
typedef enum auraio_adapt_phase {
    AURAIO_ADAPT_BASELINE = 0,  /**< first measurements at the first limit */
    AURAIO_ADAPT_PROBING = 1,   /**< searching, or trying a limit above or below */
    AURAIO_ADAPT_STEADY = 2,    /**< cruising, probes frequent */
    AURAIO_ADAPT_BACKOFF = 3,   /**< a decrease for latency was just made; no increase yet */
    AURAIO_ADAPT_SETTLING = 4,  /**< the limit changed, operations of the old one are still in flight */
    AURAIO_ADAPT_CONVERGED = 5, /**< cruising, probes rare */
} auraio_adapt_phase_t;

/** Why the limit changed (or a state was left). */
typedef enum auraio_adapt_cause {
    AURAIO_ADAPT_CAUSE_START = 0,          /**< initialisation */
    AURAIO_ADAPT_CAUSE_SEARCH_UP = 1,      /**< search: try more depth */
    AURAIO_ADAPT_CAUSE_SEARCH_DOWN = 2,    /**< search: try less depth */
    AURAIO_ADAPT_CAUSE_KNEE_FOUND = 3,     /**< search ended: throughput bounds the limit */
    AURAIO_ADAPT_CAUSE_TARGET_FOUND = 4,   /**< search ended: the latency target bounds the limit */
    AURAIO_ADAPT_CAUSE_GAIN = 5,           /**< a probe above showed that more depth pays */
    AURAIO_ADAPT_CAUSE_SURPLUS = 6,        /**< a probe below showed that nothing is lost with less */
    AURAIO_ADAPT_CAUSE_HEADROOM = 7,       /**< latency is well under the target: additive increase */
    AURAIO_ADAPT_CAUSE_VIOLATION = 8,      /**< the target is violated: multiplicative decrease */
    AURAIO_ADAPT_CAUSE_DEBT = 9,           /**< small violations added up: multiplicative decrease */
    AURAIO_ADAPT_CAUSE_CAPACITY_DOWN = 10, /**< the device became slower: search again */
    AURAIO_ADAPT_CAUSE_CAPACITY_UP = 11,   /**< the device became faster: search again */
    AURAIO_ADAPT_CAUSE_EXOGENOUS = 12, /**< less depth does not lower the latency: the target is loosened */
    AURAIO_ADAPT_CAUSE_RETRY = 13,     /**< the loosened target is asked for again */
    AURAIO_ADAPT_CAUSE_REFINE = 14,    /**< search: measure the limit it came to */
    AURAIO_ADAPT_CAUSE_COUNT = 15,
} auraio_adapt_cause_t;

/** Options. Zero in a field means its default. */
typedef struct auraio_adapt_options {
    size_t struct_size;    /**< set by auraio_adapt_options_init */
    int64_t p99_target_ns; /**< 99 % of completions shall take no longer; 0: no target, find the knee */
    int min_limit;         /**< default 1 */
    int max_limit;         /**< default 1024, at most AURAIO_ADAPT_MAX_LIMIT */
    int initial_limit;     /**< default 4; clamped into min_limit..max_limit */
    int reserved_int;      /**< must be 0 */
    uint64_t reserved[4];  /**< must be 0 */
} auraio_adapt_options_t;

#define AURAIO_ADAPT_MAX_LIMIT 65536

/** Zero all options and set struct_size. NULL: nothing happens. */
AURAIO_ADAPT_API void auraio_adapt_options_init(auraio_adapt_options_t *options);

/** Sample flag: when this operation completed, the limit (not the application) held more work back.
 */
#define AURAIO_ADAPT_BOUND 0x01u

/** One completion. */
typedef struct auraio_adapt_sample {
    int64_t latency_ns;  /**< dispatch to completion; negative counts as 0 */
    uint32_t size_bytes; /**< what was transferred */
    uint8_t kind;        /**< auraio_adapt_kind_t; anything else counts as OTHER */
    uint8_t flags;       /**< AURAIO_ADAPT_BOUND or 0 */
    uint8_t reserved[2];
} auraio_adapt_sample_t;

/** Batch flag: the completions waited for a late application: they say nothing about the device. */
#define AURAIO_ADAPT_LATE 0x01u

/** The completions of one reap: they share a time stamp. */
typedef struct auraio_adapt_batch {
    int64_t now_ns; /**< monotonic; a time before the previous one (or before 0) counts as that */
    int in_flight;  /**< operations in the device after these completed */
    int count;      /**< samples */
    unsigned flags; /**< AURAIO_ADAPT_LATE or 0 */
    const auraio_adapt_sample_t *samples; /**< not kept after the call */
} auraio_adapt_batch_t;

#define AURAIO_ADAPT_STATE_BYTES 16384

/** The controller's state: of fixed size, owned by the caller, contents private. */
typedef struct auraio_adapt {
    union {
        int64_t align_int;
        double align_double;
        unsigned char opaque[AURAIO_ADAPT_STATE_BYTES];
    } state;
} auraio_adapt_t;

/** Make `adapt` a fresh controller. `options` NULL: all defaults.
 * Returns 0, or -EINVAL and leaves `adapt` untouched: struct_size smaller than the first release's,
 * reserved fields not 0, negative values, min_limit over max_limit, max_limit over
 * AURAIO_ADAPT_MAX_LIMIT. */
AURAIO_ADAPT_API int auraio_adapt_init(auraio_adapt_t *adapt, const auraio_adapt_options_t *options);

/** Report the completions of one reap. Cost: a few nanoseconds a completion. count <= 0 does
 * nothing. */
AURAIO_ADAPT_API void auraio_adapt_complete(auraio_adapt_t *adapt, const auraio_adapt_batch_t *batch);

/** How many operations may be in the device now: min_limit to max_limit. */
AURAIO_ADAPT_API int auraio_adapt_limit(const auraio_adapt_t *adapt);

/** The limit the controller believes in: auraio_adapt_limit() without the probes above and below it.
 */
AURAIO_ADAPT_API int auraio_adapt_base_limit(const auraio_adapt_t *adapt);

/** What the controller is doing now. */
AURAIO_ADAPT_API auraio_adapt_phase_t auraio_adapt_phase(const auraio_adapt_t *adapt);

/** What an operation costs the device, learned: 1 is the cost of the cheapest class of operations
 * seen. 1 when nothing is known of its class. For statistics and for dividing a device by cost. */
AURAIO_ADAPT_API double auraio_adapt_cost(const auraio_adapt_t *adapt, auraio_adapt_kind_t kind,
                                          uint32_t size_bytes);

#define AURAIO_ADAPT_JOURNAL 32 /**< decisions kept */

/** One decision and the figures it was made on. Figures that played no part are 0. */
typedef struct auraio_adapt_decision {
    int64_t now_ns;
    int old_limit, new_limit;
    int phase;             /**< auraio_adapt_phase_t it was made in */
    int cause;             /**< auraio_adapt_cause_t */
    double throughput_ops; /**< completions a second at the old limit */
    double p99_ns;         /**< at the old limit; only with a target */
    double exceedance;     /**< share of completions over the target */
    double gain;           /**< ln of the throughput against what it was compared with */
    double gain_error;     /**< standard error of gain */
    int samples;           /**< completions behind the figures */
    int reserved;
} auraio_adapt_decision_t;

/** Copy the newest decisions, at most `max` and at most AURAIO_ADAPT_JOURNAL, oldest first. Probes
 * that led to nothing are not decisions. Returns how many were copied; 0 when `out` is NULL or
 * `max` <= 0. */
AURAIO_ADAPT_API int auraio_adapt_decisions(const auraio_adapt_t *adapt, auraio_adapt_decision_t *out,
                                            int max);

/** Short lower-case names; "unknown" for a value out of range. Static strings. */
AURAIO_ADAPT_API const char *auraio_adapt_cause_name(int cause);
AURAIO_ADAPT_API const char *auraio_adapt_phase_name(int phase);

/** True when every invariant of the state holds: for tests and fuzzers. */
AURAIO_ADAPT_API bool auraio_adapt_is_valid(const auraio_adapt_t *adapt);

/* ---- several users of one device ---------------------------------------------------------------
 */

/** One user (an I/O ring, a thread, a tenant) of a shared device. Owned by the caller, who keeps all
 * users of a device in one array. All zero bytes is a user that holds and wants nothing. */
typedef struct auraio_adapt_share_user {
    int held;        /**< credits taken and not given back: operations in the device, or kept ready for them
                      */
    int wanted;      /**< credits asked for in vain */
    int64_t granted; /**< all credits ever taken: for statistics */
} auraio_adapt_share_user_t;

/** Divides a device's limit between users: work conserving (nobody waits while a credit is free),
 * and max-min fair (who asks in vain gets the next credits, the users holding least first, in
 * turn). */
typedef struct auraio_adapt_share {
    int limit;   /**< credits in all */
    int held;    /**< credits taken; above `limit` for a while after the limit fell */
    int waiting; /**< users with wanted > 0 */
    int cursor;  /**< the user after the one served last: turns among equals */
} auraio_adapt_share_t;

/** A share of `limit` credits (at least 1), none taken. */
AURAIO_ADAPT_API void auraio_adapt_share_init(auraio_adapt_share_t *share, int limit);

/** Change the number of credits (at least 1). Credits above a lowered limit vanish as they are given
 * back. */
AURAIO_ADAPT_API void auraio_adapt_share_set_limit(auraio_adapt_share_t *share, int limit);

/** User `index` of `users[0..count)` asks for `want` credits. Takes what is free, unless others
 * wait: then a user gets no more than its fair share. What it didn't get is noted as wanted (it
 * replaces an earlier note). Returns the credits taken, 0 to `want`; -EINVAL for an index out of
 * range or `want` < 0. */
AURAIO_ADAPT_API int auraio_adapt_share_take(auraio_adapt_share_t *share, auraio_adapt_share_user_t *users,
                                             int count, int index, int want);

/** User `index` gives `credits` back. Returns 0; -EINVAL for an index out of range or more credits
 * than it holds. */
AURAIO_ADAPT_API int auraio_adapt_share_give(auraio_adapt_share_t *share, auraio_adapt_share_user_t *users,
                                             int count, int index, int credits);

/** Grant free credits to a user that wanted some: the one holding least, in turn among equals.
 * `ret_index` says who. Call it after giving back until it returns 0. Returns the credits granted
 * to users[*ret_index] (already counted as held). */
AURAIO_ADAPT_API int auraio_adapt_share_next(auraio_adapt_share_t *share, auraio_adapt_share_user_t *users,
                                             int count, int *ret_index);

/** How many of its credits user `index` should give back as its operations complete, instead of
 * using them again: what it holds above its fair share while others wait, or above a lowered limit.
 */
AURAIO_ADAPT_API int auraio_adapt_share_excess(const auraio_adapt_share_t *share,
                                               const auraio_adapt_share_user_t *users, int count, int index);

/* ---- submit batch size -------------------------------------------------------------------------
 */

/** How many operations to hand to the kernel at once: more a call cost less, and wait longer for
 * each other. */
typedef struct auraio_adapt_batch_size {
    int size; /**< the decision, 1 to max_size */
    int max_size;
    int full_calls; /**< calls in a row that carried a full batch and cost little delay */
    int reserved;
    double call_ns;    /**< smoothed: what a call costs whatever it carries */
    double latency_ns; /**< smoothed: device latency */
    double gap_ns;     /**< smoothed: time between two operations that become ready */
} auraio_adapt_batch_size_t;

/** One submit call. */
typedef struct auraio_adapt_submit {
    int64_t waited_ns;  /**< from the first operation of the batch being ready to the call */
    int64_t call_ns;    /**< spent in the call; 0 when it was not measured */
    int64_t latency_ns; /**< a typical device latency now (mean of the last reap); 0 when unknown */
    int ops;            /**< operations handed over */
    int reserved;
} auraio_adapt_submit_t;

/** Start at a batch size of 1. `max_size` is raised to at least 1. */
AURAIO_ADAPT_API void auraio_adapt_batch_size_init(auraio_adapt_batch_size_t *batch_size, int max_size);

/** Report a submit call; ops <= 0 does nothing. */
AURAIO_ADAPT_API void auraio_adapt_batch_size_submitted(auraio_adapt_batch_size_t *batch_size,
                                                        const auraio_adapt_submit_t *submit);

/** How many ready operations to gather before calling the kernel: 1 to max_size. */
AURAIO_ADAPT_API int auraio_adapt_batch_size(const auraio_adapt_batch_size_t *batch_size);

#ifdef __cplusplus
}
#endif

#endif
