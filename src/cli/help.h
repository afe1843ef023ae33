/*
 * Help, shell completion and the manual page, all made from the table of methods.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdbool.h>
#include <stdio.h>

/* "policy apply", "policy" or "" (everything). False where there is no such command. */
bool help_print(FILE *file, const char *topic);

/*
 * The words that may stand for the last of `words` (which may be empty), a line each. `words` are
 * those of the command line after the program's name. Asks nobody but the table.
 */
void completion_print(FILE *file, char **words, int count);

/* docs/man/accelnetctl.1 */
void manual_print(FILE *file);

/* "policy apply FILE|- --nic NIC [...]", lines that end in \n; the caller frees it. */
struct method;
char *help_synopsis(const struct method *method);

#endif
