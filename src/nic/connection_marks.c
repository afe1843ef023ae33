/*
 * Marks of long flows: see connection_marks.h.
 */
#include "nic/connection_marks.h"

#include "base/json.h"
#include "nic/clock.h"
#include "nic/nic_private.h"
#include "offload/connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of a flow that is worth its rule no longer: less than this part of what it took. */
#define IDLE_DIVISOR 4
/* Without a counter: it sent nothing for so long. */
#define IDLE_MS 10000
/* New rules in one tick: the offload thread makes one in up to a millisecond. */
#define NEW_MAX 128

_Static_assert(NIC_QUEUES_MAX <= 16, "missed[] has one for each lane");

/* --- life --- */

int connection_marks_init(struct nic *nic)
{
	struct connection_marks *marks = &nic->marks;

	if (!nic->hardware.offload)
		return 0;
	marks->places = conn_marks_new();
	marks->flows = calloc(1, sizeof(*marks->flows));
	if (!marks->places || !marks->flows)
		return -ENOMEM;
	nic->view.connection_marks = marks->places;
	return 0;
}

void connection_marks_fini(struct nic *nic)
{
	struct connection_marks *marks = &nic->marks;

	nic->view.connection_marks = NULL;
	free(marks->places);
	free(marks->flows);
	free(marks->list);
	*marks = (struct connection_marks){ 0 };
}

/* --- the list --- */

/* Where the key is, or would be. */
static size_t find(const struct connection_marks *marks, const struct conn_key *key)
{
	size_t low = 0, high = marks->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (conn_key_compare(&marks->list[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool connection_marks_has(const struct nic *nic, const struct conn_key *key)
{
	const struct connection_marks *marks = &nic->marks;
	const size_t at = find(marks, key);

	return at < marks->count && marks->list[at].installed &&
	       conn_key_equal(&marks->list[at].key, key);
}

static int reserve(struct connection_marks *marks)
{
	const size_t capacity = marks->capacity ? marks->capacity * 2 : 64;
	struct marked_flow *grown;

	if (marks->count < marks->capacity)
		return 0;
	grown = reallocarray(marks->list, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	marks->list = grown;
	marks->capacity = capacity;
	return 0;
}

static void forget(struct connection_marks *marks, size_t at)
{
	conn_marks_set(marks->places, marks->list[at].slot, CONN_NOT_FOUND);
	marks->count--;
	memmove(&marks->list[at], &marks->list[at + 1],
		(marks->count - at) * sizeof(marks->list[0]));
}

/* --- what the offload room still has --- */

static int by_slot(const void *a, const void *b)
{
	const struct offload_connection_rule *x = a, *y = b;

	return (x->slot > y->slot) - (x->slot < y->slot);
}

static void take_over(struct marked_flow *flow, const struct offload_connection_rule *rule)
{
	flow->installed = rule->installed;
	flow->counted = rule->counted;
	flow->packets = rule->packets;
}

/* Where there is no memory to ask, everything stays as it is. */
static void take_stock(struct nic *nic)
{
	struct connection_marks *marks = &nic->marks;
	struct offload_connection_rule *rules;
	size_t count;

	if (marks->count == 0)
		return;
	rules = calloc(marks->count, sizeof(*rules));
	if (!rules)
		return;
	/* nobody else asks for rules: there are no more than in the list */
	count = offload_connections(nic->hardware.offload, rules, marks->count);
	qsort(rules, count, sizeof(*rules), by_slot);
	for (size_t i = marks->count; i-- > 0;) {
		const struct offload_connection_rule wanted = { .slot = marks->list[i].slot };
		const struct offload_connection_rule *rule =
			bsearch(&wanted, rules, count, sizeof(*rules), by_slot);

		if (rule)
			take_over(&marks->list[i], rule);
		else
			forget(marks, i);
	}
	free(rules);
}

/* --- aging --- */

static uint64_t window_packets(const struct nic *nic)
{
	return (uint64_t)nic->config->marks_rate * LONG_FLOWS_WINDOW;
}

static bool is_idle(const struct nic *nic, struct marked_flow *flow,
		    const struct conn_standing *standing)
{
	uint64_t packets = flow->packets - flow->packets_was;

	if (!flow->installed || !flow->counted)
		return standing->idle_ms >= IDLE_MS;
	if (++flow->age % LONG_FLOWS_WINDOW != 0)
		return false;
	flow->packets_was = flow->packets;
	return packets < window_packets(nic) / IDLE_DIVISOR;
}

/* True where it is to keep its mark; then its place is the present one. */
static bool look_after(struct nic *nic, struct marked_flow *flow, uint64_t now)
{
	const uint64_t generation = nic_snapshot(nic)->ruleset->generation;
	struct conn_standing standing;

	if (!conn_stands(nic->view.connections, &flow->key, now, &standing) ||
	    standing.generation != (uint16_t)generation || is_idle(nic, flow, &standing))
		return false;
	if (standing.place != flow->place)
		conn_marks_set(nic->marks.places, flow->slot, standing.place);
	flow->place = standing.place;
	return true;
}

static void let_go(struct nic *nic, size_t at)
{
	offload_connection_remove(nic->hardware.offload, nic->marks.list[at].slot);
	forget(&nic->marks, at);
}

static void look_after_all(struct nic *nic)
{
	const uint64_t now = clock_ms();

	for (size_t i = nic->marks.count; i-- > 0;) {
		if (!look_after(nic, &nic->marks.list[i], now))
			let_go(nic, i);
	}
}

/* --- choosing --- */

static struct offload_connection connection_of(const struct conn_key *key)
{
	const struct key4 *key4 = &key->key4;
	const struct key6 *key6 = &key->key6;

	if (key->family == IP_FAMILY_V4)
		return (struct offload_connection){
			.protocol = key4->protocol,
			.source = ip_addr_from_bytes(IP_FAMILY_V4, &key4->remote),
			.destination = ip_addr_from_bytes(IP_FAMILY_V4, &key4->local),
			.source_port = ntohs(key4->remote_port),
			.destination_port = ntohs(key4->local_port),
		};
	return (struct offload_connection){
		.protocol = key6->protocol,
		.source = ip_addr_from_bytes(IP_FAMILY_V6, key6->remote),
		.destination = ip_addr_from_bytes(IP_FAMILY_V6, key6->local),
		.source_port = ntohs(key6->remote_port),
		.destination_port = ntohs(key6->local_port),
	};
}

/* The plan lets its segments through without a look: a mark of its own would be a step back. */
static bool is_settled(const struct plan *plan, const struct offload_connection *connection)
{
	const struct plan_packet packet = {
		.family = connection->source.family,
		.source = connection->source.number,
		.destination = connection->destination.number,
		.protocol = connection->protocol,
		.source_port = connection->source_port,
		.destination_port = connection->destination_port,
		.tcp_flags = connection->protocol == IP_PROTOCOL_TCP ? TCP_ACK : 0,
	};
	struct plan_answer answer;

	plan_judge(plan, &packet, &answer);
	return answer.action == PLAN_MARK && plan->slots[answer.slot].settled;
}

/* -ENOSPC: there is no room for more. 0 where the flow is no good, too. */
static int mark_flow(struct nic *nic, const struct conn_key *key)
{
	const struct offload_connection connection = connection_of(key);
	struct connection_marks *marks = &nic->marks;
	const uint64_t generation = nic_snapshot(nic)->ruleset->generation;
	const size_t at = find(marks, key);
	struct conn_standing standing;
	struct marked_flow *flow;
	uint32_t slot;
	int r;

	if (at < marks->count && conn_key_equal(&marks->list[at].key, key))
		return 0;
	if (!conn_stands(nic->view.connections, key, clock_ms(), &standing) ||
	    standing.generation != (uint16_t)generation ||
	    is_settled(offload_plan(nic->hardware.offload), &connection))
		return 0;
	r = reserve(marks);
	if (r == 0)
		r = offload_connection_add(nic->hardware.offload, &connection, &slot);
	if (r < 0)
		return r;
	flow = &marks->list[at];
	memmove(flow + 1, flow, (marks->count - at) * sizeof(*flow));
	marks->count++;
	*flow = (struct marked_flow){ .key = *key, .slot = slot, .place = standing.place };
	conn_marks_set(marks->places, slot, standing.place);
	return 0;
}

static void choose(struct nic *nic, size_t limit)
{
	struct conn_key key;
	size_t cursor = 0;

	for (int n = 0; n < NEW_MAX && nic->marks.count < limit; n++) {
		if (!long_flows_take(nic->marks.flows, window_packets(nic), &cursor, &key) ||
		    mark_flow(nic, &key) < 0)
			return;
	}
}

/* --- samples --- */

static void set_sampling(struct nic *nic, bool wanted)
{
	if (nic->marks.samples == wanted)
		return;
	nic->marks.samples = wanted;
	long_flows_reset(nic->marks.flows);
	for (uint16_t q = 0; q < nic->view.lane_count; q++)
		__atomic_store_n(&nic->view.lanes[q].samples.interval,
				 wanted ? FLOW_SAMPLES_INTERVAL : 0, __ATOMIC_RELAXED);
}

static void read_samples(struct nic *nic)
{
	long_flows_age(nic->marks.flows);
	for (uint16_t q = 0; q < nic->view.lane_count; q++) {
		struct flow_samples *samples = &nic->view.lanes[q].samples;
		struct flow_sample sample;
		uint32_t taken = 0;

		while (taken < FLOW_SAMPLES_MAX && flow_samples_pop(samples, &sample)) {
			taken++;
			if (nic->marks.samples)
				long_flows_add(nic->marks.flows, &sample.key, sample.packets);
		}
		if (nic->marks.samples)
			flow_samples_adjust(samples, taken, &nic->marks.missed[q]);
	}
}

static size_t limit_of(const struct nic *nic, const struct offload_connections_status *status)
{
	return status->limit < nic->config->marks_max ? status->limit : nic->config->marks_max;
}

static const char *why_not(const struct nic *nic, const struct offload_connections_status *status)
{
	const struct ruleset *ruleset = nic_snapshot(nic)->ruleset;

	if (nic->config->marks_max == 0)
		return "\"connectionMarks\".max is 0 in the NIC's configuration";
	if (ruleset->has_policy && ruleset->policy->offload == OFFLOAD_OFF)
		return "options.offload is off";
	if (!status->takes)
		return status->why_not;
	if (ruleset->has_acl[DIRECTION_INBOUND])
		return "the policy has an inbound acl, which judges each packet";
	return NULL;
}

void connection_marks_tick(struct nic *nic)
{
	struct offload_connections_status status;
	bool takes;

	if (!nic->marks.places)
		return;
	offload_connections_status(nic->hardware.offload, &status);
	take_stock(nic);
	look_after_all(nic);
	takes = !why_not(nic, &status);
	set_sampling(nic, takes);
	read_samples(nic);
	if (takes)
		choose(nic, limit_of(nic, &status));
}

/* --- describing --- */

void connection_marks_describe(const struct nic *nic, struct json *to)
{
	struct json *json = json_add_object(to, "connectionMarks");
	struct offload_connections_status status;
	const char *why;

	offload_connections_status(nic->hardware.offload, &status);
	why = why_not(nic, &status);
	json_add_unsigned(json, "installed", status.installed);
	json_add_unsigned(json, "limit", why ? 0 : limit_of(nic, &status));
	if (why)
		json_add_string(json, "why", why);
	else
		json_add_unsigned(json, "packetsPerSecond", nic->config->marks_rate);
	if (status.pmd_error) {
		struct json *pmd = json_add_object(json, "pmd");

		json_add_string(pmd, "type", strerrorname_np(status.pmd_error));
		json_add_string(pmd, "message", status.pmd_message);
	}
}
