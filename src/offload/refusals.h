/*
 * Why rules are not in the device: the few distinct answers, so that a rule keeps a number only.
 */
#ifndef OFFLOAD_REFUSALS_H
#define OFFLOAD_REFUSALS_H

#include "offload/flow_backend.h"

#define REFUSALS_MAX 16

struct refusals {
	struct flow_error list[REFUSALS_MAX];
	unsigned count;
};

/* The number of this answer; where there are too many, the last one is given up for it. */
uint8_t refusals_add(struct refusals *refusals, const struct flow_error *error);

#endif
