/* doctor_files.c - /proc and /sys, under whatever root. */
#include "doctor.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_BYTES 8192

static bool read_path(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t length = 0;
    ssize_t got = 1;
    while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    text[length] = '\0';
    return got >= 0;
}

bool doctor_read(const doctor_system_t *system, char *text, size_t size, const char *format, ...)
{
    char *name = NULL, *path = NULL;
    va_list arguments;
    va_start(arguments, format);
    bool done = vasprintf(&name, format, arguments) >= 0;
    va_end(arguments);
    if (!done)
        return false;
    done = asprintf(&path, "%s%s", system->root, name) >= 0;
    free(name);
    if (!done)
        return false;
    done = read_path(path, text, size);
    free(path);
    return done;
}

bool doctor_read_number(const doctor_system_t *system, int64_t *ret_number, const char *format, ...)
{
    char *name, text[64], *end;
    va_list arguments;
    va_start(arguments, format);
    bool done = vasprintf(&name, format, arguments) >= 0;
    va_end(arguments);
    if (!done)
        return false;
    done = doctor_read(system, text, sizeof(text), "%s", name);
    free(name);
    if (!done)
        return false;
    long long number = strtoll(text, &end, 10);
    if (end == text)
        return false;
    *ret_number = number;
    return true;
}

bool doctor_read_status(const doctor_system_t *system, const char *name, char *text, size_t size)
{
    char status[STATUS_BYTES];
    if (!doctor_read(system, status, sizeof(status), "/proc/self/status"))
        return false;
    size_t length = strlen(name);
    for (char *line = strtok(status, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, name, length) != 0 || line[length] != ':')
            continue;
        snprintf(text, size, "%s", line + length + 1 + strspn(line + length + 1, " \t"));
        return true;
    }
    return false;
}

bool doctor_has_capability(const doctor_system_t *system, int capability)
{
    char text[64];
    return doctor_read_status(system, "CapEff", text, sizeof(text)) &&
           (strtoull(text, NULL, 16) >> capability & 1) != 0;
}
