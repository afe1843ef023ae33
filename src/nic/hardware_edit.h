/*
 * What a change of a few rules does to what is in hardware, told without a plan of the new policy:
 * which marks and drops the new policy may decide otherwise, and what the rules of the old one are
 * called now. Thread: control.
 */
#ifndef NIC_HARDWARE_EDIT_H
#define NIC_HARDWARE_EDIT_H

#include "classify/mark.h"
#include "classify/ruleset.h"
#include "offload/offload.h"

struct hardware_edit;

/*
 * `new` was made by an edit of `old`; both are borrowed, `old` for this call only. *ret is NULL
 * where the policies differ in more than rules. 0 or -ENOMEM.
 */
int hardware_edit_new(const struct ruleset *old, const struct ruleset *new,
		      struct hardware_edit **ret);
void hardware_edit_free(struct hardware_edit *edit);

/* offload_edit.is_touched: context is the edit, the plan that of the old rule set. */
bool hardware_edit_touches(void *context, const struct plan *plan, const struct plan_rule *rule);

/* From the old rule set's numbers to the new one's. Marks that name a rule that went are void. */
void hardware_edit_translate(const struct hardware_edit *edit, struct mark_table *table);

#endif
