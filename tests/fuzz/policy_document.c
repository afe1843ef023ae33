/*
 * libFuzzer: any text as a policy file, in any form. Whatever is accepted must build, its canonical
 * form must build to the same, and so must the document with its context put over itself.
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

/* The caller frees it; NULL where it has no context. */
static struct json *with_merged_context(const struct json *document)
{
	const struct json_at root = json_root(document);
	struct json_at context;
	struct json *result;

	if (!json_get(&root, "context", &context) || json_type(&context) != JSON_OBJECT)
		return NULL;
	result = json_copy(document);
	json_remove(result, "context");
	json_add(result, "context", policy_context_merge(context.value, context.value));
	return result;
}

/* `other` must build to as many rules as `policy` has. */
static void check_same(const struct policy *policy, const struct json *other,
		       const struct policy_read_options *options)
{
	struct policy *again = NULL;
	struct report report;

	report_init(&report);
	check(policy_build(other, options, &report, &again) == 0);
	check(rule_count(policy) == rule_count(again));
	check(policy->address_count == again->address_count);
	policy_free(again);
	report_fini(&report);
}

static void try_document(const struct json *document, bool strict)
{
	const struct policy_read_options options = { .strict = strict };
	JSON_CLEANUP struct json *canonical = NULL, *merged = NULL;
	struct policy *policy = NULL;
	struct report report;

	report_init(&report);
	if (policy_build(document, &options, &report, &policy) == 0) {
		canonical = policy_document_canonical(document);
		check_same(policy, canonical, &options);
		merged = with_merged_context(document);
		if (merged)
			check_same(policy, merged, &options);
	} else {
		check(report.errors > 0);
	}
	policy_free(policy);
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
