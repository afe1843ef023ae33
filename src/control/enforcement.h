/*
 * Where the rules of a NIC are enforced, and how often they decided, as `rule list` tells it.
 * Thread: control.
 */
#ifndef CONTROL_ENFORCEMENT_H
#define CONTROL_ENFORCEMENT_H

#include "base/json.h"
#include "nic/hardware.h"

/* What all rules of an answer share. Made for one request. */
struct enforcement {
	const struct nic *nic;
	const struct ruleset *ruleset;
	bool has_status;
	struct offload_status status;
	struct hardware_rules *rules; /* NULL: nothing is in hardware */
	size_t lines_max;             /* testpmd lines of a rule */
};

void enforcement_init(struct enforcement *enforcement, const struct nic *nic, size_t lines_max);
void enforcement_fini(struct enforcement *enforcement);

/*
 * Adds {"where","reason","pmd","hits","settled","lastHit","deviceRules","testpmd"} of a rule of
 * chain[direction][stage]. `hits` is null where hardware drops packets and does not count them.
 */
void enforcement_add(const struct enforcement *enforcement, enum direction direction,
		     enum stage stage, size_t index, struct json *to);

#endif
