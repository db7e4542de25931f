/* tune_chart.c - the knee, in the terminal. Three panels share one axis, the depth, on a logarithmic scale:
 * throughput as bars, p99 as points on a logarithmic scale of its own, and below them the way of the
 * controller's limit, time going down: where it was in each span of time, and at its end. */
#include "tune.h"

#include <math.h>
#include <string.h>

#include "chart.h"
#include "units.h"

#define WIDTH_MAX 66
#define COLUMN_MAX 7
#define LABEL 11
#define RATE_ROWS 7
#define P99_ROWS 6
#define PATH_ROWS 8
#define PATH_FIRST_NS 2e6
#define CANVAS (TUNE_ROWS * COLUMN_MAX)

typedef struct canvas {
    const char *cells[CANVAS];
    int column, width; /* of one depth, of all */
} canvas_t;

static void clear(canvas_t *canvas, const char *cell)
{
    for (int i = 0; i < canvas->width; i++)
        canvas->cells[i] = cell;
}

static void put_line(const canvas_t *canvas, const char *label)
{
    printf("%*s │", LABEL, label);
    int last = canvas->width;
    while (last > 0 && strcmp(canvas->cells[last - 1], " ") == 0)
        last--;
    for (int i = 0; i < last; i++)
        fputs(canvas->cells[i], stdout);
    putchar('\n');
}

/* The cell above a depth, or between two. */
static int place_of(const canvas_t *canvas, double depth)
{
    int place = (int)lround(log2(depth) * canvas->column) + canvas->column / 2;
    return place < 0 ? 0 : place >= canvas->width ? canvas->width - 1 : place;
}

static void put_rates(const tune_result_t *result, canvas_t *canvas)
{
    double rates[TUNE_ROWS], most = 0;
    for (int i = 0; i < result->swept; i++) {
        tune_figures_t figures = tune_row_figures(&result->rows[i]);
        rates[i] = tune_rate(&figures);
        most = fmax(most, rates[i]);
    }
    char top[UNITS_TEXT];
    for (int row = RATE_ROWS - 1; row >= 0; row--) {
        clear(canvas, " ");
        for (int i = 0; i < result->swept; i++) {
            int eighths = most > 0 ? (int)(rates[i] / most * RATE_ROWS * 8 + 0.5) - 8 * row : 0;
            for (int k = 1; k < canvas->column - 1; k++)
                canvas->cells[i * canvas->column + k] = chart_cell(eighths);
        }
        char label[2 * UNITS_TEXT];
        snprintf(label, sizeof(label), "IOPS %s", units_count(top, most));
        put_line(canvas, row == RATE_ROWS - 1 ? label : row == 0 ? "0" : "");
    }
}

static void put_p99(const tune_result_t *result, canvas_t *canvas)
{
    double p99[TUNE_ROWS], target = (double)result->options->target_ns;
    double least = target > 0 ? target : INFINITY, most = target;
    for (int i = 0; i < result->swept; i++) {
        tune_figures_t figures = tune_row_figures(&result->rows[i]);
        p99[i] = fmax(1, (double)tune_percentile(&figures, 99));
        least = fmin(least, p99[i]);
        most = fmax(most, p99[i]);
    }
    double rows_a_unit = most > least ? (P99_ROWS - 1) / log(most / least) : 0;
    for (int row = P99_ROWS - 1; row >= 0; row--) {
        bool is_target = target > 0 && lround(log(target / least) * rows_a_unit) == row;
        clear(canvas, is_target ? "┄" : " ");
        for (int i = 0; i < result->swept; i++) {
            if (lround(log(p99[i] / least) * rows_a_unit) == row)
                canvas->cells[place_of(canvas, result->rows[i].depth)] = "●";
        }
        char label[2 * UNITS_TEXT] = "", text[UNITS_TEXT];
        if (row == P99_ROWS - 1)
            snprintf(label, sizeof(label), "p99 %s", units_time(text, (int64_t)most));
        else if (row == 0)
            units_time(label, (int64_t)least);
        else if (is_target)
            snprintf(label, sizeof(label), "target");
        put_line(canvas, label);
    }
}

static void put_depths(const tune_result_t *result, const canvas_t *canvas)
{
    printf("%*s └", LABEL, "");
    for (int i = 0; i < canvas->width; i++)
        fputs("─", stdout);
    printf("\n%*s  ", LABEL, "depth");
    for (int i = 0; i < result->row_count; i++) {
        /* The number's middle under the column's. */
        char number[UNITS_TEXT];
        int length = snprintf(number, sizeof(number), "%d", result->rows[i].depth);
        int before = canvas->column / 2 - (length - 1) / 2;
        printf("%*s%s%*s", before > 0 ? before : 0, "", number,
               canvas->column - before - length > 0 ? canvas->column - before - length : 0, "");
    }
    putchar('\n');
}

/* The limits from one time to another: `*ret_at` at its end. */
static void limits_between(const tune_journal_t *journal, int64_t from_ns, int64_t to_ns, int *ret_at,
                           int *ret_min, int *ret_max)
{
    int at = journal->steps[0].decision.new_limit;
    int min = at, max = at;
    for (int i = 0; i < journal->count && journal->steps[i].at_ns < to_ns; i++) {
        at = journal->steps[i].decision.new_limit;
        /* Until the span begins only the last counts: it is where the limit stood then. */
        bool before = journal->steps[i].at_ns < from_ns;
        min = before || at < min ? at : min;
        max = before || at > max ? at : max;
    }
    *ret_at = at;
    *ret_min = min;
    *ret_max = max;
}

static void put_path(const tune_result_t *result, canvas_t *canvas)
{
    const tune_journal_t *journal = tune_load_journal(result->adaptive);
    double end_ns = (double)(result->first.time_ns + result->steady.time_ns);
    if (journal->count == 0 || end_ns <= PATH_FIRST_NS)
        return;
    printf("%*s of AuraIO, over the time that it ran:\n", LABEL, "limit");
    int64_t from_ns = 0;
    for (int row = 0; row < PATH_ROWS; row++) {
        double share = (double)row / (PATH_ROWS - 1);
        int64_t to_ns = (int64_t)(PATH_FIRST_NS * pow(end_ns / PATH_FIRST_NS, share));
        int at, min, max;
        char label[UNITS_TEXT];
        limits_between(journal, from_ns, to_ns, &at, &min, &max);
        clear(canvas, " ");
        for (int i = place_of(canvas, min); i <= place_of(canvas, max); i++)
            canvas->cells[i] = "─";
        canvas->cells[place_of(canvas, at)] = "●";
        put_line(canvas, units_time(label, to_ns));
        from_ns = to_ns;
    }
}

void tune_chart(const tune_result_t *result)
{
    if (result->swept == 0)
        return;
    canvas_t canvas = {.column = WIDTH_MAX / result->row_count};
    canvas.column = canvas.column > COLUMN_MAX ? COLUMN_MAX : canvas.column;
    canvas.width = canvas.column * result->row_count;
    putchar('\n');
    put_rates(result, &canvas);
    put_p99(result, &canvas);
    put_depths(result, &canvas);
    if (result->adaptive)
        put_path(result, &canvas);
}
