/*
 * What every method does that puts another policy document in force: apply, rollback, tags.load.
 *
 * Thread: control.
 */
#ifndef CONTROL_POLICY_CHANGE_H
#define CONTROL_POLICY_CHANGE_H

#include "control/call.h"

/*
 * Puts the document in force and answers {"nic","generation","unchanged","dryRun","rules",
 * "where","warnings"}, or fills call->error. `document` stays the caller's.
 */
int policy_change(struct call *call, struct nic *nic, const struct json *document,
		  const struct nic_apply_options *options, struct json **ret);

/*
 * Moves the problems into call->error, whose `what` is filled already, with the rule that the first
 * one is in. Pointers are those of the whole document: an NSG that came alone stands in it at its
 * level. Returns the error's negative errno.
 */
int policy_change_refuse(struct call *call, const struct json *document, struct report *problems);

#endif
