/*
 * Looking things up in contexts that were read: see context.h.
 */
#include "policy/alloc.h"
#include "policy/context.h"
#include "policy/prefixes.h"
#include "policy/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct context_part *with_virtual_network(const struct context *context)
{
	for (size_t i = 0; i < 2; i++) {
		if (context->part[i].has_virtual_network)
			return &context->part[i];
	}
	return NULL;
}

bool context_has_virtual_network(const struct context *context)
{
	return with_virtual_network(context) != NULL;
}

struct ip_prefix *context_virtual_network(const struct context *context, size_t *ret_count)
{
	static const struct ip_prefix wire_server = {
		.family = IP_FAMILY_V4,
		.length = 32,
		.number = (ip_number)168 << 24 | 63 << 16 | 129 << 8 | 16,
	};
	const struct context_part *part = with_virtual_network(context);
	struct prefix_list list = { 0 };

	for (size_t i = 0; part && i < part->virtual_network_count; i++)
		prefix_list_add(&list, &part->virtual_network[i]);
	prefix_list_add(&list, &wire_server);
	*ret_count = list.count;
	return list.items;
}

static struct context_entry *map_find(const struct context_map *map, const char *name)
{
	struct context_entry key = { .name = name };

	return map->count ? bsearch(&key, map->entries, map->count, sizeof(key),
				    context_compare_entries)
			  : NULL;
}

static struct address_set *use(struct reader *reader, struct context_entry *entry)
{
	if (!entry)
		return NULL;
	if (!entry->used) {
		entry->used = true;
		reader_own_set(reader, entry->set);
	}
	return entry->set;
}

struct address_set *context_group(struct reader *reader, const char *name)
{
	struct address_set *set = use(reader, map_find(&reader->context.part[0].groups, name));

	return set ? set : use(reader, map_find(&reader->context.part[1].groups, name));
}

struct address_set *context_tag(struct reader *reader, const char *name)
{
	struct address_set *set = use(reader, map_find(&reader->context.part[0].tags, name));

	return set ? set : use(reader, map_find(&reader->context.part[1].tags, name));
}

static size_t list_names(const struct context_map *first, const struct context_map *second,
			 char *buffer, size_t size)
{
	const struct context_map *maps[] = { first, second };
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t m = 0; m < 2; m++) {
		for (size_t i = 0; i < maps[m]->count; i++) {
			const char *name = maps[m]->entries[i].name;

			if (used + strlen(name) + 8 >= size) {
				(void)snprintf(buffer + used, size - used, ", ...");
				return first->count + second->count;
			}
			used += (size_t)snprintf(buffer + used, size - used, "%s%s",
						 used ? ", " : "", name);
		}
	}
	return first->count + second->count;
}

size_t context_group_names(const struct context *context, char *buffer, size_t size)
{
	return list_names(&context->part[0].groups, &context->part[1].groups, buffer, size);
}

void context_offer_tags(const struct context *context, struct suggestion *best)
{
	for (size_t i = 0; i < 2; i++) {
		const struct context_map *tags = &context->part[i].tags;

		for (size_t k = 0; k < tags->count; k++)
			suggestion_offer(best, tags->entries[k].name);
	}
}
