/*
 * Address sets to deduplicated, merged groups: see groups.h.
 */
#include "compile/groups.h"

#include "compile/ranges.h"
#include "policy/special_use.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY_SLOT UINT32_MAX

struct known_set {
	const struct address_set *set; /* NULL: free slot */
	uint32_t group;
};

/* Both indexes are open-addressed with power-of-two sizes, at most half full. */
struct group_table {
	struct address_group *groups;
	uint64_t *hashes;
	size_t count;
	size_t capacity;

	uint32_t *slots; /* group numbers by hash of their ranges */
	size_t slot_count;

	struct known_set *known; /* by pointer */
	size_t known_count;
	size_t known_size;
};

void address_group_fini(struct address_group *group)
{
	for (int family = 0; family < IP_FAMILIES; family++)
		free(group->ranges[family]);
}

void group_table_free(struct group_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		address_group_fini(&table->groups[i]);
	free(table->groups);
	free(table->hashes);
	free(table->slots);
	free(table->known);
	free(table);
}

struct address_group *group_table_take(struct group_table *table, size_t *ret_count)
{
	struct address_group *groups = table->groups;

	*ret_count = table->count;
	table->groups = NULL;
	table->count = 0;
	return groups;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

static uint64_t hash_lists(const struct range_list lists[IP_FAMILIES])
{
	uint64_t hash = 0;

	for (int family = 0; family < IP_FAMILIES; family++) {
		hash = mix(hash, lists[family].count);
		for (size_t i = 0; i < lists[family].count; i++) {
			const struct ip_range *range = &lists[family].ranges[i];

			hash = mix(hash, (uint64_t)range->first);
			hash = mix(hash, (uint64_t)(range->first >> 64));
			hash = mix(hash, (uint64_t)range->last);
			hash = mix(hash, (uint64_t)(range->last >> 64));
		}
	}
	return hash;
}

static bool group_equals(const struct address_group *group,
			 const struct range_list lists[IP_FAMILIES])
{
	for (int family = 0; family < IP_FAMILIES; family++) {
		size_t count = group->range_count[family];

		if (count != lists[family].count)
			return false;
		/* two numbers without padding: bytes are values */
		if (count > 0 && memcmp(group->ranges[family], lists[family].ranges,
					count * sizeof(struct ip_range)) != 0)
			return false;
	}
	return true;
}

static int grow_groups(struct group_table *table)
{
	size_t capacity = table->capacity ? table->capacity * 2 : 64;
	struct address_group *groups;
	uint32_t *slots;
	uint64_t *hashes;

	groups = reallocarray(table->groups, capacity, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	table->groups = groups;
	hashes = reallocarray(table->hashes, capacity, sizeof(*hashes));
	if (!hashes)
		return -ENOMEM;
	table->hashes = hashes;
	slots = malloc(capacity * 2 * sizeof(*slots));
	if (!slots)
		return -ENOMEM;

	memset(slots, 0xff, capacity * 2 * sizeof(*slots));
	for (size_t i = 0; i < table->count; i++) {
		size_t at = hashes[i] & (capacity * 2 - 1);

		while (slots[at] != EMPTY_SLOT)
			at = (at + 1) & (capacity * 2 - 1);
		slots[at] = (uint32_t)i;
	}
	free(table->slots);
	table->slots = slots;
	table->slot_count = capacity * 2;
	table->capacity = capacity;
	return 0;
}

/* Takes the ranges out of `lists`, or leaves them there where the group is known already. */
static int intern(struct group_table *table, struct range_list lists[IP_FAMILIES], uint32_t *ret)
{
	uint64_t hash = hash_lists(lists);
	struct address_group *group;
	size_t at;

	if (table->count == table->capacity) {
		int r = grow_groups(table);

		if (r < 0)
			return r;
	}
	at = hash & (table->slot_count - 1);
	for (; table->slots[at] != EMPTY_SLOT; at = (at + 1) & (table->slot_count - 1)) {
		*ret = table->slots[at];
		if (table->hashes[*ret] == hash && group_equals(&table->groups[*ret], lists))
			return 0;
	}
	group = &table->groups[table->count];
	for (int family = 0; family < IP_FAMILIES; family++) {
		group->ranges[family] = lists[family].ranges;
		group->range_count[family] = lists[family].count;
		lists[family] = (struct range_list){ 0 };
	}
	group->hash = hash;
	table->hashes[table->count] = hash;
	table->slots[at] = (uint32_t)table->count;
	*ret = (uint32_t)table->count++;
	return 0;
}

static int add_prefixes(struct range_list lists[IP_FAMILIES], const struct ip_prefix *prefixes,
			size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = range_list_add(&lists[prefixes[i].family], ip_prefix_range(&prefixes[i]));
	return r;
}

static int set_ranges(const struct address_set *set, struct range_list lists[IP_FAMILIES])
{
	int r = 0;

	if (set->kind != ADDRESS_ANY)
		r = add_prefixes(lists, set->prefixes, set->prefix_count);
	if (set->kind == ADDRESS_INTERNET && r == 0)
		r = add_prefixes(lists, special_use, SPECIAL_USE_COUNT);
	for (int family = 0; family < IP_FAMILIES && r == 0; family++) {
		range_list_normalise(&lists[family]);
		/* any is the complement of nothing */
		if (set->kind != ADDRESS_PREFIXES)
			r = range_list_complement(&lists[family], (enum ip_family)family);
	}
	return r;
}

static struct known_set *known_slot(const struct group_table *table, const struct address_set *set)
{
	size_t at = mix(0, (uintptr_t)set) & (table->known_size - 1);

	while (table->known[at].set && table->known[at].set != set)
		at = (at + 1) & (table->known_size - 1);
	return &table->known[at];
}

static int grow_known(struct group_table *table)
{
	struct group_table grown = { .known_size = table->known_size ? table->known_size * 2 : 64 };

	grown.known = calloc(grown.known_size, sizeof(*grown.known));
	if (!grown.known)
		return -ENOMEM;
	for (size_t i = 0; i < table->known_size; i++) {
		if (table->known[i].set)
			*known_slot(&grown, table->known[i].set) = table->known[i];
	}
	free(table->known);
	table->known = grown.known;
	table->known_size = grown.known_size;
	return 0;
}

static int set_group(struct group_table *table, const struct address_set *set, uint32_t *ret)
{
	struct range_list lists[IP_FAMILIES] = { 0 };
	struct known_set *known;
	int r = 0;

	if (table->known_count * 2 >= table->known_size)
		r = grow_known(table);
	if (r < 0)
		return r;
	known = known_slot(table, set);
	if (!known->set) {
		r = set_ranges(set, lists);
		if (r == 0)
			r = intern(table, lists, &known->group);
		if (r == 0) {
			known->set = set;
			table->known_count++;
		}
	}
	range_list_fini(&lists[IP_FAMILY_V4]);
	range_list_fini(&lists[IP_FAMILY_V6]);
	if (r == 0)
		*ret = known->group;
	return r;
}

static int append_group(struct range_list lists[IP_FAMILIES], const struct address_group *group)
{
	int r = 0;

	for (int family = 0; family < IP_FAMILIES && r == 0; family++)
		r = range_list_append(&lists[family], group->ranges[family],
				      group->range_count[family]);
	return r;
}

static int union_group(struct group_table *table, const struct rule_side *side, uint32_t *ret)
{
	struct range_list lists[IP_FAMILIES] = { 0 };
	int r = 0;

	for (size_t i = 0; i < side->set_count && r == 0; i++) {
		uint32_t number;

		r = set_group(table, side->sets[i], &number);
		if (r == 0)
			r = append_group(lists, &table->groups[number]);
	}
	if (r == 0) {
		range_list_normalise(&lists[IP_FAMILY_V4]);
		range_list_normalise(&lists[IP_FAMILY_V6]);
		r = intern(table, lists, ret);
	}
	range_list_fini(&lists[IP_FAMILY_V4]);
	range_list_fini(&lists[IP_FAMILY_V6]);
	return r;
}

int group_table_side(struct group_table *table, const struct rule_side *side, uint32_t *ret)
{
	if (side->set_count == 1)
		return set_group(table, side->sets[0], ret);
	return union_group(table, side, ret);
}

struct group_table *group_table_new(void)
{
	static const struct address_set any = { .kind = ADDRESS_ANY };
	struct group_table *table = calloc(1, sizeof(*table));
	uint32_t number;

	if (!table)
		return NULL;
	/* the first group that is made gets number 0, PROGRAM_GROUP_ANY */
	if (set_group(table, &any, &number) < 0) {
		group_table_free(table);
		return NULL;
	}
	return table;
}
