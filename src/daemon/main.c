/*
 * accelnetd: options, then everything up in order, the event loop, everything down in reverse.
 *
 * The main thread becomes the control thread and stays on EAL's main lcore; every other lcore runs
 * a worker. Files: daemon/config.c reads accelnetd.json, daemon/daemon.c owns what runs.
 */
#include "base/json.h"
#include "daemon/config.h"
#include "daemon/daemon.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

struct options {
	const char *config_path;
	bool check_only;
	char **eal_args;
	int eal_arg_count;
};

static const char help[] =
	"Usage: accelnetd --config FILE [--check] [-- EAL ARGS]\n"
	"\n"
	"Drives the NICs that FILE describes and enforces their policies. Policies arrive over the\n"
	"control socket: see accelnetctl(1).\n"
	"\n"
	"  --config FILE   configuration; default /etc/accelnet/accelnetd.json, see accelnetd.json(5)\n"
	"  --check         read the configuration, tell every problem, and exit: 0 good, 3 refused\n"
	"  --help          this text\n"
	"  --version       version\n"
	"  -- EAL ARGS     more arguments for DPDK's environment layer, after those of FILE\n"
	"\n"
	"Signals: SIGTERM and SIGINT stop cleanly; SIGHUP reads the NICs' contexts in FILE anew.\n"
	"\n"
	"Example:\n"
	"  accelnetd --config /etc/accelnet/accelnetd.json --check\n";

/* EXIT_DONE: go on; anything else, or *ret_done: exit with it. */
static enum exit_code parse_options(int argc, char **argv, struct options *options, bool *ret_done)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:hv", known, NULL)) >= 0) {
		switch (c) {
		case 'c':
			options->config_path = optarg;
			break;
		case 'k':
			options->check_only = true;
			break;
		case 'h':
			fputs(help, stdout);
			*ret_done = true;
			return EXIT_DONE;
		case 'v':
			puts("accelnetd " ACCELNET_VERSION);
			*ret_done = true;
			return EXIT_DONE;
		default:
			fputs("Try \"accelnetd --help\".\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind > 1 && optind <= argc && strcmp(argv[optind - 1], "--") == 0) {
		options->eal_args = argv + optind;
		options->eal_arg_count = argc - optind;
	} else if (optind < argc) {
		fprintf(stderr,
			"accelnetd: unexpected argument \"%s\"; EAL arguments stand behind --\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

static void print_problems(const char *path, const struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct problem *p = &report->problems[i];

		fprintf(stderr, "%s: %s: %s%s%s (%s)\n", path, p->is_warning ? "warning" : "error",
			p->pointer, p->pointer[0] ? ": " : "", p->detail, error_symbol(p->code));
	}
	if (report->suppressed)
		fprintf(stderr, "%s: %zu more problems\n", path, report->suppressed);
}

static enum exit_code run(const struct options *options, const struct daemon_config *config)
{
	struct accelnet_error err = { 0 };
	struct daemon *daemon = NULL;
	int r = daemon_new(options->config_path, config, options->eal_args, options->eal_arg_count,
			   &daemon, &err);

	if (r == 0)
		r = daemon_run(daemon, &err);
	daemon_free(daemon);
	if (r < 0)
		fprintf(stderr, "accelnetd: %s (%s)\n", err.detail, error_symbol(err.code));
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options options = { .config_path = "/etc/accelnet/accelnetd.json" };
	struct daemon_config config;
	struct report report;
	bool done = false;
	enum exit_code code = parse_options(argc, argv, &options, &done);

	if (code != EXIT_DONE || done)
		return code;
	report_init(&report);
	if (daemon_config_load(options.config_path, &config, &report) < 0)
		code = EXIT_REFUSED;
	print_problems(options.config_path, &report);
	report_fini(&report);
	if (code == EXIT_DONE && options.check_only)
		printf("%s: good, %zu NIC%s\n", options.config_path, config.nic_count,
		       config.nic_count == 1 ? "" : "s");
	else if (code == EXIT_DONE)
		code = run(&options, &config);
	daemon_config_fini(&config);
	return code;
}
