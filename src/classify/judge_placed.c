/*
 * Packets with connection marks, judged ahead of the others of their burst: see conn_mark.h.
 *
 * What is asked of other packets before their connection is looked up (isolation, platform, acl)
 * need not be asked here: the answers hang on the key and the rule set, and the entry with this key
 * was judged under this rule set; the MAC is the NIC's, or the rule of the hardware had not
 * matched.
 *
 * Being judged ahead changes nothing as long as no packet of the same connection was left for later
 * before: what a burst says of other connections, it could have said in another order. Thread:
 * workers.
 */
#include "classify/conn_place.h"
#include "classify/guard.h"
#include "classify/judge_work.h"

/* Packets left for later, by a few bits of their ports. */
static inline uint64_t later_bit(const struct packet *packet)
{
	const bool is_v4 = packet->kind == PACKET_IP4;
	uint32_t local = is_v4 ? packet->key4.local_port : packet->key6.local_port;
	uint32_t remote = is_v4 ? packet->key4.remote_port : packet->key6.remote_port;
	uint32_t ports = local ^ remote << 3;

	return 1ULL << ((ports ^ ports >> 8) & 63);
}

/* UDP, and TCP with ACK and without SYN, FIN and RST, whole and in order; else CONN_EVENTS. */
static inline enum conn_event event_of(const struct packet *packet)
{
	const uint8_t flags = packet->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);

	if (packet->drop != DROP_NONE || packet->flags != 0 || packet->kind > PACKET_IP6)
		return CONN_EVENTS;
	if (packet->protocol == IP_PROTOCOL_UDP)
		return CONN_EVENT_UDP;
	return packet->protocol == IP_PROTOCOL_TCP && flags == TCP_ACK ? CONN_EVENT_ACK
								       : CONN_EVENTS;
}

static inline bool passes_guard(const struct judge_work *work, const struct packet *packet)
{
	if (!work->ruleset->source_guard)
		return true;
	return (packet->kind == PACKET_IP4 &&
		guard_passes4(work->ruleset, packet, work->direction, work->mac)) ||
	       guard_check(work->ruleset, packet) == DROP_NONE;
}

static inline bool judge_one(struct judge_work *work, unsigned i, uint32_t place)
{
	const struct packet *packet = &work->packets[i];
	const enum conn_event event = event_of(packet);

	if (event == CONN_EVENTS || !passes_guard(work, packet) ||
	    !conn_at(work->context->connections, place, packet, work->ruleset->generation,
		     &work->hints[i]))
		return false;
	work->events[i] = (uint8_t)event;
	if (!judge_is_settled(work, i))
		return false;
	work->decisions[i] = decision_of(DECISION_PASS, DROP_NONE, DECIDED_BY_CONNECTION);
	return true;
}

/* Fetches what will be read of the entries; of those of IPv6, but for their addresses. */
static void prefetch(const struct judge_work *work, unsigned count)
{
	const struct conn_table *table = work->context->connections;

	for (unsigned i = 0; i < count; i++) {
		const uint32_t place = work->context->places[i];
		const enum ip_family family = place & CONN_SLOT_IP6 ? IP_FAMILY_V6 : IP_FAMILY_V4;
		const struct conn_bucket *bucket;

		if (place == CONN_NOT_FOUND)
			continue;
		bucket = conn_bucket_of_place(table, family, place);
		__builtin_prefetch(bucket->lane);
		__builtin_prefetch(bucket->state);
	}
}

uint64_t judge_placed(struct judge_work *work, unsigned count)
{
	const uint32_t *places = work->context->places;
	uint64_t decided = 0, later = 0;

	prefetch(work, count);
	for (unsigned i = 0; i < count; i++) {
		const uint64_t bit = later_bit(&work->packets[i]);

		if (places[i] != CONN_NOT_FOUND && !(later & bit) && judge_one(work, i, places[i]))
			decided |= 1ULL << i;
		else
			later |= bit;
	}
	return decided;
}
