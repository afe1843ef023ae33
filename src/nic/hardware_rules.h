/*
 * What became of each rule of the policy in hardware: the device rules that stand for it, summed.
 * Thread: control.
 */
#ifndef NIC_HARDWARE_RULES_H
#define NIC_HARDWARE_RULES_H

#include "compile/program.h"
#include "offload/offload.h"

struct nic;

/* A rule of the policy's inbound chains. All zero: hardware decides nothing by it. */
struct hardware_rule {
	uint32_t planned; /* device rules that mark or drop by it */
	uint32_t installed;
	uint32_t refused;                   /* and those that wait for one that was refused */
	uint32_t uncounted;                 /* drops that are in the device without a counter */
	uint64_t dropped;                   /* packets, as far as they are counted; of the plan in
					     * force also those under its rule set's earlier plans */
	uint64_t last_drop;                 /* seconds since the epoch; 0: never seen */
	const struct offload_rule *refusal; /* one that was refused; NULL: none */
	/* In the plan; where some are planned. Those between: struct hardware_rules' `next`. */
	uint32_t first;
	uint32_t last;
};

struct hardware_rules {
	const struct plan *plan; /* borrowed; valid until the next change */
	/* One for each rule of the plan; NULL where the plan is in no device. */
	struct offload_rule *device;
	size_t device_count;
	struct hardware_rule *of[STAGES]; /* by index in chain[DIRECTION_INBOUND][stage] */
	/* By a device rule's index: that of the next one for the same rule of the stage. */
	uint32_t *next[STAGES];
};

/*
 * The plan in force ends, and its rule set does not: what its drops were hit is kept. Between the
 * withdrawal and the commit of the change. -ENOMEM: it is forgotten.
 */
int hardware_rules_carry(struct nic *nic);
/* Those of another rule set begin at 0. */
void hardware_rules_forget(struct nic *nic);
/* Of the plan in force; *ret is NULL where there is none. -ENOMEM. */
int hardware_rules_new(const struct nic *nic, struct hardware_rules **ret);
/* Of a plan that is in no device. -ENOMEM. */
int hardware_rules_of_plan(const struct plan *plan, const struct program *program,
			   struct hardware_rules **ret);
void hardware_rules_free(struct hardware_rules *rules);

/* User rules of both directions, by where they decide. Of a plan that is in no device: would. */
struct hardware_split {
	size_t hardware;
	size_t software;
	size_t refused;
};
struct ruleset;
/* `rules` may be NULL: nothing is in hardware. */
void hardware_split(const struct ruleset *ruleset, const struct hardware_rules *rules,
		    struct hardware_split *ret);

enum hardware_where { HARDWARE_NOT, HARDWARE_IN, HARDWARE_COMING, HARDWARE_REFUSED };
enum hardware_where hardware_rule_where(const struct hardware_rule *rule);

#endif
