/* chart.h - text-mode graphics: colours, and cells of block characters. */
#ifndef TOOLS_CHART_H
#define TOOLS_CHART_H

#define CHART_RED "\033[31m"
#define CHART_YELLOW "\033[33m"
#define CHART_GREEN "\033[32m"
#define CHART_DIM "\033[2m"
#define CHART_PLAIN "\033[0m"

/* One character, filled from below by that many eighths; clamped to 0..8. */
const char *chart_cell(int eighths);

#endif
