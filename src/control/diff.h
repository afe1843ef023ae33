/*
 * What differs between two policies, rule by rule and setting by setting. Thread: any; pure.
 */
#ifndef CONTROL_DIFF_H
#define CONTROL_DIFF_H

#include "base/json.h"
#include "policy/policy.h"

/*
 * {"identical","added":[rule],"removed":[rule],"changed":[{"name","level","direction","priority",
 *  "fields":[{"name","from","to"}]}],"settings":[{"name","from","to"}]}
 *
 * Rules are the same one where level, direction and name are; default rules do not differ by
 * themselves and are left out unless the addresses behind them do. The caller frees it.
 */
struct json *policy_diff_json(const struct policy *before, const struct policy *after);

#endif
