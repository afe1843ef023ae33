/*
 * What a change of policy means for packets: an example for each verdict that changes.
 *
 * Only packets that a rule matches which is not the same in both policies can be judged otherwise,
 * so the boxes of these rules are searched, the small ones first. As long as the budget lasts the
 * search is exhaustive; beyond that it samples, and says so.
 *
 * Thread: any; pure. Takes up to some seconds: not for a thread that packets or clients wait for,
 * unless the budget is small.
 */
#ifndef COMPILE_VERDICT_DIFF_H
#define COMPILE_VERDICT_DIFF_H

#include "compile/program.h"

#define VERDICT_DIFF_BUDGET  4000000 /* tuples: about a second */
#define VERDICT_DIFF_CHANGES 1000

struct verdict_change {
	struct tuple tuple;
	struct judgement before; /* rules are borrowed from the policies */
	struct judgement after;
};

struct verdict_diff {
	struct verdict_change *changes; /* one for each pair of deciding rules and family */
	size_t count;                   /* at most VERDICT_DIFF_CHANGES */
	bool complete;                  /* nothing else changes; else there may be more */
};

int verdict_diff_new(const struct program *before, const struct program *after, uint64_t budget,
		     struct verdict_diff **ret, struct accelnet_error *err);
void verdict_diff_free(struct verdict_diff *diff);

#endif
