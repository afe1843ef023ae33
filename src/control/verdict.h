/*
 * The answer of `verify` as JSON, the same from every engine.
 *
 *     {"access":"Allow","rule":"allow-https","nsg":"nic"}
 *
 * and, where something before the rules would decide otherwise, "platform":true or
 * "isolation":"source-ip" (or "source-martian"). Thread: any; pure.
 */
#ifndef CONTROL_VERDICT_H
#define CONTROL_VERDICT_H

#include "base/json.h"
#include "compile/tuple.h"

/* Adds "where":"hardware" or "software" to an answer, for engines that tell. */
void verdict_add_where(struct json *answer, const struct judgement *judgement);

/* The caller frees it. */
struct json *verdict_json(const struct policy *policy, const struct tuple *tuple,
			  const struct judgement *judgement);

/*
 * The answer to a single question: the same, and "priority", "assumed":{"sourcePort"} where the
 * opener's port was not given, and "explain" where that is wanted. The caller frees it.
 */
struct json *verdict_answer(const struct policy *policy, const struct tuple *tuple,
			    const struct judgement *judgement, bool assumed, bool explain);

/*
 * Why: an array with an object per level that was asked, in order:
 * {"nsg","name","access","rules":[{"rule","priority","access","protocolMatched","sourceMatched",
 * "sourcePortMatched","destinationMatched","destinationPortMatched"}]}, up to the rule that
 * matched. The caller frees it.
 */
struct json *verdict_explain(const struct policy *policy, const struct tuple *tuple,
			     const struct judgement *judgement);

/*
 * Platform traffic by its first packet: what passes whatever the rules say, unless a rule names the
 * service's tag. https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
 */
bool verdict_is_platform(const struct policy *policy, const struct tuple *tuple);
/* What sourceGuard has against the packet: a drop reason's name, or NULL. */
const char *verdict_isolation(const struct policy *policy, const struct tuple *tuple);

#endif
