/*
 * Copies of policies, with a rule more or less: see synthetic_change.h.
 */
#include "testpmd/synthetic_change.h"

#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void *copy(const void *from, size_t count, size_t size)
{
	if (count == 0)
		return NULL;
	return memcpy(checked(malloc(count * size)), from, count * size);
}

/* With the room that synthetic_set() and synthetic_rule() count on: the next power of two. */
static void *room_for(size_t count, size_t size)
{
	size_t room = 1;

	while (room < count)
		room *= 2;
	return checked(calloc(room, size));
}

static char *copy_text(const char *text)
{
	return text ? checked(strdup(text)) : NULL;
}

/* A set of the original and its copy, by the original's address. */
struct twin {
	const struct address_set *original;
	struct address_set *copy;
};

struct twins {
	struct twin *items;
	size_t count;
};

static int compare_twins(const void *left, const void *right)
{
	const struct twin *a = left, *b = right;

	return (a->original > b->original) - (a->original < b->original);
}

static const struct address_set *twin_of(const struct twins *twins, const struct address_set *set)
{
	const struct twin wanted = { .original = set };
	const struct twin *found =
		bsearch(&wanted, twins->items, twins->count, sizeof(*twins->items), compare_twins);

	return found ? found->copy : NULL;
}

static struct address_set *copy_set(const struct address_set *set)
{
	struct address_set *twin = copy(set, 1, sizeof(*set));

	twin->name = copy_text(set->name);
	twin->prefixes = copy(set->prefixes, set->prefix_count, sizeof(*set->prefixes));
	return twin;
}

static struct twins copy_sets(const struct policy *policy, struct policy *to)
{
	struct twins twins = { .count = policy->set_count };

	twins.items = checked(calloc(twins.count + 1, sizeof(*twins.items)));
	to->sets = room_for(twins.count, sizeof(struct address_set *));
	for (size_t i = 0; i < twins.count; i++) {
		to->sets[i] = copy_set(policy->sets[i]);
		twins.items[i] = (struct twin){ policy->sets[i], to->sets[i] };
	}
	qsort(twins.items, twins.count, sizeof(*twins.items), compare_twins);
	return twins;
}

static struct rule_side copy_side(const struct rule_side *side, const struct twins *twins)
{
	struct rule_side twin = {
		.sets = copy(side->sets, side->set_count, sizeof(*side->sets)),
		.set_count = side->set_count,
	};

	for (size_t i = 0; twins && i < side->set_count; i++)
		twin.sets[i] = checked((void *)(uintptr_t)twin_of(twins, side->sets[i]));
	return twin;
}

static struct port_set copy_ports(const struct port_set *ports)
{
	struct port_set twin = *ports;

	twin.ranges = copy(ports->ranges, ports->range_count, sizeof(*ports->ranges));
	return twin;
}

/* `twins` NULL: with the same sets. */
static struct rule copy_rule(const struct rule *rule, const struct twins *twins)
{
	struct rule twin = *rule;

	twin.name = copy_text(rule->name);
	twin.description = copy_text(rule->description);
	twin.source = copy_side(&rule->source, twins);
	twin.destination = copy_side(&rule->destination, twins);
	twin.source_ports = copy_ports(&rule->source_ports);
	twin.destination_ports = copy_ports(&rule->destination_ports);
	return twin;
}

static void copy_list(const struct rule_list *list, const struct twins *twins,
		      struct rule_list *ret)
{
	ret->rules = room_for(list->count, sizeof(*ret->rules));
	ret->count = list->count;
	for (size_t i = 0; i < list->count; i++)
		ret->rules[i] = copy_rule(&list->rules[i], twins);
}

struct policy *synthetic_copy(const struct policy *policy)
{
	struct policy *twin = copy(policy, 1, sizeof(*policy));
	struct twins twins = copy_sets(policy, twin);

	twin->addresses =
		copy(policy->addresses, policy->address_count, sizeof(*policy->addresses));
	for (int s = 0; s < STAGES; s++) {
		twin->stage[s].name = copy_text(policy->stage[s].name);
		for (int d = 0; d < DIRECTIONS; d++)
			copy_list(&policy->stage[s].list[d], &twins, &twin->stage[s].list[d]);
	}
	free(twins.items);
	return twin;
}

void synthetic_insert(struct policy *policy, enum stage stage, enum direction direction, size_t at,
		      const struct rule *rule)
{
	struct rule_list *list = &policy->stage[stage].list[direction];
	struct rule twin = copy_rule(rule, NULL);

	list->rules = checked(reallocarray(list->rules, list->count * 2 + 1, sizeof(*list->rules)));
	memmove(&list->rules[at + 1], &list->rules[at], (list->count - at) * sizeof(*list->rules));
	twin.direction = direction;
	list->rules[at] = twin;
	list->count++;
	policy->stage[stage].user_rules += !twin.is_default;
}

void synthetic_remove(struct policy *policy, enum stage stage, enum direction direction, size_t at)
{
	struct rule_list *list = &policy->stage[stage].list[direction];

	policy->stage[stage].user_rules -= !list->rules[at].is_default;
	rule_fini(&list->rules[at]);
	memmove(&list->rules[at], &list->rules[at + 1],
		(list->count - at - 1) * sizeof(*list->rules));
	list->count--;
}
