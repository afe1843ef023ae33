/*
 * The rule sets that benches run over: see bench_rules.h.
 */
#include "testpmd/bench_rules.h"

int bench_rule_sets(const struct bench_options *options, struct bench_result_list *list,
		    bench_rule_set_fn *run)
{
	static const unsigned usual[] = { 100, 1000, 10000 };
	const unsigned *sizes = options->rules ? &options->rules : usual;
	size_t count = options->rules ? 1 : sizeof(usual) / sizeof(*usual);
	int r = 0;

	for (int kind = 0; kind < GENERATE_KINDS; kind++) {
		for (size_t i = 0; i < count && r == 0; i++)
			r = run(options, list, (enum generate_kind)kind, sizes[i]);
	}
	return r;
}
