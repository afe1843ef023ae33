/*
 * stats, stats clear, drops.
 */
#include "cli/commands.h"
#include "cli/style.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const directions[] = { "inbound", "outbound" };
static const char *const kinds[] = { "received", "forwarded", "dropped" };

/* A counter of a NIC in one answer. */
static int64_t counter(const struct json_at *nic, const char *direction, const char *kind,
		       const char *unit)
{
	struct json_at way, traffic;

	part_of(nic, direction, &way);
	part_of(&way, kind, &traffic);
	return number_of(&traffic, unit);
}

static void find_nic(const struct json *answer, const char *name, struct json_at *ret)
{
	const struct json_at root = json_root(answer);
	struct json_at nics, nic;

	*ret = (struct json_at){ 0 };
	part_of(&root, "nics", &nics);
	foreach_in(nic, &nics)
	{
		if (strcmp(text_of(&nic, "nic"), name) == 0)
			*ret = nic;
	}
}

/* Seconds since the epoch; 0 where the answer has no time. */
static double time_of(const struct json *answer)
{
	const struct json_at root = json_root(answer);
	struct tm utc = { 0 };
	const char *rest = strptime(text_of(&root, "time"), "%Y-%m-%dT%H:%M:%S", &utc);

	return rest ? (double)timegm(&utc) + strtod(rest, NULL) : 0;
}

static void add_rates(struct table *table, const struct json_at *nic, const struct json *before,
		      const char *direction, const char *kind, double seconds)
{
	struct json_at old;
	int64_t packets, bytes;

	find_nic(before, text_of(nic, "nic"), &old);
	packets = counter(nic, direction, kind, "packets") -
		  counter(&old, direction, kind, "packets");
	bytes = counter(nic, direction, kind, "bytes") - counter(&old, direction, kind, "bytes");
	table_addf(table, "%.0f", (double)packets / seconds);
	table_addf(table, "%.3f", (double)bytes * 8 / 1e6 / seconds);
}

/* `before` is an earlier answer for rates, or NULL. */
static void print_stats(const struct session *session, const struct json *answer,
			const struct json *before)
{
	const struct json_at root = json_root(answer);
	const double seconds = before ? time_of(answer) - time_of(before) : 0;
	const bool rates = seconds > 0;
	struct table *table =
		table_new(rates ? "NIC|DIRECTION|WHAT|PACKETS#|BYTES#|PACKETS/S#|MBIT/S#"
				: "NIC|DIRECTION|WHAT|PACKETS#|BYTES#");
	struct json_at nics, nic;

	part_of(&root, "nics", &nics);
	foreach_in(nic, &nics)
	{
		for (size_t i = 0; i < 6; i++) {
			const char *direction = directions[i / 3], *kind = kinds[i % 3];

			table_add(table, text_of(&nic, "nic"));
			table_add(table, direction);
			table_add(table, kind);
			table_addf(table, "%lld",
				   (long long)counter(&nic, direction, kind, "packets"));
			table_addf(table, "%lld",
				   (long long)counter(&nic, direction, kind, "bytes"));
			if (rates)
				add_rates(table, &nic, before, direction, kind, seconds);
		}
	}
	table_print(table, stdout, session->colour);
	table_free(table);
}

static void print_judged(const struct json *answer)
{
	const struct json_at root = json_root(answer);
	struct json_at nics, nic, judged;

	part_of(&root, "nics", &nics);
	foreach_in(nic, &nics)
	{
		part_of(&nic, "judged", &judged);
		printf("%s: judged by rules %lld, by connection %lld, platform %lld\n",
		       text_of(&nic, "nic"), (long long)number_of(&judged, "byRules"),
		       (long long)number_of(&judged, "byConnection"),
		       (long long)number_of(&judged, "platform"));
		printf("%s: decided by hardware %lld, classified by its marks %lld, "
		       "connection found by its marks %lld\n",
		       text_of(&nic, "nic"), (long long)number_of(&judged, "byHardware"),
		       (long long)number_of(&judged, "withMarks"),
		       (long long)number_of(&judged, "withConnectionMarks"));
	}
}

/* Until interrupted. On a terminal each round is drawn over the last. */
static enum exit_status watch(struct session *session)
{
	const bool terminal = isatty(STDOUT_FILENO);
	struct json *before = NULL;

	for (;;) {
		struct json *answer;
		enum exit_status status = session_call_command(session, &answer);

		if (status != EXIT_DONE) {
			json_free(before);
			return status;
		}
		if (!session_print_json(session, answer)) {
			fputs(terminal ? "\033[H\033[2J" : "", stdout);
			print_stats(session, answer, before);
			fputs(terminal ? "" : "\n", stdout);
		}
		if (fflush(stdout) == EOF) {
			json_free(before);
			json_free(answer);
			return EXIT_FAILED;
		}
		json_free(before);
		before = answer;
		sleep(1);
	}
}

enum exit_status command_stats(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	enum exit_status status;

	if (arguments_flag(session->arguments, "--watch"))
		return watch(session);
	status = session_call_command(session, &answer);
	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	print_stats(session, answer, NULL);
	putchar('\n');
	print_judged(answer);
	return EXIT_DONE;
}

enum exit_status command_stats_clear(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	enum exit_status status = session_call_command(session, &answer);

	if (status == EXIT_DONE && !session_print_json(session, answer))
		puts("counters are zero");
	return status;
}

/* What no worker has seen. Of a NIC that drops nothing there is nothing to say. */
static void print_hardware_drops(const struct json_at *nic)
{
	struct json_at count;

	part_of(nic, "hardware", &count);
	if (!count.value || json_type(&count) != JSON_NUMBER)
		printf("%s: what hardware drops is not counted\n", text_of(nic, "nic"));
	else if (number_of(nic, "hardware"))
		printf("%s: dropped in hardware: %lld\n", text_of(nic, "nic"),
		       (long long)number_of(nic, "hardware"));
}

enum exit_status command_drops(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, nics, nic, drops, drop;
	struct table *table;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	table = table_new("NIC|REASON|INBOUND#|OUTBOUND#|WHAT HAPPENED");
	part_of(&root, "nics", &nics);
	foreach_in(nic, &nics)
	{
		part_of(&nic, "drops", &drops);
		foreach_in(drop, &drops)
		{
			if (!number_of(&drop, "inbound") && !number_of(&drop, "outbound"))
				continue;
			table_add(table, text_of(&nic, "nic"));
			table_add(table, text_of(&drop, "reason"));
			table_addf(table, "%lld", (long long)number_of(&drop, "inbound"));
			table_addf(table, "%lld", (long long)number_of(&drop, "outbound"));
			table_add(table, text_of(&drop, "help"));
		}
	}
	table_print(table, stdout, session->colour);
	table_free(table);
	foreach_in(nic, &nics) print_hardware_drops(&nic);
	return EXIT_DONE;
}
