/*
 * Exact rules for long flows, one a connection: which are wanted, which are in the device, and
 * which call to make next. The part of the installer that plans have no part in.
 *
 * Such a rule marks and never drops, and its mark is believed only for the entry of the flow
 * (classify/conn_mark.h). So at no moment can one be wrong, whatever plan is in force or on its
 * way: they come after everything that a plan wants, and give way to it where the device is full.
 *
 *     free -> wanted -> present -> leaving -> free
 *
 * Owned by an offload_nic. Not thread-safe: offload.c's lock. Times are in ms, of any clock.
 */
#ifndef OFFLOAD_CONNECTION_RULES_H
#define OFFLOAD_CONNECTION_RULES_H

#include "offload/flow_backend.h"
#include "offload/installer.h"
#include "offload/slots.h"

#define CONNECTION_RULES_MAX 4096

enum connection_rule_state {
	CONNECTION_RULE_FREE,
	CONNECTION_RULE_WANTED,
	CONNECTION_RULE_PRESENT,
	CONNECTION_RULE_LEAVING, /* in the device, to be destroyed */
};

struct connection_rule {
	uint8_t state; /* enum connection_rule_state */
	bool counted;
	bool try_uncounted; /* refused with a counter */
	uint32_t slot;
	void *handle;
	uint64_t packets;
	struct plan_rule rule;
};

struct connection_rules {
	struct connection_rule *list; /* CONNECTION_RULES_MAX; owned */
	size_t used;                  /* from here on all are free */
	size_t count[CONNECTION_RULE_LEAVING + 1];
	size_t at; /* where the next look begins */
	struct slot_pool slots;
	uint64_t leave_at; /* a destruction failed: not before */
	unsigned leave_failed;
	size_t room; /* the device took no more than these... */
	uint64_t room_until;
	bool is_yielding; /* a rule of the plan found no room: all go, then it is tried again */
	size_t read_at;
	uint64_t read_next;
	struct flow_error newest; /* refusal; number 0: none */
};

/* -ENOMEM */
int connection_rules_init(struct connection_rules *rules);
void connection_rules_fini(struct connection_rules *rules);

/* 0; -ENOSPC where there is no place for it in the list, the marks or the device. */
int connection_rules_add(struct connection_rules *rules, const struct plan_rule *rule, uint64_t now,
			 uint32_t *ret_slot);
/* None of that slot is fine. */
void connection_rules_remove(struct connection_rules *rules, uint32_t slot);
void connection_rules_clear(struct connection_rules *rules);
/* The plan needs the room that they take. */
void connection_rules_yield(struct connection_rules *rules, uint64_t now);
/* The device forgot its rules. */
void connection_rules_forget(struct connection_rules *rules);

/*
 * The next call; false where there is none to make now. `creates`: rules may be put in, and
 * `counts`: with counters.
 */
bool connection_rules_next(struct connection_rules *rules, bool creates, bool counts, uint64_t now,
			   struct flow_call *ret);
void connection_rules_done(struct connection_rules *rules, const struct flow_call *call, int r,
			   const struct flow_error *error, uint64_t now);
uint64_t connection_rules_wakeup(const struct connection_rules *rules);

/*
 * Where such rules stand: above the rules of the plan, by priority, or by depth beside one that
 * looks at L3 only. In its last group where it has groups, else in group 0; false: there is no
 * place.
 */
bool connection_rules_place(const struct plan *plan, uint32_t *ret_group, uint32_t *ret_priority);

#endif
