/* auraio.c - the `auraio` command: finds the sub-command and hands over. */
#include "command.h"

#include <stdio.h>
#include <string.h>

static const command_t *const commands[] = {
    &command_tune,
    &command_doctor,
    &command_sim,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
    fputs("usage: auraio COMMAND [ARGUMENTS]\n\ncommands:\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`auraio COMMAND --help` describes a command.\n", out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return EXIT_OK;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    }
    fprintf(stderr, "auraio: there is no command '%s'; `auraio --help` lists them\n", argv[1]);
    return EXIT_USAGE;
}
