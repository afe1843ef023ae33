/*
 * A program's chain in rte_acl: see acl.h.
 */
#include "testpmd/acl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_acl.h>

enum { FIELD_PROTOCOL, FIELD_SOURCE, FIELD_DESTINATION, FIELD_SOURCE_PORT, FIELD_DESTINATION_PORT };
#define FIELDS 5

RTE_ACL_RULE_DEF(acl_rule, FIELDS);

struct acl_yardstick {
	struct rte_acl_ctx *context;
};

const struct acl_method acl_methods[] = {
	{ "rte_acl scalar", RTE_ACL_CLASSIFY_SCALAR },
	{ "rte_acl sse", RTE_ACL_CLASSIFY_SSE },
	{ "rte_acl avx2", RTE_ACL_CLASSIFY_AVX2 },
	{ "rte_acl avx512x16", RTE_ACL_CLASSIFY_AVX512X16 },
	{ "rte_acl avx512x32", RTE_ACL_CLASSIFY_AVX512X32 },
	{ NULL, 0 },
};

/* rte_acl wants a first field of one byte and the others in words of four that follow on. */
static const struct rte_acl_field_def definitions[FIELDS] = {
	{ RTE_ACL_FIELD_TYPE_BITMASK, 1, FIELD_PROTOCOL, 0, offsetof(struct acl_key, protocol) },
	{ RTE_ACL_FIELD_TYPE_MASK, 4, FIELD_SOURCE, 1, offsetof(struct acl_key, source) },
	{ RTE_ACL_FIELD_TYPE_MASK, 4, FIELD_DESTINATION, 2, offsetof(struct acl_key, destination) },
	{ RTE_ACL_FIELD_TYPE_RANGE, 2, FIELD_SOURCE_PORT, 3,
	  offsetof(struct acl_key, source_port) },
	{ RTE_ACL_FIELD_TYPE_RANGE, 2, FIELD_DESTINATION_PORT, 3,
	  offsetof(struct acl_key, destination_port) },
};

struct prefixes {
	struct rte_acl_field items[64 * 1024];
	size_t count;
};

struct rule_list_builder {
	struct acl_rule *rules;
	size_t count;
	size_t capacity;
	struct prefixes source, destination;
};

/* A range as the fewest prefixes. */
static void range_to_prefixes(uint64_t first, uint64_t last, struct prefixes *to)
{
	while (first <= last && to->count < RTE_DIM(to->items)) {
		unsigned bits = first ? (unsigned)__builtin_ctzll(first) : 32;

		while (bits > 32 || first + (UINT64_C(1) << bits) - 1 > last)
			bits--;
		to->items[to->count].value.u32 = (uint32_t)first;
		to->items[to->count++].mask_range.u32 = 32 - bits;
		first += UINT64_C(1) << bits;
	}
}

static void group_to_prefixes(const struct address_group *group, struct prefixes *to)
{
	const struct ip_range *ranges = group->ranges[IP_FAMILY_V4];

	to->count = 0;
	for (size_t i = 0; i < group->range_count[IP_FAMILY_V4]; i++)
		range_to_prefixes((uint64_t)ranges[i].first, (uint64_t)ranges[i].last, to);
}

static struct rte_acl_field port_field(const struct port_set *ports, size_t i)
{
	struct rte_acl_field field = { 0 };

	field.value.u16 = ports->any ? 0 : ports->ranges[i].first;
	field.mask_range.u16 = ports->any ? UINT16_MAX : ports->ranges[i].last;
	return field;
}

static int add_rule(struct rule_list_builder *list, const struct acl_rule *rule)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 1024;
		struct acl_rule *rules = reallocarray(list->rules, capacity, sizeof(*rules));

		if (!rules)
			return -ENOMEM;
		list->rules = rules;
		list->capacity = capacity;
	}
	list->rules[list->count++] = *rule;
	return 0;
}

static int add_prefix_pairs(struct rule_list_builder *list, struct acl_rule *rule)
{
	int r = 0;

	for (size_t s = 0; s < list->source.count && r == 0; s++) {
		rule->field[FIELD_SOURCE] = list->source.items[s];
		for (size_t d = 0; d < list->destination.count && r == 0; d++) {
			rule->field[FIELD_DESTINATION] = list->destination.items[d];
			r = add_rule(list, rule);
		}
	}
	return r;
}

/* `*` with concrete ports would be three protocols; the generated rule sets have none of those. */
static int add_product(struct rule_list_builder *list, const struct program *program,
		       const struct program_rule *from, size_t index)
{
	const struct port_set *source = from->source_ports, *destination = from->destination_ports;
	bool any = from->rule->protocol == RULE_PROTOCOL_ANY;
	struct acl_rule rule = {
		.data = { .category_mask = 1,
			  .priority = (int32_t)(RTE_ACL_MAX_PRIORITY - index),
			  .userdata = (uint32_t)index + 1 },
	};
	int r = 0;

	rule.field[FIELD_PROTOCOL].value.u8 = any ? 0 : (uint8_t)from->rule->protocol;
	rule.field[FIELD_PROTOCOL].mask_range.u8 = any ? 0 : UINT8_MAX;
	group_to_prefixes(&program->groups[from->source], &list->source);
	group_to_prefixes(&program->groups[from->destination], &list->destination);
	for (size_t i = 0; i < (source->any ? 1 : source->range_count) && r == 0; i++) {
		rule.field[FIELD_SOURCE_PORT] = port_field(source, i);
		for (size_t k = 0; k < (destination->any ? 1 : destination->range_count) && r == 0;
		     k++) {
			rule.field[FIELD_DESTINATION_PORT] = port_field(destination, k);
			r = add_prefix_pairs(list, &rule);
		}
	}
	return r;
}

static int build_context(const struct rule_list_builder *list, struct acl_yardstick *acl)
{
	char name[RTE_ACL_NAMESIZE];
	struct rte_acl_param param = {
		.name = name,
		.socket_id = SOCKET_ID_ANY,
		.rule_size = RTE_ACL_RULE_SZ(FIELDS),
		.max_rule_num = (uint32_t)list->count,
	};
	struct rte_acl_config config = { .num_categories = 1, .num_fields = FIELDS };
	int r;

	/* rte_acl_create() gives a context out again where it knows the name */
	(void)snprintf(name, sizeof(name), "yardstick %p", (void *)acl);
	memcpy(config.defs, definitions, sizeof(definitions));
	acl->context = rte_acl_create(&param);
	if (!acl->context)
		return -ENOMEM;
	r = rte_acl_add_rules(acl->context, (const struct rte_acl_rule *)list->rules,
			      (uint32_t)list->count);
	return r < 0 ? r : rte_acl_build(acl->context, &config);
}

int acl_yardstick_new(const struct program *program, enum stage stage, struct acl_yardstick **ret)
{
	const struct program_chain *chain = &program->chain[DIRECTION_INBOUND][stage];
	struct rule_list_builder *list = calloc(1, sizeof(*list));
	struct acl_yardstick *acl = calloc(1, sizeof(*acl));
	int r = list && acl ? 0 : -ENOMEM;

	for (size_t i = 0; i < chain->count && r == 0; i++)
		r = add_product(list, program, &chain->rules[i], i);
	if (r == 0)
		r = build_context(list, acl);
	if (list)
		free(list->rules);
	free(list);
	if (r < 0) {
		acl_yardstick_free(acl);
		return r;
	}
	*ret = acl;
	return 0;
}

void acl_yardstick_free(struct acl_yardstick *acl)
{
	if (acl)
		rte_acl_free(acl->context);
	free(acl);
}

struct acl_key acl_key_from_tuple(const struct tuple *tuple)
{
	struct acl_key key = {
		.protocol = tuple->protocol,
		.source_port = __builtin_bswap16(tuple->source_port),
		.destination_port = __builtin_bswap16(tuple->destination_port),
	};

	ip_addr_to_bytes(&tuple->source, &key.source);
	ip_addr_to_bytes(&tuple->destination, &key.destination);
	return key;
}

int acl_yardstick_use(struct acl_yardstick *acl, const struct acl_method *method)
{
	return rte_acl_set_ctx_classify(acl->context, (enum rte_acl_classify_alg)method->algorithm);
}

void acl_yardstick_judge(const struct acl_yardstick *acl, const struct acl_key *const *keys,
			 unsigned count, uint32_t *ret)
{
	(void)rte_acl_classify(acl->context, (const uint8_t **)keys, ret, count, 1);
}
