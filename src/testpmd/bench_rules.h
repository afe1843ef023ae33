/*
 * Benches that run once for each generated rule set: both kinds, at the sizes asked for.
 */
#ifndef TESTPMD_BENCH_RULES_H
#define TESTPMD_BENCH_RULES_H

#include "testpmd/bench.h"
#include "testpmd/generate.h"

/*
 * So many rule sets of one kind and size are measured, and their mean is told: how many tries
 * rte_acl makes of a rule set, and so how fast it is, varies twofold from one to the next.
 */
#define BENCH_RULE_SETS 3

typedef int bench_rule_set_fn(const struct bench_options *options, struct bench_result_list *list,
			      enum generate_kind kind, unsigned rules);

/* options->rules alone, or 100, 1,000 and 10,000. The first failure ends it. */
int bench_rule_sets(const struct bench_options *options, struct bench_result_list *list,
		    bench_rule_set_fn *run);

#endif
