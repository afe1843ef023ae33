/*
 * What the tests of steering share; see device.h.
 */
#include "azhost/steering/device.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HEADROOM 64

void device_init(struct device *device, const struct steer_limits *limits)
{
	struct steer_limits defaults;

	steer_limits_default(&defaults);
	assert_int_equal(steering_new(limits ? limits : &defaults, &device->steering), 0);
	assert_int_equal(steer_domain_new(device->steering, STEER_RX, &device->rx), 0);
	assert_int_equal(steer_domain_new(device->steering, STEER_TX, &device->tx), 0);
	device->root = table_at(device->rx, 0);
	device->root_tx = table_at(device->tx, 0);
}

void device_fini(struct device *device)
{
	struct steer_stats stats;

	assert_int_equal(steer_table_destroy(device->root), 0);
	assert_int_equal(steer_table_destroy(device->root_tx), 0);
	steering_stats(device->steering, &stats);
	assert_int_equal(stats.rules, 0);
	assert_int_equal(stats.root_rules, 0);
	assert_int_equal(stats.matchers, 0);
	assert_int_equal(stats.tables, 0);
	assert_int_equal(steer_domain_destroy(device->rx), 0);
	assert_int_equal(steer_domain_destroy(device->tx), 0);
	steering_free(device->steering);
}

struct steer_table *table_at(struct steer_domain *domain, uint32_t level)
{
	struct steer_table *table;

	assert_int_equal(steer_table_new(domain, level, &table), 0);
	return table;
}

struct steer_matcher *matcher_of(struct steer_table *table, uint16_t priority, const uint8_t *mask)
{
	struct steer_matcher *matcher;

	assert_int_equal(
		steer_matcher_new(table, priority, ALL_CRITERIA, mask, PARAM_BYTES, &matcher), 0);
	return matcher;
}

struct steer_rule *rule_of(struct steer_matcher *matcher, const uint8_t *value,
			   struct steer_action *const *actions, size_t n)
{
	struct steer_rule *rule;

	assert_int_equal(steer_rule_new(matcher, value, PARAM_BYTES, actions, n, &rule), 0);
	return rule;
}

struct steer_rule *rule_one(struct steer_matcher *matcher, const uint8_t *value,
			    struct steer_action *action)
{
	return rule_of(matcher, value, &action, 1);
}

int rule_result(struct steer_matcher *matcher, const uint8_t *value,
		struct steer_action *const *actions, size_t n)
{
	struct steer_rule *rule;
	int r = steer_rule_new(matcher, value, PARAM_BYTES, actions, n, &rule);

	if (!r)
		steer_rule_destroy(rule);
	return r;
}

struct steer_action *action_drop(void)
{
	struct steer_action *action;

	assert_int_equal(steer_action_new_drop(&action), 0);
	return action;
}

struct steer_action *action_tag(uint32_t tag)
{
	struct steer_action *action;

	assert_int_equal(steer_action_new_tag(tag, &action), 0);
	return action;
}

struct steer_action *action_tir(struct steer_tir *tir)
{
	struct steer_action *action;

	assert_int_equal(steer_action_new_dest_tir(tir, &action), 0);
	return action;
}

struct steer_action *action_table(struct steer_table *table)
{
	struct steer_action *action;

	assert_int_equal(steer_action_new_dest_table(table, &action), 0);
	return action;
}

struct steer_action *action_counter(struct steer_counters *counters, uint32_t offset)
{
	struct steer_action *action;

	assert_int_equal(steer_action_new_counter(counters, offset, &action), 0);
	return action;
}

struct steer_action *action_modify(struct steer_domain *domain, bool root, const uint64_t *commands,
				   size_t n)
{
	struct steer_action *action;

	assert_int_equal(steer_action_new_modify_header(domain, root, commands, n, &action), 0);
	return action;
}

static uint64_t command(unsigned int type, unsigned int field, unsigned int offset,
			unsigned int length, uint32_t second)
{
	uint32_t first = type << 28 | field << 16 | offset << 8 | (length & 31);

	return htobe64((uint64_t)first << 32 | second);
}

uint64_t command_set(unsigned int field, unsigned int offset, unsigned int length, uint32_t data)
{
	return command(1, field, offset, length, data);
}

uint64_t command_add(unsigned int field, uint32_t data)
{
	return command(2, field, 0, 0, data);
}

uint64_t command_copy(unsigned int source, unsigned int source_offset, unsigned int field,
		      unsigned int offset, unsigned int length)
{
	return command(3, source, source_offset, length, field << 16 | offset << 8);
}

void packet_of(struct packet *packet, const struct frame_spec *spec)
{
	memset(&packet->steer, 0, sizeof(packet->steer));
	packet->steer.data = packet->buffer + HEADROOM;
	packet->steer.headroom = HEADROOM;
	packet->steer.length = (uint32_t)frame_build(spec, packet->steer.data);
}

enum steer_verdict walk_spec(struct device *device, enum steer_direction direction,
			     const struct frame_spec *spec, struct packet *packet)
{
	enum steer_verdict verdict;
	unsigned int walk;

	packet_of(packet, spec);
	walk = steer_enter(device->steering);
	verdict = steer_packet(device->steering, direction, &packet->steer);
	steer_leave(device->steering, walk);
	return verdict;
}
