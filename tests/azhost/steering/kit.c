/*
 * One of every action; see kit.h.
 */
#include "azhost/steering/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t any[PARAM_BYTES];

int list_result(struct kit *kit, struct steer_matcher *matcher, const char *letters)
{
	struct steer_action *actions[16];
	size_t n = strlen(letters);

	for (size_t i = 0; i < n; i++)
		actions[i] = kit->by_letter[(unsigned char)letters[i]];
	return rule_result(matcher, any, actions, n);
}

void kit_init(struct kit *kit)
{
	uint64_t set = command_set(0x51, 0, 32, 1);
	struct steer_domain *domains[STEER_DIRECTIONS];

	memset(kit, 0, sizeof(*kit));
	device_init(&kit->device, NULL);
	domains[STEER_RX] = kit->device.rx;
	domains[STEER_TX] = kit->device.tx;
	kit->root[STEER_RX] = matcher_of(kit->device.root, 0, any);
	kit->root[STEER_TX] = matcher_of(kit->device.root_tx, 0, any);
	for (int i = 0; i < STEER_DIRECTIONS; i++) {
		kit->level1[i] = table_at(domains[i], 1);
		kit->table[i] = table_at(domains[i], 2);
		kit->above[i] = matcher_of(kit->level1[i], 0, any);
	}
	kit->counters.n = 8;
	kit->counters.cells = kit->cells;
	kit->by_letter['d'] = action_drop();
	assert_int_equal(steer_action_new_default_miss(&kit->by_letter['m']), 0);
	kit->by_letter['q'] = action_tir(&kit->tirs[0]);
	kit->by_letter['p'] = action_tir(&kit->tirs[1]);
	kit->by_letter['j'] = action_table(kit->table[STEER_RX]);
	kit->by_letter['J'] = action_table(kit->table[STEER_TX]);
	kit->by_letter['k'] = action_table(kit->level1[STEER_RX]);
	kit->by_letter['t'] = action_tag(1);
	kit->by_letter['u'] = action_tag(2);
	kit->by_letter['c'] = action_counter(&kit->counters, 0);
	kit->by_letter['e'] = action_counter(&kit->counters, 7);
	kit->by_letter['C'] = action_counter(&kit->counters, 8);
	kit->by_letter['r'] = action_modify(kit->device.rx, true, &set, 1);
	kit->by_letter['w'] = action_modify(kit->device.rx, false, &set, 1);
	kit->by_letter['x'] = action_modify(kit->device.rx, false, &set, 1);
	kit->by_letter['W'] = action_modify(kit->device.tx, false, &set, 1);
	assert_int_equal(steer_action_new_pop_vlan(&kit->by_letter['o']), 0);
	assert_int_equal(steer_action_new_push_vlan(0x81000001, &kit->by_letter['v']), 0);
}

void kit_fini(struct kit *kit)
{
	for (size_t i = 0; i < 128; i++) {
		if (kit->by_letter[i])
			assert_int_equal(steer_action_destroy(kit->by_letter[i]), 0);
	}
	for (int i = 0; i < STEER_DIRECTIONS; i++) {
		assert_int_equal(steer_matcher_destroy(kit->root[i]), 0);
		assert_int_equal(steer_matcher_destroy(kit->above[i]), 0);
		assert_int_equal(steer_table_destroy(kit->table[i]), 0);
		assert_int_equal(steer_table_destroy(kit->level1[i]), 0);
	}
	device_fini(&kit->device);
}
