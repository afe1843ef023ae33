/*
 * Levels of T2: what more priorities of group 0 are used for.
 */
#include "compile/plan.h"
#include "policy/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RULE(name, priority, source, destination, port)                            \
	"{\"name\":\"" name "\",\"properties\":{\"priority\":" priority            \
	",\"direction\":\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Udp\","    \
	"\"sourceAddressPrefix\":\"" source                                        \
	"\",\"sourcePortRange\":\"*\",\"destinationAddressPrefix\":\"" destination \
	"\",\"destinationPortRange\":\"" port "\"}}"

#define HERE  0x0a010004
#define TEN   0x0a020304
#define OTHER 0xcb007109

/* Each crosses both others, and holds none. */
static const char crossing_in_turn[] =
	"{\"apiVersion\":\"accelnet/v1\",\"nicNsg\":{\"name\":\"n\",\"properties\":{"
	"\"securityRules\":[" RULE("by-source", "100", "10.0.0.0/8", "*", "*") "," RULE(
		"by-destination", "110", "*", "10.1.0.4", "*") "," RULE("by-port", "120", "*", "*",
									"53") "]}}}";

struct fixture {
	struct policy *policy;
	struct program *program;
};

static int set_up(void **state)
{
	const struct policy_read_options options = { 0 };
	static struct fixture f;
	struct report report;
	struct json *json;

	report_init(&report);
	assert_int_equal(json_parse(crossing_in_turn, strlen(crossing_in_turn), NULL, &json, NULL),
			 0);
	assert_int_equal(policy_build(json, &options, &report, &f.policy), 0);
	report_fini(&report);
	json_free(json);
	assert_int_equal(program_new(f.policy, &f.program, NULL), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	program_free(f->program);
	policy_free(f->policy);
	return 0;
}

static struct plan *plan_with(const struct fixture *f, uint32_t priorities)
{
	const struct plan_options options = { .tier = TIER_T2,
					      .drops = true,
					      .priorities = priorities };
	struct plan *plan;

	assert_int_equal(plan_new(f->policy, f->program, &options, &plan, NULL), 0);
	assert_int_equal(plan->priorities, priorities);
	return plan;
}

static struct plan_answer judge(const struct plan *plan, ip_number source, ip_number destination,
				uint16_t port)
{
	const struct plan_packet packet = {
		.family = IP_FAMILY_V4,
		.source = source,
		.destination = destination,
		.protocol = IP_PROTOCOL_UDP,
		.source_port = 1000,
		.destination_port = port,
	};
	struct plan_answer answer;

	plan_judge(plan, &packet, &answer);
	assert_false(answer.tie);
	return answer;
}

/* Of the three rules, in IPv4, where none of the others is met. */
static unsigned decided(const struct plan *plan)
{
	return (judge(plan, TEN, OTHER, 54).action == PLAN_MARK) +
	       (judge(plan, OTHER, HERE, 54).action == PLAN_MARK) +
	       (judge(plan, OTHER, TEN, 53).action == PLAN_MARK);
}

/* With two levels, the exception between the others would tie with the raised first. */
static void three_in_turn_want_a_level_more(void **state)
{
	static const struct {
		uint32_t priorities, from;
		unsigned decided;
	} cases[] = { { 2, 0, 2 }, { 3, 1, 2 }, { 4, 1, 3 }, { 8, 5, 3 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan *plan = plan_with(*state, cases[i].priorities);

		assert_int_equal(decided(plan), cases[i].decided);
		for (size_t n = 0; n < plan->rule_count; n++)
			assert_in_range(plan->rules[n].priority, cases[i].from,
					cases[i].priorities - 1);
		plan_free(plan);
	}
}

static void the_first_of_them_decides(void **state)
{
	struct plan *plan = plan_with(*state, 4);
	struct plan_answer answer = judge(plan, TEN, HERE, 53);

	/* where all three meet, the raised first; where the others do, software */
	assert_int_equal(answer.action, PLAN_MARK);
	assert_int_equal(plan->entries[plan->slots[answer.slot].entry].rule[STAGE_NIC], 0);
	assert_int_equal(judge(plan, OTHER, HERE, 53).action, PLAN_UNMARKED);
	answer = judge(plan, OTHER, HERE, 54);
	assert_int_equal(plan->entries[plan->slots[answer.slot].entry].rule[STAGE_NIC], 1);
	answer = judge(plan, OTHER, TEN, 53);
	assert_int_equal(plan->entries[plan->slots[answer.slot].entry].rule[STAGE_NIC], 2);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(three_in_turn_want_a_level_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_first_of_them_decides, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
