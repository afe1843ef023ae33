/*
 * What benches found, for people and for programs: see bench.h.
 */
#include "testpmd/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <rte_cycles.h>
#include <rte_version.h>

static bool has_peer(const struct bench_result *result)
{
	return result->peer.name[0] != '\0';
}

/* How many times more the peer takes. */
static double ratio(const struct bench_result *result)
{
	double ours = bench_best(&result->ours, result->rounds);

	return ours > 0 ? bench_best(&result->peer, result->rounds) / ours : 0;
}

/* The least and the greatest ratio of a round. */
static void ratio_spread(const struct bench_result *result, double *ret_least, double *ret_most)
{
	struct bench_samples ratios;

	for (unsigned i = 0; i < result->rounds; i++)
		ratios.value[i] = result->ours.value[i] > 0
					  ? result->peer.value[i] / result->ours.value[i]
					  : 0;
	*ret_least = bench_best(&ratios, result->rounds);
	*ret_most = bench_worst(&ratios, result->rounds);
}

void bench_print(const struct bench_result_list *list, size_t from, FILE *file)
{
	for (size_t i = from; i < list->count; i++) {
		const struct bench_result *result = &list->results[i];
		double least, most;

		(void)fprintf(file, "%-28s %10.2f %-6s", result->name,
			      bench_best(&result->ours, result->rounds), result->unit);
		if (has_peer(result)) {
			ratio_spread(result, &least, &most);
			(void)fprintf(file, "  %-22s %10.2f  ratio %5.2f (%.2f to %.2f)",
				      result->peer.name, bench_best(&result->peer, result->rounds),
				      ratio(result), least, most);
		}
		(void)fprintf(file, "  %u rounds", result->rounds);
		if (result->busy_rounds > 0)
			(void)fprintf(file, ", %u left out (machine busy)", result->busy_rounds);
		(void)fputc('\n', file);
	}
}

static void add_samples(struct json *to, const char *key, const struct bench_samples *samples,
			unsigned rounds)
{
	struct json *object = json_add_object(to, key);
	struct json *values;

	json_add_double(object, "min", bench_best(samples, rounds));
	json_add_double(object, "median", bench_median(samples, rounds));
	json_add_double(object, "max", bench_worst(samples, rounds));
	values = json_add_array(object, "rounds");
	for (unsigned i = 0; i < rounds; i++)
		json_add_double(values, NULL, samples->value[i]);
}

static void add_result(struct json *results, const struct bench_result *result)
{
	struct json *object = json_add(results, NULL, json_new_object());

	json_add_string(object, "name", result->name);
	json_add_double(object, "ours", bench_best(&result->ours, result->rounds));
	json_add_string(object, "unit", result->unit);
	if (has_peer(result)) {
		struct json *peer = json_add_object(object, "peer");
		struct json *spread;
		double least, most;

		json_add_string(peer, "name", result->peer.name);
		json_add_double(peer, "value", bench_best(&result->peer, result->rounds));
		json_add_double(object, "ratio", ratio(result));
		ratio_spread(result, &least, &most);
		spread = json_add_array(object, "spread");
		json_add_double(spread, NULL, least);
		json_add_double(spread, NULL, most);
		add_samples(object, "peerSamples", &result->peer, result->rounds);
	}
	json_add_string(object, "path", result->ours.name);
	add_samples(object, "samples", &result->ours, result->rounds);
	json_add_unsigned(object, "busyRounds", result->busy_rounds);
	if (result->notes)
		json_add(object, "notes", json_copy(result->notes));
}

/* The text after the colon of the first such line of /proc/cpuinfo, or "unknown". */
static void cpu_model(char *buffer, size_t size)
{
	static const char key[] = "model name";
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	(void)snprintf(buffer, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, key, sizeof(key) - 1) != 0 || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(buffer, size, "%s", colon + 2);
		break;
	}
	if (file)
		(void)fclose(file);
}

static void add_environment(struct json *to, int argc, char **argv)
{
	struct json *environment = json_add_object(to, "environment");
	struct json *arguments;
	struct utsname name;
	char model[128];

	cpu_model(model, sizeof(model));
	json_add_string(environment, "cpu", model);
	json_add_double(environment, "tscGHz", (double)rte_get_tsc_hz() / 1e9);
	json_add_string(environment, "dpdk", rte_version());
	json_add_string(environment, "version", ACCELNET_VERSION);
	json_add_string(environment, "commit", ACCELNET_COMMIT);
	if (uname(&name) == 0)
		json_add_string(environment, "kernel", name.release);
	arguments = json_add_array(environment, "arguments");
	for (int i = 1; i < argc; i++)
		json_add_string(arguments, NULL, argv[i]);
}

struct json *bench_to_json(const struct bench_result_list *list, int argc, char **argv)
{
	struct json *document = json_new_object();
	struct json *results;

	json_add_string(document, "schema", "accelnet-bench/1");
	add_environment(document, argc, argv);
	results = json_add_array(document, "results");
	for (size_t i = 0; i < list->count; i++)
		add_result(results, &list->results[i]);
	return document;
}
