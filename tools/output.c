/* output.c - see output.h. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *output_open(const char *command, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!file)
        fprintf(stderr, "auraio %s: can't write '%s': %s\n", command, path, strerror(errno));
    return file;
}

int output_check(const char *command, const char *path, const char *input)
{
    struct stat output_st, input_st;
    if (!path || strcmp(path, "-") == 0)
        return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0) {
        fprintf(stderr, "auraio %s: can't write '%s': %s\n", command, path, strerror(errno));
        return -1;
    }
    bool same = fstat(fd, &output_st) == 0 && stat(input, &input_st) == 0 &&
                output_st.st_dev == input_st.st_dev && output_st.st_ino == input_st.st_ino;
    close(fd);
    if (same)
        fprintf(stderr, "auraio %s: '%s' is what is read: name another file for the output\n", command, path);
    return same ? -1 : 0;
}

int output_close(const char *command, FILE *file, const char *path)
{
    bool failed = ferror(file) != 0;
    failed = (file == stdout ? fflush(file) : fclose(file)) || failed;
    if (failed)
        fprintf(stderr, "auraio %s: can't write '%s': %s\n", command, path, strerror(EIO));
    return failed ? -1 : 0;
}

/* The length of the UTF-8 sequence at `at`, 0 when there is none (RFC 3629: shortest form, no surrogates). */
static int utf8_length(const unsigned char *at)
{
    int length = at[0] < 0x80   ? 1
                 : at[0] < 0xc2 ? 0
                 : at[0] < 0xe0 ? 2
                 : at[0] < 0xf0 ? 3
                 : at[0] < 0xf5 ? 4
                                : 0;
    for (int i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool outside = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

void output_json_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        int length = utf8_length(at);
        if (length == 0)
            fputs("\\ufffd", file);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(file, "\\u%04x", *at);
        else if (*at == '"' || *at == '\\')
            fprintf(file, "\\%c", *at);
        else
            fwrite(at, 1, (size_t)length, file);
        at += length > 0 ? length : 1;
    }
    fputc('"', file);
}
