/*
 * Which flows have the most packets, as far as samples tell. Pure; control thread.
 *
 * A table of fixed size counts packets by key, halves its counts once in LONG_FLOWS_WINDOW calls of
 * long_flows_age(), and forgets what has come to nothing. A key that finds no place takes that of
 * the least in its set, with that one's count, as Metwally's space-saving does: what is truly long
 * is never pushed out by many short ones.
 */
#ifndef NIC_LONG_FLOWS_H
#define NIC_LONG_FLOWS_H

#include "classify/conn_mark.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LONG_FLOWS_SETS   512
#define LONG_FLOWS_WAYS   4
#define LONG_FLOWS_WINDOW 8

struct long_flow {
	struct conn_key key;
	uint64_t packets; /* 0: free */
	uint32_t samples;
};

struct long_flows {
	unsigned age;
	struct long_flow flows[LONG_FLOWS_SETS][LONG_FLOWS_WAYS];
};

void long_flows_reset(struct long_flows *flows);
void long_flows_add(struct long_flows *flows, const struct conn_key *key, uint32_t packets);
void long_flows_age(struct long_flows *flows);
/*
 * Takes a flow of at least so many packets, by at least LONG_FLOW_SAMPLES samples, out of the
 * table, from `*cursor` (0: the first) on; false: there is no other.
 */
#define LONG_FLOW_SAMPLES 4
bool long_flows_take(struct long_flows *flows, uint64_t packets, size_t *cursor,
		     struct conn_key *ret);

bool conn_key_equal(const struct conn_key *a, const struct conn_key *b);
int conn_key_compare(const struct conn_key *a, const struct conn_key *b);

#endif
