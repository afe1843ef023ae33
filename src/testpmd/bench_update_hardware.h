/*
 * What a change of a rule costs besides where rules are in hardware: finding out, before it is in
 * force, which of them it may touch.
 */
#ifndef TESTPMD_BENCH_UPDATE_HARDWARE_H
#define TESTPMD_BENCH_UPDATE_HARDWARE_H

#include "classify/ruleset.h"
#include "compile/plan.h"

struct bench_hardware_cost {
	double microseconds; /* to choose them and to make the tables of marks */
	size_t device_rules;
	size_t withdrawn; /* drops, each one call to the device, which is not in the time */
};

/* `new` was made by an edit of `old`, whose plan for the tier is in the device. 0 or -ENOMEM. */
int bench_hardware_cost(const struct ruleset *old, const struct ruleset *new, enum plan_tier tier,
			struct bench_hardware_cost *ret);

#endif
