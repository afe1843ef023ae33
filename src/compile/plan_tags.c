/*
 * Address groups as bits of tags: see plan_tags.h.
 */
#include "compile/plan_tags.h"

#include "compile/prefix_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t prefix_count(const struct address_group *group, enum ip_family family)
{
	struct prefix_list list = { 0 };
	size_t count;

	for (size_t i = 0; i < group->range_count[family]; i++) {
		if (prefix_list_add_range(&list, family, group->ranges[family][i]) < 0)
			break;
		if (list.count > PLAN_TAG_PREFIXES)
			break;
	}
	count = list.count;
	prefix_list_fini(&list);
	return count;
}

static bool is_large(const struct program *program, uint32_t number)
{
	return prefix_count(&program->groups[number], IP_FAMILY_V4) > PLAN_TAG_PREFIXES ||
	       prefix_count(&program->groups[number], IP_FAMILY_V6) > PLAN_TAG_PREFIXES;
}

static void consider(struct plan_tags *tags, const struct program *program, int side,
		     uint32_t number)
{
	uint8_t *bit = &tags->bits.bit[side][number];

	if (*bit != REGION_NO_BIT || tags->count[side] == PLAN_TAG_BITS ||
	    !is_large(program, number))
		return;
	*bit = (uint8_t)tags->count[side];
	tags->groups[side][tags->count[side]++] = number;
}

int plan_tags_init(struct plan_tags *tags, const struct program *program)
{
	*tags = (struct plan_tags){ 0 };
	for (int side = 0; side < PLAN_TAGS; side++) {
		tags->bits.bit[side] = malloc(program->group_count);
		if (!tags->bits.bit[side])
			return -ENOMEM;
		memset(tags->bits.bit[side], REGION_NO_BIT, program->group_count);
	}
	for (int s = 0; s < STAGES; s++) {
		const struct program_chain *chain = &program->chain[DIRECTION_INBOUND][s];

		for (size_t i = 0; i < chain->count; i++) {
			consider(tags, program, PLAN_TAG_SOURCE, chain->rules[i].source);
			consider(tags, program, PLAN_TAG_DESTINATION, chain->rules[i].destination);
		}
	}
	return 0;
}

void plan_tags_fini(struct plan_tags *tags)
{
	for (int side = 0; side < PLAN_TAGS; side++)
		free(tags->bits.bit[side]);
}

static int compare_numbers(const void *a, const void *b)
{
	ip_number x = *(const ip_number *)a, y = *(const ip_number *)b;

	return (x > y) - (x < y);
}

/* Where some group begins, or the address behind where one ends; sorted. The caller frees it. */
static int find_borders(const struct plan_builder *builder, const struct plan_tags *tags, int side,
			enum ip_family family, ip_number **ret, size_t *ret_count)
{
	ip_number last = ip_low_mask(ip_family_bits(family)), *borders;
	size_t room = 1, count = 0;

	for (unsigned b = 0; b < tags->count[side]; b++)
		room += 2 * builder->program->groups[tags->groups[side][b]].range_count[family];
	borders = calloc(room, sizeof(*borders));
	if (!borders)
		return -ENOMEM;
	for (unsigned b = 0; b < tags->count[side]; b++) {
		const struct address_group *group =
			&builder->program->groups[tags->groups[side][b]];

		for (size_t i = 0; i < group->range_count[family]; i++) {
			borders[count++] = group->ranges[family][i].first;
			if (group->ranges[family][i].last != last)
				borders[count++] = group->ranges[family][i].last + 1;
		}
	}
	qsort(borders, count, sizeof(*borders), compare_numbers);
	*ret = borders;
	*ret_count = count;
	return 0;
}

static uint32_t bits_of(const struct plan_builder *builder, const struct plan_tags *tags, int side,
			enum ip_family family, ip_number address)
{
	const struct ip_addr addr = { .family = family, .number = address };
	uint32_t bits = 0;

	for (unsigned b = 0; b < tags->count[side]; b++) {
		if (address_group_holds(&builder->program->groups[tags->groups[side][b]], &addr))
			bits |= 1U << b;
	}
	return bits;
}

static int add_interval(struct plan_builder *builder, int side, enum ip_family family,
			struct ip_range range, uint32_t bits, struct plan_rule rule)
{
	struct prefix_list list = { 0 };
	int r = prefix_list_add_range(&list, family, range);

	rule.match.family = family;
	rule.tags[side] = bits;
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		if (side == PLAN_TAG_SOURCE)
			rule.match.source = list.prefixes[i];
		else
			rule.match.destination = list.prefixes[i];
		r = plan_add(builder, &rule);
	}
	prefix_list_fini(&list);
	return r;
}

static int add_family(struct plan_builder *builder, const struct plan_tags *tags, int side,
		      enum ip_family family, const struct plan_rule *rule)
{
	ip_number last = ip_low_mask(ip_family_bits(family)), *borders = NULL;
	size_t count = 0;
	int r = find_borders(builder, tags, side, family, &borders, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct ip_range range = { borders[i], i + 1 < count ? borders[i + 1] - 1 : last };
		uint32_t bits;

		if (i + 1 < count && borders[i + 1] == borders[i])
			continue;
		bits = bits_of(builder, tags, side, family, range.first);
		if (bits)
			r = add_interval(builder, side, family, range, bits, *rule);
	}
	free(borders);
	return r;
}

int plan_add_for_all(struct plan_builder *builder, uint32_t group, uint32_t priority,
		     enum plan_action action)
{
	struct plan_rule rule = {
		.group = group,
		.priority = priority,
		.action = action,
		.cause = PLAN_FOR_STAGE,
		.entry = UINT32_MAX,
	};
	int r = 0;

	for (int f = 0; r == 0 && f < IP_FAMILIES; f++) {
		rule.match.family = (enum ip_family)f;
		rule.match.source.family = rule.match.destination.family = (enum ip_family)f;
		r = plan_add(builder, &rule);
	}
	return r;
}

int plan_tags_add_stage(struct plan_builder *builder, const struct plan_tags *tags, int side,
			uint32_t group, uint32_t priority)
{
	const struct plan_rule rule = {
		.group = group,
		.priority = priority,
		.action = PLAN_NEXT,
		.cause = PLAN_FOR_STAGE,
		.entry = UINT32_MAX,
	};
	int r = 0;

	for (int f = 0; r == 0 && f < IP_FAMILIES; f++)
		r = add_family(builder, tags, side, (enum ip_family)f, &rule);
	return r == 0 ? plan_add_for_all(builder, group, priority + 1, PLAN_NEXT) : r;
}
