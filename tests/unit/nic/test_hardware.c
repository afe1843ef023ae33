/*
 * A NIC whose uplink takes rules: the offload room on a device in memory, the datapath on rings.
 * What the device marks is forwarded, what is refused is software's and told, and nothing is left
 * behind.
 */
#include "datapath/forward.h"
#include "datapath/stats.h"
#include "nic/clock.h"
#include "nic/events.h"
#include "nic/hardware.h"
#include "nic/nic_private.h"
#include "support/fake_flow.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RING_SIZE 256
#define WAIT_MS   10000

static const char document_text[] =
	"{\"apiVersion\":\"accelnet/v1\",\"nicNsg\":{\"name\":\"web\",\"properties\":{"
	"\"securityRules\":[{\"name\":\"http\",\"properties\":{\"priority\":100,"
	"\"direction\":\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Tcp\","
	"\"sourceAddressPrefix\":\"*\",\"sourcePortRange\":\"*\","
	"\"destinationAddressPrefix\":\"10.1.0.4\",\"destinationPortRange\":\"%s\"}}]}},"
	"\"context\":{\"addresses\":[\"10.1.0.4\"],\"virtualNetwork\":[\"10.1.0.0/16\"]},"
	"\"options\":{\"offload\":\"%s\",\"mode\":\"%s\"}}";

struct fixture {
	char state[64];
	struct rte_ring *rings[4];
	struct rte_rcu_qsbr *qsbr;
	struct event_log *events;
	struct nic_config config;
	struct fake_flow fake;
	struct offload *offload;
	struct nic *nic;
};

static void make_device(struct fixture *f, int at, const char *name)
{
	for (int i = 0; i < 2; i++) {
		char ring[32];

		(void)snprintf(ring, sizeof(ring), "%s_%d", name, i);
		f->rings[at + i] = rte_ring_create(ring, RING_SIZE, SOCKET_ID_ANY, 0);
	}
	assert_true(rte_eth_from_rings(name, &f->rings[at], 1, &f->rings[at + 1], 1, 0) >= 0);
}

static int set_up_eal(void **state)
{
	static struct fixture f;

	strcpy(f.state, "/tmp/accelnet-hardware-XXXXXX");
	assert_non_null(mkdtemp(f.state));
	f.qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), 64);
	rte_rcu_qsbr_init(f.qsbr, 1);
	make_device(&f, 0, "up");
	make_device(&f, 2, "app");
	f.config = (struct nic_config){
		.name = "eth1",
		.has_mac = true,
		.mac = { { 0x00, 0x0d, 0x3a, 0, 0, 1 } },
		.uplink_device = (char *)"net_ring_up",
		.app_device = (char *)"net_ring_app",
		.queues = 1,
		.connections_max = 4096,
		.timeouts = conn_timeouts_default,
	};
	*state = &f;
	return 0;
}

static int tear_down_eal(void **state)
{
	struct fixture *f = *state;
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->state);
	return system(command);
}

static void ignore(void *context)
{
	(void)context;
}

static int set_up(void **state)
{
	struct fixture *f = *state;
	struct nic_services services = {
		.state_directory = f->state,
		.qsbr = f->qsbr,
		.wake = ignore,
	};

	fake_flow_init(&f->fake, TIER_T2);
	assert_int_equal(offload_new(&f->fake.backend, &f->offload, NULL), 0);
	f->events = event_log_new();
	services.events = f->events;
	services.offload = f->offload;
	assert_int_equal(nic_new(&f->config, &services, &f->nic, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	nic_free(f->nic); /* the rules end with the uplink's port */
	fake_flow_stop(&f->fake);
	assert_int_equal(f->fake.misuses, 0);
	assert_int_equal(f->fake.conflicts, 0);
	offload_free(f->offload);
	fake_flow_fini(&f->fake);
	event_log_free(f->events);
	f->config.offload_off = false;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'/*", f->state);
	return system(command);
}

/* As the daemon's loop and its workers would go on. */
static void turn(struct fixture *f)
{
	struct lane *lane = &nic_get_view(f->nic)->lanes[0];
	static struct forward_scratch scratch;

	forward_poll(lane, DIRECTION_INBOUND, nic_snapshot(f->nic), clock_ms(), &scratch);
	nic_look(f->nic);
	nic_attend(f->nic);
	usleep(1000);
}

static void wait_state(struct fixture *f, enum offload_state state)
{
	uint64_t end = clock_ms() + WAIT_MS;
	struct offload_status status = { 0 };

	do {
		turn(f);
		assert_true(hardware_status(f->nic, &status));
		if (status.state == state &&
		    (state != OFFLOAD_STATE_COMPLETE || status.plan_fits)) {
			nic_attend(f->nic); /* it may have come about since the last time */
			return;
		}
	} while (clock_ms() < end);
	fail_msg("%s instead of %s", offload_state_name(status.state), offload_state_name(state));
}

static void apply_text(struct fixture *f, const char *ports, const char *offload, const char *mode,
		       bool dry_run, struct nic_apply_result *ret)
{
	const struct nic_apply_options options = { .origin = "test", .dry_run = dry_run };
	struct accelnet_error err;
	struct json *document;
	char text[2048];

	(void)snprintf(text, sizeof(text), document_text, ports, offload, mode);
	assert_int_equal(json_parse(text, strlen(text), NULL, &document, NULL), 0);
	if (nic_policy_apply(f->nic, document, &options, ret, &err) < 0)
		fail_msg("%s: %s", err.pointer, err.detail);
	nic_apply_result_fini(ret);
	json_free(document);
}

static struct nic_apply_result apply(struct fixture *f, const char *ports, const char *offload)
{
	struct nic_apply_result result;

	apply_text(f, ports, offload, "enforce", false, &result);
	return result;
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

/* What the device does with a TCP packet to port 80 of the VM. */
static struct plan_answer receive(struct fixture *f, uint8_t flags, uint16_t port)
{
	const struct plan_packet packet = {
		.family = IP_FAMILY_V4,
		.source = 0xcb007109, /* 203.0.113.9 */
		.destination = 0x0a010004,
		.protocol = IP_PROTOCOL_TCP,
		.source_port = 40000,
		.destination_port = port,
		.tcp_flags = flags,
	};
	struct plan_answer answer;

	fake_flow_receive(&f->fake, &packet, &answer);
	return answer;
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

/* Before the thread has had a turn: the change is in force when the apply returns. */
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
	apply_text(f, "443", "auto", "enforce", true, &result);
	assert_int_equal(result.in_hardware, 1);
	apply_text(f, "443", "off", "enforce", true, &result);
	assert_int_equal(result.in_hardware, 0);
	assert_ptr_equal(nic_snapshot(f->nic), before);
	assert_int_equal(f->fake.creates, creates);
}

static void nothing_is_dropped_in_hardware_in_audit_mode(void **state)
{
	struct fixture *f = *state;
	struct nic_apply_result result;

	apply_text(f, "80", "auto", "audit", false, &result);
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

	apply_text(f, "80", "auto", "audit", false, &result);
	assert_int_equal(nic_snapshot(f->nic)->ruleset->settles_from, 0);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	before = clock_ms();
	apply_text(f, "80", "auto", "enforce", false, &result);
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
	apply_text(f, "80", "auto", "audit", false, &result);
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

static uint64_t drops_of(const struct fixture *f)
{
	uint64_t drops = UINT64_MAX;

	assert_true(hardware_drops(f->nic, &drops));
	return drops;
}

static uint64_t hits_of_denies(struct fixture *f)
{
	const struct program_chain *chain =
		&nic_snapshot(f->nic)->ruleset->program->chain[DIRECTION_INBOUND][STAGE_NIC];
	struct hardware_rules *rules;
	uint64_t dropped;

	assert_int_equal(hardware_rules_new(f->nic, &rules), 0);
	dropped = rules ? rules->of[STAGE_NIC][chain->count - 1].dropped : 0;
	hardware_rules_free(rules);
	return dropped; /* DenyAllInBound's */
}

static void wait_denied(struct fixture *f, uint64_t count)
{
	uint64_t end = clock_ms() + WAIT_MS;

	while (hits_of_denies(f) < count && clock_ms() < end)
		turn(f);
	assert_int_equal(hits_of_denies(f), count);
}

static void drops_in_hardware_are_hits(void **state)
{
	struct fixture *f = *state;

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	for (int i = 0; i < 5; i++)
		(void)receive(f, TCP_SYN, 22);
	wait_denied(f, 5);
	assert_int_equal(drops_of(f), 5);

	/* a rule's hits are of its policy, the sum is of the NIC */
	(void)apply(f, "443", "auto");
	assert_int_equal(drops_of(f), 5);
	(void)apply(f, "443", "off");
	wait_state(f, OFFLOAD_STATE_IDLE);
	assert_int_equal(drops_of(f), 5);
	hardware_clear_drops(f->nic);
	assert_int_equal(drops_of(f), 0);
}

static void hit_denies(struct fixture *f, uint64_t sum)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(receive(f, TCP_SYN, 22).action, PLAN_DROP);
	wait_denied(f, sum);
}

/* Whether its rules stay in the device or none of them does: hits are the policy's. */
static void hits_outlive_a_plan(void **state)
{
	struct fixture *f = *state;
	struct accelnet_error err;
	struct plan *plan;

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	hit_denies(f, 5);
	assert_int_equal(hardware_make_plan(f->nic, nic_snapshot(f->nic)->ruleset,
					    &f->nic->hardware.hits, &plan, &err),
			 0);
	assert_int_equal(hardware_exchange_plan(f->nic, plan, &err), 0);
	assert_int_equal(hits_of_denies(f), 5);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	hit_denies(f, 10);

	fake_flow_remove(&f->fake); /* and another device comes */
	f->fake.tier = TIER_T3;
	fake_flow_start(&f->fake);
	offload_attach(f->nic->hardware.offload, uplink_port(f->nic->uplink)->id);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(offload_plan(f->nic->hardware.offload)->tier, TIER_T3);
	assert_int_equal(hits_of_denies(f), 10);
	hit_denies(f, 15);

	(void)apply(f, "443", "auto");
	assert_int_equal(hits_of_denies(f), 0);
}

/* --- a policy that does not fit --- */

#define MANY 400

/* Each with ports that take many masks; one more of no consequence where `more`. */
static void apply_many(struct fixture *f, bool more)
{
	const struct nic_apply_options options = { .origin = "test" };
	struct nic_apply_result result;
	struct accelnet_error err;
	struct json *document;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	fprintf(file, "{\"apiVersion\":\"accelnet/v1\",\"nicNsg\":{\"name\":\"n\",\"properties\":{"
		      "\"securityRules\":[");
	for (int i = 0; i < MANY + more; i++)
		fprintf(file,
			"%s{\"name\":\"r%d\",\"properties\":{\"priority\":%d,\"direction\":"
			"\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Tcp\","
			"\"sourceAddressPrefix\":\"10.%d.%d.0/24\",\"sourcePortRange\":\"*\","
			"\"destinationAddressPrefix\":\"*\",\"destinationPortRange\":\"%d-%d\"}}",
			i ? "," : "", i, i < MANY ? 110 + i : 100, i / 200, i % 200, 1001 + i,
			61001 - i);
	fprintf(file, "]}}}");
	assert_int_equal(fclose(file), 0);
	assert_int_equal(json_parse(text, strlen(text), NULL, &document, NULL), 0);
	if (nic_policy_apply(f->nic, document, &options, &result, &err) < 0)
		fail_msg("%s: %s", err.pointer, err.detail);
	nic_apply_result_fini(&result);
	json_free(document);
	free(text);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
}

/* Device rules in the device for rules of this name's number. */
static size_t installed_for(struct fixture *f, int from, int to)
{
	const struct program_chain *chain =
		&nic_snapshot(f->nic)->ruleset->program->chain[DIRECTION_INBOUND][STAGE_NIC];
	struct hardware_rules *rules;
	size_t count = 0;

	assert_int_equal(hardware_rules_new(f->nic, &rules), 0);
	for (size_t i = 0; i < chain->count; i++) {
		int number;

		if (sscanf(chain->rules[i].rule->name, "r%d", &number) == 1 && number >= from &&
		    number < to)
			count += rules->of[STAGE_NIC][i].installed;
	}
	hardware_rules_free(rules);
	return count;
}

static void hit_rules(struct fixture *f, uint32_t from, uint32_t to)
{
	const struct snapshot *snapshot = nic_snapshot(f->nic);
	uint32_t base = snapshot->ruleset->hit_base[DIRECTION_INBOUND][STAGE_NIC];

	for (uint32_t i = from; i < to; i++)
		snapshot->counted->hits[0][base + i].packets += 100;
}

static void what_is_hit_goes_to_hardware(void **state)
{
	const uint64_t minute = 60000;
	struct fixture *f = *state;
	uint64_t now = clock_ms();
	unsigned share;
	size_t before;

	wait_state(f, OFFLOAD_STATE_COMPLETE);
	apply_many(f, false);
	assert_false(hardware_share(f->nic, &share));
	before = installed_for(f, 300, 320);
	hit_rules(f, 300, 320);
	assert_true(hardware_share(f->nic, &share));
	assert_true(share < 700);
	hardware_weigh(f->nic, now + 9 * minute);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(installed_for(f, 300, 320), before);
	hardware_weigh(f->nic, now + 11 * minute);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_true(installed_for(f, 300, 320) > 2 * before);
	assert_true(hardware_share(f->nic, &share));
	assert_int_equal(share, PLAN_SHARE_ALL);

	/* the next policy begins with what the last one knew */
	apply_many(f, true);
	assert_false(hardware_share(f->nic, &share));
	assert_true(installed_for(f, 300, 320) > 2 * before);
}

/* Who asks fifty times a second gets what was found out in the last ten. */
static void a_share_is_found_out_now_and_then(void **state)
{
	struct fixture *f = *state;
	uint64_t now = clock_ms();
	unsigned share = 0, later;

	wait_state(f, OFFLOAD_STATE_COMPLETE);
	apply_many(f, false);
	hit_rules(f, 0, 20);
	assert_true(hardware_share_lately(f->nic, now, &share));
	hit_rules(f, 300, 320);
	assert_true(hardware_share_lately(f->nic, now + 9900, &later));
	assert_int_equal(later, share);
	assert_true(hardware_share_lately(f->nic, now + 10000, &later));
	assert_int_not_equal(later, share);
	assert_true(hardware_share(f->nic, &share));
	assert_int_equal(later, share);
	apply_many(f, true); /* nothing is known of it yet */
	assert_false(hardware_share_lately(f->nic, now + 10000, &later));
}

/* Neither often nor for little: each time hundreds of rules go and come. */
static void plans_are_not_made_anew_for_little(void **state)
{
	const uint64_t minute = 60000;
	struct fixture *f = *state;
	uint64_t now = clock_ms(), creates;

	wait_state(f, OFFLOAD_STATE_COMPLETE);
	apply_many(f, false);
	hit_rules(f, 0, MANY);
	hardware_weigh(f->nic, now + 11 * minute);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	creates = f->fake.creates;
	for (int i = 0; i < 5; i++)
		hit_rules(f, 300, 320);
	hardware_weigh(f->nic, now + 12 * minute); /* too soon */
	for (int i = 0; i < 200; i++)
		hit_rules(f, 0, MANY);
	hardware_weigh(f->nic, now + 22 * minute); /* too little */
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(f->fake.creates, creates);
}

/* The store's directory is gone: the policy is refused, and hardware is as it was. */
static void a_policy_that_is_not_stored_leaves_hardware_alone(void **state)
{
	const struct nic_apply_options options = { .origin = "test" };
	struct fixture *f = *state;
	struct nic_apply_result result;
	struct accelnet_error err;
	struct json *document;
	char command[160], text[2048];

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'/eth1", f->state);
	assert_int_equal(system(command), 0);
	(void)snprintf(text, sizeof(text), document_text, "443", "auto", "enforce");
	assert_int_equal(json_parse(text, strlen(text), NULL, &document, NULL), 0);
	assert_true(nic_policy_apply(f->nic, document, &options, &result, &err) < 0);
	nic_apply_result_fini(&result);
	json_free(document);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	char *args[] = { (char *)"test",        (char *)"--no-huge", (char *)"--no-shconf",
			 (char *)"--no-pci",    (char *)"-m",        (char *)"128",
			 (char *)"-l",          (char *)"0",         (char *)"--no-telemetry",
			 (char *)"--log-level", (char *)"error" };
	const struct CMUnitTest tests[] = {
		CASE(the_plan_of_a_policy_goes_in),
		CASE(a_change_of_a_rule_leaves_no_wrong_moment),
		CASE(a_classifier_that_stays_patched_is_left_alone_for_a_while),
		CASE(a_dry_run_touches_nothing),
		CASE(nothing_is_dropped_in_hardware_in_audit_mode),
		CASE(settled_marks_wait_from_publishing_on),
		CASE(a_policy_keeps_itself_out),
		CASE(a_change_of_context_changes_the_plan),
		CASE(what_is_refused_is_told_and_comes_in_after_all),
		CASE(drops_in_hardware_are_hits),
		CASE(hits_outlive_a_plan),
		CASE(what_is_hit_goes_to_hardware),
		CASE(a_share_is_found_out_now_and_then),
		CASE(plans_are_not_made_anew_for_little),
		CASE(a_policy_that_is_not_stored_leaves_hardware_alone),
		CASE(a_nic_can_be_kept_out),
	};

	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return 77;
	return cmocka_run_group_tests(tests, set_up_eal, tear_down_eal);
}
