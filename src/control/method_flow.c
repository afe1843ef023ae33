/*
 * flow.*: live connections, looked at and cut.
 */
#include "classify/conn.h"
#include "control/call.h"
#include "control/engine.h"
#include "control/tuple_text.h"
#include "control/verdict.h"
#include "nic/clock.h"
#include "nic/connection_marks.h"
#include "nic/lane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define LIMIT_DEFAULT 100

/* What `flow` speaks of: a connection seen from the NIC, in our own words. */
struct flow {
	struct ip_addr local;
	struct ip_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t protocol;
	uint8_t kind;
};

static struct flow flow_of(const struct conn_info *info)
{
	if (info->family == IP_FAMILY_V4)
		return (struct flow){
			.local = ip_addr_from_bytes(IP_FAMILY_V4, &info->key4.local),
			.remote = ip_addr_from_bytes(IP_FAMILY_V4, &info->key4.remote),
			.local_port = ntohs(info->key4.local_port),
			.remote_port = ntohs(info->key4.remote_port),
			.protocol = info->key4.protocol,
			.kind = info->key4.kind,
		};
	return (struct flow){
		.local = ip_addr_from_bytes(IP_FAMILY_V6, info->key6.local),
		.remote = ip_addr_from_bytes(IP_FAMILY_V6, info->key6.remote),
		.local_port = ntohs(info->key6.local_port),
		.remote_port = ntohs(info->key6.remote_port),
		.protocol = info->key6.protocol,
		.kind = info->key6.kind,
	};
}

/* --- filters --- */

struct filter {
	bool has_protocol, has_local, has_remote, has_direction;
	uint8_t protocol;
	struct endpoint local, remote;
	enum direction direction;
	const char *state; /* NULL: any */
};

static int read_endpoint(struct call *call, const char *name, bool *ret_has, struct endpoint *ret)
{
	const char *text = call_string(call, name);

	*ret_has = text != NULL;
	if (!text || endpoint_parse(text, ret) == 0)
		return 0;
	return call_refuse(
		call, ACCELNET_E_VALUE, name,
		"\"%.60s\" is not an address or prefix, IPv4:PORT or [IPv6]:PORT with a port "
		"up to 65535",
		text);
}

static int read_filter(struct call *call, struct filter *ret)
{
	const char *protocol = call_string(call, "protocol");
	const char *direction = call_string(call, "direction");
	struct filter filter = { .state = call_string(call, "state") };
	int r;

	if (protocol && protocol_parse(protocol, &filter.protocol) < 0)
		return call_refuse(call, ACCELNET_E_VALUE, "protocol",
				   "\"%.20s\" is no protocol; say tcp, udp, icmp or a number 0-255",
				   protocol);
	filter.has_protocol = protocol != NULL;
	if (direction)
		(void)direction_parse(direction, &filter.direction); /* one of the choices */
	filter.has_direction = direction != NULL;
	r = read_endpoint(call, "local", &filter.has_local, &filter.local);
	if (r == 0)
		r = read_endpoint(call, "remote", &filter.has_remote, &filter.remote);
	if (r == 0)
		*ret = filter;
	return r;
}

static bool is_empty(const struct filter *filter)
{
	return !filter->has_protocol && !filter->has_local && !filter->has_remote &&
	       !filter->has_direction && !filter->state;
}

static bool endpoint_holds(const struct endpoint *endpoint, const struct ip_addr *addr,
			   uint16_t port)
{
	const struct ip_range range = ip_prefix_range(&endpoint->prefix);

	return endpoint->prefix.family == addr->family && addr->number >= range.first &&
	       addr->number <= range.last && (!endpoint->has_port || endpoint->port == port);
}

static bool filter_passes(const struct filter *filter, const struct conn_info *info)
{
	const struct flow flow = flow_of(info);

	return (!filter->has_protocol || filter->protocol == flow.protocol) &&
	       (!filter->has_direction || filter->direction == info->opened_by) &&
	       (!filter->has_local ||
		endpoint_holds(&filter->local, &flow.local, flow.local_port)) &&
	       (!filter->has_remote ||
		endpoint_holds(&filter->remote, &flow.remote, flow.remote_port)) &&
	       (!filter->state || strcmp(filter->state, conn_phase_name(info->phase)) == 0);
}

/* --- list and show --- */

struct listing {
	const struct filter *filter;
	struct json *flows;
	size_t shown;
	size_t limit;
	bool more;
	const struct nic *nic;
	const struct engine *engine; /* judges each flow anew; NULL: not wanted */
};

static void add_endpoints(struct json *json, const struct flow *flow)
{
	const bool ports = ip_protocol_has_ports(flow->protocol);
	char text[ENDPOINT_TEXT_MAX], number[8];

	json_add_string(json, "protocol", protocol_text(flow->protocol, number));
	json_add_string(json, "local",
			endpoint_format(&flow->local, ports, flow->local_port, text));
	json_add_string(json, "remote",
			endpoint_format(&flow->remote, ports, flow->remote_port, text));
	if (!ports && flow->kind) {
		json_add_unsigned(json, "icmpType", flow->kind);
		json_add_unsigned(json, "icmpId", flow->local_port);
	}
}

static void add_verdict(struct json *json, const struct engine *engine,
			const struct conn_info *info, const struct flow *flow)
{
	const bool inbound = info->opened_by == DIRECTION_INBOUND;
	const struct tuple tuple = {
		.direction = info->opened_by,
		.source = inbound ? flow->remote : flow->local,
		.destination = inbound ? flow->local : flow->remote,
		.protocol = flow->protocol,
		.source_port = inbound ? flow->remote_port : flow->local_port,
		.destination_port = inbound ? flow->local_port : flow->remote_port,
	};
	struct judgement judgement;

	engine_judge(engine, &tuple, 1, &judgement);
	json_add(json, "verdictNow", verdict_json(engine_policy(engine), &tuple, &judgement));
}

static bool is_marked(const struct nic *nic, const struct conn_info *info)
{
	struct conn_key key = { .family = info->family };

	if (info->family == IP_FAMILY_V4)
		key.key4 = info->key4;
	else
		key.key6 = info->key6;
	return connection_marks_has(nic, &key);
}

static bool list_flow(void *context, const struct conn_info *info)
{
	struct listing *listing = context;
	const struct flow flow = flow_of(info);
	uint64_t generation;
	struct json *json;

	if (!filter_passes(listing->filter, info))
		return true;
	if (listing->shown == listing->limit) {
		listing->more = true;
		return false;
	}
	json = json_add_object(listing->flows, NULL);
	add_endpoints(json, &flow);
	json_add_string(json, "direction", direction_name(info->opened_by));
	json_add_string(json, "state", conn_phase_name(info->phase));
	json_add_bool(json, "replied", info->replied);
	json_add_bool(json, "auditOnly", info->audit_only);
	json_add_double(json, "idleSeconds", info->idle_ms / 1000.0);
	json_add_double(json, "expiresSeconds", info->expires_ms / 1000.0);
	if (nic_generation_of(listing->nic, info->generation, &generation))
		json_add_unsigned(json, "generation", generation);
	else
		json_add_null(json, "generation");
	json_add_bool(json, "offloaded", is_marked(listing->nic, info));
	if (listing->engine)
		add_verdict(json, listing->engine, info, &flow);
	listing->shown++;
	return true;
}

static int list_flows(struct call *call, struct nic *nic, const struct engine *engine,
		      struct json **ret)
{
	struct listing listing = { .limit = LIMIT_DEFAULT, .nic = nic, .engine = engine };
	struct conn_stats stats;
	struct filter filter;
	uint64_t cursor = 0, limit;
	int r = read_filter(call, &filter);

	if (r < 0)
		return r;
	if (call_number(call, "limit", &limit))
		listing.limit = limit;
	listing.filter = &filter;
	*ret = json_new_object();
	json_add_string(*ret, "nic", nic_get_config(nic)->name);
	listing.flows = json_add_array(*ret, "flows");
	conn_foreach(nic_connections(nic), clock_ms(), &cursor, list_flow, &listing);
	conn_table_stats(nic_connections(nic), &stats);
	json_add_unsigned(*ret, "shown", listing.shown);
	json_add_bool(*ret, "more", listing.more);
	json_add_unsigned(*ret, "total", stats.live);
	return 0;
}

int handle_flow_list(struct call *call, struct json **ret)
{
	struct nic *nic;
	int r = call_nic(call, &nic);

	return r < 0 ? r : list_flows(call, nic, NULL, ret);
}

int handle_flow_show(struct call *call, struct json **ret)
{
	ENGINE_CLEANUP struct engine *engine = NULL;
	const struct ruleset *ruleset;
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r < 0)
		return r;
	ruleset = nic_snapshot(nic)->ruleset;
	if (ruleset->has_policy)
		r = engine_of_ruleset(ruleset, &engine, &call->error.what);
	return r < 0 ? r : list_flows(call, nic, engine, ret);
}

/* --- kill --- */

struct killing {
	struct conn_table *table;
	const struct filter *filter;
	uint64_t now;
	uint64_t limit;
	uint64_t killed;
	bool more;
};

static bool kill_flow(void *context, const struct conn_info *info)
{
	struct killing *killing = context;
	int r;

	if (info->phase == CONN_TOMBSTONE || !filter_passes(killing->filter, info))
		return true;
	if (killing->killed == killing->limit)
		return false;
	r = info->family == IP_FAMILY_V4 ? conn_kill4(killing->table, &info->key4, killing->now)
					 : conn_kill6(killing->table, &info->key6, killing->now);
	if (r == -EAGAIN) {
		killing->more = true;
		return false;
	}
	killing->killed += r == 0; /* else it has ended by itself meanwhile */
	return true;
}

int handle_flow_kill(struct call *call, struct json **ret)
{
	struct killing killing = { .now = clock_ms(), .limit = UINT64_MAX };
	struct filter filter;
	uint64_t cursor = 0;
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r == 0)
		r = read_filter(call, &filter);
	if (r < 0)
		return r;
	if (is_empty(&filter) && !call_flag(call, "all"))
		return call_refuse(
			call, ACCELNET_E_PARAMS, "all",
			"no filter was given; with \"all\": true every connection is cut");
	(void)call_number(call, "limit", &killing.limit);
	killing.table = nic_connections(nic);
	killing.filter = &filter;
	conn_foreach(killing.table, killing.now, &cursor, kill_flow, &killing);
	*ret = json_new_object();
	json_add_string(*ret, "nic", nic_get_config(nic)->name);
	json_add_unsigned(*ret, "killed", killing.killed);
	json_add_bool(*ret, "more", killing.more);
	return 0;
}
