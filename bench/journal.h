/* SPDX-License-Identifier: MIT */
/*
 * A file that keeps outcomes, a line each, as they come: a run that was interrupted, or made in pieces when
 * the machine was quiet, goes on where it was.
 */
#ifndef BENCH_JOURNAL_H
#define BENCH_JOURNAL_H

#include <stdio.h>

#include "results.h"

/*
 * Open the file, made when it is missing, and add what it holds to the results; rows that are not in the plan
 * are passed over. `heading` says what the outcomes are of. Returns 0, a negative errno, -EBADMSG when it is
 * not a journal or damaged, -ESTALE when it was written under another heading.
 */
int journal_open(const char *path, const char *heading, struct results *results, FILE **ret_journal);

/* Add an outcome. Returns 0 or a negative errno. */
int journal_write(FILE *journal, const struct row *row, const struct outcome *outcome);

#endif
