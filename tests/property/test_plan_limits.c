/*
 * Policies made to exhaust the compiler: plans of them stay within bounds of processor time and
 * size, and remain exact; what does not fit is left to software.
 */
#include "compile/plan.h"
#include "compile/reference.h"
#include "support/border.h"
#include "support/plan_check.h"
#include "testpmd/synthetic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define TUPLES 300
/*
 * Seconds of processor time for one plan, with ample room for sanitizers and slow machines: without
 * the limits on searches each of these would take minutes.
 */
#define SECONDS_MAX 10

struct maker {
	struct policy *policy;
	struct random random;
	unsigned count;
};

static void maker_init(struct maker *maker)
{
	*maker = (struct maker){ .policy = policy_new_empty(), .random = { 1 } };
	assert_non_null(maker->policy);
}

static void add(struct maker *maker, enum stage stage, const struct ip_prefix *sources,
		size_t source_count, struct port_range ports)
{
	static const struct port_range all = { 0, UINT16_MAX };
	const struct address_set *source =
		synthetic_set(maker->policy, source_count ? ADDRESS_PREFIXES : ADDRESS_ANY, NULL,
			      sources, source_count);
	const struct address_set *any = synthetic_set(maker->policy, ADDRESS_ANY, NULL, NULL, 0);
	char name[24];
	struct synthetic_rule rule = {
		.name = name,
		.priority = (uint16_t)(1 + maker->count),
		.access = maker->count % 2 ? ACCESS_DENY : ACCESS_ALLOW,
		.protocol = IP_PROTOCOL_TCP,
		.source = { .sets = &source, .set_count = 1 },
		.destination = { .sets = &any, .set_count = 1, .ports = &ports, .port_count = 1 },
	};

	if (ports.first == all.first && ports.last == all.last)
		rule.destination.ports = NULL;
	(void)snprintf(name, sizeof(name), "rule-%u", maker->count++);
	synthetic_rule(maker->policy, stage, DIRECTION_INBOUND, &rule);
}

static struct ip_prefix random_prefix(struct maker *maker, unsigned least, unsigned most)
{
	unsigned length = random_between(&maker->random, least, most);
	ip_number low = ip_low_mask(32 - length);

	return (struct ip_prefix){
		.family = IP_FAMILY_V4,
		.length = (uint8_t)length,
		.number = (random_next(&maker->random) & UINT32_MAX) & ~low,
	};
}

static double seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void check_tier(const struct maker *maker, const struct program *program,
		       enum plan_tier tier, const char *name)
{
	const struct plan_options options = { .tier = tier, .drops = true };
	struct random random = { 7 };
	struct plan_check check;
	double start = seconds(), took;
	struct plan *plan;

	assert_int_equal(plan_new(maker->policy, program, &options, &plan, NULL), 0);
	took = seconds() - start;
	print_message("%s, %s: %zu rules, %zu entries, %zu left, %.0f ms\n", name,
		      plan_tier_name(tier), plan->rule_count, plan->entry_count, plan->spilled,
		      took * 1e3);
	assert_true(took < SECONDS_MAX);
	assert_true(tier != TIER_T2 || plan->rule_count <= 32768);
	assert_true(plan->rule_count <= 262144);
	check = (struct plan_check){ .policy = maker->policy, .plan = plan, .where = name };
	for (int i = 0; i < TUPLES; i++) {
		struct tuple tuple = border_tuple(maker->policy, &random);
		struct judgement judgement;

		tuple.direction = DIRECTION_INBOUND;
		reference_judge(maker->policy, &tuple, &judgement);
		plan_check_tuple(&check, &tuple, &judgement, &random);
	}
	plan_free(plan);
}

static void check(struct maker *maker, const char *name)
{
	struct program *program;

	assert_int_equal(program_new(maker->policy, &program, NULL), 0);
	for (int tier = TIER_T1; tier < PLAN_TIERS; tier++)
		check_tier(maker, program, (enum plan_tier)tier, name);
	program_free(program);
	policy_free(maker->policy);
}

/* Every rule overlaps every other, and no port range is a single mask. */
static void ranges_in_turn(void **state)
{
	struct maker maker;

	(void)state;
	maker_init(&maker);
	for (unsigned i = 0; i < 4000; i++)
		add(&maker, STAGE_NIC, NULL, 0,
		    (struct port_range){ (uint16_t)(1 + i * 3), (uint16_t)(40001 + i * 5) });
	check(&maker, "4,000 ranges in turn");
}

static void many_prefixes(void **state)
{
	struct maker maker;

	(void)state;
	maker_init(&maker);
	for (unsigned i = 0; i < 20000; i++) {
		struct ip_prefix prefix = random_prefix(&maker, 8, 32);

		add(&maker, STAGE_NIC, &prefix, 1, (struct port_range){ 443, 443 });
	}
	check(&maker, "20,000 prefixes");
}

/* A hundred rules of 200 prefixes each: too many for T2, bits of a tag for some in T3. */
static void long_lists(void **state)
{
	struct ip_prefix prefixes[200];
	struct maker maker;

	(void)state;
	maker_init(&maker);
	for (unsigned i = 0; i < 100; i++) {
		for (size_t p = 0; p < 200; p++)
			prefixes[p] = random_prefix(&maker, 12, 30);
		add(&maker, STAGE_NIC, prefixes, 200,
		    (struct port_range){ 1, (uint16_t)(1000 + i) });
	}
	check(&maker, "100 lists of 200 prefixes");
}

/* Each rule of the one level meets each of the other. */
static void two_levels(void **state)
{
	static const struct port_range all = { 0, UINT16_MAX };
	struct maker maker;

	(void)state;
	maker_init(&maker);
	for (unsigned i = 0; i < 1500; i++) {
		struct ip_prefix prefix = random_prefix(&maker, 16, 24);

		add(&maker, STAGE_SUBNET, NULL, 0,
		    (struct port_range){ (uint16_t)(1 + i), (uint16_t)(30000 + i) });
		add(&maker, STAGE_NIC, &prefix, 1, all);
	}
	check(&maker, "1,500 rules on each level");
}

/* Nested one in the other as deep as prefixes go, over and over. */
static void nested(void **state)
{
	struct maker maker;

	(void)state;
	maker_init(&maker);
	for (unsigned i = 0; i < 6000; i++) {
		struct ip_prefix prefix = {
			.family = IP_FAMILY_V4,
			.length = (uint8_t)(32 - i % 33),
			.number = UINT32_C(0x0a000001),
		};

		prefix.number &= ~ip_low_mask(32U - prefix.length);
		add(&maker, STAGE_NIC, &prefix, 1,
		    (struct port_range){ (uint16_t)(i * 5), (uint16_t)(i * 5 + 30) });
	}
	check(&maker, "6,000 nested");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_in_turn), cmocka_unit_test(many_prefixes),
		cmocka_unit_test(long_lists),     cmocka_unit_test(two_levels),
		cmocka_unit_test(nested),
	};

	return cmocka_run_group_tests_name("property_plan_limits", tests, NULL, NULL);
}
