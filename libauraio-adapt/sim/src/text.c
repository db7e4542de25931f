/* text.c - see text.h. */
#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

void sim_text_init(sim_text_t *text, const char *bytes, size_t length)
{
    *text = (sim_text_t){.at = bytes, .end = bytes + length, .line_end = NULL};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == ',';
}

static void skip_space(sim_text_t *text)
{
    while (text->at < text->line_end && is_space(*text->at))
        text->at++;
}

bool sim_text_next_line(sim_text_t *text)
{
    for (;;) {
        if (text->line_end)
            text->at = text->line_end < text->end ? text->line_end + 1 : text->end;
        if (text->at == text->end)
            return false;
        text->line++;
        size_t left = (size_t)(text->end - text->at);
        const char *newline = memchr(text->at, '\n', left);
        text->line_end = newline ? newline : text->end;
        if (!sim_text_line_over(text))
            return true;
    }
}

/* Copy the next word out, so that the C library can parse it. False: none, or too long to be one of
 * ours. The cursor stays. */
static bool peek(sim_text_t *text, char word[WORD_MAX], size_t *ret_length)
{
    skip_space(text);
    size_t length = 0;
    while (text->at + length < text->line_end && !is_space(text->at[length]))
        length++;
    if (length == 0 || length >= WORD_MAX || memchr(text->at, '\0', length))
        return false;
    memcpy(word, text->at, length);
    word[length] = '\0';
    *ret_length = length;
    return true;
}

bool sim_text_word(sim_text_t *text, const char *word)
{
    char found[WORD_MAX];
    size_t length;
    if (!peek(text, found, &length) || strcmp(found, word) != 0)
        return false;
    text->at += length;
    return true;
}

bool sim_text_integer(sim_text_t *text, int64_t min, int64_t max, int64_t *ret_value)
{
    char word[WORD_MAX], *end;
    size_t length;
    if (!peek(text, word, &length))
        return false;
    errno = 0;
    long long value = strtoll(word, &end, 10);
    if (*end != '\0' || errno != 0 || value < min || value > max)
        return false;
    text->at += length;
    *ret_value = value;
    return true;
}

/* Digits, from `*at` on, into `value`; how many there were. */
static int read_digits(const char **at, double *value)
{
    int count = 0;
    for (; **at >= '0' && **at <= '9'; ++*at, count++)
        *value = *value * 10 + (**at - '0');
    return count;
}

/* By hand, because strtod reads a comma where the user's locale has one: digits, a fraction, an
 * exponent. */
bool sim_text_number(sim_text_t *text, double *ret_value)
{
    char word[WORD_MAX];
    size_t length;
    if (!peek(text, word, &length))
        return false;
    const char *at = word;
    double value = 0, exponent = 0;
    int digits = read_digits(&at, &value), fraction = 0;
    if (*at == '.') {
        at++;
        fraction = read_digits(&at, &value);
    }
    if (digits + fraction == 0)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        bool negative = *at == '-';
        at += *at == '-' || *at == '+';
        if (read_digits(&at, &exponent) == 0)
            return false;
        exponent = negative ? -exponent : exponent;
    }
    value *= pow(10, exponent - fraction);
    if (*at != '\0' || !(value >= 0 && value <= 1e15)) /* also infinity and NaN */
        return false;
    text->at += length;
    *ret_value = value;
    return true;
}

bool sim_text_line_over(sim_text_t *text)
{
    skip_space(text);
    return text->at >= text->line_end || *text->at == '#';
}

int sim_text_wrong(const sim_text_t *text, const char *why, auraio_sim_syntax_t *ret_where)
{
    if (ret_where)
        *ret_where = (auraio_sim_syntax_t){.line = text->line, .why = why};
    return -EINVAL;
}
