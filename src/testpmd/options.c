/*
 * Reading of the command line: see options.h.
 */
#include "testpmd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: accelnet-testpmd [EAL OPTIONS --] [OPTIONS]\n"
	"\n"
	"Measures accelnet's datapath code, each part beside a yardstick in the same run.\n"
	"\n"
	"  --bench NAME[,NAME...]  run these benches; \"all\" runs them all, \"list\" tells what there is\n"
	"  --policy FILE           classify on this policy document, its service tags beside small ones\n"
	"  --rules N               rules for benches that use a rule set (default: several sizes)\n"
	"  --rounds N              rounds of A/B, 1 to 50 (default 5)\n"
	"  --duration S            seconds for each side of a round (default 1)\n"
	"  --simd PATH             scalar, avx2 or avx512 instead of the best\n"
	"  --json FILE             write results and samples as one JSON object; - is standard output\n"
	"  --help, --version\n"
	"\n"
	"What is printed: the best round of each side, how many times more the yardstick takes, and\n"
	"between which bounds that ratio lay from round to round. Cycles are TSC cycles.\n"
	"\n"
	"Without EAL options it runs on one core, without devices, with huge pages where the system\n"
	"has them set aside, and with 512-bit SIMD allowed.\n"
	"\n"
	"Examples:\n"
	"  accelnet-testpmd --bench list\n"
	"  accelnet-testpmd --bench classify,compile --rules 1000\n"
	"  accelnet-testpmd -l 1 --in-memory --no-pci -- --bench all --json bench.json\n";

static bool parse_unsigned(const char *text, unsigned least, unsigned most, unsigned *ret)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || value < least || value > most)
		return false;
	*ret = (unsigned)value;
	return true;
}

static bool parse_seconds(const char *text, double *ret)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0 && value <= 3600))
		return false;
	*ret = value;
	return true;
}

static enum exit_code bad_value(const char *option, const char *wanted)
{
	(void)fprintf(stderr, "accelnet-testpmd: --%s takes %s\n", option, wanted);
	return EXIT_USAGE;
}

enum { BENCH = 256, POLICY, RULES, ROUNDS, DURATION, SIMD, JSON, HELP, VERSION };

static enum exit_code take_option(int option, const char *value, struct options *ret)
{
	switch (option) {
	case BENCH:
		ret->benches = value;
		return EXIT_DONE;
	case POLICY:
		ret->bench.policy_path = value;
		return EXIT_DONE;
	case RULES:
		return parse_unsigned(value, 4, 30000, &ret->bench.rules)
			       ? EXIT_DONE
			       : bad_value("rules", "a number from 4 to 30000");
	case ROUNDS:
		return parse_unsigned(value, 1, BENCH_ROUNDS_MAX, &ret->bench.rounds)
			       ? EXIT_DONE
			       : bad_value("rounds", "a number from 1 to 50");
	case DURATION:
		return parse_seconds(value, &ret->bench.duration)
			       ? EXIT_DONE
			       : bad_value("duration", "seconds, up to 3600");
	case SIMD:
		ret->bench.simd = value;
		return EXIT_DONE;
	case JSON:
		ret->json_path = value;
		return EXIT_DONE;
	case HELP:
		(void)fputs(help, stdout);
		ret->done = true;
		return EXIT_DONE;
	case VERSION:
		(void)puts("accelnet-testpmd " ACCELNET_VERSION);
		ret->done = true;
		return EXIT_DONE;
	default:
		(void)fputs("Try \"accelnet-testpmd --help\".\n", stderr);
		return EXIT_USAGE;
	}
}

static enum exit_code parse_ours(int argc, char **argv, struct options *ret)
{
	static const struct option known[] = {
		{ "bench", required_argument, NULL, BENCH },
		{ "policy", required_argument, NULL, POLICY },
		{ "rules", required_argument, NULL, RULES },
		{ "rounds", required_argument, NULL, ROUNDS },
		{ "duration", required_argument, NULL, DURATION },
		{ "simd", required_argument, NULL, SIMD },
		{ "json", required_argument, NULL, JSON },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },
		{ 0 },
	};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		enum exit_code code = take_option(option, optarg, ret);

		if (code != EXIT_DONE || ret->done)
			return code;
	}
	if (optind < argc) {
		(void)fprintf(stderr, "accelnet-testpmd: unexpected argument \"%s\"\n",
			      argv[optind]);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

/* Huge pages that are set aside and not in use. */
static bool has_huge_pages(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found = found || (strncmp(line, "HugePages_Free:", 15) == 0 &&
				  strtoul(line + 15, NULL, 10) > 0);
	if (file)
		(void)fclose(file);
	return found;
}

static void add_eal(struct options *options, char *argument)
{
	options->eal_args[options->eal_arg_count++] = argument;
}

/* What benches need, where the user says nothing about it. */
static void default_eal(struct options *options)
{
	static char no_pci[] = "--no-pci", no_telemetry[] = "--no-telemetry", lcores[] = "--lcores",
		    one[] = "0", level[] = "--log-level", warning[] = "lib.eal:warning",
		    in_memory[] = "--in-memory", no_shared[] = "--no-shconf",
		    no_huge[] = "--no-huge", memory[] = "-m", megabytes[] = "2048";
	char *const always[] = { no_pci, no_telemetry, lcores, one, level, warning };
	/* EAL 22.11 refuses --no-huge together with --in-memory */
	char *const without_huge[] = { no_huge, no_shared, memory, megabytes };

	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		add_eal(options, always[i]);
	if (has_huge_pages()) {
		add_eal(options, in_memory);
		return;
	}
	for (size_t i = 0; i < sizeof(without_huge) / sizeof(*without_huge); i++)
		add_eal(options, without_huge[i]);
}

static int find_dashes(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i;
	}
	return 0;
}

enum exit_code options_parse(int argc, char **argv, struct options *ret)
{
	static char simd[] = "--force-max-simd-bitwidth=512";
	int dashes = find_dashes(argc, argv);

	*ret = (struct options){ .bench = { .rounds = 5, .duration = 1 } };
	add_eal(ret, argv[0]);
	/* in front, so that what the user says comes later and counts */
	add_eal(ret, simd);
	if (dashes > EAL_ARGS_MAX - 16) {
		(void)fputs("accelnet-testpmd: too many EAL options\n", stderr);
		return EXIT_USAGE;
	}
	for (int i = 1; i < dashes; i++)
		add_eal(ret, argv[i]);
	if (dashes <= 1)
		default_eal(ret);
	return parse_ours(argc - dashes, argv + dashes, ret);
}
