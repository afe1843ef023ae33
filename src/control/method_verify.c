/*
 * verify: which rule of the policy in force decides this packet.
 */
#include "control/call.h"
#include "control/engine.h"
#include "control/tuple_text.h"
#include "control/verdict.h"
#include "nic/lane.h"

int handle_verify(struct call *call, struct json **ret)
{
	const struct tuple_words words = {
		.direction = call_string(call, "direction"),
		.protocol = call_string(call, "protocol"),
		.local = call_string(call, "local"),
		.remote = call_string(call, "remote"),
	};
	ENGINE_CLEANUP struct engine *engine = NULL;
	const struct ruleset *ruleset;
	struct judgement judgement;
	struct tuple tuple;
	struct nic *nic;
	bool assumed;
	int r = call_nic(call, &nic);

	if (r == 0)
		r = tuple_from_words(&words, &tuple, &assumed, &call->error.what);
	if (r < 0)
		return r;
	ruleset = nic_snapshot(nic)->ruleset;
	if (!ruleset->has_policy)
		return call_refuse(call, ACCELNET_E_STATE, "nic",
				   "%s requires a policy and none is in force: everything but "
				   "platform traffic is dropped",
				   nic_get_config(nic)->name);
	r = engine_of_ruleset(ruleset, &engine, &call->error.what);
	if (r < 0)
		return r;
	engine_judge(engine, &tuple, 1, &judgement);
	*ret = verdict_answer(engine_policy(engine), &tuple, &judgement, assumed,
			      call_flag(call, "explain"));
	return 0;
}
