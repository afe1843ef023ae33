/*
 * The command line cut into options and words, before anybody knows what the command is.
 */
#ifndef CLI_TOKENS_H
#define CLI_TOKENS_H

#include "cli/arguments.h"

#define TOKENS_MAX 64

/* Values and words borrow argv. */
struct tokens {
	struct {
		char name[32];
		const char *value; /* NULL: none was given */
	} options[TOKENS_MAX];
	size_t option_count;
	const char *words[TOKENS_MAX];
	size_t word_count;
};

/*
 * Knows from the table which options there are and which of them take a value. USAGE at the first
 * fault; the rest is read all the same, so that --json counts wherever it stands.
 */
int tokens_cut(int argc, char **argv, struct tokens *ret, struct accelnet_error *err);
/* Words in a command's name. */
size_t command_words(const char *command);
/* The command with most words that fits; METHOD_COUNT where none does. */
enum method_id tokens_command(const struct tokens *tokens);
/* Moves the global options from `tokens` to *ret. */
int tokens_take_globals(struct tokens *tokens, struct arguments *ret, struct accelnet_error *err);

#endif
