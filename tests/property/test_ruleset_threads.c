/*
 * Thousands of changes of one rule while workers judge: whatever rule set a worker has taken for a
 * burst, patched or exchanged in the middle for one that was built anew, says of every packet what
 * the reference says of that rule set's policy. Nobody waits for anybody but the control thread.
 */
#include "classify/classifier_tuple.h"
#include "classify/ruleset.h"
#include "compile/reference.h"
#include "support/border.h"
#include "support/change_rule.h"
#include "support/random_policy.h"
#include "testpmd/synthetic_change.h"

#include <pthread.h>
#include <rte_rcu_qsbr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define WORKERS  2
#define POLICIES 12
#define CHANGES  150
#define BURST    16

struct world {
	_Atomic(struct ruleset *) ruleset;
	_Atomic(bool) stop;
	_Atomic(uint64_t) judged, wrong;
	struct rte_rcu_qsbr *qsbr;
};

struct worker {
	struct world *world;
	unsigned id;
	pthread_t thread;
};

static bool same(const struct judgement *a, const struct judgement *b)
{
	bool same = a->access == b->access && a->stage == b->stage && a->rule == b->rule;

	for (int stage = 0; stage < STAGES; stage++)
		same = same && a->matched[stage] == b->matched[stage];
	return same;
}

static const struct rule *rule_at(const struct ruleset *ruleset, enum direction direction,
				  enum stage stage, uint16_t index)
{
	const struct rule_list *list = &ruleset->policy->stage[stage].list[direction];

	return index < list->count ? &list->rules[index] : NULL;
}

/* By the policy's own lists: the program is the control thread's. */
static struct judgement name(const struct ruleset *ruleset, enum direction direction,
			     const struct verdict *verdict)
{
	struct judgement ret = { .access = (enum access)verdict->access,
				 .stage = (enum stage)verdict->stage };

	ret.rule = rule_at(ruleset, direction, ret.stage, verdict->rule[ret.stage]);
	for (int i = 0; i < STAGES; i++) {
		enum stage stage = program_order[direction][i];

		ret.matched[stage] = rule_at(ruleset, direction, stage, verdict->rule[stage]);
		if (stage == ret.stage)
			break;
	}
	return ret;
}

static void judge(const struct ruleset *ruleset, const struct tuple *tuple, struct verdict *ret)
{
	struct key4 key4;
	struct key6 key6;

	if (tuple->source.family == IP_FAMILY_V4) {
		key4 = key4_from_tuple(tuple);
		classifier_judge4(ruleset->classifier, tuple->direction, &key4, 1, ret);
	} else {
		key6 = key6_from_tuple(tuple);
		classifier_judge6(ruleset->classifier, tuple->direction, &key6, 1, ret);
	}
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct world *world = worker->world;
	struct random random = { worker->id + 1 };

	rte_rcu_qsbr_thread_online(world->qsbr, worker->id);
	while (!atomic_load(&world->stop)) {
		const struct ruleset *ruleset = atomic_load(&world->ruleset);

		for (int i = 0; i < BURST; i++) {
			struct tuple tuple = border_tuple(ruleset->policy, &random);
			struct judgement wanted, got;
			struct verdict verdict;

			judge(ruleset, &tuple, &verdict);
			got = name(ruleset, tuple.direction, &verdict);
			reference_judge(ruleset->policy, &tuple, &wanted);
			atomic_fetch_add(&world->wrong, !same(&wanted, &got));
		}
		atomic_fetch_add(&world->judged, BURST);
		rte_rcu_qsbr_quiescent(world->qsbr, worker->id);
	}
	rte_rcu_qsbr_thread_offline(world->qsbr, worker->id);
	return NULL;
}

static struct ruleset *make(struct policy *policy, const struct ruleset *previous)
{
	const struct ruleset_options options = {
		.generation = previous ? previous->generation + 1 : 1,
	};
	struct ruleset *ruleset;

	assert_int_equal(ruleset_new(policy, &options, previous, &ruleset, NULL), 0);
	return ruleset;
}

static void publish(struct world *world, struct ruleset *ruleset)
{
	struct ruleset *old = atomic_exchange(&world->ruleset, ruleset);

	rte_rcu_qsbr_synchronize(world->qsbr, RTE_QSBR_THRID_INVALID);
	ruleset_free(old);
}

/* What the NIC does a moment after a change. */
static void settle(struct world *world)
{
	struct ruleset *ruleset = atomic_load(&world->ruleset);
	struct ruleset_build build;

	assert_int_equal(ruleset_rebuild(ruleset, &build, NULL), 0);
	ruleset_exchange(ruleset, &build);
	rte_rcu_qsbr_synchronize(world->qsbr, RTE_QSBR_THRID_INVALID);
	ruleset_build_fini(&build);
	assert_false(ruleset_is_patched(ruleset));
}

/* Returns how many changes were patches. */
static unsigned change_one_policy(struct world *world, uint64_t seed)
{
	static const struct random_policy_options options = { .rules_max = 60 };
	struct random random = { seed };
	unsigned patched = 0;

	publish(world, make(random_policy(&random, &options), NULL));
	for (int i = 0; i < CHANGES; i++) {
		const struct ruleset *previous = atomic_load(&world->ruleset);
		struct policy *policy = synthetic_copy(previous->policy);
		struct ruleset *ruleset;

		change_rule(policy, &random);
		ruleset = make(policy, previous);
		patched += ruleset_is_patched(ruleset);
		publish(world, ruleset);
		if (random_percent(&random, 20))
			settle(world);
	}
	return patched;
}

static void no_packet_is_misjudged(void **state)
{
	struct world world = { .stop = false };
	struct worker workers[WORKERS];
	unsigned patched = 0;

	(void)state;
	world.qsbr =
		aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(rte_rcu_qsbr_get_memsize(WORKERS),
								  RTE_CACHE_LINE_SIZE));
	assert_int_equal(rte_rcu_qsbr_init(world.qsbr, WORKERS), 0);
	atomic_store(&world.ruleset, make(policy_new_empty(), NULL));
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .world = &world, .id = i };
		assert_int_equal(rte_rcu_qsbr_thread_register(world.qsbr, i), 0);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint64_t seed = 1; seed <= POLICIES; seed++)
		patched += change_one_policy(&world, seed);
	atomic_store(&world.stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	print_message("%u of %d changes patched, %llu packets judged\n", patched,
		      POLICIES * CHANGES, (unsigned long long)atomic_load(&world.judged));
	ruleset_free(atomic_load(&world.ruleset));
	free(world.qsbr);
	assert_true(patched > POLICIES * CHANGES / 2);
	assert_true(atomic_load(&world.judged) > POLICIES * CHANGES);
	assert_int_equal(atomic_load(&world.wrong), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_packet_is_misjudged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
