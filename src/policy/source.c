/*
 * Which form a file has, by its shape, and where in it the NSGs are.
 */
#include "policy/source.h"

#include "policy/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SOURCE_NSGS_MAX 5000 /* as many as Azure takes in a region of a subscription */

const char *policy_form_name(enum policy_form form)
{
	static const char *const names[] = {
		[POLICY_FORM_DOCUMENT] = "document",
		[POLICY_FORM_NSG] = "nsg",
		[POLICY_FORM_ARM] = "arm",
	};

	return names[form];
}

/* --- pieces for all shapes --- */

bool source_get(const struct json_at *at, const char *key, enum json_type type, struct json_at *ret)
{
	return json_get_fold(at, key, ret) && json_type(ret) == type;
}

char *source_id_part(const char *id, const char *kind)
{
	size_t length = strlen(kind);

	for (const char *p = strchr(id, '/'); p; p = strchr(p + 1, '/')) {
		if (strncasecmp(p + 1, kind, length) == 0 && p[1 + length] == '/') {
			const char *part = p + length + 2;

			return alloc_trimmed(part, part + strcspn(part, "/"));
		}
	}
	return NULL;
}

/* --- shapes --- */

static bool type_is(const struct json_at *at, const char *type)
{
	struct json_at child;

	return source_get(at, "type", JSON_STRING, &child) &&
	       strcasecmp(json_string(&child), type) == 0;
}

static bool has_type(const struct json_at *at)
{
	struct json_at child;

	return source_get(at, "type", JSON_STRING, &child);
}

/* Whether "securityRules" is a list is looked at when the NSG is built. */
static bool is_nsg(const struct json_at *at)
{
	struct json_at properties, rules;
	bool nested;

	if (json_type(at) != JSON_OBJECT)
		return false;
	if (has_type(at))
		return type_is(at, ARM_NSG_TYPE);
	nested = source_get(at, "properties", JSON_OBJECT, &properties);
	return json_count(at) == 0 ||
	       json_get_fold(nested ? &properties : at, "securityRules", &rules);
}

/* {"name":"x","properties":{}}: an NSG with the default rules alone. */
static bool is_empty_nsg(const struct json_at *at)
{
	struct json_at properties;

	return json_type(at) == JSON_OBJECT && !has_type(at) &&
	       source_get(at, "properties", JSON_OBJECT, &properties) &&
	       json_count(&properties) == 0;
}

static bool is_rule(const struct json_at *at)
{
	struct json_at properties, child;
	bool nested;

	if (json_type(at) != JSON_OBJECT || (has_type(at) && !type_is(at, ARM_RULE_TYPE)))
		return false;
	nested = source_get(at, "properties", JSON_OBJECT, &properties);
	return json_get_fold(nested ? &properties : at, "priority", &child) &&
	       json_get_fold(nested ? &properties : at, "direction", &child);
}

/* What only a document has makes it one, so that an NSG's members beside it are told. */
static bool is_document(const struct json_at *at)
{
	static const char *const keys[] = { "subnetNsg", "nicNsg",  "acl",
					    "isolation", "options", "context" };
	struct json_at child;

	if (source_is_template(at))
		return false;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (json_get(at, keys[i], &child))
			return true;
	}
	return json_get(at, "apiVersion", &child) && !is_nsg(at) && !is_rule(at);
}

static void add_nsg(struct source_reader *reader, const struct json_at *at)
{
	struct json_at name;

	(void)source_add(reader, at,
			 source_get(at, "name", JSON_STRING, &name) ? json_string(&name) : NULL,
			 at->value);
}

/* Rules without their NSG: one whose name is not known. */
static void add_rule_list(struct source_reader *reader, const struct json_at *list)
{
	struct policy_source_nsg *added;
	struct json *rules, *nsg;
	struct json_at item;

	nsg = source_make_nsg(reader, NULL, &rules);
	json_foreach(item, list)
		json_add(rules, NULL, json_copy(item.value));
	added = source_add(reader, list, NULL, nsg);
	source_map(added, "/properties/securityRules", list);
}

static void add_single_rule(struct source_reader *reader, const struct json_at *at)
{
	struct policy_source_nsg *added;
	struct json *rules, *nsg;

	nsg = source_make_nsg(reader, NULL, &rules);
	json_add(rules, NULL, json_copy(at->value));
	added = source_add(reader, at, NULL, nsg);
	source_map(added, "/properties/securityRules", at);
	source_map(added, "/properties/securityRules/0", at);
}

/* Files that people give by mistake, by a member that they have. */
static const struct {
	const char *member;
	enum json_type type;
	const char *is;
} mistakes[] = {
	{ "changeNumber", JSON_NUMBER, "a download of service tags: see tags load" },
	{ "changeNumber", JSON_STRING, "a download of service tags: see tags load" },
	{ "virtualNetwork", JSON_ARRAY, "a context: it goes with --context" },
	{ "serviceTags", JSON_OBJECT, "a context: it goes with --context" },
	{ "serviceTagsFile", JSON_STRING, "a context: it goes with --context" },
	{ "applicationSecurityGroups", JSON_OBJECT, "a context: it goes with --context" },
	{ "parameters", JSON_OBJECT, "a parameters file: it goes with --parameters" },
};

static const char *mistake(const struct json_at *at)
{
	struct json_at child;

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		if (source_get(at, mistakes[i].member, mistakes[i].type, &child))
			return mistakes[i].is;
	}
	return NULL;
}

/* What stands where a policy should, in words. */
static void describe(const struct json_at *at, char *found, size_t size)
{
	struct json_at child;
	size_t used;

	if (is_rule(at)) {
		(void)snprintf(found, size, "a rule among NSGs");
	} else if (source_get(at, "type", JSON_STRING, &child)) {
		(void)snprintf(found, size, "a resource of type %.100s", json_string(&child));
	} else if (json_type(at) == JSON_OBJECT) {
		used = (size_t)snprintf(found, size, "an object with");
		json_foreach(child, at) {
			if (child.index < 5)
				used += (size_t)snprintf(found + used, size - used, "%s \"%.20s\"",
							 child.index ? "," : "", child.key);
		}
	} else {
		(void)snprintf(found, size, "%s", json_type_name(json_type(at)));
	}
}

static int refuse(struct source_reader *reader, const struct json_at *at)
{
	const char *known = mistake(at);
	char found[160];

	describe(at, found, sizeof(found));
	if (known)
		report_error(reader->report, ACCELNET_E_FORM, at,
			     "%s is not a policy, but looks like %s", found, known);
	else
		report_error(
			reader->report, ACCELNET_E_FORM, at,
			"%s is not a policy: accepted are a policy document (" POLICY_API_VERSION
			"), an NSG or a list of NSGs or rules as Azure returns them, and an ARM "
			"template",
			found);
	return -error_errno(ACCELNET_E_FORM);
}

/* What a listing of all resources has besides NSGs. A rule is not: it would be lost. */
static bool is_other_resource(const struct json_at *at)
{
	return has_type(at) && !type_is(at, ARM_RULE_TYPE);
}

static int read_list(struct source_reader *reader, const struct json_at *at)
{
	struct json_at item, other = *at;
	bool skipped = false;
	int result = 0;

	if (json_first(at, &item) && is_rule(&item)) {
		add_rule_list(reader, at);
		return 0;
	}
	json_foreach(item, at) {
		if (reader->source->count == SOURCE_NSGS_MAX) {
			report_error(reader->report, ACCELNET_E_LIMIT, &item,
				     "more than %d NSGs in one file", SOURCE_NSGS_MAX);
			return -error_errno(ACCELNET_E_LIMIT);
		}
		if (source_is_effective(&item)) {
			source_read_effective(reader, &item);
		} else if (is_nsg(&item) || is_empty_nsg(&item)) {
			add_nsg(reader, &item);
		} else if (!is_other_resource(&item)) {
			result = refuse(reader, &item);
		} else if (!skipped) {
			other = item;
			skipped = true;
		}
	}
	if (result < 0 || reader->source->count)
		return result;
	if (skipped)
		return refuse(reader, &other);
	report_error(reader->report, ACCELNET_E_FORM, at, "the list is empty: no NSG in it");
	return -error_errno(ACCELNET_E_FORM);
}

/* The answer inside one of the examples that come with Azure's API specification. */
static bool rest_example(const struct json_at *at, struct json_at chain[3])
{
	static const char *const statuses[] = { "200", "201", "202" };

	if (!json_get(at, "responses", &chain[0]))
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (json_get(&chain[0], statuses[i], &chain[1]) &&
		    json_get(&chain[1], "body", &chain[2]))
			return true;
	}
	return false;
}

static int read_shape(struct source_reader *reader, const struct json_at *at)
{
	struct json_at list, example[3];

	if (json_type(at) == JSON_ARRAY)
		return read_list(reader, at);
	if (source_is_group_view(at))
		source_read_group_view(reader, at);
	else if (source_is_effective(at))
		source_read_effective(reader, at);
	else if (is_nsg(at))
		add_nsg(reader, at);
	else if (is_rule(at))
		add_single_rule(reader, at);
	else if (source_get(at, "value", JSON_ARRAY, &list))
		return read_list(reader, &list);
	else if (rest_example(at, example))
		return read_shape(reader, &example[2]);
	else if (is_empty_nsg(at))
		add_nsg(reader, at);
	else
		return refuse(reader, at);
	return 0;
}

static void read_document(struct source_reader *reader, const struct json_at *at)
{
	static const struct {
		const char *key;
		enum stage stage;
	} levels[] = { { "subnetNsg", STAGE_SUBNET }, { "nicNsg", STAGE_NIC } };
	struct json_at nsg;

	reader->source->form = POLICY_FORM_DOCUMENT;
	reader->source->document = at->value;
	for (size_t i = 0; i < 2; i++) {
		if (!json_get(at, levels[i].key, &nsg) || json_type(&nsg) != JSON_OBJECT)
			continue;
		add_nsg(reader, &nsg);
		reader->source->nsgs[reader->source->count - 1].level = levels[i].stage;
	}
}

int policy_source_read(struct json *root, const struct policy_read_options *options,
		       struct report *report, struct policy_source **ret)
{
	struct source_reader reader = {
		.source = alloc_zero(1, sizeof(struct policy_source)),
		.options = options,
		.report = report,
	};
	struct json_at at = json_root(root);
	int r = 0;

	reader.source->root = root;
	if (source_is_template(&at)) {
		reader.source->form = POLICY_FORM_ARM;
		r = source_read_template(&reader, &at);
	} else if (json_type(&at) == JSON_OBJECT && is_document(&at)) {
		read_document(&reader, &at);
	} else {
		reader.source->form = POLICY_FORM_NSG;
		r = read_shape(&reader, &at);
	}
	if (r < 0) {
		policy_source_free(reader.source);
		return r;
	}
	*ret = reader.source;
	return 0;
}
