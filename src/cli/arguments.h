/*
 * The command line of accelnetctl, read by the table of methods (control/methods.h).
 *
 * Options stand anywhere, `--name value` or `--name=value`; `--` ends them; `-` is an argument.
 */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "base/error.h"
#include "base/json.h"
#include "control/methods.h"

#include <stdbool.h>

#define ARGUMENTS_PARAMS_MAX 16
#define TIMEOUT_DEFAULT      30 /* seconds */

struct arguments {
	/* Global options. */
	const char *socket; /* NULL: the library's default */
	bool json;
	bool no_color;
	bool help;
	bool version;
	int timeout; /* seconds */

	/* METHOD_COUNT where no command was given. */
	enum method_id command;
	/* As the command's params; NULL: not given; a flag that was given is "". */
	const char *values[ARGUMENTS_PARAMS_MAX];
	/* With --help or as `help WORDS`: what help is wanted about; "": everything. */
	char topic[64];
};

/* A global option, for parsing, help, completion and the manual. */
struct global_option {
	const char *option;
	const char *value; /* NULL: a flag */
	const char *help;
};
extern const struct global_option global_options[];
extern const size_t global_option_count;

/*
 * Borrows argv. Fails with USAGE; *ret then holds the global options that could be read, so that
 * the error can be told in the form that was asked for.
 */
int arguments_parse(int argc, char **argv, struct arguments *ret, struct accelnet_error *err);

/* The value of an option or argument by the way it is written in the table; NULL: not given. */
const char *arguments_get(const struct arguments *arguments, const char *option_or_value);
bool arguments_flag(const struct arguments *arguments, const char *option);

/* The members of `params` that were given on the command line. The caller frees it. */
struct json *arguments_params(const struct arguments *arguments);

/* Name by which a parameter goes on the command line: its option, else what its value is called. */
const char *param_word(const struct method_param *param);

#endif
