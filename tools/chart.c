/* chart.c - see chart.h. */
#include "chart.h"

const char *chart_cell(int eighths)
{
    static const char *const cells[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    return cells[eighths < 0 ? 0 : eighths > 8 ? 8 : eighths];
}
