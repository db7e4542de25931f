/* text.h - reads text files of lines and words, and says where one is wrong. */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H

#include <auraio/adapt_sim.h>

/* A cursor over text that need not end in a zero byte. */
typedef struct sim_text {
    const char *at, *end;
    int line; /* of the line that is read, from 1 */
    const char *line_end;
} sim_text_t;

void sim_text_init(sim_text_t *text, const char *bytes, size_t length);

/* Go to the next line that holds more than white space and a comment ('#'). False: there is none.
 */
bool sim_text_next_line(sim_text_t *text);

/* The next word of the line is this one, and was passed. */
bool sim_text_word(sim_text_t *text, const char *word);

/* The next word is a whole number from `min` to `max`, and was passed; a number from 0 up. False:
 * it is not, `ret_value` is untouched. */
bool sim_text_integer(sim_text_t *text, int64_t min, int64_t max, int64_t *ret_value);
bool sim_text_number(sim_text_t *text, double *ret_value);

/* Nothing is left on the line. */
bool sim_text_line_over(sim_text_t *text);

/* Note the line that is read as wrong, for this reason. Returns -EINVAL. */
int sim_text_wrong(const sim_text_t *text, const char *why, auraio_sim_syntax_t *ret_where);

#endif
