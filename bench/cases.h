/* SPDX-License-Identifier: MIT */
/* Every case's entry: it adds its rows to the plan. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "bench.h"

void case_cached(struct plan *plan);
void case_zero(struct plan *plan);
void case_threads(struct plan *plan);
void case_peers(struct plan *plan);
void case_mixed(struct plan *plan);
void case_submitters(struct plan *plan);
void case_direct(struct plan *plan);
void case_zero_direct(struct plan *plan);
void case_peers_direct(struct plan *plan);
void case_fallback(struct plan *plan);
void case_latency(struct plan *plan);
void case_create(struct plan *plan);
void case_memory(struct plan *plan);
void case_idle(struct plan *plan);
void case_enters(struct plan *plan);
void case_instructions(struct plan *plan);
void case_pool(struct plan *plan);

#endif
