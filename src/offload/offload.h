/*
 * A plan on a port: what the control thread may ask of the offload thread.
 *
 * One offload thread owns every rte_flow handle of the process, because rule calls block. The
 * control thread computes what changes, waits where a change of policy must wait, and reads copies
 * of the state. Nothing here is called by workers.
 *
 * Order of a change of policy, so that no moment is wrong:
 *
 *     offload_prepare()    pure: which device rules stay, which slots they keep, what goes and
 * comes publish marks_before with the old rule set, where it is not NULL: voids the marks under the
 *                          drops that go, which would otherwise be exposed too early
 *     offload_withdraw()   waits until the drops that the new policy does not make are destroyed
 *     publish marks_after with the new rule set; answer the client
 *     offload_commit()     the rest goes and comes, in the background
 *
 * offload_abort() instead of the last steps leaves the old plan in force.
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
struct offload_change;
struct flow_backend;

/* Starts the thread. `backend` NULL: rte_flow. */
int offload_new(const struct flow_backend *backend, struct offload **ret,
		struct accelnet_error *err);
/* Every NIC has been freed. NULL is fine. */
void offload_free(struct offload *offload);

/* Runs on the offload thread, in order with everything else: for calls that block. -ENOMEM. */
int offload_post(struct offload *offload, void (*job)(void *context), void *context);

struct offload_nic_options {
	const char *name; /* for the log; copied */
	uint16_t queues;  /* receive queues 0..queues - 1 take what is marked or let through */
	struct mac_addr mac;
	/*
	 * Called on the offload thread when there is something new in the state (tier known, plan
	 * in, degraded, gone): it posts to the control thread and returns.
	 */
	void (*changed)(void *context);
	/*
	 * Have all receive queues been drained since `ticket`? For the reuse of slots; called on
	 * the control thread. ticket_take() makes one.
	 */
	uint64_t (*drain_ticket)(void *context);
	bool (*drained)(void *context, uint64_t ticket);
	void *context;
};

int offload_nic_new(struct offload *offload, const struct offload_nic_options *options,
		    struct offload_nic **ret, struct accelnet_error *err);
/* Destroys every rule on its port, waits for that. NULL is fine. */
void offload_nic_free(struct offload_nic *nic);

/*
 * The port that rules go to: known, not necessarily started. The thread probes its tier as soon as
 * rules can be made (ENODEV: again, with back-off, for ever) and then says changed(). Rules that
 * the plan in force has are put in again whenever the port was stopped, removed or re-added.
 */
void offload_attach(struct offload_nic *nic, uint16_t port);
/* Rules and handles are forgotten; with the port still there they are destroyed first. Waits. */
void offload_detach(struct offload_nic *nic);
/* The port was stopped and started, or came again under the same id: everything goes in anew. */
void offload_reinstall(struct offload_nic *nic);

/*
 * Takes the plan over, on failure too. NULL: nothing is to be in hardware (offload off, no policy).
 * Only one change at a time. -ENOMEM, else 0.
 */
int offload_prepare(struct offload_nic *nic, struct plan *plan, struct offload_change **ret,
		    struct accelnet_error *err);
/* Tables for snapshots. before: NULL where nothing need be voided. The caller takes them over. */
struct mark_table *offload_marks_before(struct offload_change *change);
struct mark_table *offload_marks_after(struct offload_change *change);
void offload_withdraw(struct offload_change *change);
void offload_commit(struct offload_change *change); /* frees it */
void offload_abort(struct offload_change *change);  /* frees it; NULL is fine */

enum offload_state {
	OFFLOAD_STATE_ABSENT,     /* no port */
	OFFLOAD_STATE_WAITING,    /* the port takes no rules yet */
	OFFLOAD_STATE_INSTALLING, /* rules go in */
	OFFLOAD_STATE_COMPLETE,   /* everything that the plan holds is in */
	OFFLOAD_STATE_DEGRADED,   /* some is not: refused, tried again with back-off */
	OFFLOAD_STATE_IDLE,       /* no plan: offload is off, or there is no policy */
};

struct offload_status {
	enum offload_state state;
	bool has_tier;
	struct plan_options device; /* what the probe found: tier, priorities, limits */
	char why_tier[160];         /* the refusal that decided it, in the PMD's words */
	size_t planned;             /* device rules */
	size_t installed;
	size_t refused;
	int pmd_error; /* errno of the newest refusal; 0: none */
	char pmd_message[128];
	uint64_t epoch; /* how often the whole plan went in; a re-install counts */
};

void offload_status(const struct offload_nic *nic, struct offload_status *ret);

/* A device rule of the plan in force, as it stands. Borrowed text is valid until the next call. */
struct offload_rule {
	const struct plan_rule *rule; /* of the plan in force */
	uint32_t mark;                /* 0: none */
	bool installed;
	bool counted; /* hits is known */
	uint64_t hits;
	uint64_t last_hit; /* wall clock, seconds; 0: never seen */
	int pmd_error;     /* why it is not installed; 0: not tried yet */
	char pmd_message[128];
};

/* The plan in force; NULL: none. Borrowed until the next commit. */
const struct plan *offload_plan(const struct offload_nic *nic);
/* Fills ret[0..], one for each rule of the plan in force; returns how many that are. */
size_t offload_rules(const struct offload_nic *nic, struct offload_rule *ret, size_t max);

const char *offload_state_name(enum offload_state state); /* "complete" */

#endif
