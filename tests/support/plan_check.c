/*
 * Plans against the reference: see plan_check.h.
 */
#include "support/plan_check.h"

#include "compile/reference.h"
#include "support/border.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

bool plan_check_is_refused(const struct policy *policy, const struct ip_addr *source)
{
	ip_number n = source->number;

	if (!policy->source_guard)
		return false;
	for (size_t i = 0; i < policy->address_count; i++) {
		if (ip_addr_equal(&policy->addresses[i], source))
			return true;
	}
	if (source->family == IP_FAMILY_V6)
		return n <= 1 || n >> 120 == 0xff;
	return n >> 24 == 0 || n >> 24 == 127 || n >> 28 == 14;
}

static uint16_t index_of(const struct policy *policy, int stage, const struct rule *rule)
{
	const struct rule *first = policy->stage[stage].list[DIRECTION_INBOUND].rules;

	return rule ? (uint16_t)(rule - first) : UINT16_MAX;
}

/* One packet, and what is known about it. */
struct packet {
	struct plan_packet packet;
	const struct tuple *tuple;
	const struct judgement *judgement;
	bool is_refused;
};

static void complain(const struct plan_check *check, const struct packet *p, const char *what)
{
	char text[TUPLE_TEXT_MAX];

	fail_msg("%s, %s: %s: flags 0x%02x%s: %s", check->where, plan_tier_name(check->plan->tier),
		 what, p->packet.tcp_flags, p->packet.fragment ? ", fragment" : "",
		 tuple_text(p->tuple, text));
}

static void check_mark(const struct plan_check *check, const struct packet *p,
		       const struct plan_slot *slot)
{
	const struct plan_entry *entry = &check->plan->entries[slot->entry];

	if (p->packet.fragment)
		complain(check, p, "marked a fragment");
	if (p->judgement->access == ACCESS_DENY)
		complain(check, p, "marked what is denied");
	for (int s = 0; s < STAGES; s++) {
		if (entry->rule[s] != index_of(check->policy, s, p->judgement->matched[s]))
			complain(check, p, "the mark names another rule");
	}
	if (!slot->settled)
		return;
	if (p->packet.protocol != IP_PROTOCOL_TCP ||
	    (p->packet.tcp_flags & (FIN | SYN | RST | ACK)) != ACK)
		complain(check, p, "settled, and no plain segment");
	if (p->is_refused)
		complain(check, p, "settled, and isolation refuses it");
}

/* Neighbour discovery, and what Azure's services answer from: classify/platform.c. */
static bool may_be_platform(const struct plan_packet *packet)
{
	bool wire = packet->source == 0xa83f8110, metadata = packet->source == 0xa9fea9fe;
	uint16_t port = packet->source_port;

	if (packet->family == IP_FAMILY_V6)
		return packet->protocol == IP_PROTOCOL_ICMPV6 ||
		       (packet->protocol == IP_PROTOCOL_UDP && packet->source >> 118 == 0x3fa &&
			port == 547);
	if (packet->protocol == IP_PROTOCOL_TCP)
		return (wire && (port == 53 || port == 80 || port == 32526)) ||
		       (metadata && port == 80);
	return packet->protocol == IP_PROTOCOL_UDP && wire && (port == 53 || port == 67);
}

static void check_drop(const struct plan_check *check, const struct packet *p,
		       const struct plan_rule *rule)
{
	bool opener =
		p->packet.protocol == IP_PROTOCOL_TCP && (p->packet.tcp_flags & (SYN | ACK)) == SYN;
	const struct plan_entry *entry;

	if (check->policy->mode == POLICY_AUDIT)
		complain(check, p, "drops in audit mode");
	if (rule->cause == PLAN_FOR_ISOLATION && p->is_refused)
		return;
	if (rule->cause != PLAN_FOR_RULE)
		complain(check, p, "dropped for no rule");
	entry = &check->plan->entries[rule->entry];
	if (p->judgement->access != ACCESS_DENY)
		complain(check, p, "dropped what is allowed");
	if (p->judgement->stage != STAGE_ACL && !opener)
		complain(check, p, "dropped what may be a reply");
	if (p->packet.fragment)
		complain(check, p, "dropped a fragment");
	if (!opener && may_be_platform(&p->packet))
		complain(check, p, "dropped what may be a platform service's reply");
	if (entry->stage != p->judgement->stage ||
	    entry->rule[entry->stage] !=
		    index_of(check->policy, (int)entry->stage, p->judgement->rule))
		complain(check, p, "the drop names another rule");
}

static void check_packet(struct plan_check *check, struct packet *p, uint8_t flags, bool fragment)
{
	struct plan_answer answer;

	p->packet.tcp_flags = p->packet.protocol == IP_PROTOCOL_TCP ? flags : 0;
	p->packet.fragment = fragment;
	plan_judge(check->plan, &p->packet, &answer);
	if (answer.tie)
		complain(check, p, "two rules tie and disagree");
	if (answer.action == PLAN_MARK) {
		check->marked++;
		check_mark(check, p, &check->plan->slots[answer.slot]);
	} else if (answer.action == PLAN_DROP) {
		check->dropped++;
		if (answer.rule == UINT32_MAX)
			complain(check, p, "no rule matches above the root");
		check_drop(check, p, &check->plan->rules[answer.rule]);
	} else {
		check->unmarked++;
	}
}

/* The same packet as if one of Azure's services had sent it. */
static void check_platform(struct plan_check *check, struct packet p, struct random *random)
{
	static const uint16_t ports[] = { 53, 67, 80, 32526 };
	struct tuple tuple = *p.tuple;
	struct judgement judgement;

	tuple.source.number = p.packet.source =
		random_percent(random, 70) ? 0xa83f8110 : 0xa9fea9fe;
	tuple.source_port = p.packet.source_port = ports[random_below(random, 4)];
	reference_judge(check->policy, &tuple, &judgement);
	p.tuple = &tuple;
	p.judgement = &judgement;
	p.is_refused = plan_check_is_refused(check->policy, &tuple.source);
	check_packet(check, &p, ACK, false);
}

void plan_check_tuple(struct plan_check *check, const struct tuple *tuple,
		      const struct judgement *judgement, struct random *random)
{
	static const uint8_t odd[] = { ACK | SYN, ACK | FIN, ACK | RST, RST, 0, FIN | SYN, 0xc2 };
	struct packet p = {
		.packet = {
			.family = tuple->source.family,
			.source = tuple->source.number,
			.destination = tuple->destination.number,
			.protocol = tuple->protocol,
			.source_port = tuple->source_port,
			.destination_port = tuple->destination_port,
		},
		.tuple = tuple,
		.judgement = judgement,
		.is_refused = plan_check_is_refused(check->policy, &tuple->source),
	};

	if (tuple->source.family == IP_FAMILY_V4 && random_percent(random, 3))
		check_platform(check, p, random);
	check_packet(check, &p, SYN, false);
	if (tuple->protocol == IP_PROTOCOL_TCP)
		check_packet(check, &p, ACK, false);
	if (random_percent(random, 25))
		check_packet(check, &p, odd[random_below(random, sizeof(odd))], false);
	if (random_percent(random, 10))
		check_packet(check, &p, ACK, true);
}
