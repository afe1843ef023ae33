/*
 * What is in a device, what is to be in it, and which call to make next.
 *
 * Makes no call itself: installer_next() names one, the caller makes it and tells installer_done().
 * Whatever call fails, and however calls, changes of policy and losses of the port come between
 * each other, no moment is wrong (change.h says why); a property test walks through that.
 *
 * Rules go in by rank, highest first. One that is refused keeps out those below it that would
 * decide its packets otherwise; all of them are tried again, with back-off.
 *
 * Owned by an offload_nic. Not thread-safe: offload.c's lock. Times are in ms, of any clock.
 */
#ifndef OFFLOAD_INSTALLER_H
#define OFFLOAD_INSTALLER_H

#include "offload/change.h"
#include "offload/flow_backend.h"
#include "offload/layout.h"
#include "offload/obstacles.h"
#include "offload/refusals.h"
#include "offload/slots.h"

enum flow_call_kind { FLOW_CREATE, FLOW_DESTROY, FLOW_QUERY };

/* A call to be made. */
struct flow_call {
	enum flow_call_kind kind;
	const struct plan_rule *rule; /* that it is about; borrowed until installer_done() */
	uint32_t mark;                /* of FLOW_CREATE */
	bool counted;                 /* of FLOW_CREATE */
	void *handle;                 /* the rule's; of FLOW_CREATE: filled in by the caller */
	struct flow_count count;      /* of FLOW_QUERY: filled in by the caller */
	bool is_leaving;              /* this and those below belong to who named the call */
	bool is_farewell;
	size_t index;
};

/* A device rule of an earlier plan that is still in the device. */
struct leaving_rule {
	void *handle;
	uint32_t slot;
	bool is_stuck; /* its destruction failed; never of more than STUCK_MAX */
	bool counted;
	uint64_t packets; /* of its counter, as last read */
	struct plan_rule rule;
};

static inline bool leaving_is_uncounted(const struct leaving_rule *rule)
{
	return !rule->counted && rule->rule.action == PLAN_DROP;
}

#define STUCK_MAX 32

enum installer_task {
	TASK_INSTALL,  /* bring the device to the layout: in the background */
	TASK_WITHDRAW, /* destroy a list of rules */
	TASK_RETREAT,  /* destroy everything, in an order in which nothing is exposed */
};

struct installer {
	bool counts;    /* the device has counters for rules */
	bool is_wanted; /* the layout is for this device: it goes in */
	struct layout layout;
	struct slot_pool slots;
	struct refusals refusals;
	uint8_t refusal; /* the newest of them */
	uint64_t epoch;  /* how often the whole layout went in */

	struct leaving_rule *leaving; /* the first is destroyed last */
	size_t leaving_count;
	size_t leaving_capacity;
	size_t leaving_uncounted;
	size_t leaving_at;       /* this many are still to be tried */
	uint64_t leaving_try_at; /* and then all of them again */
	unsigned leaving_failed;
	struct plan_rule leaving_stuck[STUCK_MAX]; /* those of `leaving` that are */
	size_t leaving_stuck_count;
	struct flow_error leaving_error; /* the newest */

	enum installer_task task;
	const uint32_t *withdraw; /* borrowed from the change */
	size_t withdraw_count;
	size_t task_at;
	uint32_t stuck[STUCK_MAX]; /* rules whose destruction failed, in this retreat */
	size_t stuck_count;

	struct round {
		bool running;
		bool is_first;           /* since the layout or the device is new */
		bool is_retry;           /* of what an earlier one could not put in */
		size_t at;               /* in the layout's order */
		struct obstacles absent; /* what is not in, of what came before */
		size_t absent_count;
		bool stages_missing;
		bool counters_out;  /* the device has no more of them */
		bool try_uncounted; /* the present rule was refused with a counter */
		unsigned in_a_row;  /* refusals of rules of this sort */
		uint32_t sort;
		struct flow_error newest;
		unsigned uncounted; /* rules in a row that went in without a counter only */
	} round;
	uint64_t round_try_at; /* 0: everything is in */
	unsigned rounds_failed;

	size_t read_at; /* counters */
	uint64_t read_next;
	unsigned read_count;
	uint64_t sweep_next;
	const void *read_last; /* read to the end just now: it may be destroyed */
	uint64_t dropped;      /* packets, by drops with a counter, ever */
};

void installer_init(struct installer *installer);
/* Nothing is in the device any more, or it does not matter. */
void installer_fini(struct installer *installer);

/* The next call, of the present task; false where there is none to make now. */
bool installer_next(struct installer *installer, uint64_t now, struct flow_call *ret);
/* What became of it: 0, or -errno with `error`. */
void installer_done(struct installer *installer, const struct flow_call *call, int r,
		    const struct flow_error *error, uint64_t now);
/* When installer_next() may have something again; UINT64_MAX: not before something is asked. */
uint64_t installer_wakeup(const struct installer *installer);

/* Destroys what the change withdraws; where that fails, everything. */
void installer_withdraw(struct installer *installer, const struct change *change);
/* Destroys everything. */
void installer_retreat(struct installer *installer);
/* Back to the layout, from the beginning: after a task, or when the device is there again. */
void installer_install(struct installer *installer);
/* The device forgot its rules. */
void installer_forget(struct installer *installer);

/* 0 or -ENOMEM. The change must be adopted or undone before anything else but the tasks above. */
int installer_prepare(struct installer *installer, struct plan *plan, struct change *ret);
/* The change's layout is in force; ends the change. */
void installer_adopt(struct installer *installer, struct change *change);
/* The layout of before stays, and the table of marks that was published last; ends the change. */
void installer_abort(struct installer *installer, struct change *change);

struct installer_counts {
	size_t planned;
	size_t installed;
	size_t refused;
	size_t blocked;
	size_t leaving;
	size_t uncounted;                /* drops that are in without a counter */
	const struct flow_error *newest; /* NULL: nothing is refused */
};
/* Takes no longer for many rules than for few. */
void installer_count(const struct installer *installer, struct installer_counts *ret);

#endif
