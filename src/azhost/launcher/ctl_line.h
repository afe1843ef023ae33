/*
 * The command line of `azhost ctl`, cut into words and options, and how its user is told that
 * something is wrong. Not here: what words and options there are (ctl.c).
 */
#ifndef AZHOST_LAUNCHER_CTL_LINE_H
#define AZHOST_LAUNCHER_CTL_LINE_H

#include "base/error.h"

#include <stdbool.h>

#define CTL_ARGUMENTS_MAX 8

/* Strings are argv's, or constants. */
struct ctl_line {
	const char *socket; /* --socket, else $AZHOST_SOCKET; NULL: neither */
	bool as_json;
	int count;
	const char *words[CTL_ARGUMENTS_MAX];
	const char *options[CTL_ARGUMENTS_MAX]; /* name and value, two by two */
	int option_count;
	const char *wrong;      /* the first thing that is, for ctl_usage(); NULL: nothing */
	const char *wrong_word; /* may be NULL */
};

enum ctl_line_answer { CTL_LINE_READ, CTL_LINE_HELP };

/* Reads to the end whatever is wrong, for --json may come last; only --help ends it. */
enum ctl_line_answer ctl_line_read(int argc, char **argv, struct ctl_line *ret);

/* To people, or with --json to programs. */
void ctl_tell(const struct ctl_line *line, const struct accelnet_error *err);

/* Tells of wrong usage: `what`, and the word concerned or NULL. Returns CTL_USAGE. */
int ctl_usage(const struct ctl_line *line, const char *what, const char *word);

#endif
