/* SPDX-License-Identifier: MIT */
/* Bytes become a word of the command line: times, sizes and numbers are read, or refused and nothing is
 * touched. */
#include "../../../tools/units.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const int64_t untouched = INT64_MIN + 7, hour_ns = INT64_C(3600) * 1000 * 1000 * 1000;
    int64_t ns = untouched, size = untouched, number = untouched;
    char text[UNITS_TEXT], *word = malloc(length + 1);
    require(word != NULL);
    memcpy(word, bytes, length);
    word[length] = '\0';
    bool read = units_parse_time(word, &ns);
    require(read ? ns >= 1 && ns <= hour_ns : ns == untouched);
    if (read)
        require(strlen(units_time(text, ns)) >= 2);
    read = units_parse_size(word, &size);
    require(read ? size >= 1 && size <= INT64_C(1) << 40 : size == untouched);
    if (read)
        require(strlen(units_size(text, (double)size)) >= 3);
    read = units_parse_number(word, -100, 100, &number);
    require(read ? number >= -100 && number <= 100 : number == untouched);
    free(word);
    return 0;
}
