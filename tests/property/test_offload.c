/*
 * Changes of policy on a device, call by call: no moment is wrong, whatever fails and whatever
 * comes in between. See offload_world.h for what is checked after every call.
 */
#include "offload_world.h"
#include "support/mutate_policy.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WORLDS  60
#define CHANGES 12

/* Policy number `version` of a line: the same beginning, each version one change further. */
struct line {
	uint64_t seed;
	unsigned version;
};

/* Address groups so large that the tier with groups gives them a bit of a tag. */
static void widen_sets(struct policy *policy, struct random *random)
{
	for (size_t i = 0; i < policy->set_count; i++) {
		struct address_set *set = policy->sets[i];
		size_t more = 16 + random_below(random, 8);

		if (set->kind != ADDRESS_PREFIXES || set->prefix_count == 0 ||
		    random_percent(random, 60))
			continue;
		set->prefixes = reallocarray(set->prefixes, set->prefix_count + more,
					     sizeof(*set->prefixes));
		for (size_t n = 0; n < more; n++) {
			struct ip_prefix prefix = set->prefixes[0];

			prefix.length = (uint8_t)ip_family_bits(prefix.family);
			prefix.number ^= (ip_number)(2 * n + 1) << 3;
			set->prefixes[set->prefix_count++] = prefix;
		}
	}
}

/* An address fewer in such a group. */
static void narrow_set(struct policy *policy, struct random *random)
{
	for (size_t i = 0; i < policy->set_count; i++) {
		struct address_set *set = policy->sets[i];
		size_t at;

		if (set->kind != ADDRESS_PREFIXES || set->prefix_count < 19)
			continue;
		at = random_below(random, (uint32_t)set->prefix_count);
		set->prefixes[at] = set->prefixes[--set->prefix_count];
		return;
	}
}

static struct policy *line_policy(const struct line *line)
{
	struct random random = { line->seed };
	const struct random_policy_options options = { .rules_max = 2 + line->seed % 4 };
	struct policy *policy = random_policy(&random, &options);

	if (line->seed % 3 == 0)
		widen_sets(policy, &random);
	for (unsigned v = 0; v < line->version; v++) {
		if (line->seed % 3 == 0 && random_percent(&random, 40))
			narrow_set(policy, &random);
		else
			mutate_policy(policy, &random);
	}
	return policy;
}

static struct policy *next_policy(struct line *line, struct random *random)
{
	if (random_percent(random, 10))
		line->seed = random_next(random);
	else
		line->version += 1 + random_below(random, 2);
	return line_policy(line);
}

/* Totals, so that a test that checked nothing fails. */
struct totals {
	uint64_t checked, vouched, dropped, kept, added, staged;
};

static void add_totals(struct totals *totals, const struct world *world)
{
	totals->checked += world->checked;
	totals->vouched += world->vouched;
	totals->dropped += world->dropped;
	totals->kept += world->kept;
	totals->added += world->added;
	totals->staged += world->staged;
}

static void show_totals(enum plan_tier tier, const struct totals *totals)
{
	print_message("%s: %llu checked, %llu vouched for, %llu dropped, %llu kept, %llu added, "
		      "%llu staged\n",
		      plan_tier_name(tier), (unsigned long long)totals->checked,
		      (unsigned long long)totals->vouched, (unsigned long long)totals->dropped,
		      (unsigned long long)totals->kept, (unsigned long long)totals->added,
		      (unsigned long long)totals->staged);
	assert_true(totals->vouched > 1000);
	assert_true(totals->dropped > 1000);
	assert_true(totals->kept > 300); /* under faults as many as time allows */
	assert_true(totals->added > 1000);
	assert_true(tier != TIER_T3 || totals->staged > 10);
}

/* --- without faults --- */

static void change_in_peace(struct world *world, struct line *line)
{
	for (int i = 0; i < CHANGES; i++) {
		world_change(world, next_policy(line, &world->random));
		world_run(world, 0);
		world_expect_complete(world);
		if (random_percent(&world->random, 30))
			world_drain(world);
	}
}

/* The next change comes while the last one is still going in. */
static void change_in_haste(struct world *world, struct line *line)
{
	for (int i = 0; i < CHANGES; i++) {
		world_change(world, next_policy(line, &world->random));
		for (uint32_t n = random_below(&world->random, 60); n > 0 && world_step(world); n--)
			;
		if (random_percent(&world->random, 30))
			world_drain(world);
	}
	world_run(world, 0);
	world_expect_complete(world);
}

static void change_or_abort(struct world *world, struct line *line)
{
	struct line before = *line;
	struct policy *policy = next_policy(line, &world->random);
	struct change change;

	if (random_percent(&world->random, 75)) {
		world_change(world, policy);
		return;
	}
	world_begin(world, policy, &change);
	if (random_percent(&world->random, 60))
		world_withdraw(world, &change);
	world_abort(world, &change);
	*line = before;
}

/* The port is detached and attached again, and its rules have not all gone when a change comes. */
static void change_while_detaching(struct world *world, struct line *line)
{
	for (int i = 0; i < CHANGES; i++) {
		if (random_percent(&world->random, 25))
			world_detach(world);
		if (random_percent(&world->random, 50))
			world_attach(world);
		change_or_abort(world, line);
		for (uint32_t n = random_below(&world->random, 40); n > 0 && world_step(world); n--)
			;
		if (random_percent(&world->random, 50))
			world_attach(world);
		if (random_percent(&world->random, 30))
			world_drain(world);
	}
	world_attach(world);
	world_run(world, 0);
	world_expect_complete(world);
}

/* --- with faults --- */

static void break_something(struct world *world)
{
	struct fake_flow *fake = &world->fake;

	switch (random_below(&world->random, 10)) {
	case 0:
		fake->fail_create_at = 1 + random_below(&world->random, 30);
		break;
	case 1:
		fake->fail_destroy_at = 1 + random_below(&world->random, 15);
		break;
	case 2:
		fake->rule_limit = random_below(&world->random, 40);
		break;
	case 3:
		fake->counter_limit = random_below(&world->random, 20);
		break;
	case 4:
		fake->refuse_kinds = 1U << random_below(&world->random, PLAN_KINDS);
		break;
	case 5:
		fake_flow_stop(fake);
		break;
	case 6:
		/* the newest first: entrances, and the lowest of rules */
		fake_flow_bind(fake,
			       random_below(&world->random, 8) * random_below(&world->random, 8));
		break;
	case 7:
		fake_flow_bind_entrances(fake);
		break;
	case 8:
		fake_flow_bind_drops(fake);
		world->drops_are_bound = true;
		break;
	default:
		break;
	}
}

static void mend(struct world *world)
{
	struct fake_flow *fake = &world->fake;

	fake->fail_create_at = fake->fail_destroy_at = 0;
	fake->rule_limit = 0;
	fake->counter_limit = SIZE_MAX;
	fake->refuse_kinds = 0;
	fake_flow_unbind(fake);
	world->drops_are_bound = false;
	world_attach(world);
	if (fake->is_started)
		return;
	installer_forget(&world->installer);
	fake_flow_start(fake);
	if (!world->is_retreating)
		installer_install(&world->installer);
}

static void change_under_faults(struct world *world, struct line *line)
{
	world->may_vanish = true;
	for (int i = 0; i < CHANGES; i++) {
		for (uint32_t n = 1 + random_below(&world->random, 3); n > 0; n--)
			break_something(world);
		world->without_plan = random_percent(&world->random, 10);
		if (random_percent(&world->random, 10))
			world_detach(world);
		change_or_abort(world, line);
		for (uint32_t n = random_below(&world->random, 80); n > 0 && world_step(world); n--)
			;
		world->now += random_below(&world->random, 3000);
		if (random_percent(&world->random, 40))
			mend(world);
		if (random_percent(&world->random, 30))
			world_drain(world);
	}
	mend(world);
	world->may_vanish = false;
	world_run(world, 200000);
	world_expect_complete(world);
}

static void run(enum plan_tier tier, void (*scenario)(struct world *world, struct line *line))
{
	struct totals totals = { 0 };

	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		struct line line = { .seed = seed * 7919 };
		struct world *world = calloc(1, sizeof(*world));

		world_init(world, seed, tier);
		world->installer.counts = seed % 3 > 0;
		scenario(world, &line);
		add_totals(&totals, world);
		world_fini(world);
		free(world);
	}
	show_totals(tier, &totals);
}

static void t2_changes_in_peace(void **state)
{
	(void)state;
	run(TIER_T2, change_in_peace);
}

static void t3_changes_in_peace(void **state)
{
	(void)state;
	run(TIER_T3, change_in_peace);
}

static void t2_changes_in_haste(void **state)
{
	(void)state;
	run(TIER_T2, change_in_haste);
}

static void t3_changes_in_haste(void **state)
{
	(void)state;
	run(TIER_T3, change_in_haste);
}

static void t2_changes_while_detaching(void **state)
{
	(void)state;
	run(TIER_T2, change_while_detaching);
}

static void t3_changes_while_detaching(void **state)
{
	(void)state;
	run(TIER_T3, change_while_detaching);
}

static void t2_changes_under_faults(void **state)
{
	(void)state;
	run(TIER_T2, change_under_faults);
}

static void t3_changes_under_faults(void **state)
{
	(void)state;
	run(TIER_T3, change_under_faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t2_changes_in_peace),
		cmocka_unit_test(t3_changes_in_peace),
		cmocka_unit_test(t2_changes_in_haste),
		cmocka_unit_test(t3_changes_in_haste),
		cmocka_unit_test(t2_changes_while_detaching),
		cmocka_unit_test(t3_changes_while_detaching),
		cmocka_unit_test(t2_changes_under_faults),
		cmocka_unit_test(t3_changes_under_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
