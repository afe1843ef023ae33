/*
 * What rules were hit, by name, so that plans of this and of later rule sets can be weighed by it.
 * Thread: control.
 */
#ifndef NIC_HARDWARE_WEIGH_H
#define NIC_HARDWARE_WEIGH_H

#include "compile/plan.h"

#include <stddef.h>
#include <stdint.h>

struct nic;

struct hardware_hit {
	char *name; /* owned */
	uint64_t hits;
};

/* Of inbound rules. All zero: nothing is known. */
struct hardware_hits {
	struct hardware_hit *of[STAGES]; /* owned; by name */
	size_t count[STAGES];
	uint64_t total;
};

/* Software's and hardware's, of the rules in force, since they are. -ENOMEM, with nothing in *ret.
 */
int hardware_hits_read(const struct nic *nic, struct hardware_hits *ret);
void hardware_hits_fini(struct hardware_hits *hits);

/* As plan_options wants them for a program; a rule has those of its name. Where there is no memory
 * for that nothing is known. */
void hardware_hits_give(const struct hardware_hits *hits, const struct program *program,
			uint64_t *ret[STAGES]);
void hardware_hits_take_back(uint64_t *given[STAGES]);

#endif
