/* SPDX-License-Identifier: MIT */
/* See row.h. */
#include "row.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

int outcome_leave_out(struct outcome *outcome, const char *format, ...)
{
    va_list arguments;
    outcome->state = OUTCOME_LEFT_OUT;
    va_start(arguments, format);
    vsnprintf(outcome->reason, sizeof(outcome->reason), format, arguments);
    va_end(arguments);
    return 0;
}

void outcome_add_ratio(struct outcome *outcome, const char *label, const char *unit, double ours,
                       double theirs, struct interval ratio)
{
    assert(outcome->count < ROW_FIGURES);
    struct figure *figure = &outcome->figures[outcome->count++];
    *figure = (struct figure){
        .ours = ours, .theirs = theirs, .value = ratio.middle, .low = ratio.low, .high = ratio.high};
    snprintf(figure->label, sizeof(figure->label), "%s", label);
    snprintf(figure->unit, sizeof(figure->unit), "%s", unit);
}

void outcome_add_single(struct outcome *outcome, const char *label, const char *unit, double value)
{
    outcome_add_ratio(outcome, label, unit, value, 0, (struct interval){value, value, value});
}

void plan_add(struct plan *plan, const struct row *row, const char *name, ...)
{
    if (plan->count == plan->room) {
        plan->room = plan->room ? 2 * plan->room : 64;
        plan->rows = realloc(plan->rows, plan->room * sizeof(plan->rows[0]));
        if (!plan->rows)
            options_fail("out of memory");
    }
    struct row *added = &plan->rows[plan->count++];
    *added = *row;
    va_list arguments;
    va_start(arguments, name);
    int length = vsnprintf(added->name, sizeof(added->name), name, arguments);
    va_end(arguments);
    assert(length < ROW_NAME);
    (void)length;
}

static bool is_named(const struct row *row, const char *pattern)
{
    size_t length = strlen(pattern);
    bool begins = strncmp(row->name, pattern, length) == 0;
    return fnmatch(pattern, row->name, 0) == 0 || (begins && row->name[length] == '/');
}

const char *plan_keep(struct plan *plan, char *const *patterns, unsigned count)
{
    for (unsigned p = 0; p < count; p++) {
        unsigned i = 0;
        while (i < plan->count && !is_named(&plan->rows[i], patterns[p]))
            i++;
        if (i == plan->count)
            return patterns[p];
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < plan->count; i++) {
        for (unsigned p = 0; p < count; p++) {
            if (!is_named(&plan->rows[i], patterns[p]))
                continue;
            plan->rows[kept++] = plan->rows[i];
            break;
        }
    }
    plan->count = kept;
    return NULL;
}

void plan_free(struct plan *plan)
{
    free(plan->rows);
    *plan = (struct plan){0};
}
