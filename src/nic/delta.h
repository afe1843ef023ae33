/*
 * How many rules two policies share: the "added, kept, removed" that an apply reports.
 *
 * A rule is kept where the other policy has one at the same stage and direction with the same name,
 * priority and content; a changed rule counts as one removed and one added. Default rules do not
 * count. Thread: control.
 */
#ifndef NIC_DELTA_H
#define NIC_DELTA_H

#include "policy/policy.h"

struct policy_delta {
	size_t added;
	size_t kept;
	size_t removed;
};

/* `before` may be NULL: no policy. 0 or -ENOMEM. */
int policy_delta(const struct policy *before, const struct policy *after, struct policy_delta *ret);

#endif
