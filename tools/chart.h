/* chart.h - text-mode graphics: cells of block characters. */
#ifndef TOOLS_CHART_H
#define TOOLS_CHART_H

/* One character, filled from below by that many eighths; clamped to 0..8. */
const char *chart_cell(int eighths);

#endif
