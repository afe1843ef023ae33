/*
 * A NIC on its path: what the uplink shows becomes events for the path machine, and its actions are
 * carried out and told.
 *
 * What is seen is a level (a VF is there, it carries, rules are in), the machine wants edges: what
 * it has been told is remembered, and each difference is told once. Looks are made by a thread of
 * their own every FAILOVER_LOOK_MS, and at once where the uplink has something to do; removals are
 * heard of at once.
 *
 * Thread: control.
 */
#ifndef NIC_FAILOVER_H
#define NIC_FAILOVER_H

#include "nic/nic.h"
#include "nic/path.h"
#include "nic/uplink.h"

#define FAILOVER_LOOK_MS 100

struct failover;

/* What the rules on the VF's port have come to. */
enum failover_rules {
	FAILOVER_RULES_UNKNOWN, /* no port is attached: its removal may have been heard of first */
	FAILOVER_RULES_NONE,    /* there are none to put */
	FAILOVER_RULES_CHANGING,
	FAILOVER_RULES_AWAITED, /* the device takes none yet */
	FAILOVER_RULES_INSTALLED,
	FAILOVER_RULES_REFUSED,
};

struct failover_options {
	const struct nic_config *config;
	const struct nic_services *services; /* copied */
	struct uplink *uplink;
	struct nic_view *view;
	/*
	 * The seam to the rules of the NIC. detach does not wait for them to go; attach does, where
	 * they still are on another port.
	 */
	struct failover_seam {
		enum failover_rules (*rules)(void *context);
		void (*attach)(void *context, uint16_t port);
		void (*detach)(void *context);
		void *context;
	} seam;
	uint64_t (*clock)(void); /* milliseconds; NULL: clock_ms() */
};

/* NULL: out of memory. Everything in `options` is borrowed but what says otherwise. */
struct failover *failover_new(const struct failover_options *options);
/* Waits for a look that is under way; nobody ticks any more. NULL is fine. */
void failover_quiesce(struct failover *failover);
/* Quiesces, too. NULL is fine. */
void failover_free(struct failover *failover);

/* Asks for a look, where none is under way, and runs timers. */
void failover_tick(struct failover *failover);
/* The kernel has told of its interfaces: has the uplink looked at, after a look under way, too. */
void failover_look_soon(struct failover *failover);
/* Something may have changed: looks that have ended, removals, rules. */
void failover_attend(struct failover *failover);

/* The operator's wish. STATE with the reason where it cannot be met. */
int failover_ask(struct failover *failover, enum path_wish wish, struct accelnet_error *err);

/* "path":"vf","pathSince":...; fully: the cause, the packets by path, and what is wrong. */
void failover_describe(const struct failover *failover, struct json *to);
void failover_describe_fully(struct failover *failover, struct json *to);

#endif
