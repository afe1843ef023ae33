/*
 * A burst, in passes: what the frame alone decides; look-ups of all others together; rules for all
 * that will need them together; then one packet after the other, in order. Thread: workers.
 */
#include "classify/judge.h"

#include "classify/guard.h"
#include "classify/judge_work.h"
#include "classify/platform.h"

#include <string.h>

static void rate_init(struct judge_rate *rate, uint32_t per_second)
{
	*rate = (struct judge_rate){
		.per_second = per_second,
		.burst = per_second / 10,
		.credit = per_second / 10 * 1000ull,
	};
}

bool judge_rate_take(struct judge_rate *rate, uint64_t now)
{
	uint64_t full = rate->burst * 1000ull;

	if (now > rate->last) {
		uint64_t elapsed = now - rate->last;

		rate->credit += elapsed < 1000 ? elapsed * rate->per_second : full;
		if (rate->credit > full)
			rate->credit = full;
		rate->last = now;
	}
	if (rate->credit < 1000)
		return false;
	rate->credit -= 1000;
	return true;
}

void judge_context_init(struct judge_context *context, struct conn_table *connections,
			struct fragment_table *fragments)
{
	*context = (struct judge_context){
		.connections = connections,
		.fragments = fragments,
	};
	rate_init(&context->rejudge, JUDGE_REJUDGE_PER_SECOND);
	rate_init(&context->icmp_errors, JUDGE_ICMP_ERRORS_PER_SECOND);
}

static enum conn_event tcp_event(uint8_t flags)
{
	/* Indexed by FIN, SYN, RST and ACK; the parser has refused SYN with FIN or RST. */
	static const uint8_t events[16] = {
		[0] = CONN_EVENT_NO_ACK, [1] = CONN_EVENT_FIN,      [2] = CONN_EVENT_SYN,
		[3] = CONN_EVENT_FIN,    [4] = CONN_EVENT_RST,      [5] = CONN_EVENT_RST,
		[6] = CONN_EVENT_RST,    [7] = CONN_EVENT_RST,      [8] = CONN_EVENT_ACK,
		[9] = CONN_EVENT_FIN,    [10] = CONN_EVENT_SYN_ACK, [11] = CONN_EVENT_FIN,
		[12] = CONN_EVENT_RST,   [13] = CONN_EVENT_RST,     [14] = CONN_EVENT_RST,
		[15] = CONN_EVENT_RST,
	};

	return events[(flags & 7) | (flags & TCP_ACK) >> 1];
}

static enum conn_event event_of(const struct packet *packet)
{
	if (packet->protocol == IP_PROTOCOL_TCP)
		return tcp_event(packet->tcp_flags);
	if (packet->protocol == IP_PROTOCOL_UDP)
		return CONN_EVENT_UDP;
	if (packet->flags & PACKET_ICMP_QUERY)
		return packet->flags & PACKET_ICMP_REPLY ? CONN_EVENT_ICMP_REPLY
							 : CONN_EVENT_ICMP_REQUEST;
	if (packet->protocol ==
	    (packet->kind == PACKET_IP4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6))
		return CONN_EVENT_ICMP;
	return CONN_EVENT_OTHER;
}

/* Malformed, not IP, isolation, ARP and ND. True where that decides. */
static bool judge_frame(const struct ruleset *ruleset, const struct packet *packet,
			struct decision *ret)
{
	enum drop_reason drop = packet->drop;

	if (drop == DROP_NONE && packet->kind == PACKET_VLAN && !ruleset->vlan_pass)
		drop = DROP_VLAN_TAGGED;
	if (drop == DROP_NONE && packet->kind == PACKET_NON_IP && !ruleset->non_ip_pass)
		drop = DROP_NON_IP;
	if (drop == DROP_NONE)
		drop = guard_check(ruleset, packet);
	if (drop != DROP_NONE) {
		*ret = decision_of(DECISION_DROP, drop, DECIDED_BY_FRAME);
		return true;
	}
	if (packet->kind == PACKET_VLAN || packet->kind == PACKET_NON_IP) {
		*ret = decision_of(DECISION_PASS, DROP_NONE, DECIDED_BY_FRAME);
		return true;
	}
	if (platform_passes(packet)) {
		*ret = decision_of(DECISION_PASS, DROP_NONE, DECIDED_BY_PLATFORM);
		return true;
	}
	return false;
}

/*
 * A request to a platform service passes; what may be a reply of one passes if the VM has asked:
 * then acl is not asked either.
 */
static bool is_platform(const struct judge_work *work, struct packet *packet)
{
	struct packet reply;
	struct conn_state state;

	if (!platform_service(work->ruleset, packet))
		return false;
	if (packet->direction == DIRECTION_OUTBOUND) {
		platform_set_key(packet);
		return true;
	}
	/* a reply opens nothing */
	if (packet->protocol == IP_PROTOCOL_TCP &&
	    (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return false;
	reply = *packet;
	platform_set_key(&reply);
	if (!conn_peek(work->context->connections, &reply, work->now, &state) ||
	    conn_state_opened_by(&state) != DIRECTION_OUTBOUND)
		return false;
	*packet = reply;
	return true;
}

/* The open packets of one family that have a key of a connection. */
struct gathered {
	unsigned count;
	unsigned needing; /* how many of them the rules will be asked about */
	uint8_t index[JUDGE_BURST_MAX];
	uint8_t needs[JUDGE_BURST_MAX]; /* which */
	const void *keys[JUDGE_BURST_MAX];
	struct conn_hint hints[JUDGE_BURST_MAX];
};

static inline void gather(struct gathered *gathered, unsigned i, const struct packet *packet)
{
	gathered->index[gathered->count] = (uint8_t)i;
	gathered->keys[gathered->count++] = &packet->key4;
}

/* What most packets are: IPv4, TCP or UDP, whole, of the NIC, and of no platform service. */
static inline bool is_plain(const struct judge_work *work, const struct packet *packet)
{
	return packet->drop == DROP_NONE && packet->kind == PACKET_IP4 && packet->flags == 0 &&
	       (packet->protocol == IP_PROTOCOL_TCP || packet->protocol == IP_PROTOCOL_UDP) &&
	       !platform_may_be4(packet->key4.remote) &&
	       (!work->ruleset->source_guard ||
		guard_passes4(work->ruleset, packet, work->direction, work->mac));
}

/* Else acl or the want of a policy come before the connection. */
static bool may_settle(const struct judge_work *work)
{
	return work->ruleset->has_policy && !work->ruleset->has_acl[work->direction];
}

/* Inlined twice, so that bursts of which nothing was decided ahead do not ask. */
static __attribute__((always_inline)) inline void judge_frames(struct judge_work *work,
							       unsigned count, uint64_t decided,
							       struct gathered *ip4,
							       struct gathered *ip6)
{
	for (unsigned i = 0; i < count; i++) {
		struct packet *packet = &work->packets[i];

		if (decided >> i & 1) {
			work->notes[i] = 0;
			continue;
		}
		if (is_plain(work, packet)) {
			work->notes[i] = NOTE_OPEN;
			work->events[i] = packet->protocol == IP_PROTOCOL_UDP
						  ? CONN_EVENT_UDP
						  : tcp_event(packet->tcp_flags);
			gather(ip4, i, packet);
			continue;
		}
		work->notes[i] = 0;
		if (judge_frame(work->ruleset, packet, &work->decisions[i]))
			continue;
		work->notes[i] = NOTE_OPEN;
		if (packet->flags & PACKET_LATER_FRAGMENT)
			continue;
		work->events[i] = event_of(packet);
		if (is_platform(work, packet))
			work->notes[i] |= NOTE_PLATFORM;
		gather(packet->kind == PACKET_IP4 ? ip4 : ip6, i, packet);
	}
}

/* Whether the rules will be asked, as far as can be told now; a wrong guess costs time only. */
static inline bool needs_rules(const struct judge_work *work, unsigned i)
{
	enum conn_event event = work->events[i];

	if (work->notes[i] & (NOTE_PLATFORM | NOTE_CLASSIFIED))
		return false;
	if (work->ruleset->has_acl[work->direction] || event == CONN_EVENT_SYN ||
	    event == CONN_EVENT_ICMP)
		return true;
	return work->hints[i].slot == CONN_NOT_FOUND && event != CONN_EVENT_SYN_ACK &&
	       event != CONN_EVENT_NO_ACK;
}

/* What marks say about the rules. A packet whose key was changed is no longer what was marked. */
static void note_given(struct judge_work *work, unsigned count)
{
	const struct verdict *const *given = work->context->given;

	for (unsigned i = 0; i < count; i++) {
		if (!given[i] || (work->notes[i] & (NOTE_OPEN | NOTE_PLATFORM)) != NOTE_OPEN ||
		    (work->packets[i].flags & PACKET_LATER_FRAGMENT))
			continue;
		work->verdicts[i] = *given[i];
		work->notes[i] |= NOTE_CLASSIFIED;
	}
}

static void scatter(struct judge_work *work, struct gathered *gathered)
{
	for (unsigned k = 0; k < gathered->count; k++) {
		unsigned i = gathered->index[k];

		conn_prefetch_state(work->context->connections, &gathered->hints[k]);
		work->hints[i] = gathered->hints[k];
		if (needs_rules(work, i))
			gathered->needs[gathered->needing++] = (uint8_t)i;
	}
}

static void look_up(struct judge_work *work, struct gathered *ip4, struct gathered *ip6)
{
	const struct conn_table *table = work->context->connections;

	conn_prepare4(table, (const struct key4 *const *)ip4->keys, ip4->count, ip4->hints);
	conn_prepare6(table, (const struct key6 *const *)ip6->keys, ip6->count, ip6->hints);
	conn_find4(table, (const struct key4 *const *)ip4->keys, ip4->count, ip4->hints);
	conn_find6(table, (const struct key6 *const *)ip6->keys, ip6->count, ip6->hints);
	scatter(work, ip4);
	scatter(work, ip6);
}

static void note_verdicts(struct judge_work *work, const struct gathered *gathered,
			  const struct verdict *verdicts)
{
	for (unsigned k = 0; k < gathered->needing; k++) {
		work->verdicts[gathered->needs[k]] = verdicts[k];
		work->notes[gathered->needs[k]] |= NOTE_CLASSIFIED;
	}
}

static void classify4(struct judge_work *work, const struct gathered *gathered)
{
	struct key4 keys[JUDGE_BURST_MAX];
	struct verdict verdicts[JUDGE_BURST_MAX];

	for (unsigned k = 0; k < gathered->needing; k++)
		keys[k] = work->packets[gathered->needs[k]].key4;
	classifier_judge4(work->ruleset->classifier, work->direction, keys, gathered->needing,
			  verdicts);
	note_verdicts(work, gathered, verdicts);
}

static void classify6(struct judge_work *work, const struct gathered *gathered)
{
	struct key6 keys[JUDGE_BURST_MAX];
	struct verdict verdicts[JUDGE_BURST_MAX];

	for (unsigned k = 0; k < gathered->needing; k++)
		keys[k] = work->packets[gathered->needs[k]].key6;
	classifier_judge6(work->ruleset->classifier, work->direction, keys, gathered->needing,
			  verdicts);
	note_verdicts(work, gathered, verdicts);
}

static void judge_later_fragment(struct judge_work *work, unsigned i)
{
	static const struct {
		uint8_t action;
		uint8_t reason;
	} outcomes[] = {
		[FRAGMENT_PASS] = { DECISION_PASS, DROP_NONE },
		[FRAGMENT_DENIED] = { DECISION_DROP, DROP_FRAGMENT_DENIED },
		[FRAGMENT_OVERLAP] = { DECISION_DROP, DROP_FRAGMENT_OVERLAP },
		[FRAGMENT_HELD] = { DECISION_HOLD, DROP_NONE },
		[FRAGMENT_REFUSED] = { DECISION_DROP, DROP_FRAGMENT_ORPHAN },
	};
	enum fragment_verdict verdict = fragment_later(work->context->fragments, &work->packets[i],
						       work->ruleset->generation, work->now);

	work->decisions[i] = decision_of(outcomes[verdict].action, outcomes[verdict].reason,
					 DECIDED_BY_FRAGMENT);
}

static void judge_in_order(struct judge_work *work, unsigned count)
{
	const bool settles = may_settle(work);

	for (unsigned i = 0; i < count; i++) {
		const struct packet *packet = &work->packets[i];

		if (settles && (work->notes[i] & (NOTE_OPEN | NOTE_PLATFORM)) == NOTE_OPEN &&
		    packet->flags == 0 && work->events[i] != CONN_EVENT_ICMP &&
		    judge_is_settled(work, i)) {
			work->decisions[i] =
				decision_of(DECISION_PASS, DROP_NONE, DECIDED_BY_CONNECTION);
			continue;
		}
		if (work->notes[i] & NOTE_OPEN) {
			if (packet->flags & PACKET_LATER_FRAGMENT) {
				judge_later_fragment(work, i);
				continue;
			}
			judge_packet(work, i);
		}
		if ((packet->flags & (PACKET_FRAGMENT | PACKET_LATER_FRAGMENT)) ==
			    PACKET_FRAGMENT &&
		    packet->drop == DROP_NONE)
			fragment_first(work->context->fragments, packet,
				       work->decisions[i].action == DECISION_PASS,
				       work->ruleset->generation, work->now,
				       &work->context->released);
	}
}

void judge_burst(struct judge_context *context, enum direction direction, struct packet *packets,
		 unsigned count, uint64_t now, struct decision *ret)
{
	struct judge_work work;
	struct gathered ip4;
	struct gathered ip6;
	uint8_t mac[8] = { 0 };
	uint64_t decided;

	work.context = context;
	work.ruleset = context->ruleset;
	work.packets = packets;
	work.decisions = ret;
	work.direction = direction;
	work.now = now;
	work.grace = context->settles || conn_table_in_grace(context->connections, now);
	work.terms = (struct conn_terms){
		.now = (uint32_t)now,
		.rejudge_below = (uint16_t)work.ruleset->rejudge_below,
		.rejudge = work.ruleset->rejudge_below > 0,
		.enforcing = !work.ruleset->audit,
	};
	memcpy(mac, work.ruleset->mac.bytes, sizeof(work.ruleset->mac.bytes));
	work.mac = guard_mac(mac);
	ip4.count = ip4.needing = 0;
	ip6.count = ip6.needing = 0;
	decided = context->places && may_settle(&work) ? judge_placed(&work, count) : 0;
	context->placed = (unsigned)__builtin_popcountll(decided);
	if (context->placed == count)
		return;
	if (decided)
		judge_frames(&work, count, decided, &ip4, &ip6);
	else
		judge_frames(&work, count, 0, &ip4, &ip6);
	if (context->given && work.ruleset->has_policy)
		note_given(&work, count);
	look_up(&work, &ip4, &ip6);
	if (work.ruleset->has_policy && ip4.needing > 0)
		classify4(&work, &ip4);
	if (work.ruleset->has_policy && ip6.needing > 0)
		classify6(&work, &ip6);
	judge_in_order(&work, count);
}
