/*
 * The source guard in hardware: see plan_builder.h.
 *
 * The same addresses as classify/guard.c refuses in packets that arrive. The unspecified IPv6
 * address is only kept from being marked: duplicate address detection uses it (RFC 4862).
 */
#include "compile/plan_builder.h"
#include "compile/prefix_list.h"

struct guarded {
	struct ip_prefix prefix;
	bool may_drop;
};

static const struct guarded fixed[] = {
	{ { IP_FAMILY_V4, 8, 0 }, true },                      /* 0.0.0.0/8 */
	{ { IP_FAMILY_V4, 8, (ip_number)127 << 24 }, true },   /* loopback */
	{ { IP_FAMILY_V4, 4, (ip_number)224 << 24 }, true },   /* multicast */
	{ { IP_FAMILY_V6, 128, 0 }, false },                   /* unspecified */
	{ { IP_FAMILY_V6, 128, 1 }, true },                    /* loopback */
	{ { IP_FAMILY_V6, 8, (ip_number)0xff << 120 }, true }, /* multicast */
};
#define FIXED_COUNT (sizeof(fixed) / sizeof(fixed[0]))

static size_t guarded_count(const struct plan_builder *builder)
{
	return builder->policy->source_guard ? FIXED_COUNT + builder->policy->address_count : 0;
}

static struct guarded guarded_at(const struct plan_builder *builder, size_t i)
{
	const struct ip_addr *own;

	if (i < FIXED_COUNT)
		return fixed[i];
	own = &builder->policy->addresses[i - FIXED_COUNT];
	return (struct guarded){
		.prefix = { own->family, (uint8_t)ip_family_bits(own->family), own->number },
		.may_drop = true,
	};
}

/* An own address that a fixed prefix holds has its rule already. */
static bool is_repeated(const struct plan_builder *builder, size_t i)
{
	struct guarded guarded = guarded_at(builder, i);

	for (size_t k = 0; i >= FIXED_COUNT && k < i; k++) {
		struct guarded other = guarded_at(builder, k);

		if (ip_prefix_overlaps(&guarded.prefix, &other.prefix))
			return true;
	}
	return false;
}

int plan_add_isolation(struct plan_builder *builder, uint32_t group, uint32_t priority)
{
	for (size_t i = 0; i < guarded_count(builder); i++) {
		struct guarded guarded = guarded_at(builder, i);
		struct plan_rule rule = {
			.group = group,
			.priority = priority,
			.match = { .family = guarded.prefix.family, .source = guarded.prefix },
			.action = guarded.may_drop && builder->options.drops ? PLAN_DROP
									     : PLAN_UNMARKED,
			.cause = PLAN_FOR_ISOLATION,
			.entry = UINT32_MAX,
		};
		int r = is_repeated(builder, i) ? 0 : plan_add(builder, &rule);

		if (r != 0)
			return r;
	}
	return 0;
}

bool plan_isolation_meets(const struct plan_builder *builder, const struct ip_prefix *source)
{
	struct ip_range range = ip_prefix_range(source);

	for (size_t i = 0; i < guarded_count(builder); i++) {
		struct guarded guarded = guarded_at(builder, i);
		struct ip_range other = ip_prefix_range(&guarded.prefix);

		if (guarded.prefix.family == source->family && other.first <= range.last &&
		    range.first <= other.last)
			return true;
	}
	return false;
}
