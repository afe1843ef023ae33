/*
 * A change of policy whose plan is not known yet: which of the device's drops may be wrong under
 * the new policy, and which marks. Pure.
 */
#ifndef OFFLOAD_CHANGE_EDIT_H
#define OFFLOAD_CHANGE_EDIT_H

#include "offload/change.h"

/*
 * A change to no plan at all, which is only to be withdrawn and then replaced by change_init() with
 * a plan, or undone. `touched`, by rule of the layout: the new policy may decide otherwise.
 *
 * before: what the marks mean while drops go, or NULL; after: what they mean once the new policy is
 * in force, but for what that calls its rules. 0 or -ENOMEM.
 */
int change_init_edit(struct change *change, const struct layout *layout, const bool *touched);

/* Makes the marks of touched rules void in a table of the layout's. */
void change_void_touched(const struct layout *layout, const bool *touched,
			 struct mark_table *table);

#endif
