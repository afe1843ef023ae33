/*
 * The NSGs of a source: names that are unique, and where in the file each stands.
 */
#include "policy/alloc.h"
#include "policy/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct json_at *rules_of(const struct json_at *nsg, struct json_at *properties,
				      struct json_at *rules)
{
	bool nested = source_get(nsg, "properties", JSON_OBJECT, properties);

	return source_get(nested ? properties : nsg, "securityRules", JSON_ARRAY, rules) ? rules
											 : NULL;
}

static bool is_taken(const struct policy_source *source, const char *name)
{
	for (size_t i = 0; i < source->count; i++) {
		if (strcasecmp(source->nsgs[i].name, name) == 0)
			return true;
	}
	return false;
}

/* `name`, or for one that stands already, `name#2` and so on. */
static char *unique_name(const struct policy_source *source, const char *name)
{
	size_t length = strlen(name), number = 1;
	char *result = alloc_string(name);

	for (size_t i = 0; i < source->count; i++) {
		const char *other = source->nsgs[i].name;

		if (strncasecmp(other, name, length) == 0 &&
		    (other[length] == '\0' || other[length] == '#'))
			number++;
	}
	for (; number > 1 && is_taken(source, result); number++) {
		free(result);
		if (asprintf(&result, "%s#%zu", name, number) < 0)
			abort();
	}
	return result;
}

static void map_to(struct policy_source_nsg *nsg, const char *from, const char *to)
{
	nsg->map = alloc_grow(nsg->map, nsg->map_count, sizeof(*nsg->map));
	nsg->map[nsg->map_count++] = (struct pointer_map){
		.from = alloc_string(from),
		.to = alloc_string(to),
	};
}

void source_map(struct policy_source_nsg *nsg, const char *from, const struct json_at *to)
{
	char pointer[ERROR_POINTER_MAX];

	json_pointer(to, pointer, sizeof(pointer));
	map_to(nsg, from, pointer);
}

struct policy_source_nsg *source_add_at(struct source_reader *reader, const char *pointer,
					const char *name, const struct json *nsg)
{
	struct policy_source *source = reader->source;
	struct json_at root = json_root(nsg), properties, rules;
	struct policy_source_nsg *added;
	char *unique = unique_name(source, name ? name : "");

	source->nsgs = alloc_grow(source->nsgs, source->count, sizeof(*source->nsgs));
	added = &source->nsgs[source->count++];
	*added = (struct policy_source_nsg){
		.name = unique,
		.level = STAGE_NIC,
		.nsg = nsg,
		.root = source->root,
	};
	if (rules_of(&root, &properties, &rules))
		added->user_rules = json_count(&rules);
	map_to(added, "", pointer);
	return added;
}

struct policy_source_nsg *source_add(struct source_reader *reader, const struct json_at *at,
				     const char *name, const struct json *nsg)
{
	char pointer[ERROR_POINTER_MAX];

	json_pointer(at, pointer, sizeof(pointer));
	return source_add_at(reader, pointer, name, nsg);
}

struct json *source_make_nsg(struct source_reader *reader, const char *name,
			     struct json **ret_rules)
{
	struct policy_source *source = reader->source;
	struct json *nsg, *properties;

	if (!source->made)
		source->made = json_new_array();
	nsg = json_add_object(source->made, NULL);
	if (name)
		json_add_string(nsg, "name", name);
	properties = json_add_object(nsg, "properties");
	*ret_rules = json_add_array(properties, "securityRules");
	return nsg;
}

void policy_source_free(struct policy_source *source)
{
	if (!source)
		return;
	for (size_t i = 0; i < source->count; i++) {
		struct policy_source_nsg *nsg = &source->nsgs[i];

		for (size_t k = 0; k < nsg->map_count; k++) {
			free(nsg->map[k].from);
			free(nsg->map[k].to);
		}
		free(nsg->map);
		free(nsg->name);
	}
	free(source->nsgs);
	json_free(source->made);
	json_free(source->context);
	json_free(source->root);
	free(source);
}
