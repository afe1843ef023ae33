/*
 * The long flows of a NIC that have a mark of their own: found, given a rule in the device, looked
 * after, and let go.
 *
 * Once a second the control thread reads the lanes' samples, asks the offload room for rules for
 * flows that sent many packets lately, tells the workers where their entries stand, and gives up
 * what has ended, moved on to another rule set, or become idle. A flow is marked only while
 *
 *     its connection lives and was last judged under the rule set in force,
 *     the rule set has no inbound acl, which the classifier must be asked about for each packet,
 *     its segments are not settled by the plan, which saves more.
 *
 * Thread: control.
 */
#ifndef NIC_CONNECTION_MARKS_H
#define NIC_CONNECTION_MARKS_H

#include "classify/conn_mark.h"
#include "nic/long_flows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;
struct nic;

struct marked_flow {
	struct conn_key key;
	uint32_t slot;
	uint32_t place;
	bool installed;
	bool counted;
	uint64_t packets;     /* by the device, as read last */
	uint64_t packets_was; /* at the beginning of the window */
	unsigned age;         /* ticks */
};

struct connection_marks {
	struct conn_marks *places; /* the workers' table; NULL: none of this */
	struct long_flows *flows;
	struct marked_flow *list; /* by key; owned */
	size_t count;
	size_t capacity;
	bool samples;        /* lanes are asked for samples */
	uint32_t missed[16]; /* by lane: flow_samples_adjust() */
};

/* Lanes are there, and hardware_init() has been called. -ENOMEM. */
int connection_marks_init(struct nic *nic);
/* Workers have stopped. */
void connection_marks_fini(struct nic *nic);

/* Once a second. */
void connection_marks_tick(struct nic *nic);

/* "connectionMarks": {...} of `nic show`; there is an offload room. */
void connection_marks_describe(const struct nic *nic, struct json *to);
/* The connection's packets come with a mark of their own. */
bool connection_marks_has(const struct nic *nic, const struct conn_key *key);

#endif
