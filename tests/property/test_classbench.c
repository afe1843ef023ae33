/*
 * ClassBench filter sets as policies, acl and NSG: the reference and the software classifier agree
 * on tuples aimed at their borders, and on the trace that one set comes with.
 *
 * The sets are read from the folder of shared data; without it the test is skipped. With --full
 * 100,000 tuples for each set, else fewer.
 */
#include "classify/classifier.h"
#include "classify/classifier_tuple.h"
#include "compile/reference.h"
#include "policy/read.h"
#include "support/border.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER ACCELNET_SOURCE_DIR "/../shared/data/classbench/"
#define BATCH  1000

static bool full;

struct filter {
	char source[32];
	char destination[32];
	unsigned source_ports[2];
	unsigned destination_ports[2];
	unsigned protocol;
	unsigned mask; /* 0: any protocol */
};

enum mapping { AS_ACL, AS_NSG };

/* --- filter sets --- */

static unsigned number(char **at)
{
	return (unsigned)strtoul(*at, at, 0);
}

/* Behind the next blank; an empty field is none. */
static char *field(char **at)
{
	char *start = *at + strspn(*at, " \t@:");

	*at = start + strcspn(start, " \t\n");
	return start;
}

static void copy_field(char **at, char *to, size_t size)
{
	const char *start = field(at);

	(void)snprintf(to, size, "%.*s", (int)(*at - start), start);
}

/* @SOURCE DESTINATION first : last first : last PROTOCOL/MASK ... */
static struct filter parse_filter(char *line)
{
	struct filter filter = { .source = "" };
	char *at = line;

	copy_field(&at, filter.source, sizeof(filter.source));
	copy_field(&at, filter.destination, sizeof(filter.destination));
	for (size_t i = 0; i < 2; i++) {
		at += strspn(at, " \t:");
		filter.source_ports[i] = number(&at);
	}
	for (size_t i = 0; i < 2; i++) {
		at += strspn(at, " \t:");
		filter.destination_ports[i] = number(&at);
	}
	filter.protocol = number(&at);
	at++;
	filter.mask = number(&at);
	return filter;
}

/* --- to policies --- */

static const char *nsg_protocol(const struct filter *filter)
{
	static const char *const names[256] = {
		[IP_PROTOCOL_ICMP] = "Icmp", [IP_PROTOCOL_TCP] = "Tcp", [IP_PROTOCOL_UDP] = "Udp",
		[IP_PROTOCOL_ESP] = "Esp",   [IP_PROTOCOL_AH] = "Ah",
	};

	/* an NSG cannot say other numbers: these rules become wider */
	return filter->mask && names[filter->protocol] ? names[filter->protocol] : "*";
}

static void add_range(struct json *to, const char *key, const unsigned range[2])
{
	json_add_format(to, key, "%u-%u", range[0], range[1]);
}

static void add_nsg_rule(struct json *rule, const struct filter *filter, bool deny)
{
	json_add_string(rule, "access", deny ? "Deny" : "Allow");
	json_add_string(rule, "protocol", nsg_protocol(filter));
	json_add_string(rule, "sourceAddressPrefix", filter->source);
	json_add_string(rule, "destinationAddressPrefix", filter->destination);
	add_range(rule, "sourcePortRange", filter->source_ports);
	add_range(rule, "destinationPortRange", filter->destination_ports);
}

static void add_acl_rule(struct json *rule, const struct filter *filter, bool deny)
{
	json_add_string(rule, "action", deny ? "deny" : "always-allow");
	if (filter->mask)
		json_add_unsigned(rule, "protocol", filter->protocol);
	else
		json_add_string(rule, "protocol", "*");
	json_add_string(rule, "source", filter->source);
	json_add_string(rule, "destination", filter->destination);
	add_range(rule, "sourcePorts", filter->source_ports);
	add_range(rule, "destinationPorts", filter->destination_ports);
}

static struct policy *read_policy(FILE *in, enum mapping mapping)
{
	struct json *document = json_new_object(), *rules;
	struct policy *policy = NULL;
	struct report report;
	char line[256];

	json_add_string(document, "apiVersion", POLICY_API_VERSION);
	rules = json_add_array(json_add_object(document, mapping == AS_ACL ? "acl" : "nicNsg"),
			       mapping == AS_ACL ? "rules" : "securityRules");
	for (size_t i = 0; fgets(line, sizeof(line), in); i++) {
		struct filter filter = parse_filter(line);
		struct json *rule = json_add_object(rules, NULL);
		bool deny = i % 3 == 0; /* the sets have no actions */

		json_add_format(rule, "name", "r%zu", i);
		json_add_unsigned(rule, "priority", i + 1);
		json_add_string(rule, "direction", "Inbound");
		(mapping == AS_ACL ? add_acl_rule : add_nsg_rule)(rule, &filter, deny);
	}
	report_init(&report);
	if (policy_build(document, NULL, &report, &policy) < 0)
		fail_msg("%s: %s", report.problems[0].pointer, report.problems[0].detail);
	report_fini(&report);
	json_free(document);
	return policy;
}

/* --- engines --- */

static void compare(const struct policy *policy, const struct classifier *classifier,
		    const struct program *program, const struct tuple *tuples, size_t count,
		    const char *file)
{
	struct judgement got[BATCH], wanted;
	char text[TUPLE_TEXT_MAX];

	classifier_judge_tuples(classifier, program, tuples, count, got);
	for (size_t i = 0; i < count; i++) {
		reference_judge(policy, &tuples[i], &wanted);
		if (wanted.access != got[i].access || wanted.rule != got[i].rule ||
		    wanted.stage != got[i].stage)
			fail_msg("%s: %s", file, tuple_text(&tuples[i], text));
	}
}

struct engines {
	struct policy *policy;
	struct program *program;
	struct classifier *classifier;
};

static struct engines engines_of(const char *file, enum mapping mapping)
{
	struct engines engines = { 0 };
	struct accelnet_error err;
	char path[400];
	FILE *in;

	(void)snprintf(path, sizeof(path), FOLDER "%s", file);
	in = fopen(path, "r");
	assert_non_null(in);
	engines.policy = read_policy(in, mapping);
	fclose(in);
	if (program_new(engines.policy, &engines.program, &err) < 0 ||
	    classifier_new(engines.program, CLASSIFIER_BEST, &engines.classifier, &err) < 0)
		fail_msg("%s: %s", file, err.detail);
	return engines;
}

static void engines_fini(struct engines *engines)
{
	classifier_free(engines->classifier);
	program_free(engines->program);
	policy_free(engines->policy);
}

static void check_set(const char *file, enum mapping mapping)
{
	struct engines engines = engines_of(file, mapping);
	bool large = strstr(file, "_10k") != NULL;
	size_t batches = full ? 100 : large ? 1 : 5;
	struct random random = { .state = 1 };
	struct tuple tuples[BATCH];

	for (size_t batch = 0; batch < batches; batch++) {
		for (size_t i = 0; i < BATCH; i++)
			tuples[i] = border_tuple(engines.policy, &random);
		compare(engines.policy, engines.classifier, engines.program, tuples, BATCH, file);
	}
	engines_fini(&engines);
}

static int is_set(const struct dirent *entry)
{
	return strstr(entry->d_name, "k") && !strstr(entry->d_name, "trace") &&
	       !strstr(entry->d_name, ".txt");
}

static void check_sets(enum mapping mapping)
{
	struct dirent **entries;
	int count = scandir(FOLDER, &entries, is_set, alphasort);

	if (count <= 0) {
		print_message("%s is absent\n", FOLDER);
		skip();
	}
	for (int i = 0; i < count; i++) {
		check_set(entries[i]->d_name, mapping);
		free(entries[i]);
	}
	free(entries);
}

static void sets_as_acl(void **state)
{
	(void)state;
	check_sets(AS_ACL);
}

static void sets_as_nsg(void **state)
{
	(void)state;
	check_sets(AS_NSG);
}

/* Source, destination, ports and protocol in decimals; what follows is not the first match. */
static struct tuple parse_packet(char *line)
{
	char *at = line;
	struct tuple tuple = { .direction = DIRECTION_INBOUND };

	tuple.source = (struct ip_addr){ IP_FAMILY_V4, strtoul(at, &at, 10) };
	tuple.destination = (struct ip_addr){ IP_FAMILY_V4, strtoul(at, &at, 10) };
	tuple.source_port = (uint16_t)strtoul(at, &at, 10);
	tuple.destination_port = (uint16_t)strtoul(at, &at, 10);
	tuple.protocol = (uint8_t)strtoul(at, &at, 10);
	return tuple;
}

static void the_trace(void **state)
{
	FILE *in = fopen(FOLDER "jia_acl1_1k_trace", "r");
	struct tuple tuples[BATCH];
	struct engines engines;
	char line[256];
	size_t count = 0;

	(void)state;
	if (!in) {
		print_message("%s is absent\n", FOLDER);
		skip();
	}
	engines = engines_of("jia_acl1_1k", AS_ACL);
	while (fgets(line, sizeof(line), in)) {
		tuples[count++] = parse_packet(line);
		if (count < BATCH)
			continue;
		compare(engines.policy, engines.classifier, engines.program, tuples, count,
			"jia_acl1_1k_trace");
		count = 0;
	}
	compare(engines.policy, engines.classifier, engines.program, tuples, count,
		"jia_acl1_1k_trace");
	fclose(in);
	engines_fini(&engines);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_as_acl),
		cmocka_unit_test(sets_as_nsg),
		cmocka_unit_test(the_trace),
	};

	full = argc > 1 && strcmp(argv[1], "--full") == 0;
	return cmocka_run_group_tests_name("property_classbench", tests, NULL, NULL);
}
