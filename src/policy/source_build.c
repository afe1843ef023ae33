/*
 * From a source to a policy: choosing an NSG, building it alone, pointing into the user's file.
 */
#include "policy/source.h"

#include "policy/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void list_names(const struct policy_source *source, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < source->count; i++) {
		const char *name = source->nsgs[i].name;

		if (used + strlen(name) + 10 >= size) {
			(void)snprintf(buffer + used, size - used, ", ...");
			return;
		}
		used += (size_t)snprintf(buffer + used, size - used, "%s\"%s\"", i ? ", " : "",
					 name);
	}
}

static int fail_missing(const struct policy_source *source, struct accelnet_error *err)
{
	const struct accelnet_error *missing = &source->missing;
	struct accelnet_error told;

	(void)fail(&told, ACCELNET_E_EXPRESSION, NULL, "rules may be missing from any NSG: %.440s",
		   missing->detail);
	memcpy(told.pointer, missing->pointer, sizeof(told.pointer));
	if (err)
		*err = told;
	return -error_errno(ACCELNET_E_EXPRESSION);
}

int policy_source_pick(const struct policy_source *source, const char *name,
		       const struct policy_source_nsg **ret, struct accelnet_error *err)
{
	char names[360];

	if (source->missing.code)
		return fail_missing(source, err);
	for (size_t i = 0; i < source->count; i++) {
		const struct policy_source_nsg *nsg = &source->nsgs[i];

		if (name ? strcasecmp(nsg->name, name) != 0 : source->count != 1)
			continue;
		if (nsg->broken)
			return fail(err, ACCELNET_E_EXPRESSION, NULL,
				    "something in the NSG \"%.80s\" cannot be evaluated",
				    nsg->name);
		*ret = nsg;
		return 0;
	}
	list_names(source, names, sizeof(names));
	if (!name && source->count)
		return fail(err, ACCELNET_E_AMBIGUOUS, NULL,
			    "%zu NSGs, and none was named: choose one with --nsg: %s",
			    source->count, names);
	return fail(err, ACCELNET_E_NOT_FOUND, NULL, "no NSG%s%.80s%s here%s%s", name ? " \"" : "",
		    name ? name : "", name ? "\"" : "", source->count ? "; there are: " : "",
		    names);
}

static const char *level_key(enum stage level)
{
	return level == STAGE_SUBNET ? "subnetNsg" : "nicNsg";
}

struct json *policy_document_with_nsg(const struct json *base, enum stage level,
				      const struct json *nsg)
{
	struct json *document = base ? json_copy(base) : json_new_object();
	struct json_at root = json_root(document), child;

	if (!json_get(&root, "apiVersion", &child))
		json_add_string(document, "apiVersion", POLICY_API_VERSION);
	json_remove(document, level_key(level));
	json_add(document, level_key(level), json_copy(nsg));
	return document;
}

/* --- pointers --- */

/* True where `pointer` is at or below `prefix`. */
static bool is_below(const char *pointer, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(pointer, prefix, length) == 0 &&
	       (pointer[length] == '\0' || pointer[length] == '/');
}

/* The member or item that the pointer's next token names; `p` is at its slash. */
static bool step(const struct json_at *at, const char *p, size_t length, struct json_at *ret)
{
	char token[ERROR_POINTER_MAX];
	size_t used = 0;

	for (size_t i = 1; i < length && used + 1 < sizeof(token); i++) {
		if (p[i] == '~' && (p[i + 1] == '0' || p[i + 1] == '1'))
			token[used++] = p[++i] == '0' ? '~' : '/';
		else
			token[used++] = p[i];
	}
	token[used] = '\0';
	if (json_type(at) != JSON_ARRAY)
		return json_get(at, token, ret);
	json_foreach(*ret, at) {
		char digits[24];

		(void)snprintf(digits, sizeof(digits), "%zu", ret->index);
		if (strcmp(digits, token) == 0)
			return true;
	}
	return false;
}

/* Cuts a pointer behind the last place on its way that the file has. */
static void cut_to_existing(const struct json *root, char *pointer)
{
	struct json_at at = json_root(root), next;
	char *p = pointer;

	while (*p == '/') {
		size_t length = 1 + strcspn(p + 1, "/");

		if (!step(&at, p, length, &next)) {
			*p = '\0';
			return;
		}
		at = json_root(next.value);
		p += length;
	}
}

bool policy_source_locate(const struct policy_source_nsg *nsg, enum stage level,
			  const char *pointer, char *buffer, size_t size)
{
	const struct pointer_map *best = NULL;
	char top[16];

	(void)snprintf(top, sizeof(top), "/%s", level_key(level));
	if (*pointer != '\0' && !is_below(pointer, top))
		return false;
	if (*pointer != '\0')
		pointer += strlen(top);
	for (size_t i = 0; i < nsg->map_count; i++) {
		const struct pointer_map *entry = &nsg->map[i];

		if (is_below(pointer, entry->from) &&
		    (!best || strlen(entry->from) >= strlen(best->from)))
			best = entry;
	}
	if (!best)
		return false;
	(void)snprintf(buffer, size, "%s%s", best->to, pointer + strlen(best->from));
	cut_to_existing(nsg->root, buffer);
	return true;
}

static void relocate(struct report *report, size_t from, const struct policy_source_nsg *nsg,
		     enum stage level)
{
	for (size_t i = from; i < report->count; i++) {
		struct problem *problem = &report->problems[i];
		char pointer[ERROR_POINTER_MAX];

		if (!policy_source_locate(nsg, level, problem->pointer, pointer, sizeof(pointer)))
			continue;
		free(problem->pointer);
		problem->pointer = alloc_string(pointer);
	}
}

/* --- building --- */

int policy_source_build(const struct policy_source *source, const struct policy_source_nsg *nsg,
			enum stage level, const struct policy_read_options *options,
			struct report *report, struct policy **ret)
{
	struct policy_read_options with = options ? *options : (struct policy_read_options){ 0 };
	JSON_CLEANUP struct json *document = NULL, *context = NULL;
	size_t before = report->count;
	int r;

	if (!nsg)
		return policy_build(source->document, options, report, ret);
	if (with.context && source->context)
		with.context = context = policy_context_merge(with.context, source->context);
	else if (!with.context)
		with.context = source->context;
	document = policy_document_with_nsg(NULL, level, nsg->nsg);
	r = policy_build(document, &with, report, ret);
	relocate(report, before, nsg, level);
	return r;
}

int policy_source_check(const struct policy_source *source,
			const struct policy_read_options *options, struct report *report)
{
	struct policy_read_options with = options ? *options : (struct policy_read_options){ 0 };
	struct accelnet_error err;

	if (source->document) {
		struct policy *policy = NULL;

		(void)policy_source_build(source, NULL, STAGE_NIC, &with, report, &policy);
		policy_free(policy);
		return report_result(report, &err);
	}
	with.unresolved_ok = true;
	for (size_t i = 0; i < source->count; i++) {
		struct policy *policy = NULL;

		if (source->nsgs[i].broken)
			continue; /* reported when it was read */

		(void)policy_source_build(source, &source->nsgs[i], source->nsgs[i].level, &with,
					  report, &policy); /* the report has it */
		policy_free(policy);
	}
	return report_result(report, &err);
}
