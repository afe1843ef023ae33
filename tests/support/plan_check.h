/*
 * Holds a plan against the reference: whatever a device with the plan's rules decides about a
 * packet, the reference decides too and by the same rules; what it may not decide it does not.
 *
 * Failures end the test, with the tuple in the message.
 */
#ifndef TESTS_SUPPORT_PLAN_CHECK_H
#define TESTS_SUPPORT_PLAN_CHECK_H

#include "compile/plan.h"
#include "compile/tuple.h"
#include "testpmd/random.h"

/* One plan under test, and what came of it. All but the counters is the caller's. */
struct plan_check {
	const struct policy *policy;
	const struct plan *plan;
	const char *where; /* for messages */
	uint64_t marked, dropped, unmarked;
};

/*
 * Packets of the tuple: an opener, a segment of an established connection and, now and then, one
 * with other flags or a fragment. `judgement` is the reference's of the tuple, which is inbound.
 */
void plan_check_tuple(struct plan_check *check, const struct tuple *tuple,
		      const struct judgement *judgement, struct random *random);

/* Is it an address that isolation refuses as an inbound packet's source? */
bool plan_check_is_refused(const struct policy *policy, const struct ip_addr *source);

#endif
