/*
 * accelnet-testpmd: starts EAL and runs the benches that were asked for, one after the other, on
 * the main lcore.
 */
#include "testpmd/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

static const struct bench *const benches[] = {
	&bench_classify, &bench_compile, &bench_conn, &bench_mark, &bench_update,
};
#define BENCHES (sizeof(benches) / sizeof(*benches))

static void list_benches(void)
{
	for (size_t i = 0; i < BENCHES; i++)
		(void)printf("%-10s %s\n", benches[i]->name, benches[i]->help);
}

/* True where the list `names`, with commas between, has `name` or is "all". */
static bool is_named(const char *names, const char *name)
{
	size_t length = strlen(name);

	if (strcmp(names, "all") == 0)
		return true;
	for (; names; names = strchr(names, ',')) {
		names += *names == ',';
		if (strncmp(names, name, length) == 0 && strchr(",", names[length]))
			return true;
	}
	return false;
}

/* The first of the names that no bench has, or NULL; not NUL-terminated. */
static const char *unknown_name(const char *names, size_t *ret_length)
{
	for (; *names; names += *names == ',') {
		size_t length = strcspn(names, ",");
		bool found = false;

		for (size_t i = 0; i < BENCHES; i++)
			found = found || (strlen(benches[i]->name) == length &&
					  strncmp(benches[i]->name, names, length) == 0);
		if (!found) {
			*ret_length = length;
			return names;
		}
		names += length;
	}
	return NULL;
}

static int write_json(const struct bench_result_list *list, const char *path, int argc, char **argv)
{
	JSON_CLEANUP struct json *document = bench_to_json(list, argc, argv);
	bool to_stdout = strcmp(path, "-") == 0;
	FILE *file = to_stdout ? stdout : fopen(path, "we");
	char *text = json_print_pretty(document);
	int r = 0;

	if (!file || fprintf(file, "%s\n", text) < 0 || fflush(file) != 0)
		r = -errno;
	if (file && !to_stdout && fclose(file) != 0)
		r = -errno;
	if (r < 0)
		(void)fprintf(stderr, "accelnet-testpmd: %s: %s\n", path, strerror(-r));
	free(text);
	return r;
}

/* Benches run for minutes: that their results cannot be written is said before. */
static enum exit_code check_json_path(const char *path)
{
	FILE *file;

	if (!path || strcmp(path, "-") == 0)
		return EXIT_DONE;
	file = fopen(path, "ae"); /* what stands there is kept until there are results */
	if (!file) {
		(void)fprintf(stderr, "accelnet-testpmd: %s: %s\n", path, strerror(errno));
		return EXIT_FAILED;
	}
	(void)fclose(file); /* nothing was written */
	return EXIT_DONE;
}

static int run_benches(const struct options *options, int argc, char **argv)
{
	struct bench_result_list list = { 0 };
	/* what is for people must not mix with an object on standard output */
	FILE *people = options->json_path && strcmp(options->json_path, "-") == 0 ? stderr : stdout;
	size_t told = 0;
	int r = 0;

	for (size_t i = 0; i < BENCHES && r == 0; i++) {
		if (!is_named(options->benches, benches[i]->name))
			continue;
		r = benches[i]->run(&options->bench, &list);
		bench_print(&list, told, people);
		told = list.count;
	}
	if (r == 0 && options->json_path)
		r = write_json(&list, options->json_path, argc, argv);
	bench_result_list_fini(&list);
	return r;
}

static enum exit_code check_names(const char *names)
{
	size_t length;
	const char *unknown;

	if (!names) {
		(void)fputs("accelnet-testpmd: --bench is needed; see --help\n", stderr);
		return EXIT_USAGE;
	}
	unknown = strcmp(names, "all") == 0 ? NULL : unknown_name(names, &length);
	if (unknown) {
		(void)fprintf(stderr, "accelnet-testpmd: no bench \"%.*s\"; there are:\n",
			      (int)length, unknown);
		for (size_t i = 0; i < BENCHES; i++)
			(void)fprintf(stderr, "  %s\n", benches[i]->name);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

/* Whether what was printed has arrived. */
static enum exit_code check_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	(void)fprintf(stderr, "accelnet-testpmd: cannot write the output: %s\n", strerror(errno));
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct options options;
	enum exit_code code = options_parse(argc, argv, &options);

	if (code != EXIT_DONE)
		return code;
	if (options.done)
		return check_output();
	if (options.benches && strcmp(options.benches, "list") == 0) {
		list_benches();
		return check_output();
	}
	code = check_names(options.benches);
	if (code == EXIT_DONE)
		code = check_json_path(options.json_path);
	if (code != EXIT_DONE)
		return code;
	if (rte_eal_init(options.eal_arg_count, options.eal_args) < 0) {
		(void)fprintf(stderr, "accelnet-testpmd: EAL does not start: %s\n",
			      rte_strerror(rte_errno));
		return EXIT_FAILED;
	}
	code = run_benches(&options, argc, argv) < 0 ? EXIT_FAILED : EXIT_DONE;
	(void)rte_eal_cleanup();
	return code;
}
