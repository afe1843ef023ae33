/*
 * The policy document: policy_build().
 */
#include "policy/acl.h"
#include "policy/alloc.h"
#include "policy/member.h"
#include "policy/nsg.h"
#include "policy/read.h"
#include "policy/reader.h"

#include <stdlib.h>
#include <string.h>

static const struct json_member document_members[] = {
	{ "apiVersion", JSON_STRING },
	{ "subnetNsg", JSON_OBJECT, .nullable = true },
	{ "nicNsg", JSON_OBJECT, .nullable = true },
	{ "acl", JSON_OBJECT, .nullable = true },
	{ "context", JSON_OBJECT, .nullable = true },
	{ "isolation", JSON_OBJECT, .nullable = true },
	{ "options", JSON_OBJECT, .nullable = true },
};

static const struct json_member isolation_members[] = {
	{ "sourceGuard", JSON_BOOL },
};

static const struct json_member option_members[] = {
	{ "mode", JSON_STRING },
	{ "strict", JSON_BOOL },
	{ "icmpErrors", JSON_STRING },
	{ "offload", JSON_STRING },
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool get(const struct json_at *at, const char *key, enum json_type type, struct json_at *ret)
{
	return json_get(at, key, ret) && json_type(ret) == type;
}

/* The place of the member's word in `words`; 0 where it is absent or not one of them. */
static int read_choice(struct reader *reader, const struct json_at *at, const char *key,
		       const char *const *words)
{
	struct json_at child;
	char accepted[60];
	int found;

	if (!get(at, key, JSON_STRING, &child))
		return 0;
	found = word_find(words, json_string(&child));
	if (found >= 0)
		return found;
	reader_error(reader, ACCELNET_E_VALUE, &child, NULL, "\"%.40s\" is not accepted: give %s",
		     json_string(&child), word_list(words, accepted, sizeof(accepted)));
	return 0;
}

static void read_options(struct reader *reader, const struct json_at *at)
{
	static const char *const modes[] = { "enforce", "audit", NULL };
	static const char *const icmp_errors[] = { "related", "rules", NULL };
	static const char *const offloads[] = { "auto", "off", NULL };
	struct policy *policy = reader->policy;

	(void)json_check_members(at, option_members, LENGTH(option_members), reader->report);
	policy->mode = (enum policy_mode)read_choice(reader, at, "mode", modes);
	policy->icmp_errors =
		(enum policy_icmp_errors)read_choice(reader, at, "icmpErrors", icmp_errors);
	policy->offload = (enum policy_offload)read_choice(reader, at, "offload", offloads);
}

static void read_isolation(struct reader *reader, const struct json_at *at)
{
	struct json_at child;

	(void)json_check_members(at, isolation_members, LENGTH(isolation_members), reader->report);
	if (get(at, "sourceGuard", JSON_BOOL, &child))
		(void)json_bool(&child, &reader->policy->source_guard); /* it is one */
}

static void check_version(struct reader *reader, const struct json_at *root)
{
	struct json_at child;

	if (!json_get(root, "apiVersion", &child)) {
		reader_warning(reader, ACCELNET_E_MISSING, root,
			       "\"apiVersion\" is absent; read as " POLICY_API_VERSION);
		return;
	}
	if (json_string(&child) && strcmp(json_string(&child), POLICY_API_VERSION) != 0)
		reader_error(reader, ACCELNET_E_VALUE, &child, NULL,
			     "version \"%.40s\" is not known; accepted is " POLICY_API_VERSION,
			     json_string(&child));
}

/* The options' strictness governs the whole document, so it is looked up before all else. */
static bool wants_strict(const struct json_at *root)
{
	struct json_at options, strict;
	bool value = false;

	if (get(root, "options", JSON_OBJECT, &options) &&
	    get(&options, "strict", JSON_BOOL, &strict))
		(void)json_bool(&strict, &value); /* it is one */
	return value;
}

/* Told once, unless a rule that names the tag has told it already. */
static void warn_of_absent_network(struct reader *reader, const struct json_at *root)
{
	struct report *report = reader->report;

	for (size_t i = 0; i < report->count; i++) {
		if (report->problems[i].code == ACCELNET_E_NO_CONTEXT)
			return;
	}
	report_warning(report, ACCELNET_E_NO_CONTEXT, root,
		       "the context's \"virtualNetwork\" is not given: the tag VirtualNetwork is "
		       "168.63.129.16/32 alone, so the default rules deny the rest of the network");
}

static void read_tables(struct reader *reader, const struct json_at *root)
{
	const struct policy *policy = reader->policy;
	struct json_at child;

	if (get(root, "subnetNsg", JSON_OBJECT, &child))
		nsg_read(reader, STAGE_SUBNET, &child);
	if (get(root, "nicNsg", JSON_OBJECT, &child))
		nsg_read(reader, STAGE_NIC, &child);
	if (get(root, "acl", JSON_OBJECT, &child))
		acl_read(reader, &child);
	if ((policy->stage[STAGE_SUBNET].present || policy->stage[STAGE_NIC].present) &&
	    !context_has_virtual_network(&reader->context))
		warn_of_absent_network(reader, root);
}

static void take_addresses(struct reader *reader)
{
	for (size_t i = 0; i < 2; i++) {
		struct context_part *part = &reader->context.part[i];

		if (!part->has_addresses)
			continue;
		reader->policy->addresses = part->addresses;
		reader->policy->address_count = part->address_count;
		part->addresses = NULL;
		return;
	}
}

static void make_shared_sets(struct reader *reader)
{
	reader->any = alloc_zero(1, sizeof(*reader->any));
	reader->any->kind = ADDRESS_ANY;
	reader->undefined = alloc_zero(1, sizeof(*reader->undefined));
	reader->undefined->kind = ADDRESS_PREFIXES;
	reader_own_set(reader, reader->any);
	reader_own_set(reader, reader->undefined);
}

static void read_document(struct reader *reader, const struct json_at *root,
			  const struct policy_read_options *options)
{
	struct json_at child, context;

	(void)json_check_members(root, document_members, LENGTH(document_members), reader->report);
	if (json_type(root) != JSON_OBJECT)
		return;
	check_version(reader, root);
	if (get(root, "options", JSON_OBJECT, &child))
		read_options(reader, &child);
	if (get(root, "isolation", JSON_OBJECT, &child))
		read_isolation(reader, &child);
	context_read(reader, get(root, "context", JSON_OBJECT, &context) ? &context : NULL,
		     options);
	read_tables(reader, root);
	take_addresses(reader);
}

int policy_build(const struct json *document, const struct policy_read_options *options,
		 struct report *report, struct policy **ret)
{
	static const struct policy_read_options defaults;
	const struct policy_read_options *o = options ? options : &defaults;
	struct json_at root = json_root(document);
	struct reader reader = {
		.report = report,
		.strict = o->strict || wants_strict(&root),
		.unresolved_ok = o->unresolved_ok,
		.policy = policy_new_empty(),
	};
	size_t errors_before = report->errors;
	struct accelnet_error err;

	reader.policy->strict = reader.strict;
	make_shared_sets(&reader);
	read_document(&reader, &root, o);
	context_fini(&reader.context);
	if (report->errors > errors_before) {
		policy_free(reader.policy);
		return report_result(report, &err);
	}
	*ret = reader.policy;
	return 0;
}
