/* shell.h - for tests of the command from outside: $AURAIO is the program under test. */
#ifndef TOOLS_TESTS_SHELL_H
#define TOOLS_TESTS_SHELL_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define TEXT_MAX (256 * 1024)

typedef struct outcome {
    int status;
    char *text; /* stdout and stderr, until the next run */
} outcome_t;

/* Run a shell command line; $AURAIO in it is the program. */
static inline outcome_t run(const char *line)
{
    static char text[TEXT_MAX];
    char command[2048];
    cr_assert_not_null(getenv("AURAIO"), "set AURAIO to the program to test");
    cr_assert_lt(snprintf(command, sizeof(command), "{ %s ; } 2>&1", line), (int)sizeof(command));
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    size_t length = fread(text, 1, sizeof(text) - 1, pipe);
    text[length] = '\0';
    int status = pclose(pipe);
    return (outcome_t){.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .text = text};
}

/* It ends with that status, and says that. */
static inline outcome_t expect(const char *line, int status, const char *said)
{
    outcome_t outcome = run(line);
    cr_assert_eq(outcome.status, status, "%s: exit status %d, wanted %d:\n%s", line, outcome.status, status,
                 outcome.text);
    cr_assert(strstr(outcome.text, said), "%s: does not say '%s':\n%s", line, said, outcome.text);
    return outcome;
}

#endif
