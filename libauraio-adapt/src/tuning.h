/* Every constant of the controller, each with its reason. docs/control.md tells the same with the
 * equations. Gains and losses are differences of ln(throughput): 0.035 is 3.5 %. */
#ifndef ADAPT_TUNING_H
#define ADAPT_TUNING_H

/* ---- evidence: batches and arms */

/* A batch is about one round of the queue: shorter ones see only a part of a device that answers in
 * clumps. 16 keeps the noise of a single batch bearable, 256 keeps the reaction quick at a high
 * limit. */
#define ADAPT_BATCH_MIN 16
/* ... above: the largest. */
#define ADAPT_BATCH_MAX 256
/* Batches an arm stores before it merges them in pairs. */
#define ADAPT_ARM_BATCHES 64
/* Share of completions that must have been held back by the limit: below it the application was the
 * bottleneck. */
#define ADAPT_BOUND_SHARE 0.9
/* One batch in 8 is trimmed at each end: pauses of the device and of the application are outliers.
 */
#define ADAPT_TRIM_DIVISOR 8
/* The one-sided 95 % quantile of Student's distribution with f degrees of freedom is 1.645 (1
 * + 1.15 / f), within 2 % from f = 3. */
#define ADAPT_STUDENT 1.15
/* A device that changes more slowly than its batches come; beyond this the arm says nothing anyway.
 */
#define ADAPT_CORRELATION_MAX 0.8
/* Batches that scatter and follow each other like this are merged until they are independent. */
#define ADAPT_CORRELATION_HIGH 0.4
/* No arm is trusted more than this: drift between two arms is never smaller. */
#define ADAPT_ERROR_FLOOR 0.002
/* Batches that scatter more, or whose mean ln rate leaves the rate of the whole arm by more, are
 * too short for a device that serves in bursts: they are merged in pairs. */
#define ADAPT_SCATTER_MAX 0.3
/* ... the bias, and the scatter from which correlated batches are merged. */
#define ADAPT_BIAS_MAX 0.15
/* Bursts longer than this are not averaged away: the slices of a throttled volume are 100 ms. */
#define ADAPT_MERGE_BELOW_NS 100000000.0
/* Merging ends here: an arm of such batches is 100,000 completions. */
#define ADAPT_BATCH_MERGED_MAX 8192

/* A batch this many times longer than the median one is a stall; stalls that take this share of the
 * time make the throughput, and batches then last as long as they. Longer ones than PACE_MAX are
 * accidents: slices are 100 ms. */
#define ADAPT_STALL_FACTOR 10.0
/* The share of time in stalls from which they make the throughput: pauses of garbage collection
 * take less. */
#define ADAPT_STALL_SHARE 0.25
/* Twice the longest slice in use, and some more. */
#define ADAPT_PACE_MAX_NS 250000000.0
/* Batches of an arm that follows a pace as long as this: each is a whole burst, and bursts resemble
 * each other. */
#define ADAPT_PACE_LONG_NS INT64_C(20000000)
/* So many batches in a row as long as a slice, but without a stall: the slices are over. */
#define ADAPT_PACE_ENDED 2
/* Batches that make an arm where each is a whole slice: the least that knows its scatter. */
#define ADAPT_PACED_BATCHES 4
/* Slices may end: each calm arm shortens the pace, so that it halves in some twenty arms ... */
#define ADAPT_PACE_FADE 0.97
/* ... when batches scatter less than this. */
#define ADAPT_PACE_CALM 0.1
/* The batches in which a device changed scatter too: what they taught is mostly forgotten. */
#define ADAPT_PACE_DISTRUST 4
/* ... and of a row that may be a change. */
#define ADAPT_PACED_ROW 6
/* ... and where they are far outside: one of them may be half a slice, not two in a row. */
#define ADAPT_PACED_ROW_GROSS 2

/* ---- comparisons */

/* One-sided 95 %: a decision that costs little when wrong. */
#define ADAPT_Z 1.64
/* Two-sided 95 %: to give up. */
#define ADAPT_Z_STRICT 2.0
/* In doubt a doubling paid: one too many costs a moment of latency, one too few the throughput. */
#define ADAPT_Z_DOUBT 0.5
/* For probes, which repeat: the evidence adds up over cycles. */
#define ADAPT_Z_PROBE 1.5
/* To take less depth: what is lost by mistake the probes above give back. */
#define ADAPT_Z_DOWN 1.0

/* ---- search */

/* A doubling pays when it gains more than this: an elasticity of 0.05, the slope at which 95 % of
 * the maximum is near. */
#define ADAPT_DOUBLING_GAIN 0.035
/* With a target the latency bounds the limit, so depth is cheap until it does. */
#define ADAPT_DOUBLING_GAIN_TARGET 0.015
/* Two doublings together must pay this many times what one must. */
#define ADAPT_DOUBLING_GAIN_TWICE 1.5
/* The limit chosen reaches this share of the best: 95 % wanted, the rest covers the error of the
 * best. */
#define ADAPT_KNEE_SHARE 0.953
/* With a target latency is bounded already: nearly all of the throughput is wanted. */
#define ADAPT_KNEE_SHARE_TARGET 0.985
/* What may be missing from the best before more depth is taken, and must remain below it to take
 * less: -ln 0.95; with a target -ln 0.98. */
#define ADAPT_DEFICIT 0.0513
/* The same with a target. */
#define ADAPT_DEFICIT_TARGET 0.0152
/* Nodes that fall with depth by less than this many errors are noise around a plateau: they are
 * pooled. */
#define ADAPT_POOL_Z 3.5
/* Where an arm takes longer than this, the first doubling that fails ends the way up; wide probes
 * look beyond it later. */
#define ADAPT_PLATEAU_NS INT64_C(1500000000)
/* Batches before a doubling may be called failed, and at most. */
#define ADAPT_SEARCH_BATCHES_MIN 12
/* More do not help: what they cannot tell apart is the same. */
#define ADAPT_SEARCH_BATCHES_MAX 64
/* The first arm only has to be good enough to compare with. */
#define ADAPT_FIRST_ERROR 0.03
/* ... and at most so many batches: noise is no reason to stay at the start. */
#define ADAPT_FIRST_BATCHES_MAX 32
/* Samples that let an arm speak for the p99: 1.5 exceedances expected when none were seen, 4 else.
 */
#define ADAPT_TAIL_SAMPLES_CLEAN 150
/* Once one was seen, 4 expected at 1 % tell 1 % from much more. */
#define ADAPT_TAIL_SAMPLES 400
/* ... but an arm whose slowest completion took less than this share of the target needn't wait for
 * its tail. */
/* On the way up a share over the target of so much is worth waiting for. */
#define ADAPT_TAIL_DOUBT 0.02
#define ADAPT_TAIL_FAR 0.6
/* ... which is looked at with every so many batches. */
#define ADAPT_FAR_BATCHES 4
/* Before a doubling is called failed, and for the limit chosen: this error, or this much time. What
 * is fast can be known well. */
#define ADAPT_SEARCH_ERROR 0.012
/* The time after which a slow device's arm is as good as it gets. */
#define ADAPT_SEARCH_NS INT64_C(100000000)
/* ... with so many completions, for fewer tell little, */
#define ADAPT_SEARCH_SAMPLES 1000
/* or after this time whatever it holds. */
#define ADAPT_SEARCH_NS_MAX INT64_C(1000000000)
/* ... but not in less time than this: other users of the device come and go in milliseconds. */
#define ADAPT_SEARCH_NS_MIN INT64_C(20000000)
/* Three errors above what is wanted are believed after a neighbour's burst. */
#define ADAPT_SEARCH_NS_STRONG INT64_C(5000000)
/* A doubling that gains more than half of what it could is believed at once. */
#define ADAPT_DOUBLING_STEEP 0.35
/* The limit chosen is measured better, for on a flat curve a small error is much depth. */
#define ADAPT_REFINE_ERROR 0.006
/* ... or for this time. */
#define ADAPT_REFINE_NS INT64_C(250000000)
/* ... with so many completions, */
#define ADAPT_REFINE_SAMPLES 6000
/* or after this time whatever it holds. */
#define ADAPT_REFINE_NS_MAX INT64_C(3000000000)
/* How well the best throughput must be known, which decides where the knee is. */
#define ADAPT_BEST_ERROR 0.008
/* It is measured at the least limit within this of it. */
#define ADAPT_BEST_NEAR 0.02
/* An arm at the knee with more unfilled batches for each that was evidence is given up: bursts of an
 * application that is nearly always the bottleneck say nothing of the limit. */
#define ADAPT_UNFILLED_PER_BATCH 2
/* Where the application fills no more, and the knee of what was measured is at least this share of the
 * highest limit measured, throughput may have gone on growing. */
#define ADAPT_UNFILLED_SHARE 0.85
/* The knee is known when its bounds are within this factor. */
#define ADAPT_REFINE_RATIO 1.15
/* Each halves the bounds' distance; four reduce a doubling to 5 %. */
#define ADAPT_REFINE_MAX 4
/* p99 aimed for between two measured limits: under the target by what an interpolation errs. */
#define ADAPT_TARGET_AIM 0.92

/* ---- cruise at the knee */

/* Elasticity of throughput that makes more depth worth its latency. */
#define ADAPT_ELASTICITY 0.05
/* With a target depth is cheap while it is kept. */
#define ADAPT_ELASTICITY_TARGET 0.015
/* An elasticity like this is no knee at all: search again instead of stepping. */
#define ADAPT_ELASTICITY_STEEP 0.4
/* Asked after every probe for ever: three sigma. */
#define ADAPT_Z_STEEP 3.0
/* Probes: a quarter above, a fifth below: small enough to harm nobody, large enough to show. */
#define ADAPT_PROBE_UP_DIVISOR 4
/* 0.8 undoes 1.25. */
#define ADAPT_PROBE_DOWN_DIVISOR 5
/* Until it is known that less loses: halving shows at once that a search went too far. */
#define ADAPT_PROBE_BOLD_DIVISOR 2
/* Evidence of probes fades with time: what is older than this counts little ... */
#define ADAPT_PROBE_MEMORY_NS 5e9
/* ... but at least ten cycles count, where they come slowly, */
#define ADAPT_PROBE_DECAY 0.9
/* and at most some sixty-six, where they come quickly. */
#define ADAPT_PROBE_DECAY_SLOW 0.985
/* Probes that deviate from those before them add up (Page 1954), less this slack, in errors of one: ... */
#define ADAPT_SURPRISE_SLACK 0.8
/* ... at this sum the evidence is another device's and is forgotten. By chance once in some 2,000
 * probes. */
#define ADAPT_SURPRISE 5.0
/* Base arms between probes once nothing moves: probes then take under 6 % of the time. */
#define ADAPT_PROBE_GAP_MAX 16
/* Probes this rare are what the phase calls converged. */
#define ADAPT_CONVERGED_GAP 8
/* A wide probe takes some 17 limits of completions, at twice the latency: less than one in two
 * hundred, or it would make the p99. */
#define ADAPT_WIDE_GAP 4000
/* While they find nothing they become rarer. */
#define ADAPT_WIDE_GAP_MAX 20000
/* A quarter more depth that gains this share of what may be missing: the rest lies beyond it. */
#define ADAPT_GAIN_SHARE 0.5
/* What lies above the limit, in gains of a quarter more: with an elasticity that halves each
 * doubling 1 / (1 - 2^-0.32) is 5, with one that falls as queues do, between 2 and 3. */
#define ADAPT_GAIN_BEYOND 3.0
/* That rule's own error, in ln: curves differ. */
#define ADAPT_GAIN_BEYOND_ERROR 0.03
/* The errors that batches tell count as much as those of four pairs of base arms that follow each
 * other, ... */
#define ADAPT_NOISE_PRIOR 4.0
/* ... of which this many are remembered. */
#define ADAPT_NOISE_ARMS 16.0
/* Errors are never believed to be less than a fifth of what batches tell, */
#define ADAPT_NOISE_MIN 0.04
/* nor more than twice as large: a device that drifts faster is none to be measured. */
#define ADAPT_NOISE_MAX 4.0
/* Where arms are long, a wide probe may be one completion in this many. */
#define ADAPT_WIDE_SHARE 150
/* Batches of a base or probe arm: three trimmed means' worth. */
#define ADAPT_KNEE_BATCHES 12
/* Until it is settled that less depth loses, a probe goes on until it is known this well, or for
 * ADAPT_SEARCH_NS. */
#define ADAPT_KNEE_ERROR 0.015
/* While it isn't settled whether less depth would do, probes stay this frequent. */
#define ADAPT_PROBE_GAP_UNSETTLED 2
/* While it isn't settled one probe in so many looks above: those below cost no latency. Then one in
 * so many looks below: those above cost no throughput. */
#define ADAPT_PROBE_TURN 4

/* ---- cruise at a target */

/* Share of the allowed exceedance aimed for: what is left pays for probes and for the next
 * disturbance. */
#define ADAPT_BUDGET 0.75
/* A debt is bad luck where so many exceedances were expected since the limit last moved ... */
#define ADAPT_KEPT_EXPECTED 50.0
/* ... and no more than this share of them was seen. */
#define ADAPT_KEPT 0.92
/* Exceedances of a lightly loaded device come in bursts: the binomial error times this. */
#define ADAPT_FREE_CLUSTER 2.0
/* Debt is remembered up to this many caps. */
#define ADAPT_DEBT_MAX 2.0
/* Of a large violation no more than this share of one cap is to be repaid: it was another limit's. */
#define ADAPT_DEBT_LEFT 0.5
/* A small violation is asked after with every batch, for ever: three sigma. What it misses the debt
 * account sees. */
#define ADAPT_Z_VIOLATION 3.0
/* Batches of an arm at the target: clusters of exceedances need several. */
#define ADAPT_TARGET_BATCHES 8
/* Three exceedances expected at 1 %: fewer completions say nothing of a p99. */
#define ADAPT_TARGET_SAMPLES 300
/* Twenty expected: before more depth is taken near the target. */
#define ADAPT_TARGET_SAMPLES_FULL 2000
/* ... or this time, on a device that serves fewer. */
#define ADAPT_TARGET_ARM_NS INT64_C(250000000)
/* The account's size: one unlucky queue full of completions, and half of another. */
#define ADAPT_DEBT_PER_LIMIT 1.5
/* Where queues are short, what 2,000 completions may exceed. */
#define ADAPT_DEBT_CAP_MIN 20.0
/* Five times what is allowed needs no long arm. */
#define ADAPT_GROSS_FACTOR 5.0
/* Where much is allowed (a loosened promise), 40 % is gross. */
#define ADAPT_GROSS_MAX 0.4
/* Over half exceed: the median itself is over the target. */
#define ADAPT_HALF_OVER 0.5
/* A share over the target that is more than this many times what is allowed leaves a ceiling. */
#define ADAPT_VIOLATION_LARGE 3.0
/* ... then the queue is at least twice too long. */
#define ADAPT_CUT_HALF 0.5
/* A gross violation: the inverse of the growth that two increases can make. */
#define ADAPT_CUT_GROSS 0.7
/* A debt came slowly, so the limit is hardly too high. */
#define ADAPT_CUT_DEBT 0.9
/* One decrease is no more than this: the next arm may ask for another. */
#define ADAPT_CUT_MIN 0.6
/* ... and no less: it must show. */
#define ADAPT_CUT_MAX 0.9
/* Increases go on while they bring this elasticity; less is left to the knee's finer instruments.
 */
#define ADAPT_ELASTICITY_PAID 0.1
/* Below a limit that violated by much. */
#define ADAPT_CEILING 0.95
/* Arms a ceiling stays: some 12,000 completions repay what a large violation owes. */
#define ADAPT_HOLD_ARMS 6
/* It doubles up to this many times that, while violations repeat. */
#define ADAPT_HOLD_MAX 32
/* Share of what is allowed, under which an arm does not speak against more depth. */
#define ADAPT_CALM 0.8
/* ... and the credit, in caps, the account must hold. */
#define ADAPT_CALM_DEBT 0.1

/* ---- change of the device */

/* A row this long does not happen by chance, even when one batch in four is outside the band. */
#define ADAPT_CHANGE_BATCHES 16
/* ... nor half of it far outside. */
#define ADAPT_CHANGE_BATCHES_GROSS 8
/* Far outside: by a factor of 1.65. */
#define ADAPT_CHANGE_GROSS 0.5
/* The least band: the knee of a device 20 % faster is 20 % off, which probes mend. */
#define ADAPT_CHANGE_WIDTH 0.2
/* The widest: a device half as fast is seen through any noise. */
#define ADAPT_CHANGE_WIDTH_MAX 0.7
/* Between them, in spreads of a batch. */
#define ADAPT_CHANGE_SIGMAS 2.5
/* A whole arm off by this: for devices so slow that a row takes long. */
#define ADAPT_CHANGE_ARM 0.3
/* A fall is followed to a thirtieth of the limit at once, no further: the search goes lower by
 * itself. */
#define ADAPT_CHANGE_FALL_MAX 3.5
/* The reference follows drift within some four arms. */
#define ADAPT_REFERENCE_WEIGHT 0.25
/* A row shorter than this may be a neighbour's burst. */
#define ADAPT_CHANGE_NS INT64_C(15000000)
/* Under a search, batches that last so long together are no burst of a throttled device: slices are 100 ms.
 */
#define ADAPT_RISE_NS 100e6
/* With less depth throughput rises by no more than this, ln 2: a throttle loses a third where more is queued
 * than a slice lets through. */
#define ADAPT_RISE_BELOW 0.7
/* The slow reference: sixteen arms. */
#define ADAPT_SHIFT_WEIGHT 0.0625
/* Small shifts: a cumulative sum of normalised deviations from a slow reference (Page 1954), slack
 * 0.7 for shifts of 1.4 errors and more. An alarm only makes a probe. */
#define ADAPT_SHIFT_SLACK 0.7
/* The alarm, in errors: a shift of two errors takes four arms. */
#define ADAPT_SHIFT_ALARM 5.0
/* Shifts are counted in errors, but of no less than this. */
#define ADAPT_SHIFT_ERROR_MIN 0.01

/* ---- exogenous latency */

/* Completions a bin of the ledger holds before they are halved: 400 exceedances at 1 %. */
#define ADAPT_LEDGER_SAMPLES 40000.0
/* Events that let a bin speak: they tell 1 % from 2 %. */
#define ADAPT_LEDGER_EVENTS 8.0
/* Depth does not make what exceeds the target where three fifths of it and less show this share of
 * it. */
#define ADAPT_LEDGER_FLAT 0.75
/* A look above the edge goes so far: were depth the cause, a third more would show in a few hundred
 * completions, and harm little. */
#define ADAPT_HIGH_FACTOR 1.3
/* It ends when so many exceedances would have been seen if nothing changed, ... */
#define ADAPT_HIGH_EXPECTED 12.0
/* ... or at so many ... */
#define ADAPT_HIGH_OVER 8
/* ... that are this many times what was expected. */
#define ADAPT_HIGH_WORSE 2.5
/* It is taken when there are no more than this many times what was expected ... */
#define ADAPT_HIGH_SAME 1.4
/* ... and throughput grows at least with the root of the limit. */
#define ADAPT_HIGH_ELASTICITY 0.5
/* Arms at the edge before a look above it, which doubles while they are in vain ... */
#define ADAPT_EDGE_GAP 4
/* ... up to this many. */
#define ADAPT_EDGE_GAP_MAX 64
/* A deep probe goes down to a quarter: whatever depth does to latency shows there. */
#define ADAPT_DEEP_DIVISOR 4
/* It lasts until so many exceedances would have been seen if nothing changed, 20 +- 4.5, ... */
#define ADAPT_DEEP_EXPECTED 20.0
/* ... and where that does not tell whether the target can be kept, until so many were allowed. */
#define ADAPT_DEEP_EXPECTED_MAX 100.0
/* Fewer than 14 of 20: depth matters. */
#define ADAPT_DEEP_SHARE 0.7
/* A device too slow to show it in this time is taken to obey depth, as most do. */
#define ADAPT_DEEP_NS INT64_C(2000000000)
/* What a p99 target allows. */
#define ADAPT_ALLOWED 0.01
/* The loosest promise worth keeping: nine in ten. */
#define ADAPT_ALLOWED_LOOSE 0.10
/* Where depth does not help, this many times what exceeds anyway is bounded. */
#define ADAPT_LOOSEN_FACTOR 1.2
/* With the target suspended, depth is taken where a doubling brings 19 %. */
#define ADAPT_ELASTICITY_SUSPENDED 0.25
/* A neighbour's job or a compaction lasts seconds: ask again after this, */
#define ADAPT_RETRY_NS INT64_C(2000000000)
/* doubling so many times: at most once in 64 s, when it is for ever. */
#define ADAPT_RETRY_DOUBLINGS 5

#endif
