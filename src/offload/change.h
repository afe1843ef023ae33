/*
 * From one plan to the next: which device rules stay, what goes before the new policy is
 * published, and what the marks mean before and after. Pure, but for the slots that it takes.
 *
 * A device rule stays where the new plan has the same one and no rule above it that is not in the
 * device yet would decide some of its packets otherwise. What stays is therefore right under the
 * new policy from the moment on in which that is published, whatever is put in or taken out in
 * which order, as long as new rules go in by rank.
 *
 * Priorities of the new plan are renumbered for that (priorities.h).
 *
 * Stages stand or fall together: where one of them changes, nothing stays, and the entrances to
 * the other groups are what goes first.
 */
#ifndef OFFLOAD_CHANGE_H
#define OFFLOAD_CHANGE_H

#include "classify/mark.h"
#include "offload/layout.h"

struct change {
	struct layout next;
	uint32_t *kept_from; /* by rule of next: its index in the old layout; UINT32_MAX: new */
	/* Indices in the old layout of what must be out of the device before publishing. */
	uint32_t *withdraw;
	size_t withdraw_count;
	size_t kept;
	bool *exposed;             /* by old index: its mark is void in `before` */
	struct mark_table *before; /* NULL: the table in force may stay */
	struct mark_table *after;
};

/*
 * `old` tells by its handles what is in the device, and must not be added to until the change is
 * adopted or undone. Takes the plan over, on failure too. 0 or -ENOMEM.
 */
int change_init(struct change *change, const struct layout *old, struct plan *plan,
		struct slot_pool *slots);
/* Gives back the slots of rules that are new in it. */
void change_undo(struct change *change, struct slot_pool *slots);
void change_fini(struct change *change);

#endif
