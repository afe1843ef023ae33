/*
 * A round: every rule of the layout that is not in the device is tried once, in order. For
 * installer.c.
 */
#ifndef OFFLOAD_INSTALLER_ROUND_H
#define OFFLOAD_INSTALLER_ROUND_H

#include "offload/installer.h"

/* How long to wait, in ms, after so many failures: 1 s, then twice as long, at most a minute. */
uint64_t round_backoff(unsigned failures);

/* is_first: the layout or the device is new, so that a round that brings everything in counts. */
void round_begin(struct installer *installer, bool is_first);
void round_end(struct installer *installer);

/* A way into the groups of an earlier layout does not go. */
bool installer_has_entrance(const struct installer *installer);

bool round_next(struct installer *installer, uint64_t now, struct flow_call *ret);
void round_done(struct installer *installer, const struct flow_call *call, int r,
		const struct flow_error *error);

#endif
