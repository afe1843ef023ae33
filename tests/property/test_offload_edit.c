/*
 * Policies that change rule by rule, each in force before there is a plan of it: no moment is wrong
 * on a device, call by call. The order is that of offload.h, "before there is a plan"; see
 * offload_world.h for what is checked after every step.
 */
#include "nic/hardware_edit.h"
#include "offload/change_edit.h"
#include "offload_world.h"
#include "support/change_rule.h"
#include "support/random_policy.h"
#include "testpmd/synthetic.h"
#include "testpmd/synthetic_change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define WORLDS  70
#define CHANGES 14

struct totals {
	uint64_t checked, vouched, dropped;
	uint64_t edits, withdrawn; /* changes, and those that had to take drops out */
	uint64_t survived, voided; /* marks, by the interim table */
};

/* The two rule sets of a change, as far as edits look at them. */
struct rule_sets {
	struct ruleset old, new;
	struct hardware_edit *edit;
};

static void rule_sets_init(struct rule_sets *sets, struct policy *old, struct policy *new)
{
	*sets = (struct rule_sets){ .old = { .policy = old }, .new = { .policy = new } };
	assert_int_equal(policy_edit_find(old, new, &sets->new.edit), POLICY_EDIT_FEW);
	assert_int_equal(program_new(old, &sets->old.program, NULL), 0);
	assert_int_equal(program_new(new, &sets->new.program, NULL), 0);
	assert_int_equal(hardware_edit_new(&sets->old, &sets->new, &sets->edit), 0);
	assert_non_null(sets->edit);
}

static void rule_sets_fini(struct rule_sets *sets)
{
	hardware_edit_free(sets->edit);
	program_free(sets->old.program);
	program_free(sets->new.program);
}

static bool *find_touched(const struct layout *layout, struct hardware_edit *edit)
{
	bool *touched = calloc(layout_count(layout) + 1, sizeof(*touched));

	for (size_t i = 0; i < layout_count(layout); i++) {
		const struct plan_rule *rule = &layout->plan->rules[i];

		touched[i] = (rule->action == PLAN_MARK || rule->action == PLAN_DROP) &&
			     hardware_edit_touches(edit, layout->plan, rule);
	}
	return touched;
}

static void count_marks(struct totals *totals, const struct layout *layout,
			const struct mark_table *table)
{
	for (size_t i = 0; i < layout_count(layout); i++) {
		uint32_t slot = layout->states[i].slot;

		if (slot == SLOT_NONE)
			continue;
		totals->survived += table->slots[slot].kind != MARK_VOID;
		totals->voided += table->slots[slot].kind == MARK_VOID;
	}
}

static void withdraw(struct world *world, struct change *change)
{
	installer_withdraw(&world->installer, change);
	while (world_step(world))
		;
}

/* The plan of the policy that is in force by now. */
static void complete(struct world *world, const bool *touched, const struct hardware_edit *edit,
		     struct policy *policy, struct change *ret)
{
	world_free_slots(world);
	world_remember(world);
	assert_int_equal(installer_prepare(&world->installer, world_plan(world, policy), ret), 0);
	world_aim(world, NULL, ret->next.plan);
	world_check(world);
	if (ret->before) {
		change_void_touched(&world->installer.layout, touched, ret->before);
		hardware_edit_translate(edit, ret->before);
	}
	world_publish_table(world, &ret->before);
	if (ret->withdraw_count > 0)
		withdraw(world, ret);
	world_publish_table(world, &ret->after);
	installer_adopt(&world->installer, ret);
	installer_install(&world->installer);
}

/* Takes the policy over. */
static void edit_policy(struct world *world, struct policy *policy, struct totals *totals)
{
	struct change first, second;
	struct rule_sets sets;
	bool *touched;

	rule_sets_init(&sets, world->policy, policy);
	touched = find_touched(&world->installer.layout, sets.edit);
	world_remember(world);
	assert_int_equal(change_init_edit(&first, &world->installer.layout, touched), 0);
	totals->edits++;
	totals->withdrawn += first.withdraw_count > 0;
	world_aim(world, policy, world->installer.layout.plan);
	for (size_t i = 0; i < first.withdraw_count; i++)
		world_aim_at_rule(world, world->installer.layout.plan,
				  &world->installer.layout.plan->rules[first.withdraw[i]]);
	world_publish_table(world, &first.before);
	if (first.withdraw_count > 0)
		withdraw(world, &first);
	count_marks(totals, &world->installer.layout, first.after);
	hardware_edit_translate(sets.edit, first.after);

	policy_free(world->policy);
	world->policy = policy;
	world_publish_table(world, &first.after);
	complete(world, touched, sets.edit, policy, &second);
	change_undo(&first, &world->installer.slots);
	change_fini(&first);
	free(touched);
	rule_sets_fini(&sets);
}

static void break_something(struct world *world)
{
	struct fake_flow *fake = &world->fake;

	switch (random_below(&world->random, 6)) {
	case 0:
		fake->fail_create_at = 1 + random_below(&world->random, 30);
		break;
	case 1:
		fake->fail_destroy_at = 1 + random_below(&world->random, 5);
		break;
	case 2:
		fake->rule_limit = random_percent(&world->random, 50)
					   ? 0
					   : 1 + random_below(&world->random, 40);
		break;
	default:
		break;
	}
}

static void run_world(uint64_t seed, enum plan_tier tier, bool faults, struct totals *totals)
{
	struct random random = { seed };
	const struct random_policy_options options = { .rules_max = 2 + seed % 7 };
	struct world world;

	world_init(&world, seed, tier);
	world_change(&world, random_policy(&random, &options));
	world_run(&world, 0);
	for (int i = 0; i < CHANGES; i++) {
		struct policy *policy = synthetic_copy(world.policy);

		change_rule(policy, &random);
		if (faults)
			break_something(&world);
		edit_policy(&world, policy, totals);
		/* now and then the next one comes while this one still goes in */
		for (uint32_t n = random_below(&world.random, 200); n > 0 && world_step(&world);
		     n--)
			;
		if (random_percent(&world.random, 30))
			world_drain(&world);
	}
	world.fake.fail_create_at = world.fake.fail_destroy_at = world.fake.rule_limit = 0;
	world_run(&world, 200000);
	world_expect_complete(&world);
	totals->checked += world.checked;
	totals->vouched += world.vouched;
	totals->dropped += world.dropped;
	world_fini(&world);
}

static void run_tier(enum plan_tier tier, bool faults)
{
	struct totals totals = { 0 };

	for (uint64_t seed = 1; seed <= WORLDS; seed++)
		run_world(seed, tier, faults, &totals);
	print_message(
		"%s: %llu checked, %llu vouched for, %llu dropped; %llu edits, %llu withdrew; "
		"%llu marks stayed, %llu were void meanwhile\n",
		plan_tier_name(tier), (unsigned long long)totals.checked,
		(unsigned long long)totals.vouched, (unsigned long long)totals.dropped,
		(unsigned long long)totals.edits, (unsigned long long)totals.withdrawn,
		(unsigned long long)totals.survived, (unsigned long long)totals.voided);
	assert_true(totals.vouched > 1000);
	assert_true(totals.dropped > 1000);
	assert_true(totals.withdrawn > totals.edits / 20);
	assert_true(totals.withdrawn < totals.edits * 3 / 4);
	assert_true(totals.survived > totals.voided);
}

static struct ip_prefix prefix4(uint32_t number, uint8_t length)
{
	return (struct ip_prefix){ .family = IP_FAMILY_V4, .length = length, .number = number };
}

static void add_rule(struct policy *policy, const char *name, enum access access,
		     struct ip_prefix destination)
{
	const struct ip_prefix source = prefix4(0xcb007100, 24);
	const struct address_set *from = synthetic_set(policy, ADDRESS_PREFIXES, NULL, &source, 1);
	const struct address_set *to =
		synthetic_set(policy, ADDRESS_PREFIXES, NULL, &destination, 1);
	const struct synthetic_rule rule = {
		.name = name,
		.priority =
			(uint16_t)(100 + policy->stage[STAGE_NIC].list[DIRECTION_INBOUND].count),
		.access = access,
		.protocol = IP_PROTOCOL_TCP,
		.source = { .sets = &from, .set_count = 1 },
		.destination = { .sets = &to, .set_count = 1 },
	};

	synthetic_rule(policy, STAGE_NIC, DIRECTION_INBOUND, &rule);
}

/*
 * A rule that nothing in hardware stands for, since one above it hides it: when that goes, the
 * drops of a rule below would get its packets.
 */
static void uncover(uint64_t seed, enum plan_tier tier, struct totals *totals)
{
	const struct ip_prefix network = prefix4(0xc0a80000, 16);
	struct policy *policy = policy_new_empty();
	struct world world;

	policy->source_guard = false;
	add_rule(policy, "hides", ACCESS_DENY, prefix4(0x0a010000, 24));
	add_rule(policy, "hidden", ACCESS_ALLOW, prefix4(0x0a010004, 32));
	add_rule(policy, "below", ACCESS_DENY, prefix4(0x0a010000, 16));
	synthetic_defaults(policy, STAGE_NIC,
			   synthetic_set(policy, ADDRESS_PREFIXES, "VirtualNetwork", &network, 1));
	world_init(&world, seed, tier);
	world_change(&world, policy);
	world_run(&world, 0);
	policy = synthetic_copy(policy);
	synthetic_remove(policy, STAGE_NIC, DIRECTION_INBOUND, 0);
	edit_policy(&world, policy, totals);
	world_run(&world, 0);
	world_expect_complete(&world);
	world_fini(&world);
}

static void a_hidden_rule_comes_to_light(void **state)
{
	struct totals totals = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uncover(seed, TIER_T2, &totals);
		uncover(seed, TIER_T3, &totals);
	}
	assert_true(totals.withdrawn >= 20);
}

static void edits_on_t2(void **state)
{
	(void)state;
	run_tier(TIER_T2, false);
}

static void edits_on_t3(void **state)
{
	(void)state;
	run_tier(TIER_T3, false);
}

static void edits_with_faults(void **state)
{
	(void)state;
	run_tier(TIER_T2, true);
	run_tier(TIER_T3, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hidden_rule_comes_to_light),
		cmocka_unit_test(edits_on_t2),
		cmocka_unit_test(edits_on_t3),
		cmocka_unit_test(edits_with_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
