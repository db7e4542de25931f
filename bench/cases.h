/* SPDX-License-Identifier: MIT */
/* Every case's entry. Each returns 0 or a negative errno. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "bench.h"

int case_cached(struct bench *bench);
int case_zero(struct bench *bench);
int case_threads(struct bench *bench);
int case_direct(struct bench *bench);
int case_peers(struct bench *bench);
int case_peers_direct(struct bench *bench);
int case_enters(struct bench *bench);
int case_engine(struct bench *bench);
int case_instructions(struct bench *bench);

#endif
