/* progress.h - a bar on standard error, redrawn in place. Whether to draw it is the caller's: on a terminal.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

/* `label` and how much is done; the bar goes away when all is. */
void progress_draw(const char *label, int done, int count);

/* Take the bar away. */
void progress_clear(void);

#endif
