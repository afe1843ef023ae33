/*
 * A plan on a port: what the control thread may ask of the offload thread.
 *
 * One offload thread owns every rte_flow handle of the process, because rule calls block. The
 * control thread computes what changes, waits where a change of policy must wait, and reads copies
 * of the state. Nothing here is called by workers; where nothing else is said, it is the
 * control thread that calls.
 *
 * Order of a change of policy, so that no moment is wrong:
 *
 *     offload_prepare()    which device rules stay, which slots they keep, what goes and comes
 *     publish the table of offload_marks_before() with the old rule set, where it is not NULL: it
 *                          voids the marks that withdrawn drops would expose
 *     offload_withdraw()   waits until the drops that the new policy does not make are destroyed
 *     publish the table of offload_marks_after() with the new rule set; answer the client
 *     offload_commit()     the rest goes and comes, in the background
 *
 * offload_abort() instead of the last steps leaves the old plan in force, and whichever table was
 * published last: after a withdrawal the drops come back, and marks that were voided stay void
 * until the next change.
 *
 * While a change is open nothing else is done to the NIC's rules. What a slot means is said by the
 * table alone, so a device rule is kept wherever the new plan has the same rule at the same place
 * and nothing above it is new, whichever rule of the policy decides its region now.
 */
#ifndef OFFLOAD_OFFLOAD_H
#define OFFLOAD_OFFLOAD_H

#include "base/error.h"
#include "base/net.h"
#include "classify/mark.h"
#include "compile/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct offload;
struct offload_nic;
struct offload_change;
struct flow_backend;

/*
 * Starts the thread. `backend` is copied, and its context borrowed (flow_backend.h); NULL:
 * rte_flow. EAL has been initialised.
 */
int offload_new(const struct flow_backend *backend, struct offload **ret,
		struct accelnet_error *err);
/* Every NIC has been freed. NULL is fine. */
void offload_free(struct offload *offload);

/*
 * The end of a port is told in a thread that has no time: the driver gets on when it returns, and a
 * thread that is woken may take the processor from it. With this the offload thread is not woken
 * there; `soon` is called, and has to see to it that offload_wake() is called some milliseconds
 * later. It must not block. Once, before there are ports.
 */
void offload_wake_by(struct offload *offload, void (*soon)(void *context), void *context);
/* Any thread. */
void offload_wake(struct offload *offload);

/*
 * The caller takes the port down: waits for a call that runs on it, and none is made any more
 * before there is a new port under its id. Any thread but the offload thread.
 */
void offload_port_goes(struct offload *offload, uint16_t port);

struct offload_nic_options {
	const char *name; /* for the log; copied */
	uint16_t queues;  /* receive queues 0..queues - 1 take what is marked or let through */
	struct mac_addr mac;
	/*
	 * Called on the offload thread, without locks, when there is something new in the state
	 * (tier known, plan in, degraded, gone): it posts to the control thread and returns.
	 */
	void (*changed)(void *context);
	/*
	 * A ticket is of the moment it is taken at; drained() tells whether, since then, every
	 * receive queue of the port has given an empty burst or a full ring's worth of packets, or
	 * was closed, and every packet that was taken has been judged. Called on the control
	 * thread, with a lock of this room held, before slots are used again: neither calls back.
	 */
	uint64_t (*drain_ticket)(void *context);
	bool (*drained)(void *context, uint64_t ticket);
	void *context;
};

int offload_nic_new(struct offload *offload, const struct offload_nic_options *options,
		    struct offload_nic **ret, struct accelnet_error *err);
/*
 * No call is made for it any more; one that runs is waited for. Its rules stay: the caller closes
 * the port, or flushes it, and nobody takes packets from it meanwhile. That is one call to the
 * driver, where rule by rule a large plan takes minutes. No change is open. NULL is fine.
 */
void offload_nic_free(struct offload_nic *nic);

/*
 * The port that rules go to: known, not necessarily started. The thread probes its tier as soon as
 * rules can be made (until then again, with back-off, for ever) and says changed(). A plan in force
 * that was made for this tier goes in by itself; otherwise status.plan_fits is false until a plan
 * for status.device is put in force. No port is attached. One whose removal has begun is not taken.
 */
void offload_attach(struct offload_nic *nic, uint16_t port);
/*
 * The port takes no new rules, and those that are there are destroyed in the background, from the
 * lowest up, so that no moment is wrong: what has no vouched mark is judged, and drops that are
 * left are right for the policy in force. A change of policy meanwhile waits for its withdrawals as
 * ever. Attached again, the port is probed when its rules have gone; another port waits for them.
 *
 * Whoever stops or closes the port himself waits until status.detaching is false, or calls
 * offload_port_goes().
 *
 * What does not go is not forgotten, nor are the slots of its marks used again, before the port is
 * reported gone; if it is attached again, that is tried again. Without a port nothing happens.
 *
 * A removal (RTE_ETH_EVENT_INTR_RMV) is seen by this room itself, in time, and ends the attachment.
 * So is, before each call and once a second, that the port was stopped by others: its rules, which
 * are gone with that, go in anew once it is started.
 */
void offload_detach(struct offload_nic *nic);

/*
 * Takes the plan over, on failure too. NULL: nothing is to be in hardware (offload off, no policy).
 * One change at a time for each NIC. Waits for at most one rule call; the end of a port does not
 * wait for it. -ENOMEM, else 0.
 */
int offload_prepare(struct offload_nic *nic, struct plan *plan, struct offload_change **ret,
		    struct accelnet_error *err);
/*
 * The same before there is a plan, for a policy that differs by a few rules and is to be in force
 * soon. `is_touched` says of a mark or a drop of the plan in force whether the new policy may
 * decide some of its packets otherwise; drops that it may are withdrawn, with those below them.
 *
 * The order is as above, with offload_complete() after the new rule set was published: it brings
 * the plan, and then marks_before, withdraw, marks_after and commit follow once more. marks_after
 * is what is left of the table in force: its rules are those of the old policy, for the caller to
 * translate, as are those of both marks_before. There is a plan in force. -ENOMEM, else 0.
 */
struct offload_edit {
	bool (*is_touched)(void *context, const struct plan *plan, const struct plan_rule *rule);
	void *context;
};
int offload_prepare_edit(struct offload_nic *nic, const struct offload_edit *edit,
			 struct offload_change **ret, struct accelnet_error *err);
/*
 * Takes the plan over, on failure too. May be called again instead of what follows it, and must be
 * until it succeeds: what was withdrawn must not come back. -ENOMEM, else 0.
 */
int offload_complete(struct offload_change *change, struct plan *plan, struct accelnet_error *err);

/*
 * Tables for snapshots. The caller takes them over and frees them with free(). before: NULL where
 * nothing need be voided; after: never NULL. Each gives its table once.
 */
struct mark_table *offload_marks_before(struct offload_change *change);
struct mark_table *offload_marks_after(struct offload_change *change);
void offload_withdraw(struct offload_change *change);
void offload_commit(struct offload_change *change); /* frees it */
void offload_abort(struct offload_change *change);  /* frees it; NULL is fine */

/* How much of the plan a change leaves in the device. */
struct offload_delta {
	size_t kept;
	size_t added;
	size_t removed;
	size_t withdrawn; /* of the removed: drops that go before the new policy is published */
};
void offload_delta(const struct offload_change *change, struct offload_delta *ret);

enum offload_state {
	OFFLOAD_STATE_ABSENT,     /* no port */
	OFFLOAD_STATE_WAITING,    /* the port takes no rules yet */
	OFFLOAD_STATE_INSTALLING, /* rules go in */
	OFFLOAD_STATE_COMPLETE,   /* everything that the plan holds is in */
	OFFLOAD_STATE_DEGRADED,   /* some is not: refused, tried again with back-off */
	/* Nothing to put in: offload is off, no policy, or a device that takes no rules. */
	OFFLOAD_STATE_IDLE,
};

struct offload_status {
	enum offload_state state;
	uint16_t port;  /* UINT16_MAX: none */
	bool detaching; /* rules of a port that was detached still go */
	bool has_tier;
	struct plan_options device; /* what the probe found; make plans with these, and drops */
	bool counts;                /* its rules can have counters */
	char why_tier[160];         /* the refusal that decided it, in the PMD's words; may be "" */
	bool plan_fits;             /* the plan in force was made for this device */
	size_t planned;             /* device rules */
	size_t installed;
	size_t refused; /* and those that wait for one that was refused */
	int pmd_error;  /* errno of the newest refusal, as a positive number; 0: none */
	char pmd_message[128];
	uint64_t epoch; /* how often the whole plan went in; a re-install counts */
	/* Packets that drops with counters have dropped since the NIC is there: never less. */
	uint64_t dropped;
	bool drops_uncounted; /* there are drops in the device without a counter */
};

void offload_status(const struct offload_nic *nic, struct offload_status *ret);

/* A device rule of the plan in force, as it stands. */
struct offload_rule {
	const struct plan_rule *rule; /* of the plan in force: borrowed until the next commit */
	uint32_t mark;                /* 0: none */
	bool installed;
	bool blocked; /* not tried: one that it must stand below is not in */
	bool counted; /* hits is known */
	/*
	 * Packets since the plan is in force, of drops alone: software counts the others. A second
	 * old; where thousands are counted, a second for each 2,500.
	 */
	uint64_t hits;
	uint64_t last_hit; /* wall clock, seconds; 0: never seen */
	int pmd_error;     /* why it is not installed, a positive errno; 0: not refused */
	char pmd_message[128];
};

/* The plan in force; NULL: none. Borrowed until the next commit. */
const struct plan *offload_plan(const struct offload_nic *nic);
/* Fills ret[0..], one for each rule of the plan in force, in its order; returns how many it has. */
size_t offload_rules(const struct offload_nic *nic, struct offload_rule *ret, size_t max);

const char *offload_state_name(enum offload_state state); /* "complete" */

#endif
