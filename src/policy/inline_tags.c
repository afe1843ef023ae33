/*
 * Service tags from the public download: only what the rules name goes into the document.
 *
 * Shape of the download, and of the API's answer: {"values":[{"name":..., "properties":
 * {"addressPrefixes":[...]}}]}; both families are mixed in one list.
 * https://learn.microsoft.com/azure/virtual-network/service-tags-overview
 */
#include "policy/alloc.h"
#include "policy/read.h"
#include "policy/source.h"
#include "policy/tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The download has grown to 4 MB in six years. */
#define TAG_FILE_BYTES (64U << 20)

/* --- the names in a document's rules --- */

struct names {
	char **items; /* sorted without regard to case once settled */
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(struct names *names, const char *text, const char *end)
{
	char *name = alloc_trimmed(text, end);
	struct ip_prefix prefix;
	enum builtin_tag tag;

	if (*name == '\0' || *name == '*' || ip_prefix_parse(name, &prefix) == 0 ||
	    tag_is_builtin(name, &tag)) {
		free(name);
		return;
	}
	names->items = alloc_grow(names->items, names->count, sizeof(*names->items));
	names->items[names->count++] = name;
}

/* A side as it may be written: a string, perhaps a joined list, or a list of strings. */
static void add_side(struct names *names, const struct json_at *at)
{
	const char *text = json_string(at);
	struct json_at item;

	if (json_type(at) == JSON_ARRAY) {
		json_foreach(item, at) {
			if (json_string(&item))
				add_side(names, &item);
		}
	}
	while (text) {
		const char *comma = strchr(text, ',');

		add_name(names, text, comma ? comma : text + strlen(text));
		text = comma ? comma + 1 : NULL;
	}
}

static void add_rules(struct names *names, const struct json_at *rules,
		      const char *const *properties)
{
	struct json_at rule, nested, side;

	json_foreach(rule, rules) {
		bool is_nested = source_get(&rule, "properties", JSON_OBJECT, &nested);

		for (size_t i = 0; properties[i]; i++) {
			if (json_get_fold(is_nested ? &nested : &rule, properties[i], &side))
				add_side(names, &side);
		}
	}
}

static void add_nsg(struct names *names, const struct json_at *document, const char *key)
{
	static const char *const properties[] = { "sourceAddressPrefix", "sourceAddressPrefixes",
						  "destinationAddressPrefix",
						  "destinationAddressPrefixes", NULL };
	struct json_at nsg, nested, rules;
	bool is_nested;

	if (!source_get(document, key, JSON_OBJECT, &nsg))
		return;
	is_nested = source_get(&nsg, "properties", JSON_OBJECT, &nested);
	if (source_get(is_nested ? &nested : &nsg, "securityRules", JSON_ARRAY, &rules))
		add_rules(names, &rules, properties);
}

static struct names names_in(const struct json *document)
{
	static const char *const acl_properties[] = { "source", "destination", NULL };
	struct json_at root = json_root(document), acl, rules;
	struct names names = { 0 };

	add_nsg(&names, &root, "subnetNsg");
	add_nsg(&names, &root, "nicNsg");
	if (source_get(&root, "acl", JSON_OBJECT, &acl) &&
	    source_get(&acl, "rules", JSON_ARRAY, &rules))
		add_rules(&names, &rules, acl_properties);
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	return names;
}

static bool names_have(const struct names *names, const char *name)
{
	return names->count &&
	       bsearch(&name, names->items, names->count, sizeof(*names->items), compare_names);
}

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

/* --- the download --- */

int service_tags_load(const char *path, struct json **ret, struct accelnet_error *err)
{
	const struct json_limits limits = { .bytes = TAG_FILE_BYTES };
	struct json *tags = NULL;
	struct json_at root, values;
	int r = json_load(path, &limits, &tags, err);

	if (r < 0)
		return r;
	root = json_root(tags);
	if (!source_get(&root, "values", JSON_ARRAY, &values)) {
		json_free(tags);
		return fail(err, ACCELNET_E_FORM, NULL,
			    "%.200s is not a list of service tags: it has no \"values\"", path);
	}
	*ret = tags;
	return 0;
}

/* Adds the named tags of a download that `known` does not have; returns how many. */
static size_t select_tags(const struct json *download, const struct names *names,
			  const struct json_at *known, struct json *to)
{
	struct json_at root = json_root(download), values, value;
	size_t count = 0;

	if (!source_get(&root, "values", JSON_ARRAY, &values))
		return 0;
	json_foreach(value, &values) {
		struct json_at name, properties, prefixes, other;

		if (!source_get(&value, "name", JSON_STRING, &name) ||
		    !names_have(names, json_string(&name)) ||
		    !source_get(&value, "properties", JSON_OBJECT, &properties) ||
		    !source_get(&properties, "addressPrefixes", JSON_ARRAY, &prefixes))
			continue;
		if (known && json_get_fold(known, json_string(&name), &other))
			continue;
		json_add(to, json_string(&name), json_copy(prefixes.value));
		count++;
	}
	return count;
}

/* --- into a context --- */

static void copy_except(struct json *to, const struct json_at *from, const char *left_out)
{
	struct json_at child;

	json_foreach(child, from) {
		if (strcasecmp(child.key, left_out) != 0)
			json_add(to, child.key, json_copy(child.value));
	}
}

static int load_beside(const struct json_at *file, const char *directory, struct report *report,
		       struct json **ret)
{
	const char *name = json_string(file);
	struct accelnet_error err;
	char *path;
	int r;

	if (asprintf(&path, "%s%s%s", *name == '/' ? "" : directory, *name == '/' ? "" : "/",
		     name) < 0)
		abort();
	r = service_tags_load(path, ret, &err);
	free(path);
	if (r < 0)
		report_error(report, err.code, file, "%s", err.detail);
	return r;
}

static int inline_tags(const struct json_at *context, const struct names *names,
		       const char *directory, struct report *report, struct json **ret)
{
	struct json *download = NULL, *result, *tags;
	struct json_at file, known;
	bool has_known;
	int r;

	if (!source_get(context, "serviceTagsFile", JSON_STRING, &file)) {
		*ret = json_copy(context->value);
		return 0;
	}
	r = load_beside(&file, directory, report, &download);
	if (r < 0)
		return r;
	has_known = source_get(context, "serviceTags", JSON_OBJECT, &known);
	tags = has_known ? json_copy(known.value) : json_new_object();
	(void)select_tags(download, names, has_known ? &known : NULL, tags);
	json_free(download);
	result = json_copy(context->value);
	json_remove(result, "serviceTagsFile");
	json_remove(result, "serviceTags");
	json_add(result, "serviceTags", tags);
	*ret = result;
	return 0;
}

int policy_context_inline_tags(const struct json *context, const struct json *document,
			       const char *directory, struct report *report, struct json **ret)
{
	struct json_at at = json_root(context);
	struct names names = names_in(document);
	int r = inline_tags(&at, &names, directory, report, ret);

	names_fini(&names);
	return r;
}

/* `document` with another context, which it takes over. */
static struct json *with_context(const struct json *document, struct json *context)
{
	struct json *result = json_copy(document);

	json_remove(result, "context");
	json_add(result, "context", context);
	return result;
}

int policy_document_inline_tags(const struct json *document, const char *directory,
				struct report *report, struct json **ret)
{
	struct json_at root = json_root(document), context;
	struct json *inlined = NULL;
	struct names names;
	int r;

	if (!source_get(&root, "context", JSON_OBJECT, &context)) {
		*ret = json_copy(document);
		return 0;
	}
	names = names_in(document);
	r = inline_tags(&context, &names, directory, report, &inlined);
	names_fini(&names);
	if (r < 0)
		return r;
	*ret = with_context(document, inlined);
	return 0;
}

struct json *policy_document_with_tags(const struct json *document, const struct json *tags,
				       size_t *ret_count)
{
	struct json_at root = json_root(document), context, known, tag;
	struct names names = names_in(document);
	struct json *chosen = json_new_object(), *renewed = json_new_object();
	struct json_at fresh = json_root(chosen);
	bool has_context = source_get(&root, "context", JSON_OBJECT, &context);

	*ret_count = select_tags(tags, &names, NULL, chosen);
	names_fini(&names);
	if (has_context)
		copy_except(renewed, &context, "serviceTags");
	if (has_context && source_get(&context, "serviceTags", JSON_OBJECT, &known)) {
		json_foreach(tag, &known) {
			struct json_at other;

			if (!json_get_fold(&fresh, tag.key, &other))
				json_add(chosen, tag.key, json_copy(tag.value));
		}
	}
	json_add(renewed, "serviceTags", chosen);
	return with_context(document, renewed);
}
