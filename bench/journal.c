/* SPDX-License-Identifier: MIT */
/*
 * See journal.h. A line is the row's name, the state and the reason, then six fields for each figure, with
 * tabs between; a last line without its end was being written when the program was stopped, and is cut off.
 */
#include "journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS = 7, LINE_FIELDS = 3 + ROW_FIGURES * FIELDS };

static bool read_number(const char *text, double *ret_value)
{
    char *end;
    *ret_value = strtod(text, &end);
    return end != text && *end == '\0';
}

static bool read_figure(char **fields, struct figure *figure)
{
    double *const numbers[] = {&figure->ours, &figure->theirs, &figure->value, &figure->low, &figure->high};
    snprintf(figure->label, sizeof(figure->label), "%s", fields[0]);
    snprintf(figure->unit, sizeof(figure->unit), "%s", fields[1]);
    for (unsigned i = 0; i < FIELDS - 2; i++) {
        if (!read_number(fields[i + 2], numbers[i]))
            return false;
    }
    return true;
}

/* Takes the line apart. False: it is not an outcome. */
static bool read_line(char *line, char **ret_name, struct outcome *outcome)
{
    char *fields[LINE_FIELDS];
    unsigned count = 0;
    double state;
    *outcome = (struct outcome){0};
    for (char *field = strsep(&line, "\t"); field; field = strsep(&line, "\t")) {
        if (count == LINE_FIELDS)
            return false;
        fields[count++] = field;
    }
    if (count < 3 || (count - 3) % FIELDS != 0 || !read_number(fields[1], &state) ||
        state < OUTCOME_MEASURED || state > OUTCOME_FAILED)
        return false;
    *ret_name = fields[0];
    outcome->state = (enum outcome_state)state;
    snprintf(outcome->reason, sizeof(outcome->reason), "%s", fields[2]);
    outcome->count = (count - 3) / FIELDS;
    for (unsigned i = 0; i < outcome->count; i++) {
        if (!read_figure(fields + 3 + (size_t)i * FIELDS, &outcome->figures[i]))
            return false;
    }
    return outcome->state != OUTCOME_MEASURED || outcome->count > 0;
}

static void add(struct results *results, const char *name, const struct outcome *outcome)
{
    for (unsigned i = 0; i < results->plan->count; i++) {
        if (strcmp(results->plan->rows[i].name, name) == 0)
            results_add(results, i, outcome);
    }
}

static int read_all(FILE *journal, const char *heading, struct results *results)
{
    char *line = NULL, *name;
    size_t size = 0;
    ssize_t length;
    long kept = 0;
    int r = 0;
    for (bool first = true; r == 0 && (length = getline(&line, &size, journal)) > 0; first = false) {
        struct outcome outcome;
        if (line[length - 1] != '\n')
            break;
        line[length - 1] = '\0';
        if (first)
            r = strcmp(line, heading) == 0 ? 0 : strncmp(line, "auraio-bench ", 13) == 0 ? -ESTALE : -EBADMSG;
        else if (read_line(line, &name, &outcome))
            add(results, name, &outcome);
        else
            r = -EBADMSG;
        kept = ftell(journal);
    }
    free(line);
    if (r == 0 && (fseek(journal, kept, SEEK_SET) != 0 || ftruncate(fileno(journal), kept) != 0))
        r = -errno;
    if (r == 0 && kept == 0 && (fprintf(journal, "%s\n", heading) < 0 || fflush(journal) != 0))
        r = -errno;
    return r;
}

int journal_open(const char *path, const char *heading, struct results *results, FILE **ret_journal)
{
    FILE *journal = fopen(path, "r+e");
    if (!journal && errno == ENOENT)
        journal = fopen(path, "w+e");
    if (!journal)
        return -errno;
    int r = read_all(journal, heading, results);
    if (r < 0) {
        fclose(journal);
        return r;
    }
    *ret_journal = journal;
    return 0;
}

int journal_write(FILE *journal, const struct row *row, const struct outcome *outcome)
{
    fprintf(journal, "%s\t%d\t%s", row->name, outcome->state, outcome->reason);
    for (unsigned i = 0; i < outcome->count; i++) {
        const struct figure *figure = &outcome->figures[i];
        fprintf(journal, "\t%s\t%s\t%.17g\t%.17g\t%.17g\t%.17g\t%.17g", figure->label, figure->unit,
                figure->ours, figure->theirs, figure->value, figure->low, figure->high);
    }
    fprintf(journal, "\n");
    return fflush(journal) == 0 && !ferror(journal) ? 0 : -EIO;
}
