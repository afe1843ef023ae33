/*
 * The oracle: see oracle.h.
 */
#include "wire/oracle.h"

#include "compile/reference.h"
#include "support/plan_check.h"

#include <errno.h>
#include <stdlib.h>

/* https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
#define WIRE_SERVER     0xa83f8110U
#define METADATA_SERVER 0xa9fea9feU

int oracle_init(struct oracle *oracle, uint64_t now)
{
	*oracle = (struct oracle){ .model = model_new(now) };
	if (!oracle->model)
		return -ENOMEM;
	model_set_unseen(oracle->model);
	return 0;
}

static void forget_hits(struct oracle *oracle)
{
	for (int s = 0; s < STAGES; s++) {
		for (int d = 0; d < DIRECTIONS; d++) {
			free(oracle->hits[d][s]);
			oracle->hits[d][s] = NULL;
		}
		free(oracle->shared[s]);
		oracle->shared[s] = NULL;
	}
}

static int count_anew(struct oracle *oracle, enum stage stage)
{
	const struct rule_table *rules = &oracle->policy->stage[stage];

	for (int d = 0; d < DIRECTIONS; d++) {
		oracle->hits[d][stage] = calloc(rules->list[d].count + 1, sizeof(uint64_t));
		if (!oracle->hits[d][stage])
			return -ENOMEM;
	}
	oracle->shared[stage] = calloc(rules->list[DIRECTION_INBOUND].count + 1, sizeof(uint64_t));
	return oracle->shared[stage] ? 0 : -ENOMEM;
}

void oracle_fini(struct oracle *oracle)
{
	forget_hits(oracle);
	model_free(oracle->model);
}

int oracle_set_policy(struct oracle *oracle, const struct policy *policy)
{
	forget_hits(oracle);
	oracle->policy = policy;
	model_set_policy(oracle->model, policy);
	for (int s = 0; s < STAGES; s++) {
		if (count_anew(oracle, (enum stage)s) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct tuple oracle_tuple(const struct model_packet *packet)
{
	return (struct tuple){
		.direction = packet->direction,
		.source = packet->source,
		.destination = packet->destination,
		.protocol = packet->protocol,
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
	};
}

/* --- before the rules --- */

static bool is_own(const struct policy *policy, const struct ip_addr *address)
{
	for (size_t i = 0; i < policy->address_count; i++) {
		if (ip_addr_equal(&policy->addresses[i], address))
			return true;
	}
	return false;
}

bool oracle_refuses(const struct oracle *oracle, const struct model_packet *packet)
{
	const struct policy *policy = oracle->policy;

	if (!policy->source_guard)
		return false;
	if (packet->direction == DIRECTION_INBOUND)
		return plan_check_is_refused(policy, &packet->source);
	return policy->address_count > 0 && !is_own(policy, &packet->source);
}

bool oracle_is_platform(const struct ip_addr *address)
{
	return address->family == IP_FAMILY_V4 &&
	       (address->number == WIRE_SERVER || address->number == METADATA_SERVER);
}

static bool is_dhcp(const struct model_packet *packet)
{
	const uint16_t port = packet->destination_port;

	return packet->protocol == IP_PROTOCOL_UDP && (port == 67 || port == 546 || port == 547);
}

static bool is_link_local(const struct ip_addr *address)
{
	return address->family == IP_FAMILY_V6 && address->number >> 118 == 0x3fa;
}

static bool allows(const struct oracle *oracle, const struct model_packet *packet)
{
	const struct tuple tuple = oracle_tuple(packet);
	struct judgement judgement;

	reference_judge(oracle->policy, &tuple, &judgement);
	return judgement.access != ACCESS_DENY;
}

static struct model_packet answered(const struct model_packet *packet)
{
	struct model_packet back = *packet;

	back.direction = DIRECTION_INBOUND;
	back.source = packet->destination;
	back.destination = packet->source;
	back.source_port = packet->destination_port;
	back.destination_port = packet->source_port;
	return back;
}

bool oracle_knows(struct oracle *oracle, const struct model_packet *packet, uint64_t now)
{
	struct model_packet back;

	if (packet->direction == DIRECTION_INBOUND)
		return !is_dhcp(packet);
	if (oracle_is_platform(&packet->destination) || is_dhcp(packet) ||
	    is_link_local(&packet->source))
		return false;
	if (packet->protocol != IP_PROTOCOL_TCP || (packet->tcp_flags & MODEL_SYN) ||
	    model_has(oracle->model, packet, now) || allows(oracle, packet))
		return true;
	back = answered(packet);
	return !allows(oracle, &back);
}

/* --- the rules --- */

static void hit(struct oracle *oracle, enum stage stage, enum direction direction,
		const struct rule *rule)
{
	const struct rule *first = oracle->policy->stage[stage].list[direction].rules;

	if (rule)
		oracle->hits[direction][stage][rule - first]++;
}

/* True where acl decides. It sees every packet, and is counted for each. */
static bool judge_acl(struct oracle *oracle, const struct model_packet *packet,
		      const struct judgement *judgement, enum model_verdict *ret)
{
	hit(oracle, STAGE_ACL, packet->direction, judgement->matched[STAGE_ACL]);
	if (judgement->access == ACCESS_ALWAYS_ALLOW) {
		*ret = MODEL_PASS;
		return true;
	}
	if (judgement->access != ACCESS_DENY || judgement->stage != STAGE_ACL)
		return false;
	*ret = oracle->policy->mode == POLICY_AUDIT ? MODEL_PASS : MODEL_DROP;
	return true;
}

/* No rule is asked about a segment in mid-stream that cannot be picked up. */
static bool asks_rules(const struct model_packet *packet)
{
	const uint8_t flags = packet->tcp_flags;

	return packet->protocol != IP_PROTOCOL_TCP || (flags & (MODEL_RST | MODEL_FIN)) ||
	       flags == MODEL_SYN || flags == MODEL_ACK;
}

static void count_first(struct oracle *oracle, const struct model_packet *packet,
			const struct judgement *judgement)
{
	for (int s = STAGE_ACL + 1; s < STAGES; s++)
		hit(oracle, (enum stage)s, packet->direction, judgement->matched[s]);
}

static void share(struct oracle *oracle, const struct model_packet *packet)
{
	const struct tuple tuple = oracle_tuple(packet);
	struct judgement judgement;

	reference_judge(oracle->policy, &tuple, &judgement);
	if (packet->direction != DIRECTION_INBOUND || judgement.access != ACCESS_DENY ||
	    (packet->tcp_flags & (MODEL_SYN | MODEL_ACK)) != MODEL_SYN)
		return;
	for (int s = 0; s < STAGES; s++) {
		if (judgement.matched[s])
			oracle->shared[s][judgement.matched[s] -
					  oracle->policy->stage[s].list[DIRECTION_INBOUND].rules]++;
	}
}

enum model_verdict oracle_judge(struct oracle *oracle, const struct model_packet *packet,
				uint64_t now)
{
	const struct tuple tuple = oracle_tuple(packet);
	enum model_verdict verdict;
	struct judgement judgement;

	if (oracle_refuses(oracle, packet)) {
		share(oracle, packet);
		return MODEL_DROP;
	}
	reference_judge(oracle->policy, &tuple, &judgement);
	if (judge_acl(oracle, packet, &judgement, &verdict))
		return verdict;
	if (asks_rules(packet) && !model_has(oracle->model, packet, now))
		count_first(oracle, packet, &judgement);
	return model_judge(oracle->model, packet, now);
}
