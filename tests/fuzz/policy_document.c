/*
 * libFuzzer: any text as a policy file, in any form. Whatever is accepted must build, and its
 * canonical form must build to the same.
 */
#include "policy/read.h"

#include <stdlib.h>
#include <string.h>

static void check(int holds)
{
	if (!holds)
		abort();
}

static size_t rule_count(const struct policy *policy)
{
	size_t count = 0;

	for (size_t stage = 0; stage < STAGES; stage++) {
		for (size_t d = 0; d < DIRECTIONS; d++)
			count += policy->stage[stage].list[d].count;
	}
	return count;
}

static void try_document(const struct json *document, bool strict)
{
	const struct policy_read_options options = { .strict = strict };
	struct policy *policy = NULL, *again = NULL;
	struct report report;
	struct json *canonical;

	report_init(&report);
	if (policy_build(document, &options, &report, &policy) == 0) {
		canonical = policy_document_canonical(document);
		check(policy_build(canonical, &options, &report, &again) == 0);
		check(rule_count(policy) == rule_count(again));
		json_free(canonical);
	} else {
		check(report.errors > 0);
	}
	policy_free(policy);
	policy_free(again);
	report_fini(&report);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct policy_source *source = NULL;
	struct report report;

	report_init(&report);
	if (policy_source_parse((const char *)data, size, NULL, &report, &source) < 0) {
		check(report.errors > 0);
	} else if (source->document) {
		try_document(source->document, false);
		try_document(source->document, true);
	} else {
		(void)policy_source_check(source, NULL, &report); /* the report is not looked at */
	}
	policy_source_free(source);
	report_fini(&report);
	return 0;
}
