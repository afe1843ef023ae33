/*
 * A device, an installer and a policy in force: see offload_world.h.
 */
#include "offload_world.h"

#include "compile/reference.h"
#include "support/border.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SYN 0x02
#define ACK 0x10

/* --- what is right --- */

/*
 * What the source guard refuses, and hardware may therefore drop; `or_marked`: also what it must
 * not mark, for it is refused sometimes: the unspecified address, which duplicate address detection
 * uses (RFC 4862).
 */
static bool is_martian(const struct policy *policy, const struct ip_addr *source, bool or_marked)
{
	ip_number n = source->number;

	if (!policy->source_guard)
		return false;
	for (size_t i = 0; i < policy->address_count; i++) {
		if (ip_addr_equal(&policy->addresses[i], source))
			return true;
	}
	if (source->family == IP_FAMILY_V6)
		return n == 1 || n >> 120 == 0xff || (n == 0 && or_marked);
	return n >> 24 == 0 || n >> 24 == 127 || n >> 28 == 14;
}

static uint16_t index_of(const struct policy *policy, int stage, const struct rule *rule)
{
	const struct rule *first = policy->stage[stage].list[DIRECTION_INBOUND].rules;

	return rule ? (uint16_t)(rule - first) : UINT16_MAX;
}

static void wrong(const struct world *world, const struct world_probe *probe, const char *what)
{
	char text[TUPLE_TEXT_MAX];

	fail_msg("%s: %s: %s flags %#x%s", world->where, what, tuple_text(&probe->tuple, text),
		 probe->packet.tcp_flags, probe->packet.fragment ? " fragment" : "");
}

static void check_mark(struct world *world, const struct world_probe *probe, uint32_t mark)
{
	const struct mark_slot *slot = mark_look_up(world->table, mark);
	struct judgement judgement;

	if (!slot)
		return;
	world->vouched++;
	reference_judge(world->policy, &probe->tuple, &judgement);
	if (judgement.access == ACCESS_DENY)
		wrong(world, probe, "a denied packet is vouched for");
	if (slot->verdict.access != judgement.access)
		wrong(world, probe, "the mark says another access");
	for (int s = 0; s < STAGES; s++) {
		if (slot->verdict.rule[s] != index_of(world->policy, s, judgement.matched[s]))
			wrong(world, probe, "the mark names another rule");
	}
	if (probe->packet.fragment)
		wrong(world, probe, "a fragment is marked");
	if (slot->kind != MARK_SETTLED)
		return;
	if (probe->packet.protocol != IP_PROTOCOL_TCP || (probe->packet.tcp_flags & 0x17) != ACK)
		wrong(world, probe, "settled, and no plain segment");
	if (is_martian(world->policy, &probe->tuple.source, true))
		wrong(world, probe, "settled, and isolation refuses it");
}

static bool was_dropped(const struct world *world, const struct world_probe *probe)
{
	for (int i = 0; i < 2; i++) {
		struct plan_answer answer;

		if (!world->before[i])
			continue;
		plan_judge(world->before[i], &probe->packet, &answer);
		if (answer.action == PLAN_DROP)
			return true;
	}
	return false;
}

static void check_drop(struct world *world, const struct policy *policy,
		       const struct world_probe *probe)
{
	bool opener = probe->packet.protocol == IP_PROTOCOL_TCP && !probe->packet.fragment &&
		      (probe->packet.tcp_flags & 0x12) == SYN;
	struct judgement judgement;

	if (!policy || (world->drops_may_stay && was_dropped(world, probe)))
		return;
	if (policy->mode == POLICY_AUDIT)
		wrong(world, probe, "dropped in audit mode");
	if (is_martian(policy, &probe->tuple.source, false))
		return;
	reference_judge(policy, &probe->tuple, &judgement);
	if (judgement.access != ACCESS_DENY)
		wrong(world, probe, "dropped what is allowed");
	if (judgement.stage != STAGE_ACL && !opener)
		wrong(world, probe, "dropped what may be a reply");
}

/* --- checking --- */

static void remember(struct world *world, const struct world_probe *probe, uint32_t mark)
{
	size_t at = world->in_flight_count++ % WORLD_IN_FLIGHT;

	world->in_flight[at].probe = *probe;
	world->in_flight[at].mark = mark;
}

static void check_device(struct world *world, bool newest_wins)
{
	struct plan *plan = fake_flow_plan(&world->fake, newest_wins);

	for (int i = 0; i < WORLD_PROBES; i++) {
		const struct world_probe *probe = &world->probes[i];
		struct plan_answer answer;

		plan_judge(plan, &probe->packet, &answer);
		world->checked++;
		if (answer.action == PLAN_MARK) {
			check_mark(world, probe, answer.slot);
			if (random_percent(&world->random, 2))
				remember(world, probe, answer.slot);
		} else if (answer.action == PLAN_DROP) {
			world->dropped++;
			check_drop(world, world->policy, probe);
			check_drop(world, world->coming, probe);
		}
	}
	plan_free(plan);
}

/* What is counted on the way is what counting it all would say. */
static void check_tally(const struct world *world)
{
	const struct installer *installer = &world->installer;
	struct layout_tally tally = { 0 };
	struct installer_counts counts;
	size_t uncounted = 0;

	for (size_t i = 0; i < layout_count(&installer->layout); i++) {
		const struct rule_state *state = &installer->layout.states[i];
		const bool drops = installer->layout.plan->rules[i].action == PLAN_DROP;

		tally.installed += state->handle != NULL;
		tally.uncounted += state->handle && drops && !state->counted;
		tally.refused += !state->handle && state->wait == RULE_REFUSED;
		tally.blocked += !state->handle && state->wait == RULE_BLOCKED;
	}
	for (size_t i = 0; i < installer->leaving_count; i++)
		uncounted += leaving_is_uncounted(&installer->leaving[i]);
	installer_count(installer, &counts);
	assert_int_equal(counts.installed, tally.installed);
	assert_int_equal(counts.refused, tally.refused);
	assert_int_equal(counts.blocked, tally.blocked);
	assert_int_equal(counts.uncounted, tally.uncounted + uncounted);
	assert_true((counts.newest != NULL) >= (counts.refused > 0));
}

void world_check(struct world *world)
{
	size_t late =
		world->in_flight_count < WORLD_IN_FLIGHT ? world->in_flight_count : WORLD_IN_FLIGHT;

	check_device(world, false);
	check_device(world, true);
	check_tally(world);
	for (size_t i = 0; i < late; i++)
		check_mark(world, &world->in_flight[i].probe, world->in_flight[i].mark);
	assert_int_equal(world->fake.misuses, 0);
	assert_int_equal(world->fake.conflicts, 0);
}

void world_drain(struct world *world)
{
	world->in_flight_count = 0;
	world->drained = world->ticket;
}

static uint64_t take_ticket(void *context)
{
	struct world *world = context;

	return ++world->ticket;
}

static bool is_drained(void *context, uint64_t ticket)
{
	const struct world *world = context;

	return ticket <= world->drained;
}

/* --- steps --- */

static int make_call(struct world *world, struct flow_call *call, struct flow_error *error)
{
	const struct flow_backend *backend = &world->fake.backend;

	switch (call->kind) {
	case FLOW_CREATE:
		return backend->create(backend->context, &world->port, call->rule, call->mark,
				       call->counted, &call->handle, error);
	case FLOW_DESTROY:
		return backend->destroy(backend->context, &world->port, call->handle, error);
	case FLOW_QUERY:
		return backend->query(backend->context, &world->port, call->handle, &call->count,
				      error);
	}
	return -EINVAL;
}

/* After every call on a small device; on a large one as often as time allows. */
static bool is_worth_a_look(struct world *world)
{
	uint32_t rules = (uint32_t)layout_count(&world->installer.layout);

	return rules < 50 || random_below(&world->random, rules) < 50;
}

/* The rule was in the device for a moment, and packets with its mark are on the way. */
static void vanish(struct world *world, const struct flow_call *call)
{
	struct plan *plan;

	world_aim_at_rule(world, world->installer.layout.plan, call->rule);
	plan = fake_flow_plan(&world->fake, true);
	for (int i = 0; i < WORLD_PROBES; i++) {
		struct plan_answer answer;

		plan_judge(plan, &world->probes[i].packet, &answer);
		if (answer.action == PLAN_MARK && answer.slot == call->mark)
			remember(world, &world->probes[i], answer.slot);
	}
	plan_free(plan);
	fake_flow_stop(&world->fake);
	installer_forget(&world->installer);
	fake_flow_start(&world->fake);
	installer_install(&world->installer);
}

/* As offload_detach() promises; true where it was attached again meanwhile. */
static bool end_retreat(struct world *world)
{
	if (!world->is_retreating || world->is_changing)
		return false;
	world->is_retreating = false;
	installer_install(&world->installer);
	return !world->is_detached;
}

bool world_step(struct world *world)
{
	struct flow_error error = { .number = 0 };
	struct flow_call call;
	int r;

	if (world->is_detached && !world->is_retreating)
		return false;
	if (!installer_next(&world->installer, world->now, &call))
		return end_retreat(world);
	r = make_call(world, &call, &error);
	if (r == -ENODEV) {
		installer_forget(&world->installer);
		return false;
	}
	if (r == 0 && call.kind == FLOW_CREATE && call.mark && world->may_vanish &&
	    random_below(&world->random, 2000) == 0) {
		vanish(world, &call);
		return true;
	}
	installer_done(&world->installer, &call, r, &error, world->now);
	if (r < 0 && call.kind == FLOW_CREATE)
		world_aim_at_rule(world, world->installer.layout.plan, call.rule);
	if (call.kind != FLOW_QUERY && is_worth_a_look(world))
		world_check(world);
	return true;
}

void world_run(struct world *world, uint64_t ms)
{
	uint64_t end = world->now + ms;

	for (;;) {
		while (world_step(world))
			;
		if (world->now >= end)
			return;
		world->now += 500;
	}
}

/* --- a change --- */

struct plan *world_plan(struct world *world, const struct policy *policy)
{
	const struct plan_options options = {
		.tier = world->fake.tier,
		.drops = true,
		.priorities = world->fake.priorities,
	};
	struct program *program;
	struct plan *plan;

	assert_int_equal(program_new(policy, &program, NULL), 0);
	assert_int_equal(plan_new(policy, program, &options, &plan, NULL), 0);
	program_free(program);
	return plan;
}

void world_publish_table(struct world *world, struct mark_table **table)
{
	if (!*table)
		return;
	free(world->table);
	world->table = *table;
	*table = NULL;
	world_check(world);
}

static bool is_staged(const struct plan *plan)
{
	for (size_t i = 0; plan && i < plan->rule_count; i++) {
		if (plan->rules[i].tags[0] || plan->rules[i].tags[1])
			return true;
	}
	return false;
}

void world_free_slots(struct world *world)
{
	slot_pool_advance(&world->installer.slots, take_ticket, is_drained, world);
	if (random_percent(&world->random, 50))
		world->installer.slots.next = 0; /* or slots would be used again very late */
}

void world_remember(struct world *world)
{
	world->drops_may_stay =
		world->drops_are_bound ||
		(world->drops_may_stay && world->installer.leaving_count > 0) ||
		(world->is_detached && !world->is_retreating && fake_flow_count(&world->fake) > 0);
	for (int i = 0; i < 2; i++) {
		plan_free(world->before[i]);
		world->before[i] = fake_flow_plan(&world->fake, i > 0);
	}
}

void world_begin(struct world *world, struct policy *policy, struct change *ret)
{
	world->is_changing = true;
	world_free_slots(world);
	world_remember(world);
	assert_int_equal(installer_prepare(&world->installer,
					   world->without_plan ? NULL : world_plan(world, policy),
					   ret),
			 0);
	world_aim(world, policy, ret->next.plan);
	world_aim_at_gone(world, ret);
	world_check(world);
	world->coming = policy;
	world->kept += ret->kept;
	world->staged += is_staged(ret->next.plan);
	world->added += layout_count(&ret->next) - ret->kept;
}

void world_withdraw(struct world *world, struct change *change)
{
	struct policy *coming = world->coming;

	world->coming = NULL; /* its promise holds from the end of this on */
	world_publish_table(world, &change->before);
	installer_withdraw(&world->installer, change);
	while (world_step(world))
		;
	world->coming = coming;
	world_check(world);
}

/* After a change: see offload_commit(). */
static void go_on(struct world *world)
{
	world->is_changing = false;
	if (world->is_retreating)
		installer_retreat(&world->installer);
	else
		installer_install(&world->installer);
}

void world_publish(struct world *world, struct change *change)
{
	policy_free(world->policy);
	world->policy = world->coming;
	world->coming = NULL;
	world_publish_table(world, &change->after);
	installer_adopt(&world->installer, change);
	go_on(world);
}

void world_abort(struct world *world, struct change *change)
{
	installer_abort(&world->installer, change);
	go_on(world);
	policy_free(world->coming);
	world->coming = NULL;
	world_check(world);
}

void world_change(struct world *world, struct policy *policy)
{
	struct change change;

	world_begin(world, policy, &change);
	world_withdraw(world, &change);
	world_publish(world, &change);
}

void world_detach(struct world *world)
{
	if (world->is_detached)
		return;
	world->is_detached = true;
	world->is_retreating = true;
	installer_retreat(&world->installer);
	for (uint32_t n = random_below(&world->random, 60); n > 0 && world_step(world); n--)
		;
}

void world_attach(struct world *world)
{
	world->is_detached = false;
}

void world_expect_complete(struct world *world)
{
	struct installer_counts counts;

	installer_count(&world->installer, &counts);
	if (counts.installed != counts.planned || counts.leaving > 0)
		fail_msg("%s: %zu of %zu rules are in, %zu leave: %s", world->where,
			 counts.installed, counts.planned, counts.leaving,
			 counts.newest ? counts.newest->message : "");
	assert_int_equal(fake_flow_count(&world->fake), counts.planned);
}

void world_init(struct world *world, uint64_t seed, enum plan_tier tier)
{
	*world = (struct world){ .random = { seed }, .now = 1000 };
	(void)snprintf(world->where, sizeof(world->where), "%s, seed %llu", plan_tier_name(tier),
		       (unsigned long long)seed);
	fake_flow_init(&world->fake, tier);
	world->fake.priorities = tier == TIER_T2 && seed % 2 ? 4 : 2;
	installer_init(&world->installer);
	world->installer.is_wanted = true;
	world->policy = policy_new_empty();
	installer_install(&world->installer);
}

void world_fini(struct world *world)
{
	installer_fini(&world->installer);
	fake_flow_fini(&world->fake);
	plan_free(world->before[0]);
	plan_free(world->before[1]);
	policy_free(world->policy);
	free(world->table);
}
