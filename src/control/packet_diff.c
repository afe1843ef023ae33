/*
 * Packets that tell two policies apart: see packet_diff.h.
 */
#include "control/packet_diff.h"

#include "compile/verdict_diff.h"
#include "control/tuple_text.h"
#include "control/verdict.h"

static void add_changes(struct json *to, const struct verdict_diff *diff,
			const struct policy *before, const struct policy *after)
{
	struct json *list = json_add_array(to, "packets");

	for (size_t i = 0; i < diff->count; i++) {
		const struct verdict_change *change = &diff->changes[i];
		struct json *json = json_add(list, NULL, tuple_json(&change->tuple));

		json_add(json, "before", verdict_json(before, &change->tuple, &change->before));
		json_add(json, "after", verdict_json(after, &change->tuple, &change->after));
	}
	json_add_bool(to, "packetsComplete", diff->complete);
}

int packet_diff_add(struct json *to, const struct policy *before, const struct policy *after,
		    struct accelnet_error *err)
{
	struct program *old = NULL, *new = NULL;
	struct verdict_diff *diff = NULL;
	int r = program_new(before, &old, err);

	if (r == 0)
		r = program_new(after, &new, err);
	if (r == 0)
		r = verdict_diff_new(old, new, VERDICT_DIFF_BUDGET, &diff, err);
	if (r == 0)
		add_changes(to, diff, before, after);
	verdict_diff_free(diff);
	program_free(new);
	program_free(old);
	return r;
}
