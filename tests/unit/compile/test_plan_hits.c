/*
 * A plan that knows what rules are hit: where not everything fits, those go to hardware.
 */
#include "compile/plan.h"
#include "policy/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULES 400

struct fixture {
	struct policy *policy;
	struct program *program;
	uint64_t hits[RULES + 16];
};

/* Each with a range of ports that takes many masks, from a network of its own. */
static char *document(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	fprintf(file, "{\"apiVersion\":\"accelnet/v1\",\"nicNsg\":{\"name\":\"n\",\"properties\":{"
		      "\"securityRules\":[");
	for (int i = 0; i < RULES; i++)
		fprintf(file,
			"%s{\"name\":\"r%d\",\"properties\":{\"priority\":%d,\"direction\":"
			"\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Tcp\","
			"\"sourceAddressPrefix\":\"10.%d.%d.0/24\",\"sourcePortRange\":\"*\","
			"\"destinationAddressPrefix\":\"*\",\"destinationPortRange\":\"%d-%d\"}}",
			i ? "," : "", i, 100 + i, i / 200, i % 200, 1001 + i, 61001 - i);
	fprintf(file, "]}}}");
	assert_int_equal(fclose(file), 0);
	return text;
}

static int set_up(void **state)
{
	const struct policy_read_options options = { 0 };
	struct fixture *f = calloc(1, sizeof(*f));
	struct report report;
	struct json *json;
	char *text = document();

	report_init(&report);
	assert_int_equal(json_parse(text, strlen(text), NULL, &json, NULL), 0);
	assert_int_equal(policy_build(json, &options, &report, &f->policy), 0);
	report_fini(&report);
	json_free(json);
	free(text);
	assert_int_equal(program_new(f->policy, &f->program, NULL), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	program_free(f->program);
	policy_free(f->policy);
	free(f);
	return 0;
}

static struct plan *plan_of(struct fixture *f, enum plan_tier tier, bool by_hits)
{
	struct plan_options options = { .tier = tier, .drops = true };
	struct plan *plan;

	if (by_hits)
		options.hits[STAGE_NIC] = f->hits;
	assert_int_equal(plan_new(f->policy, f->program, &options, &plan, NULL), 0);
	return plan;
}

static unsigned share_of(const struct plan *plan, const struct fixture *f)
{
	const uint64_t *const hits[STAGES] = { [STAGE_NIC] = f->hits };
	unsigned share = 0;

	assert_true(plan_share(plan, hits, &share));
	return share;
}

/* Of a rule's settled segments: the port masks that the plan has. */
static size_t settled_rules_of(const struct plan *plan, uint16_t rule)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *device = &plan->rules[i];

		count += device->action == PLAN_MARK && plan->slots[device->slot].settled &&
			 plan->entries[device->entry].rule[STAGE_NIC] == rule;
	}
	return count;
}

static void what_is_hit_comes_first(void **state)
{
	struct fixture *f = *state;
	struct plan *without, *with;

	for (int i = 300; i < 330; i++)
		f->hits[i] = 1000 + (uint64_t)i;
	without = plan_of(f, TIER_T2, false);
	with = plan_of(f, TIER_T2, true);
	assert_true(without->spilled > 0);
	assert_true(share_of(without, f) < 700);
	assert_int_equal(share_of(with, f), PLAN_SHARE_ALL);
	for (uint16_t i = 300; i < 330; i++)
		assert_true(settled_rules_of(with, i) > 4);
	assert_true(with->rule_count <= 1024); /* more than 1.6 for each */
	plan_free(without);
	plan_free(with);
}

/* Too many are hit: those that are hit most. */
static void the_hottest_of_the_hot(void **state)
{
	struct fixture *f = *state;
	struct plan *plan;
	size_t hot = 0, warm = 0;

	for (int i = 0; i < RULES; i++)
		f->hits[i] = i % 10 == 3 ? UINT64_C(5000000000000) : 1000;
	plan = plan_of(f, TIER_T2, true);
	for (uint16_t i = 0; i < RULES; i++)
		*(i % 10 == 3 ? &hot : &warm) += settled_rules_of(plan, i);
	assert_true(hot > 20 * warm / 9); /* in 40 rules more than in 360 */
	assert_true(share_of(plan, f) > 900);
	plan_free(plan);
}

static void nothing_hit_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const uint64_t *const hits[STAGES] = { [STAGE_NIC] = f->hits };
	struct plan *without, *with;
	unsigned share;

	memset(f->hits, 0, sizeof(f->hits));
	without = plan_of(f, TIER_T2, false);
	with = plan_of(f, TIER_T2, true);
	assert_int_equal(without->rule_count, with->rule_count);
	for (size_t i = 0; i < with->rule_count; i++) {
		assert_true(plan_rules_have_one_match(&with->rules[i], &without->rules[i]));
		assert_int_equal(with->rules[i].action, without->rules[i].action);
		assert_int_equal(with->rules[i].slot, without->rules[i].slot);
	}
	assert_false(plan_share(with, hits, &share));
	plan_free(without);
	plan_free(with);
}

/* There everything fits. */
static void the_share_of_other_tiers(void **state)
{
	static const struct {
		enum plan_tier tier;
		unsigned share;
	} cases[] = { { TIER_T3, PLAN_SHARE_ALL }, { TIER_T1, 0 }, { TIER_T0, 0 } };
	struct fixture *f = *state;

	f->hits[7] = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan *plan = plan_of(f, cases[i].tier, true);

		assert_int_equal(share_of(plan, f), cases[i].share);
		plan_free(plan);
	}
}

/* Two levels: a packet of an entry meets both rules, so the rarer one bounds it. */
static void hits_of_an_entry(void **state)
{
	const uint64_t subnet[] = { 10, 20 }, nic[] = { 5, 30 };
	const uint64_t *const hits[STAGES] = { [STAGE_SUBNET] = subnet, [STAGE_NIC] = nic };
	struct plan_entry entry = { .access = ACCESS_ALLOW };

	(void)state;
	for (int s = 0; s < STAGES; s++)
		entry.rule[s] = UINT16_MAX;
	assert_int_equal(plan_entry_hits(&entry, hits), 0);
	entry.rule[STAGE_SUBNET] = 1;
	assert_int_equal(plan_entry_hits(&entry, hits), 20);
	entry.rule[STAGE_NIC] = 0;
	assert_int_equal(plan_entry_hits(&entry, hits), 5);
	entry.access = ACCESS_DENY;
	entry.stage = STAGE_SUBNET; /* the other level is not asked any more */
	assert_int_equal(plan_entry_hits(&entry, hits), 20);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_hit_comes_first),      CASE(the_hottest_of_the_hot),
		CASE(nothing_hit_changes_nothing),  CASE(the_share_of_other_tiers),
		cmocka_unit_test(hits_of_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
