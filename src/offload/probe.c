/*
 * What a port can do: see probe.h.
 */
#include "offload/probe.h"

#include "classify/mark.h"

#include <errno.h>
#include <stdio.h>

/* The last that mlx5 takes: of a slot beyond every table. */
#define MARK_OF_NOTHING (MARK_LIMIT - 2)
/* More user priorities than this in group 0 are of no use. */
#define PRIORITIES_MAX 8

/* Errors that say nothing about what a device can do. */
static const int passing[] = { ENOMEM, EAGAIN, EBUSY, EINTR, EIO, ENOSPC, ETIMEDOUT };

static bool is_passing(int error)
{
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		if (passing[i] == -error)
			return true;
	}
	return false;
}

/* From the block for documentation of RFC 7042, with the bit of locally administered ones. */
static const struct mac_addr nobody = { { 0x02, 0x00, 0x5e, 0x00, 0x53, 0x01 } };

struct probing {
	const struct probe_device *device;
	struct flow_port port;
	struct probe *probe;
	struct flow_error refusal; /* the newest */
};

static struct plan_rule make_rule(uint32_t group, uint32_t priority, enum plan_kind kind,
				  enum plan_action action)
{
	/* 192.0.2.1 to 192.0.2.2, RFC 5737 */
	return (struct plan_rule){
		.group = group,
		.priority = priority,
		.match = {
			.family = IP_FAMILY_V4,
			.source = { IP_FAMILY_V4, 32, 0xc0000201 },
			.destination = { IP_FAMILY_V4, 32, 0xc0000202 },
			.has_kind = true,
			.kind = kind,
			.destination_port = 9,
			.destination_port_mask = 0xffff,
		},
		.action = action,
		.cause = PLAN_FOR_RULE,
		.entry = UINT32_MAX,
	};
}

static int put_in(struct probing *probing, const struct plan_rule *rule, bool counted,
		  void **ret_handle)
{
	struct flow_call call = {
		.kind = FLOW_CREATE,
		.rule = rule,
		.mark = MARK_OF_NOTHING,
		.counted = counted,
	};
	int r = probing->device->call(probing->device->context, &probing->port, &call,
				      &probing->refusal);

	*ret_handle = r == 0 ? call.handle : NULL;
	return r;
}

/* One that does not go matches nothing; it is forgotten with the port, and see try_rules(). */
static void take_out(struct probing *probing, const struct plan_rule *rule, void *handle)
{
	struct flow_call call = { .kind = FLOW_DESTROY, .rule = rule, .handle = handle };
	struct flow_error error;

	for (int i = 0; handle && i < 2; i++) {
		if (probing->device->call(probing->device->context, &probing->port, &call,
					  &error) == 0)
			return;
	}
}

/* 0, or why the rules cannot be in the device together, in this order. */
static int try_rules(struct probing *probing, const struct plan_rule *rules, size_t count,
		     bool counted)
{
	void *handles[2] = { NULL };
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		r = put_in(probing, &rules[i], counted, &handles[i]);
		if (r == -EEXIST)
			r = 0; /* left there by an earlier probe: it is one that the device takes */
	}
	for (size_t i = count; i-- > 0;)
		take_out(probing, &rules[i], handles[i]);
	return r;
}

static int try_t1(struct probing *probing)
{
	struct plan_rule drop = make_rule(0, 0, PLAN_UDP, PLAN_DROP);

	return try_rules(probing, &drop, 1, false);
}

/* Two priorities, TCP flags, marks. */
static int try_t2(struct probing *probing)
{
	struct plan_rule rules[2] = {
		make_rule(0, 0, PLAN_TCP_SETTLED, PLAN_UNMARKED),
		make_rule(0, 1, PLAN_TCP_SETTLED, PLAN_MARK),
	};

	return try_rules(probing, rules, 2, false);
}

/* Groups, tags, jumps. */
static int try_t3(struct probing *probing)
{
	struct plan_rule rules[2] = {
		make_rule(1, 1000, PLAN_TCP_SETTLED, PLAN_MARK),
		make_rule(0, 0, PLAN_TCP_SETTLED, PLAN_NEXT),
	};

	rules[0].match.tags[PLAN_TAG_SOURCE] = 1;
	rules[1].tags[PLAN_TAG_SOURCE] = 1;
	return try_rules(probing, rules, 2, false);
}

static int count_priorities(struct probing *probing)
{
	uint32_t count = 2;
	int r = 0;

	while (r == 0 && count < PRIORITIES_MAX) {
		struct plan_rule rule = make_rule(0, count, PLAN_UDP, PLAN_UNMARKED);

		r = try_rules(probing, &rule, 1, false);
		count += r == 0;
	}
	probing->probe->device.priorities = count;
	probing->probe->is_passing |= is_passing(r);
	return r == -ENODEV ? r : 0;
}

static int try_counters(struct probing *probing)
{
	uint32_t group = probing->probe->device.tier == TIER_T3;
	struct plan_rule rule = make_rule(group, 0, PLAN_UDP, PLAN_DROP);
	int r = try_rules(probing, &rule, 1, true);

	probing->probe->counts = r == 0;
	return r == -ENODEV ? r : 0;
}

static int find_tier(struct probing *probing)
{
	static const struct {
		enum plan_tier tier;
		int (*attempt)(struct probing *probing);
	} steps[] = { { TIER_T1, try_t1 }, { TIER_T2, try_t2 }, { TIER_T3, try_t3 } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int r = steps[i].attempt(probing);

		if (r < 0) {
			(void)snprintf(probing->probe->why, sizeof(probing->probe->why),
				       "no %s: %s", plan_tier_name(steps[i].tier),
				       probing->refusal.message);
			probing->probe->is_passing = is_passing(r);
			return r == -ENODEV ? r : 0;
		}
		probing->probe->device.tier = steps[i].tier;
	}
	return 0;
}

int probe_run(const struct probe_device *device, const struct flow_port *port, struct probe *ret)
{
	struct probing probing = { .device = device, .port = *port, .probe = ret };
	int r;

	*ret = (struct probe){ .device = { .tier = TIER_T0 } };
	probing.port.mac = nobody;
	r = find_tier(&probing);
	if (r == 0 && ret->device.tier >= TIER_T2)
		r = count_priorities(&probing);
	if (r == 0 && ret->device.tier >= TIER_T1)
		r = try_counters(&probing);
	return r;
}
