/*
 * The command line of accelnet-testpmd: EAL's options, "--", ours.
 */
#ifndef TESTPMD_OPTIONS_H
#define TESTPMD_OPTIONS_H

#include "testpmd/bench.h"

/* Exit codes of all of accelnet's programs. */
enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

#define EAL_ARGS_MAX 64

struct options {
	/* For rte_eal_init(), which may change their order. */
	char *eal_args[EAL_ARGS_MAX];
	int eal_arg_count;
	const char *benches; /* names with commas between, "all" or "list"; borrowed */
	struct bench_options bench;
	const char *json_path; /* NULL: none; "-": standard output */
	bool done;             /* --help or --version was answered */
};

enum exit_code options_parse(int argc, char **argv, struct options *ret);

#endif
