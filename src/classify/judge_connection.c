/*
 * One packet after its frame was found in order: acl, connection, rules. Thread: workers.
 */
#include "classify/judge_work.h"
#include "classify/platform.h"

#include <string.h>

#define ICMP_ERROR_MAX   576  /* RFC 1812 section 4.3.2.3 */
#define ICMPV6_ERROR_MAX 1280 /* RFC 4443 section 2.4 (c) */

static void classify_one(const struct judge_work *work, const struct packet *packet,
			 enum direction direction, struct verdict *ret)
{
	if (packet->kind == PACKET_IP4)
		classifier_judge4(work->ruleset->classifier, direction, &packet->key4, 1, ret);
	else
		classifier_judge6(work->ruleset->classifier, direction, &packet->key6, 1, ret);
}

static const struct verdict *verdict_on(struct judge_work *work, unsigned i)
{
	if (!(work->notes[i] & NOTE_CLASSIFIED)) {
		classify_one(work, &work->packets[i], work->direction, &work->verdicts[i]);
		work->notes[i] |= NOTE_CLASSIFIED;
	}
	return &work->verdicts[i];
}

static enum conn_rules rules_of(const struct judge_work *work, const struct verdict *verdict)
{
	if (verdict->access != ACCESS_DENY)
		return CONN_RULES_ALLOW;
	return work->ruleset->audit ? CONN_RULES_AUDIT : CONN_RULES_DENY;
}

static void hit(struct judge_work *work, enum direction direction, enum stage stage, uint16_t rule)
{
	struct rule_hit *hits = work->context->hits;
	uint32_t at = work->ruleset->hit_base[direction][stage] + rule;

	if (!hits || rule == CLASSIFIER_NO_RULE)
		return;
	__atomic_store_n(&hits[at].packets, hits[at].packets + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&hits[at].last, work->now, __ATOMIC_RELAXED);
}

/* The NSG rules that a first packet met, up to the one that denied it; acl is counted per packet.
 */
static void hit_stages(struct judge_work *work, enum direction direction,
		       const struct verdict *verdict)
{
	for (unsigned s = 0; s < STAGES; s++) {
		enum stage stage = program_order[direction][s];

		if (stage != STAGE_ACL)
			hit(work, direction, stage, verdict->rule[stage]);
		if (verdict->access == ACCESS_DENY && verdict->stage == stage)
			return;
	}
}

static struct decision decision_by_rule(const struct verdict *verdict, enum direction direction,
					enum decision_action action, enum drop_reason reason,
					enum decision_by by)
{
	struct decision decision = decision_of(action, reason, by);

	decision.rule_direction = direction;
	decision.stage = verdict->stage;
	decision.rule = verdict->rule[verdict->stage];
	return decision;
}

static enum drop_reason denial(const struct verdict *verdict)
{
	if (verdict->access != ACCESS_DENY)
		return DROP_NONE;
	return verdict->stage == STAGE_ACL ? DROP_ACL_DENY : DROP_POLICY_DENY;
}

/* What drops by policy becomes in audit mode: a pass that says what it would have been. */
static struct decision by_policy(const struct judge_work *work, struct decision decision)
{
	if (work->ruleset->audit)
		decision.action = DECISION_PASS;
	return decision;
}

/* acl, per packet. True where it decides. */
static bool judge_acl(struct judge_work *work, unsigned i)
{
	const struct verdict *verdict = verdict_on(work, i);
	struct decision decision;

	hit(work, work->direction, STAGE_ACL, verdict->rule[STAGE_ACL]);
	if (verdict->access == ACCESS_ALWAYS_ALLOW) {
		work->decisions[i] = decision_by_rule(verdict, work->direction, DECISION_PASS,
						      DROP_NONE, DECIDED_BY_ACL);
		return true;
	}
	if (verdict->access != ACCESS_DENY || verdict->stage != STAGE_ACL)
		return false;
	decision = decision_by_rule(verdict, work->direction, DECISION_DROP, DROP_ACL_DENY,
				    DECIDED_BY_ACL);
	work->decisions[i] = by_policy(work, decision);
	return true;
}

/* An ICMP error that quotes a packet of a live connection. */
static bool is_related(const struct judge_work *work, const struct packet *packet)
{
	struct packet quoted;
	struct conn_state state;
	bool arrives = packet->direction == DIRECTION_INBOUND;

	if (!(packet->flags & PACKET_ICMP_ERROR) || (packet->flags & PACKET_FRAGMENT) ||
	    !work->ruleset->icmp_errors_related)
		return false;
	if (packet->l3_length > (packet->kind == PACKET_IP4 ? ICMP_ERROR_MAX : ICMPV6_ERROR_MAX) ||
	    !packet_quoted(packet, &quoted))
		return false;
	/* The destination of the error is the source of what it quotes. */
	if (packet->kind == PACKET_IP4) {
		if (arrives ? packet->key4.local != quoted.key4.local
			    : packet->key4.remote != quoted.key4.remote)
			return false;
	} else if (memcmp(arrives ? packet->key6.local : packet->key6.remote,
			  arrives ? quoted.key6.local : quoted.key6.remote, 16) != 0) {
		return false;
	}
	return conn_peek(work->context->connections, &quoted, work->now, &state);
}

/*
 * ICMP that is no query: related to a connection, or judged by the rules each time. Over the rate
 * the rules are asked about related ones, too.
 */
static void judge_icmp(struct judge_work *work, unsigned i)
{
	const struct packet *packet = &work->packets[i];
	const bool related = is_related(work, packet);
	const struct verdict *verdict;
	struct decision decision;

	if (related && judge_rate_take(&work->context->icmp_errors, work->now)) {
		work->decisions[i] = decision_of(DECISION_PASS, DROP_NONE, DECIDED_BY_RELATED);
		return;
	}
	verdict = verdict_on(work, i);
	if (related && denial(verdict)) {
		work->decisions[i] =
			decision_of(DECISION_DROP, DROP_ICMP_ERROR_RATE, DECIDED_BY_RELATED);
		return;
	}
	hit_stages(work, work->direction, verdict);
	decision = decision_by_rule(verdict, work->direction,
				    denial(verdict) ? DECISION_DROP : DECISION_PASS,
				    denial(verdict), DECIDED_BY_RULES);
	work->decisions[i] = by_policy(work, decision);
}

/* What was found out while the table asked. */
struct inquiry {
	struct verdict reverse;  /* by the inbound rules */
	struct verdict rejudged; /* by the rules of rejudged_by */
	enum direction rejudged_by;
	bool asked_reverse;
	bool asked_rejudge;
};

static void rejudge(struct judge_work *work, unsigned i, enum direction opened_by,
		    struct conn_question *question, struct inquiry *inquiry)
{
	const struct packet *packet = &work->packets[i];

	if (!judge_rate_take(&work->context->rejudge, work->now)) {
		question->over_rate = true;
		return;
	}
	if (opened_by == DIRECTION_OUTBOUND && platform_service(work->ruleset, packet)) {
		question->rejudged = CONN_RULES_ALLOW;
		return;
	}
	if (!work->ruleset->has_policy) {
		question->rejudged = CONN_RULES_DENY;
		return;
	}
	classify_one(work, packet, opened_by, &inquiry->rejudged);
	inquiry->rejudged_by = opened_by;
	inquiry->asked_rejudge = true;
	question->rejudged = rules_of(work, &inquiry->rejudged);
}

/* Asks the table until it has an answer that is none of its own questions. */
static enum conn_answer ask_table(struct judge_work *work, unsigned i,
				  struct conn_question *question, struct inquiry *inquiry,
				  enum direction *ret_opened_by)
{
	for (;;) {
		enum conn_answer answer = conn_apply(work->context->connections, &work->packets[i],
						     &work->hints[i], question, ret_opened_by);

		switch (answer) {
		case CONN_ANSWER_RULES:
			question->input.rules = work->notes[i] & NOTE_PLATFORM
							? CONN_RULES_ALLOW
							: rules_of(work, verdict_on(work, i));
			break;
		case CONN_ANSWER_REVERSE:
			classify_one(work, &work->packets[i], DIRECTION_INBOUND, &inquiry->reverse);
			inquiry->asked_reverse = true;
			question->input.reverse = rules_of(work, &inquiry->reverse);
			break;
		case CONN_ANSWER_REJUDGE:
			rejudge(work, i, *ret_opened_by, question, inquiry);
			break;
		default:
			return answer;
		}
	}
}

static struct conn_question question_of(const struct judge_work *work, unsigned i)
{
	const struct packet *packet = &work->packets[i];

	return (struct conn_question){
		.input = {
			.event = work->events[i],
			.direction = work->direction,
			/* ICMP of the other family has no more of a timeout than any payload */
			.protocol = work->events[i] == CONN_EVENT_OTHER ? 0 : packet->protocol,
			.has_ack = packet->tcp_flags & TCP_ACK,
			.grace = work->grace,
			.unseen = work->context->settles,
			.sequence = packet->tcp_sequence,
			.acknowledge = packet->tcp_acknowledge,
			.now = (uint32_t)work->now,
			.generation = (uint16_t)work->ruleset->generation,
		},
		.now = work->now,
		.rejudge_below = work->terms.rejudge_below,
		.rejudge = work->terms.rejudge,
		.enforcing = work->terms.enforcing,
	};
}

/* The rules had a say: as a first packet, or as one that is judged each time. */
static struct decision decide_by_rules(struct judge_work *work, unsigned i,
				       const struct inquiry *inquiry, enum direction opened_by,
				       enum conn_answer answer)
{
	const struct verdict *verdict = &work->verdicts[i];
	enum direction direction = work->direction;
	/* as an answer to what arrived */
	bool by_reverse =
		inquiry->asked_reverse && (answer == CONN_ANSWER_NOTHING ||
					   (answer == CONN_ANSWER_NEW && opened_by != direction));
	struct decision decision;

	if (work->notes[i] & NOTE_PLATFORM)
		return decision_of(DECISION_PASS, DROP_NONE, DECIDED_BY_PLATFORM);
	if (by_reverse) {
		verdict = &inquiry->reverse;
		direction = DIRECTION_INBOUND;
	}
	hit_stages(work, direction, verdict);
	decision = decision_by_rule(verdict, direction,
				    answer == CONN_ANSWER_DENY ? DECISION_DROP : DECISION_PASS,
				    denial(verdict), DECIDED_BY_RULES);
	return decision;
}

static struct decision decide_cut(const struct judge_work *work, const struct inquiry *inquiry)
{
	struct decision decision;

	if (inquiry->asked_rejudge)
		decision = decision_by_rule(&inquiry->rejudged, inquiry->rejudged_by, DECISION_DROP,
					    DROP_CONNECTION_CUT, DECIDED_BY_CONNECTION);
	else
		decision = decision_of(DECISION_DROP, DROP_CONNECTION_CUT, DECIDED_BY_CONNECTION);
	return by_policy(work, decision);
}

static void judge_connection(struct judge_work *work, unsigned i)
{
	struct conn_question question = question_of(work, i);
	struct inquiry inquiry = { 0 };
	enum direction opened_by = work->direction;
	enum conn_answer answer = ask_table(work, i, &question, &inquiry, &opened_by);
	struct decision *ret = &work->decisions[i];

	switch (answer) {
	case CONN_ANSWER_PASS:
		*ret = decision_of(DECISION_PASS, DROP_NONE, DECIDED_BY_CONNECTION);
		break;
	case CONN_ANSWER_NEW:
	case CONN_ANSWER_NOTHING:
	case CONN_ANSWER_DENY:
		*ret = decide_by_rules(work, i, &inquiry, opened_by, answer);
		ret->new_connection = answer == CONN_ANSWER_NEW;
		break;
	case CONN_ANSWER_CUT:
		*ret = decide_cut(work, &inquiry);
		break;
	case CONN_ANSWER_FULL:
		*ret = decision_of(DECISION_DROP, DROP_TABLE_FULL, DECIDED_BY_CONNECTION);
		break;
	default:
		*ret = by_policy(work, decision_of(DECISION_DROP, DROP_NO_CONNECTION,
						   DECIDED_BY_CONNECTION));
	}
}

void judge_packet(struct judge_work *work, unsigned i)
{
	bool platform = work->notes[i] & NOTE_PLATFORM;

	if (!work->ruleset->has_policy && !platform) {
		work->decisions[i] = decision_of(DECISION_DROP, DROP_NO_POLICY, DECIDED_BY_RULES);
		return;
	}
	if (!platform && work->ruleset->has_acl[work->direction] && judge_acl(work, i))
		return;
	if (work->events[i] == CONN_EVENT_ICMP)
		judge_icmp(work, i);
	else if (judge_is_settled(work, i))
		work->decisions[i] = decision_of(DECISION_PASS, DROP_NONE, DECIDED_BY_CONNECTION);
	else
		judge_connection(work, i);
}
