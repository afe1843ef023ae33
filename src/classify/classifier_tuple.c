/*
 * Tuples through the classifier: see classifier_tuple.h.
 */
#include "classify/classifier_tuple.h"

#include <string.h>

static bool is_inbound(const struct tuple *tuple)
{
	return tuple->direction == DIRECTION_INBOUND;
}

static uint16_t port_to_key(const struct tuple *tuple, uint16_t port)
{
	return ip_protocol_has_ports(tuple->protocol) ? __builtin_bswap16(port) : 0;
}

struct key4 key4_from_tuple(const struct tuple *tuple)
{
	bool in = is_inbound(tuple);
	struct key4 key = {
		.local_port = port_to_key(tuple, in ? tuple->destination_port : tuple->source_port),
		.remote_port =
			port_to_key(tuple, in ? tuple->source_port : tuple->destination_port),
		.protocol = tuple->protocol,
	};

	ip_addr_to_bytes(in ? &tuple->destination : &tuple->source, &key.local);
	ip_addr_to_bytes(in ? &tuple->source : &tuple->destination, &key.remote);
	return key;
}

struct key6 key6_from_tuple(const struct tuple *tuple)
{
	bool in = is_inbound(tuple);
	struct key6 key = {
		.local_port = port_to_key(tuple, in ? tuple->destination_port : tuple->source_port),
		.remote_port =
			port_to_key(tuple, in ? tuple->source_port : tuple->destination_port),
		.protocol = tuple->protocol,
	};

	ip_addr_to_bytes(in ? &tuple->destination : &tuple->source, key.local);
	ip_addr_to_bytes(in ? &tuple->source : &tuple->destination, key.remote);
	return key;
}

static const struct rule *rule_at(const struct program *program, enum direction direction,
				  enum stage stage, uint16_t index)
{
	if (index == CLASSIFIER_NO_RULE)
		return NULL;
	return program->chain[direction][stage].rules[index].rule;
}

void judgement_from_verdict(const struct program *program, enum direction direction,
			    const struct verdict *verdict, struct judgement *ret)
{
	enum stage deciding = (enum stage)verdict->stage;

	*ret = (struct judgement){
		.access = (enum access)verdict->access,
		.stage = deciding,
		.rule = rule_at(program, direction, deciding, verdict->rule[deciding]),
	};
	/* no acl rule matched and there is no NSG: nothing decided */
	ret->decided = ret->rule || deciding != STAGE_ACL;
	for (int i = 0; i < STAGES; i++) {
		enum stage stage = program_order[direction][i];

		ret->matched[stage] = rule_at(program, direction, stage, verdict->rule[stage]);
		if (stage == deciding)
			return;
	}
}

/* Judges at most a burst of tuples of one direction and family, and puts the answers in place. */
static void judge_batch(const struct classifier *classifier, const struct program *program,
			const struct tuple *tuples, const size_t *places, unsigned count,
			struct judgement *ret)
{
	enum direction direction = tuples[places[0]].direction;
	struct verdict verdicts[CLASSIFIER_BURST_MAX];
	struct key4 keys4[CLASSIFIER_BURST_MAX] = { 0 };
	struct key6 keys6[CLASSIFIER_BURST_MAX] = { 0 };

	if (tuples[places[0]].source.family == IP_FAMILY_V4) {
		for (unsigned i = 0; i < count; i++)
			keys4[i] = key4_from_tuple(&tuples[places[i]]);
		classifier_judge4(classifier, direction, keys4, count, verdicts);
	} else {
		for (unsigned i = 0; i < count; i++)
			keys6[i] = key6_from_tuple(&tuples[places[i]]);
		classifier_judge6(classifier, direction, keys6, count, verdicts);
	}
	for (unsigned i = 0; i < count; i++)
		judgement_from_verdict(program, direction, &verdicts[i], &ret[places[i]]);
}

void classifier_judge_tuples(const struct classifier *classifier, const struct program *program,
			     const struct tuple *tuples, size_t count, struct judgement *ret)
{
	size_t places[DIRECTIONS][IP_FAMILIES][CLASSIFIER_BURST_MAX];
	unsigned waiting[DIRECTIONS][IP_FAMILIES] = { 0 };

	for (size_t i = 0; i < count; i++) {
		enum direction d = tuples[i].direction;
		enum ip_family f = tuples[i].source.family;

		places[d][f][waiting[d][f]++] = i;
		if (waiting[d][f] < CLASSIFIER_BURST_MAX)
			continue;
		judge_batch(classifier, program, tuples, places[d][f], waiting[d][f], ret);
		waiting[d][f] = 0;
	}
	for (int d = 0; d < DIRECTIONS; d++) {
		for (int f = 0; f < IP_FAMILIES; f++) {
			if (waiting[d][f] > 0)
				judge_batch(classifier, program, tuples, places[d][f],
					    waiting[d][f], ret);
		}
	}
}
