/*
 * Reading contexts: see context.h.
 */
#include "policy/context.h"

#include "policy/alloc.h"
#include "policy/member.h"
#include "policy/prefixes.h"
#include "policy/read.h"
#include "policy/reader.h"
#include "policy/tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct json_member context_members[] = {
	{ "addresses", JSON_ARRAY, .nullable = true },
	{ "virtualNetwork", JSON_ARRAY, .nullable = true },
	{ "applicationSecurityGroups", JSON_OBJECT, .nullable = true },
	{ "serviceTags", JSON_OBJECT, .nullable = true },
	{ "serviceTagsFile", JSON_STRING, .nullable = true },
};

#define CONTEXT_MEMBERS (sizeof(context_members) / sizeof(context_members[0]))

/* --- lists --- */

static bool read_prefix(struct reader *reader, const struct json_at *at, struct ip_prefix *ret)
{
	const char *text = json_string(at);

	if (!member_is(reader, at, JSON_STRING))
		return false;
	if (ip_prefix_parse(text, ret) < 0) {
		reader_error(reader, ACCELNET_E_ADDRESS, at, NULL,
			     "\"%.80s\" is not an IPv4 or IPv6 address or prefix, such as "
			     "10.1.0.4, 10.1.0.0/16 or fd00::/64",
			     text);
		return false;
	}
	if (ip_prefix_has_host_bits(ret)) {
		char masked[IP_TEXT_MAX];

		*ret = prefix_masked(ret);
		reader_warning(reader, ACCELNET_E_ADDRESS, at,
			       "\"%.80s\" has bits behind its length; read as %s", text,
			       ip_prefix_format(ret, masked));
	}
	return true;
}

static bool is_list(struct reader *reader, const struct json_at *at)
{
	return member_is(reader, at, JSON_ARRAY);
}

static struct prefix_list read_prefixes(struct reader *reader, const struct json_at *at)
{
	struct prefix_list list = { 0 };
	struct json_at item;

	if (!is_list(reader, at))
		return list;
	json_foreach(item, at) {
		struct ip_prefix prefix;

		if (reader->context.prefix_total == POLICY_PREFIXES_MAX) {
			reader_error(reader, ACCELNET_E_LIMIT, &item, NULL,
				     "more than %u prefixes in the context", POLICY_PREFIXES_MAX);
			break;
		}
		if (read_prefix(reader, &item, &prefix)) {
			prefix_list_add(&list, &prefix);
			reader->context.prefix_total++;
		}
	}
	return list;
}

static void read_addresses(struct reader *reader, struct context_part *part,
			   const struct json_at *at)
{
	struct json_at item;

	part->has_addresses = true;
	json_foreach(item, at) {
		const char *text = json_string(&item);
		struct ip_addr addr;

		if (!member_is(reader, &item, JSON_STRING))
			continue;
		if (ip_addr_parse(text, &addr) < 0) {
			reader_error(reader, ACCELNET_E_ADDRESS, &item, NULL,
				     "\"%.80s\" is not an IPv4 or IPv6 address of the NIC, such as "
				     "10.1.0.4 (without a prefix length)",
				     text);
			continue;
		}
		part->addresses = alloc_grow(part->addresses, part->address_count, sizeof(addr));
		part->addresses[part->address_count++] = addr;
	}
}

/* --- names --- */

int context_compare_entries(const void *a, const void *b)
{
	const struct context_entry *left = a, *right = b;

	return strcasecmp(left->name, right->name);
}

/* Sorts and reports names that differ by case alone; the first of each stays. */
static void settle_map(struct reader *reader, struct context_map *map)
{
	size_t kept = 0;

	if (map->count == 0)
		return;
	qsort(map->entries, map->count, sizeof(*map->entries), context_compare_entries);
	for (size_t i = 1; i < map->count; i++) {
		struct context_entry *entry = &map->entries[i];

		if (strcasecmp(map->entries[kept].name, entry->name) != 0) {
			map->entries[++kept] = *entry;
			continue;
		}
		reader_error(reader, ACCELNET_E_DUPLICATE_KEY, &entry->at, NULL,
			     "\"%.80s\" and \"%.80s\" are the same name: case does not count; keep "
			     "one of them",
			     map->entries[kept].name, entry->name);
		free(entry->set->prefixes);
		free(entry->set->name);
		free(entry->set);
	}
	map->count = kept + 1;
}

static void read_map(struct reader *reader, struct context_map *map, const struct json_at *at)
{
	struct json_at child;

	map->at = *at;
	json_foreach(child, &map->at) {
		struct prefix_list list = read_prefixes(reader, &child);
		struct context_entry *entry;

		map->entries = alloc_grow(map->entries, map->count, sizeof(*map->entries));
		entry = &map->entries[map->count++];
		*entry = (struct context_entry){
			.name = child.key,
			.at = child,
			.set = alloc_zero(1, sizeof(*entry->set)),
		};
		entry->set->name = alloc_string(child.key);
		entry->set->kind = ADDRESS_PREFIXES;
		entry->set->prefixes = list.items;
		entry->set->prefix_count = list.count;
	}
	settle_map(reader, map);
}

static void refuse_reserved(struct reader *reader, const struct context_map *tags)
{
	for (size_t i = 0; i < tags->count; i++) {
		enum builtin_tag tag;

		if (tag_is_builtin(tags->entries[i].name, &tag))
			reader_error(reader, ACCELNET_E_RESERVED_TAG, &tags->entries[i].at, NULL,
				     "the tag %.80s is built in and cannot be defined here%s",
				     tags->entries[i].name,
				     tag == TAG_VIRTUAL_NETWORK
					     ? "; its prefixes belong in context.virtualNetwork"
					     : "");
	}
}

/* --- the whole --- */

static bool get(const struct json_at *at, const char *key, enum json_type type, struct json_at *ret)
{
	return json_get(at, key, ret) && json_type(ret) == type;
}

static void read_part(struct reader *reader, struct context_part *part)
{
	struct json_at child;

	if (json_check_members(&part->at, context_members, CONTEXT_MEMBERS, reader->report) &&
	    json_type(&part->at) != JSON_OBJECT)
		return;
	if (get(&part->at, "addresses", JSON_ARRAY, &child))
		read_addresses(reader, part, &child);
	if (get(&part->at, "virtualNetwork", JSON_ARRAY, &child)) {
		struct prefix_list list = read_prefixes(reader, &child);

		part->has_virtual_network = true;
		part->virtual_network = list.items;
		part->virtual_network_count = list.count;
	}
	if (get(&part->at, "applicationSecurityGroups", JSON_OBJECT, &child))
		read_map(reader, &part->groups, &child);
	if (get(&part->at, "serviceTags", JSON_OBJECT, &child))
		read_map(reader, &part->tags, &child);
	refuse_reserved(reader, &part->tags);
	if (get(&part->at, "serviceTagsFile", JSON_STRING, &child))
		reader_error(reader, ACCELNET_E_NO_CONTEXT, &child, NULL,
			     "serviceTagsFile is read where the document is, by accelnetctl: give "
			     "the tags in context.serviceTags here");
}

/* Pointers into a file beside the document would look like pointers into it: says so in words. */
static void mark_given(struct report *report, size_t from, const char *name)
{
	const char *whence = name ? name : "the context given beside the document";

	for (size_t i = from; i < report->count; i++) {
		struct problem *problem = &report->problems[i];
		char *marked;

		if (asprintf(&marked, "in %s, at \"%s\": %s", whence, problem->pointer,
			     problem->detail) < 0)
			abort();
		free(problem->detail);
		problem->detail = marked;
		problem->pointer[0] = '\0';
	}
}

void context_read(struct reader *reader, const struct json_at *at,
		  const struct policy_read_options *options)
{
	struct context *context = &reader->context;
	size_t before;

	if (at) {
		context->part[0].at = *at;
		read_part(reader, &context->part[0]);
	}
	if (!options->context)
		return;
	before = reader->report->count;
	context->part[1].at = json_root(options->context);
	read_part(reader, &context->part[1]);
	mark_given(reader->report, before, options->context_name);
}

size_t policy_context_check(const struct json_at *at, struct report *report)
{
	struct reader reader = { .report = report };
	size_t before = report->errors;

	context_read(&reader, at, &(struct policy_read_options){ 0 });
	context_fini(&reader.context);
	return report->errors - before;
}

static void map_fini(struct context_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		if (map->entries[i].used)
			continue;
		free(map->entries[i].set->name);
		free(map->entries[i].set->prefixes);
		free(map->entries[i].set);
	}
	free(map->entries);
}

void context_fini(struct context *context)
{
	for (size_t i = 0; i < 2; i++) {
		free(context->part[i].virtual_network);
		free(context->part[i].addresses);
		map_fini(&context->part[i].groups);
		map_fini(&context->part[i].tags);
	}
}
