/*
 * A device with one of every action, each named by a letter, and matchers that take everything: for
 * tests of which lists of actions are accepted where.
 */
#ifndef TESTS_AZHOST_STEERING_KIT_H
#define TESTS_AZHOST_STEERING_KIT_H

#include "azhost/steering/device.h"

struct kit {
	struct device device;
	struct steer_table *table[STEER_DIRECTIONS];   /* level 2 */
	struct steer_matcher *root[STEER_DIRECTIONS];  /* matches anything */
	struct steer_matcher *above[STEER_DIRECTIONS]; /* the same, at level 1 */
	struct steer_table *level1[STEER_DIRECTIONS];
	struct steer_counters counters;
	struct steer_count cells[8];
	struct steer_tir tirs[2];
	struct steer_action *by_letter[128];
};

void kit_init(struct kit *kit);
void kit_fini(struct kit *kit);

/* What steer_rule_new() answers to a list of actions, one letter each:
 * d drop, m default miss, q and p TIRs, j the table at level 2 and J that of transmit, k the table
 * at level 1, t and u tags, c and e counters and C one past the bulk, r a modify-header of the root
 * table, w and x ones above it and W that of transmit, o pop and v push of a VLAN. */
int list_result(struct kit *kit, struct steer_matcher *matcher, const char *letters);

#endif
