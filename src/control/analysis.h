/*
 * Rules that make no difference, for `policy check --analyse`.
 *
 * Takes up to some seconds with large policies: for the client, not for the control thread. Pure.
 */
#ifndef CONTROL_ANALYSIS_H
#define CONTROL_ANALYSIS_H

#include "base/error.h"
#include "base/json.h"
#include "policy/policy.h"

/*
 * Adds to `list` the user's rules that never decide or could go:
 * {"rule","level","nsg","direction","priority","reach":"never|redundant","shadowedBy",
 * "matchesNothing"}; shadowedBy is null where several rules together do it. *undecided grows by
 * those that the search was too short for. Each NSG, and the acl, is looked at by itself.
 */
int analysis_add(struct json *list, const struct policy *policy, size_t *undecided,
		 struct accelnet_error *err);

#endif
