/* command.h - what the sub-commands of `auraio` share: their table's row and the exit statuses. */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,   /* it ran, and the answer is no; or something it needed failed */
    EXIT_USAGE = 2,    /* it was called wrongly: nothing ran */
    EXIT_UNFIT = 3,    /* doctor: AuraIO cannot run here */
    EXIT_SIGNAL = 128, /* plus the signal's number: it was interrupted */
};

typedef struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the sub-command's name */
} command_t;

extern const command_t command_sim;
extern const command_t command_tune;
extern const command_t command_doctor;

#endif
