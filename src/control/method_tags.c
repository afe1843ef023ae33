/*
 * tags.*: service tags of the policy in force, renewed without touching its rules.
 */
#include "control/call.h"
#include "control/policy_change.h"
#include "policy/read.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- load --- */

static bool is_list_of_strings(const struct json_at *at)
{
	struct json_at item;

	if (json_type(at) != JSON_ARRAY)
		return false;
	json_foreach(item, at) {
		if (!json_string(&item))
			return false;
	}
	return true;
}

/* The tags of the request in the shape of a download. The caller frees *ret. */
static int read_tags(struct call *call, const struct json_at *tags, struct json **ret)
{
	struct json *download = json_new_object();
	struct json *values = json_add_array(download, "values"), *value;
	struct json_at tag;

	json_foreach(tag, tags) {
		if (!is_list_of_strings(&tag)) {
			json_free(download);
			return call_refuse(call, ACCELNET_E_PARAMS, "tags",
					   "\"%.80s\" must be a list of prefixes", tag.key);
		}
		value = json_add_object(values, NULL);
		json_add_string(value, "name", tag.key);
		json_add(json_add_object(value, "properties"), "addressPrefixes",
			 json_copy(tag.value));
	}
	*ret = download;
	return 0;
}

/* The tags that a document brings along. False where it has none. */
static bool document_tags(const struct json *document, struct json_at way[2], struct json_at *ret)
{
	if (!document)
		return false;
	way[0] = json_root(document);
	return json_get(&way[0], "context", &way[1]) && json_get(&way[1], "serviceTags", ret);
}

static size_t count_prefixes(const struct json *document, const char *name)
{
	struct json_at way[2], tags, tag;

	return document_tags(document, way, &tags) && json_get_fold(&tags, name, &tag)
		       ? json_count(&tag)
		       : 0;
}

/* Each tag of the request that the rules name, how large it is and was; and those left as they are.
 */
static void add_loaded(struct json *to, const struct json_at *given, const struct json *before,
		       const struct json *after)
{
	struct json *loaded = json_add_array(to, "loaded"), *kept = json_add_array(to, "kept");
	struct json_at way[2], tags, tag, unused;

	if (!document_tags(after, way, &tags))
		return;
	json_foreach(tag, &tags) {
		struct json *json;

		if (!json_get_fold(given, tag.key, &unused)) {
			json_add_string(kept, NULL, tag.key);
			continue;
		}
		json = json_add_object(loaded, NULL);
		json_add_string(json, "name", tag.key);
		json_add_unsigned(json, "prefixes", json_count(&tag));
		json_add_unsigned(json, "before", count_prefixes(before, tag.key));
	}
}

static int change_tags(struct call *call, struct nic *nic, const struct json *download,
		       const struct json_at *given, struct json **ret)
{
	const struct json *before = nic_policy_document(nic);
	const char *number = call_string(call, "changeNumber");
	JSON_CLEANUP struct json *old = json_copy(before), *renewed = NULL;
	struct nic_apply_options options = { .dry_run = call_flag(call, "dryRun") };
	char origin[192];
	size_t count;
	int r;

	options.has_if_generation = call_number(call, "ifGeneration", &options.if_generation);
	snprintf(origin, sizeof(origin), "%s, tags load%s%.40s", call->origin,
		 number ? ", changeNumber " : "", number ? number : "");
	options.origin = origin;
	renewed = policy_document_with_tags(old, download, &count);
	r = policy_change(call, nic, count ? renewed : old, &options, ret);
	if (r < 0)
		return r;
	json_add_string(*ret, "changeNumber", number);
	add_loaded(*ret, given, old, count ? renewed : old);
	return 0;
}

int handle_tags_load(struct call *call, struct json **ret)
{
	JSON_CLEANUP struct json *download = NULL;
	struct json_at tags;
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r < 0)
		return r;
	if (!nic_policy_document(nic))
		return call_refuse(call, ACCELNET_E_NOT_FOUND, "nic",
				   "%s has no policy yet, so no rule names a tag",
				   nic_get_config(nic)->name);
	(void)call_object(call, "tags", &tags); /* it is required, so it is there */
	r = read_tags(call, &tags, &download);
	return r < 0 ? r : change_tags(call, nic, download, &tags, ret);
}

/* --- show --- */

static bool is_named(const struct nic *nic, const char *tag)
{
	const struct policy *policy = nic_policy(nic);

	for (size_t i = 0; policy && i < policy->set_count; i++) {
		const char *name = policy->sets[i]->name;

		if (name && strcasecmp(name, tag) == 0)
			return true;
	}
	return false;
}

static void add_tag(struct json *to, const struct nic *nic, const struct json_at *tag,
		    const char *source)
{
	struct json *json = json_add_object(to, NULL);

	json_add_string(json, "name", tag->key);
	json_add_unsigned(json, "prefixes", json_count(tag));
	json_add_string(json, "source", source);
	json_add_bool(json, "named", is_named(nic, tag->key));
}

static void add_nic_tags(struct json *nics, const struct nic *nic)
{
	struct json *json = json_add_object(nics, NULL), *list;
	const struct json *document = nic_policy_document(nic);
	const struct json *configured = nic_get_context(nic);
	struct json_at way[2], tags, tag, root;
	bool has_own;

	json_add_string(json, "nic", nic_get_config(nic)->name);
	json_add_unsigned(json, "generation", nic_generation(nic));
	list = json_add_array(json, "tags");
	has_own = document_tags(document, way, &tags);
	if (has_own) {
		json_foreach(tag, &tags)
			add_tag(list, nic, &tag, "policy");
	}
	if (!configured)
		return;
	root = json_root(configured);
	if (!json_get(&root, "serviceTags", &tags))
		return;
	json_foreach(tag, &tags) {
		if (count_prefixes(document, tag.key) == 0)
			add_tag(list, nic, &tag, "configuration");
	}
}

int handle_tags_show(struct call *call, struct json **ret)
{
	return call_answer_nics(call, add_nic_tags, ret);
}
