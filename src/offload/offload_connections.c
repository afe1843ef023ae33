/*
 * Exact rules for long flows, between the control thread and the device: see connections.h.
 */
#define LOG_ROOM LOG_ROOM_OFFLOAD
#include "offload/connections.h"

#include "base/log.h"
#include "offload/offload_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of a device; a plan's rules come first, and a device with one priority to spare has few tables.
 */
static const size_t limits[PLAN_TIERS] = { [TIER_T2] = 1024, [TIER_T3] = CONNECTION_RULES_MAX };

/* --- the offload thread --- */

static bool plan_is_in(const struct offload_nic *nic)
{
	const struct installer *installer = &nic->installer;

	return nic_plan_fits(nic) && installer->task == TASK_INSTALL && !installer->round.running &&
	       installer->round_try_at == 0 && installer->leaving_count == 0;
}

static void end_of_yield(struct offload_nic *nic)
{
	nic->connections.is_yielding = false;
	if (nic->installer.round_try_at > 0)
		nic->installer.round_try_at = offload_clock();
}

static void log_refusal(const struct offload_nic *nic, const struct flow_call *call,
			const struct flow_error *error)
{
	log_info(call->kind == FLOW_CREATE ? "a rule of a connection was refused"
					   : "a rule of a connection does not go",
		 "nic=%s port=%u error=\"%s\" errno=%s", nic->options.name, nic->port.id,
		 error->message, strerrorname_np(error->number));
}

bool nic_step_connections(struct offload_nic *nic)
{
	struct connection_rules *rules = &nic->connections;
	struct flow_error error;
	struct flow_call call;
	int r;

	if ((nic->stage != PORT_READY && !nic->retreating) || nic->change)
		return false;
	if (rules->is_yielding && rules->count[CONNECTION_RULE_LEAVING] == 0)
		end_of_yield(nic);
	if (!connection_rules_next(rules, plan_is_in(nic), nic->installer.counts, offload_clock(),
				   &call))
		return false;
	r = nic_call(nic, &call, &error);
	if (r == -ENODEV)
		return true;
	if (r < 0 && call.kind != FLOW_QUERY && !call.counted)
		log_refusal(nic, &call, &error);
	connection_rules_done(rules, &call, r, &error, offload_clock());
	return true;
}

void nic_make_room(struct offload_nic *nic, const struct flow_call *call, int r)
{
	if (call->kind == FLOW_CREATE && (r == -ENOSPC || r == -ENOMEM || r == -EEXIST))
		connection_rules_yield(&nic->connections, offload_clock());
}

/* --- the control thread --- */

static void enter(struct offload_nic *nic)
{
	(void)pthread_mutex_lock(&nic->offload->lock);
	nic_quiet(nic);
}

static void leave(struct offload_nic *nic)
{
	(void)pthread_cond_signal(&nic->offload->work);
	(void)pthread_mutex_unlock(&nic->offload->lock);
}

/* NULL: rules may be asked for, and stand there. */
static const char *why_not(const struct offload_nic *nic, uint32_t *ret_group,
			   uint32_t *ret_priority)
{
	if (nic->stage != PORT_READY || nic->gone)
		return "there is no device";
	if (limits[nic->probe.device.tier] == 0)
		return "the device cannot mark";
	if (!plan_is_in(nic))
		return "the plan is not in the device";
	if (!connection_rules_place(nic->installer.layout.plan, ret_group, ret_priority))
		return "the device has no priority above those of the plan";
	return NULL;
}

void offload_connections_status(struct offload_nic *nic, struct offload_connections_status *ret)
{
	const struct connection_rules *rules = &nic->connections;
	uint32_t group, priority;

	(void)pthread_mutex_lock(&nic->offload->lock);
	*ret = (struct offload_connections_status){
		.why_not = why_not(nic, &group, &priority),
		.asked = rules->count[CONNECTION_RULE_WANTED] +
			 rules->count[CONNECTION_RULE_PRESENT],
		.installed = rules->count[CONNECTION_RULE_PRESENT],
		.pmd_error = rules->newest.number,
	};
	ret->takes = !ret->why_not;
	ret->limit = ret->takes ? limits[nic->probe.device.tier] : 0;
	(void)snprintf(ret->pmd_message, sizeof(ret->pmd_message), "%s", rules->newest.message);
	(void)pthread_mutex_unlock(&nic->offload->lock);
}

static struct plan_rule rule_of(const struct offload_connection *connection, uint32_t group,
				uint32_t priority)
{
	const enum ip_family family = connection->source.family;
	const uint8_t bits = (uint8_t)ip_family_bits(family);

	return (struct plan_rule){
		.group = group,
		.priority = priority,
		.match = {
			.family = family,
			.source = { family, bits, connection->source.number },
			.destination = { family, bits, connection->destination.number },
			.has_kind = true,
			.kind = connection->protocol == IP_PROTOCOL_TCP ? PLAN_TCP_SETTLED
									: PLAN_UDP,
			.source_port = connection->source_port,
			.source_port_mask = 0xffff,
			.destination_port = connection->destination_port,
			.destination_port_mask = 0xffff,
		},
		.action = PLAN_MARK,
		.cause = PLAN_FOR_RULE,
		.entry = UINT32_MAX,
	};
}

int offload_connection_add(struct offload_nic *nic, const struct offload_connection *connection,
			   uint32_t *ret_slot)
{
	uint32_t group, priority;
	int r = -ENOSPC;

	enter(nic);
	slot_pool_advance(&nic->connections.slots, nic->options.drain_ticket, nic->options.drained,
			  nic->options.context);
	if (!why_not(nic, &group, &priority)) {
		const struct plan_rule rule = rule_of(connection, group, priority);

		r = connection_rules_add(&nic->connections, &rule, offload_clock(), ret_slot);
	}
	leave(nic);
	return r;
}

void offload_connection_remove(struct offload_nic *nic, uint32_t slot)
{
	enter(nic);
	connection_rules_remove(&nic->connections, slot);
	leave(nic);
}

void offload_connections_clear(struct offload_nic *nic)
{
	enter(nic);
	connection_rules_clear(&nic->connections);
	leave(nic);
}

size_t offload_connections(struct offload_nic *nic, struct offload_connection_rule *ret, size_t max)
{
	const struct connection_rules *rules = &nic->connections;
	size_t count = 0;

	(void)pthread_mutex_lock(&nic->offload->lock);
	for (size_t i = 0; i < rules->used; i++) {
		const struct connection_rule *rule = &rules->list[i];

		if (rule->state != CONNECTION_RULE_WANTED && rule->state != CONNECTION_RULE_PRESENT)
			continue;
		if (count < max)
			ret[count] = (struct offload_connection_rule){
				.slot = rule->slot,
				.installed = rule->state == CONNECTION_RULE_PRESENT,
				.counted = rule->counted,
				.packets = rule->packets,
			};
		count++;
	}
	(void)pthread_mutex_unlock(&nic->offload->lock);
	return count;
}
