/*
 * The classify bench on options->policy_path, a policy document.
 */
#ifndef TESTPMD_BENCH_POLICY_H
#define TESTPMD_BENCH_POLICY_H

#include "classify/classifier.h"
#include "testpmd/bench.h"

/* As bench.run(). Needs EAL. */
int bench_policy(const struct bench_options *options, struct bench_result_list *list,
		 enum classifier_simd simd);

#endif
