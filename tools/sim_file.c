/* sim_file.c - models and traces from files. */
#include "command.h"
#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of a file, to be freed. NULL after saying why not. */
static char *read_file(const char *path, size_t *ret_length)
{
    FILE *file = fopen(path, "re");
    size_t length = 0, capacity = 0;
    char *bytes = NULL;
    bool failed = !file;
    while (!failed) {
        if (length == capacity) {
            capacity = 2 * capacity + 65536;
            char *grown = realloc(bytes, capacity);
            failed = !grown;
            bytes = grown ? grown : bytes;
            continue;
        }
        size_t count = fread(bytes + length, 1, capacity - length, file);
        length += count;
        if (count == 0)
            break;
    }
    failed = failed || ferror(file);
    if (failed)
        fprintf(stderr, "auraio sim: can't read '%s': %s\n", path, strerror(errno));
    if (file)
        fclose(file);
    if (failed) {
        free(bytes);
        return NULL;
    }
    *ret_length = length;
    return bytes;
}

static int wrong(const char *path, int error, const auraio_sim_syntax_t *where)
{
    if (where->why)
        fprintf(stderr, "auraio sim: %s:%d: %s\n", path, where->line, where->why);
    else
        fprintf(stderr, "auraio sim: %s: %s\n", path, strerror(-error));
    return -1;
}

int sim_file_trace(const char *path, auraio_sim_trace_t **ret_trace)
{
    size_t length;
    char *bytes = read_file(path, &length);
    if (!bytes)
        return -1;
    auraio_sim_syntax_t where = {0};
    int error = auraio_sim_trace_parse(bytes, length, ret_trace, &where);
    free(bytes);
    return error ? wrong(path, error, &where) : 0;
}

static int curve_model(const char *path, auraio_sim_model_t *ret_model)
{
    size_t length;
    char *bytes = read_file(path, &length);
    if (!bytes)
        return -1;
    auraio_sim_syntax_t where = {0};
    int error = auraio_sim_curve_parse(bytes, length, ret_model, &where);
    free(bytes);
    return error ? wrong(path, error, &where) : 0;
}

static int trace_model(const char *path, auraio_sim_model_t *ret_model)
{
    auraio_sim_trace_t *trace;
    if (sim_file_trace(path, &trace))
        return -1;
    int error = auraio_sim_trace_model(trace, ret_model);
    auraio_sim_trace_destroy(trace);
    if (error == -ENODATA)
        fprintf(stderr,
                "auraio sim: %s: at no depth are there the 200 completions a p99 takes; record "
                "longer\n",
                path);
    else if (error)
        fprintf(stderr, "auraio sim: %s: %s\n", path, strerror(-error));
    return error ? -1 : 0;
}

int sim_file_model(const char *name, auraio_sim_model_t *ret_model)
{
    if (strncmp(name, "curve:", 6) == 0)
        return curve_model(name + 6, ret_model) ? EXIT_FAILED : EXIT_OK;
    if (strncmp(name, "trace:", 6) == 0)
        return trace_model(name + 6, ret_model) ? EXIT_FAILED : EXIT_OK;
    if (auraio_sim_model_find(name, ret_model) == 0)
        return EXIT_OK;
    fprintf(stderr, "auraio sim: there is no model '%s'; `auraio sim --list` names them\n", name);
    return EXIT_USAGE;
}
