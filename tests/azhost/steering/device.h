/*
 * A steering object with a receive and a transmit domain, and short ways to make tables, rules and
 * packets in it: what the tests of steering share. Every helper asserts that it succeeds; a test of
 * a refusal calls steering.h itself.
 */
#ifndef TESTS_AZHOST_STEERING_DEVICE_H
#define TESTS_AZHOST_STEERING_DEVICE_H

#include "azhost/connectx/steering/match.h"
#include "azhost/connectx/steering/steering.h"
#include "azhost/steering/frames.h"

#define ALL_CRITERIA (MATCH_OUTER | MATCH_MISC | MATCH_MISC2 | MATCH_MISC3)

struct device {
	struct steering *steering;
	struct steer_domain *rx, *tx;
	struct steer_table *root;    /* of rx */
	struct steer_table *root_tx; /* of tx */
};

/* limits NULL: the default ones. */
void device_init(struct device *device, const struct steer_limits *limits);
/* Everything made in it must have been destroyed. */
void device_fini(struct device *device);

struct steer_table *table_at(struct steer_domain *domain, uint32_t level);
struct steer_matcher *matcher_of(struct steer_table *table, uint16_t priority, const uint8_t *mask);
struct steer_rule *rule_of(struct steer_matcher *matcher, const uint8_t *value,
			   struct steer_action *const *actions, size_t n);
/* A rule of one action. */
struct steer_rule *rule_one(struct steer_matcher *matcher, const uint8_t *value,
			    struct steer_action *action);
/* What steer_rule_new() answers; a rule that it makes is destroyed again. */
int rule_result(struct steer_matcher *matcher, const uint8_t *value,
		struct steer_action *const *actions, size_t n);

struct steer_action *action_drop(void);
struct steer_action *action_tag(uint32_t tag);
struct steer_action *action_tir(struct steer_tir *tir);
struct steer_action *action_table(struct steer_table *table);
struct steer_action *action_counter(struct steer_counters *counters, uint32_t offset);
struct steer_action *action_modify(struct steer_domain *domain, bool root, const uint64_t *commands,
				   size_t n);

/* Modification commands as the PMD writes them: big-endian. */
uint64_t command_set(unsigned int field, unsigned int offset, unsigned int length, uint32_t data);
uint64_t command_add(unsigned int field, uint32_t data);
uint64_t command_copy(unsigned int source, unsigned int source_offset, unsigned int field,
		      unsigned int offset, unsigned int length);

/* A packet in a buffer of its own, with headroom. */
struct packet {
	uint8_t buffer[64 + FRAME_MAX_BYTES];
	struct steer_packet steer;
};

void packet_of(struct packet *packet, const struct frame_spec *spec);
/* Builds the frame and walks it. */
enum steer_verdict walk_spec(struct device *device, enum steer_direction direction,
			     const struct frame_spec *spec, struct packet *packet);

#endif
