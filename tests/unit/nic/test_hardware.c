/*
 * A NIC whose uplink takes rules: the offload room on a device in memory, the datapath on rings.
 * What the device marks is forwarded, what is refused is software's and told, and nothing is left
 * behind.
 */
#include "hardware_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void apply_as(struct fixture *f, const char *ports, const char *offload, const char *mode,
		     bool dry_run, struct nic_apply_result *ret)
{
	char text[POLICY_TEXT_BYTES];

	policy_text(text, ports, offload, mode);
	apply_document(f, text, dry_run, ret);
}

static size_t events_named(const struct fixture *f, const char *name)
{
	struct json *list = event_log_since(f->events, 0);
	struct json_at root = json_root(list), event, member;
	size_t count = 0;

	json_foreach(event, &root) {
		if (json_get(&event, "event", &member))
			count += strcmp(json_string(&member), name) == 0;
	}
	json_free(list);
	return count;
}

static struct hardware_split split_now(const struct fixture *f)
{
	struct hardware_split split;

	hardware_now(f->nic, &split);
	return split;
}

/* The status is ahead of the events: those come when the control thread hears of the state. */
static void wait_events(struct fixture *f, const char *name, size_t count)
{
	uint64_t end = clock_ms() + WAIT_MS;

	while (events_named(f, name) < count && clock_ms() < end)
		turn(f);
	assert_int_equal(events_named(f, name), count);
}

static void the_plan_of_a_policy_goes_in(void **state)
{
	struct fixture *f = *state;
	const struct mark_slot *slot;
	struct plan_answer answer;
	struct nic_apply_result result;

	wait_state(f, OFFLOAD_STATE_COMPLETE); /* "allow all" is a policy, too */
	wait_events(f, "offload.complete", 1);
	result = apply(f, "80", "auto");
	assert_int_equal(result.in_hardware, 1);
	assert_int_equal(result.in_software, 0);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(split_now(f).hardware, 1);
	wait_events(f, "offload.complete", 2);
	assert_int_equal(events_named(f, "offload.degraded"), 0);

	answer = receive(f, TCP_ACK, 80);
	assert_int_equal(answer.action, PLAN_MARK);
	slot = mark_look_up(nic_snapshot(f->nic)->marks, answer.slot);
	assert_non_null(slot);
	assert_int_equal(slot->kind, MARK_SETTLED);
	assert_int_equal(slot->verdict.rule[STAGE_NIC], 0);
	assert_int_equal(receive(f, TCP_SYN, 22).action, PLAN_DROP);
	assert_int_equal(receive(f, TCP_ACK, 22).action, PLAN_UNMARKED);
}

/* The linker puts this between nic/settle.c and the classifier. */
int __real_ruleset_rebuild(const struct ruleset *ruleset, struct ruleset_build *ret,
			   struct accelnet_error *err);
int __wrap_ruleset_rebuild(const struct ruleset *ruleset, struct ruleset_build *ret,
			   struct accelnet_error *err);
static bool rebuilding_fails;
static unsigned rebuilds;

int __wrap_ruleset_rebuild(const struct ruleset *ruleset, struct ruleset_build *ret,
			   struct accelnet_error *err)
{
	rebuilds++;
	if (rebuilding_fails) {
		*err = (struct accelnet_error){ .code = ACCELNET_E_MEMORY };
		return -ENOMEM;
	}
	return __real_ruleset_rebuild(ruleset, ret, err);
}

/* Memory is short: each try costs milliseconds, and the patched classifier is right. */
static void a_classifier_that_stays_patched_is_left_alone_for_a_while(void **state)
{
	struct fixture *f = *state;
	uint64_t end;

	(void)apply(f, "80", "auto");
	(void)apply(f, "443", "auto");
	assert_true(ruleset_is_patched(nic_snapshot(f->nic)->ruleset));
	rebuilding_fails = true;
	rebuilds = 0;
	for (end = clock_ms() + 500; clock_ms() < end;)
		turn(f);
	assert_int_equal(rebuilds, 1);
	rebuilding_fails = false;
	for (end = clock_ms() + WAIT_MS;
	     ruleset_is_patched(nic_snapshot(f->nic)->ruleset) && clock_ms() < end;)
		turn(f);
	assert_false(ruleset_is_patched(nic_snapshot(f->nic)->ruleset));
	assert_int_equal(rebuilds, 2);
}

/* Before the thread has had a turn: the change is in force when the apply returns. */
static void a_change_of_a_rule_leaves_no_wrong_moment(void **state)
{
	struct fixture *f = *state;
	struct nic_apply_result result;
	struct plan_answer answer;

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(receive(f, TCP_SYN, 443).action, PLAN_DROP);
	result = apply(f, "443", "auto");
	assert_true(nic_snapshot(f->nic)->ruleset->is_edited);
	assert_int_equal(result.rules_added, 1);
	assert_int_equal(result.rules_removed, 1);
	assert_int_equal(result.in_hardware, 1);
	assert_int_not_equal(receive(f, TCP_SYN, 443).action, PLAN_DROP);
	answer = receive(f, TCP_ACK, 80);
	assert_true(answer.action != PLAN_MARK ||
		    !mark_look_up(nic_snapshot(f->nic)->marks, answer.slot));
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	answer = receive(f, TCP_ACK, 443);
	assert_int_equal(answer.action, PLAN_MARK);
	assert_int_equal(mark_look_up(nic_snapshot(f->nic)->marks, answer.slot)->kind,
			 MARK_SETTLED);
	assert_int_equal(receive(f, TCP_SYN, 80).action, PLAN_DROP);
	for (int i = 0; i < WAIT_MS && ruleset_is_patched(nic_snapshot(f->nic)->ruleset); i++)
		turn(f);
	assert_false(ruleset_is_patched(nic_snapshot(f->nic)->ruleset));
}

/* The linker puts this between nic/hardware.c and the compiler. */
int __real_plan_new(const struct policy *policy, const struct program *program,
		    const struct plan_options *options, struct plan **ret,
		    struct accelnet_error *err);
int __wrap_plan_new(const struct policy *policy, const struct program *program,
		    const struct plan_options *options, struct plan **ret,
		    struct accelnet_error *err);
static bool planning_fails;

int __wrap_plan_new(const struct policy *policy, const struct program *program,
		    const struct plan_options *options, struct plan **ret,
		    struct accelnet_error *err)
{
	if (planning_fails) {
		*err = (struct accelnet_error){ .code = ACCELNET_E_MEMORY };
		return -ENOMEM;
	}
	return __real_plan_new(policy, program, options, ret, err);
}

/* A rule a port, from 8001 on. */
static struct nic_apply_result apply_ports(struct fixture *f, unsigned count)
{
	char text[POLICY_TEXT_BYTES] =
		"{\"apiVersion\":\"accelnet/v1\",\"nicNsg\":{\"name\":\"web\","
		"\"properties\":{\"securityRules\":[";
	struct nic_apply_result result;
	size_t length = strlen(text);

	for (unsigned i = 1; i <= count; i++)
		length += (size_t)snprintf(
			text + length, sizeof(text) - length,
			"%s{\"name\":\"r%u\",\"properties\":{\"priority\":%u,"
			"\"direction\":\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Tcp\","
			"\"sourceAddressPrefix\":\"*\",\"sourcePortRange\":\"*\","
			"\"destinationAddressPrefix\":\"*\",\"destinationPortRange\":\"%u\"}}",
			i > 1 ? "," : "", i, 100 + i, 8000 + i);
	(void)snprintf(text + length, sizeof(text) - length,
		       "]}},\"context\":{\"addresses\":[\"10.1.0.4\"]}}");
	apply_document(f, text, false, &result);
	return result;
}

/* The plan is of the rule set before, whose rules had other numbers and were more. */
static void nothing_is_told_by_a_plan_of_other_rules(void **state)
{
	struct fixture *f = *state;

	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(apply_ports(f, 5).in_hardware, 5);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	planning_fails = true;
	assert_int_equal(apply_ports(f, 1).in_hardware, 0);
	assert_true(nic_snapshot(f->nic)->ruleset->is_edited);
	assert_int_equal(split_now(f).hardware, 0);
	assert_null(hardware_plan(f->nic));
	planning_fails = false;
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(split_now(f).hardware, 1);
	assert_int_equal(receive(f, TCP_ACK, 8001).action, PLAN_MARK);
	assert_int_equal(receive(f, TCP_SYN, 8002).action, PLAN_DROP);
}

static void a_dry_run_touches_nothing(void **state)
{
	struct fixture *f = *state;
	const struct snapshot *before;
	struct nic_apply_result result;
	uint64_t creates;

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	before = nic_snapshot(f->nic);
	creates = f->fake.creates;
	apply_as(f, "443", "auto", "enforce", true, &result);
	assert_int_equal(result.in_hardware, 1);
	apply_as(f, "443", "off", "enforce", true, &result);
	assert_int_equal(result.in_hardware, 0);
	assert_ptr_equal(nic_snapshot(f->nic), before);
	assert_int_equal(f->fake.creates, creates);
}

static void nothing_is_dropped_in_hardware_in_audit_mode(void **state)
{
	struct fixture *f = *state;
	struct nic_apply_result result;

	apply_as(f, "80", "auto", "audit", false, &result);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(receive(f, TCP_SYN, 22).action, PLAN_UNMARKED);
	assert_int_equal(receive(f, TCP_ACK, 80).action, PLAN_MARK);
}

/* Connections that audit mode let in may live that long after it, counted from the very end. */
static void settled_marks_wait_from_publishing_on(void **state)
{
	struct fixture *f = *state;
	uint64_t longest = conn_deadlines_longest(&conn_timeouts_default), before;
	struct nic_apply_result result;
	const struct ruleset *ruleset;
	struct snapshot *again;
	struct policy *policy;

	apply_as(f, "80", "auto", "audit", false, &result);
	assert_int_equal(nic_snapshot(f->nic)->ruleset->settles_from, 0);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	before = clock_ms();
	apply_as(f, "80", "auto", "enforce", false, &result);
	ruleset = nic_snapshot(f->nic)->ruleset;
	assert_in_range(ruleset->settles_from, before + longest, clock_ms() + longest + 2000);

	/* other marks for the same rules are no new beginning */
	before = ruleset->settles_from;
	usleep(2000);
	assert_int_equal(snapshot_new_marks(nic_snapshot(f->nic), NULL, &again), 0);
	nic_publish(f->nic, again);
	assert_ptr_equal(nic_snapshot(f->nic)->ruleset, ruleset);
	assert_int_equal(ruleset->settles_from, before);

	/* and what waits to be published has not begun */
	apply_as(f, "80", "auto", "audit", false, &result);
	policy = policy_new_empty();
	assert_int_equal(snapshot_new(f->nic, policy, 99, &again, NULL), 0);
	assert_int_equal(again->ruleset->settles_from, UINT64_MAX);
	snapshot_free(again);
}

static void a_policy_keeps_itself_out(void **state)
{
	struct fixture *f = *state;

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(apply(f, "80", "off").in_hardware, 0);
	wait_state(f, OFFLOAD_STATE_IDLE);
	for (int i = 0; i < 100 && fake_flow_count(&f->fake) > 0; i++)
		turn(f);
	assert_int_equal(fake_flow_count(&f->fake), 0);
	assert_false(nic_snapshot(f->nic)->settles);
	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_true(fake_flow_count(&f->fake) > 0);
}

static void a_change_of_context_changes_the_plan(void **state)
{
	struct fixture *f = *state;
	struct accelnet_error err;

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(nic_set_context(f->nic, NULL, &err), 0);
	assert_non_null(nic_snapshot(f->nic)->marks);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(split_now(f).hardware, 1);
}

static void what_is_refused_is_told_and_comes_in_after_all(void **state)
{
	struct fixture *f = *state;
	struct hardware_rules *rules;

	wait_state(f, OFFLOAD_STATE_COMPLETE);
	f->fake.refuse_kinds = 1u << PLAN_TCP_SETTLED;
	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_DEGRADED);
	wait_events(f, "offload.degraded", 1);
	assert_int_equal(split_now(f).refused, 1);
	assert_int_equal(hardware_rules_new(f->nic, &rules), 0);
	assert_int_equal(hardware_rule_where(&rules->of[STAGE_NIC][0]), HARDWARE_REFUSED);
	assert_non_null(rules->of[STAGE_NIC][0].refusal);
	hardware_rules_free(rules);
	assert_int_equal(receive(f, TCP_ACK, 80).action, PLAN_UNMARKED);

	f->fake.refuse_kinds = 0;
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	wait_events(f, "offload.recovered", 1);
	assert_int_equal(split_now(f).refused, 0);
	assert_int_equal(split_now(f).hardware, 1);
}

/* The store's directory is gone: the policy is refused, and hardware is as it was. */
static void a_policy_that_is_not_stored_leaves_hardware_alone(void **state)
{
	struct fixture *f = *state;
	struct nic_apply_result result;
	struct accelnet_error err;
	char command[160], text[POLICY_TEXT_BYTES];

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'/eth1", f->state);
	assert_int_equal(system(command), 0);
	policy_text(text, "443", "auto", "enforce");
	assert_true(try_document(f, text, false, &result, &err) < 0);
	assert_int_equal(nic_generation(f->nic), 1);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(receive(f, TCP_ACK, 80).action, PLAN_MARK);
	assert_int_equal(receive(f, TCP_ACK, 443).action, PLAN_UNMARKED);
}

static void a_nic_can_be_kept_out(void **state)
{
	struct fixture *f = *state;
	struct nic_services services = f->nic->services;
	struct offload_status status;

	nic_free(f->nic);
	f->config.offload_off = true;
	assert_int_equal(nic_new(&f->config, &services, &f->nic, NULL), 0);
	assert_int_equal(apply(f, "80", "auto").in_hardware, 0);
	for (int i = 0; i < 20; i++)
		turn(f);
	assert_false(hardware_status(f->nic, &status));
	assert_int_equal(fake_flow_count(&f->fake), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_plan_of_a_policy_goes_in),
		CASE(a_change_of_a_rule_leaves_no_wrong_moment),
		CASE(a_classifier_that_stays_patched_is_left_alone_for_a_while),
		CASE(nothing_is_told_by_a_plan_of_other_rules),
		CASE(a_dry_run_touches_nothing),
		CASE(nothing_is_dropped_in_hardware_in_audit_mode),
		CASE(settled_marks_wait_from_publishing_on),
		CASE(a_policy_keeps_itself_out),
		CASE(a_change_of_context_changes_the_plan),
		CASE(what_is_refused_is_told_and_comes_in_after_all),
		CASE(a_policy_that_is_not_stored_leaves_hardware_alone),
		CASE(a_nic_can_be_kept_out),
	};

	if (start_eal() < 0)
		return 77;
	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
