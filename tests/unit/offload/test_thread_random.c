/*
 * Changes of policy on the offload thread, by chance, while the port goes and comes in another
 * thread and rules stick or find no room. At every step packets are judged by what the device holds
 * and by the table in force, those that were marked earlier, too, and compared with the reference.
 */
#include "bench.h"

#include "compile/reference.h"
#include "support/border.h"
#include "support/mutate_policy.h"
#include "support/random_policy.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEPS     200
#define PROBES    200
#define IN_FLIGHT 400
#define SYN       0x02
#define ACK       0x10

struct flight {
	struct tuple tuple;
	uint32_t mark;
};

struct story {
	struct bench bench;
	struct random random;
	struct policy *policy; /* in force */
	struct policy *coming; /* NULL: none */
	struct mark_table *table;
	struct flight flights[IN_FLIGHT];
	size_t flight_count;
	uint64_t kept;       /* by the device, when the port was detached */
	bool drops_may_stay; /* they shield what did not go when the port was detached */
	_Atomic bool ends;
	uint64_t vouched, dropped, completed, changed_while_detaching;
};

/* --- what is right --- */

static void check_mark(struct story *story, const struct tuple *tuple, uint32_t mark)
{
	const struct mark_slot *slot = story->table ? mark_look_up(story->table, mark) : NULL;
	struct judgement judgement;

	if (!slot)
		return;
	story->vouched++;
	reference_judge(story->policy, tuple, &judgement);
	assert_int_not_equal(judgement.access, ACCESS_DENY);
	assert_int_equal(slot->verdict.access, judgement.access);
	for (int s = 0; s < STAGES; s++) {
		const struct rule *first = story->policy->stage[s].list[DIRECTION_INBOUND].rules;
		const struct rule *rule = judgement.matched[s];

		assert_int_equal(slot->verdict.rule[s], rule ? rule - first : UINT16_MAX);
	}
}

static void check_drop(struct story *story, const struct policy *policy, const struct tuple *tuple)
{
	struct judgement judgement;

	if (!policy || story->drops_may_stay)
		return;
	story->dropped++;
	assert_int_not_equal(policy->mode, POLICY_AUDIT);
	reference_judge(policy, tuple, &judgement);
	assert_int_equal(judgement.access, ACCESS_DENY);
}

static struct plan_packet packet_of(const struct tuple *tuple, uint8_t flags)
{
	return (struct plan_packet){
		.family = tuple->source.family,
		.source = tuple->source.number,
		.destination = tuple->destination.number,
		.protocol = tuple->protocol,
		.source_port = tuple->source_port,
		.destination_port = tuple->destination_port,
		.tcp_flags = tuple->protocol == IP_PROTOCOL_TCP ? flags : 0,
	};
}

static void check(struct story *story)
{
	struct plan *plan = fake_flow_plan(&story->bench.fake, random_percent(&story->random, 50));

	for (int i = 0; i < PROBES; i++) {
		const struct policy *about = story->coming && i % 2 ? story->coming : story->policy;
		struct tuple tuple = border_tuple(about, &story->random);
		struct plan_packet packet;
		struct plan_answer answer;

		tuple.direction = DIRECTION_INBOUND;
		packet = packet_of(&tuple, i % 3 ? ACK : SYN);
		plan_judge(plan, &packet, &answer);
		if (answer.action == PLAN_MARK) {
			check_mark(story, &tuple, answer.slot);
			story->flights[story->flight_count++ % IN_FLIGHT] =
				(struct flight){ tuple, answer.slot };
		} else if (answer.action == PLAN_DROP) {
			check_drop(story, story->policy, &tuple);
			check_drop(story, story->coming, &tuple);
		}
	}
	plan_free(plan);
	for (size_t i = 0; i < story->flight_count && i < IN_FLIGHT; i++)
		check_mark(story, &story->flights[i].tuple, story->flights[i].mark);
}

/* --- the other thread --- */

static void disturb(struct fake_flow *fake, struct random *random)
{
	switch (random_below(random, 6)) {
	case 0:
		fake_flow_remove(fake);
		sleep_ms(random_below(random, 4));
		fake_flow_start(fake);
		break;
	case 1:
		fake_flow_unbind(fake); /* of two that stick, one may keep a drop above it */
		fake_flow_bind(fake, random_below(random, 20));
		break;
	case 2:
		fake_flow_unbind(fake);
		fake_flow_bind_entrances(fake);
		break;
	case 3:
		(void)pthread_mutex_lock(&fake->lock);
		fake->rule_limit = random_percent(random, 50) ? random_below(random, 60) : 0;
		(void)pthread_mutex_unlock(&fake->lock);
		break;
	case 4:
		(void)pthread_mutex_lock(&fake->lock);
		fake->fail_create_at = random_below(random, 30);
		(void)pthread_mutex_unlock(&fake->lock);
		break;
	default:
		fake_flow_unbind(fake);
		break;
	}
}

static void *be_the_host(void *context)
{
	struct story *story = context;
	struct random random = { 4711 };

	while (!atomic_load(&story->ends)) {
		disturb(&story->bench.fake, &random);
		sleep_ms(random_below(&random, 6));
	}
	fake_flow_unbind(&story->bench.fake);
	story->bench.fake.rule_limit = 0;
	story->bench.fake.fail_create_at = 0;
	return NULL;
}

/* --- changes --- */

static struct policy *some_policy(struct story *story)
{
	/* a guard drops what the reference of rules alone does not know of */
	static const struct random_policy_options options = { .rules_max = 4 };
	struct random random = { 1 + random_below(&story->random, 4) };
	struct policy *policy = random_policy(&random, &options);

	for (uint32_t n = random_below(&story->random, 3); n > 0; n--)
		mutate_policy(policy, &story->random);
	policy->source_guard = false;
	return policy;
}

static void publish(struct story *story, struct mark_table *table)
{
	if (!table)
		return;
	free(story->table);
	story->table = table;
	check(story);
}

/*
 * What did not go when the port was detached cannot be withdrawn either; but what still goes can:
 * as long as it does, what did not go is what the device was seen to keep.
 */
static void see_what_stays(struct story *story)
{
	const struct offload_status status = bench_status(&story->bench);

	if (status.state == OFFLOAD_STATE_ABSENT && fake_flow_count(&story->bench.fake) > 0 &&
	    (!status.detaching || story->bench.fake.kept > story->kept))
		story->drops_may_stay = true;
	story->changed_while_detaching += status.detaching;
}

static void change(struct story *story)
{
	struct policy *policy = some_policy(story);
	struct offload_change *change;

	assert_int_equal(offload_prepare(story->bench.nic,
					 bench_plan(policy, story->bench.fake.tier), &change, NULL),
			 0);
	check(story);
	publish(story, offload_marks_before(change));
	offload_withdraw(change);
	see_what_stays(story);
	story->coming = policy;
	check(story);
	story->coming = NULL;
	if (random_percent(&story->random, 15)) {
		offload_abort(change);
		policy_free(policy);
		check(story);
		return;
	}
	policy_free(story->policy);
	story->policy = policy;
	publish(story, offload_marks_after(change));
	offload_commit(change);
}

static void step(struct story *story)
{
	if (bench_status(&story->bench).port == UINT16_MAX)
		offload_attach(story->bench.nic, PORT);
	else if (random_percent(&story->random, 6)) {
		story->bench.fake.call_ns =
			200000; /* or its rules have gone before anything else */
		story->kept = story->bench.fake.kept;
		offload_detach(story->bench.nic);
		sleep_ms(random_below(&story->random, 3));
	}
	change(story);
	story->bench.fake.call_ns = 0;
	check(story);
	sleep_ms(random_below(&story->random, 10));
	if (bench_status(&story->bench).state == OFFLOAD_STATE_COMPLETE) {
		story->completed++;
		story->drops_may_stay = false;
	}
	check(story);
	if (random_percent(&story->random, 30)) {
		story->flight_count = 0;
		bench_drain(&story->bench);
	}
}

/* The thread may not have seen its last end yet. */
static void attach_where_it_went(struct story *story)
{
	for (int i = 0; i < 20; i++) {
		if (bench_status(&story->bench).port == UINT16_MAX)
			offload_attach(story->bench.nic, PORT);
		sleep_ms(10);
	}
}

static void run(enum plan_tier tier)
{
	struct story *story = calloc(1, sizeof(*story));
	pthread_t host;

	bench_init(&story->bench, tier);
	story->random = (struct random){ 99 };
	story->policy = policy_new_empty();
	assert_int_equal(pthread_create(&host, NULL, be_the_host, story), 0);
	for (int i = 0; i < STEPS; i++)
		step(story);
	atomic_store(&story->ends, true);
	(void)pthread_join(host, NULL);
	attach_where_it_went(story);
	change(story);
	change(story); /* whichever of the two comes after what was left is tried again */
	bench_expect_state(&story->bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(fake_flow_count(&story->bench.fake), bench_status(&story->bench).planned);
	check(story);
	print_message("%s: %llu vouched for, %llu dropped, %llu times complete, %llu changes while "
		      "rules went\n",
		      plan_tier_name(tier), (unsigned long long)story->vouched,
		      (unsigned long long)story->dropped, (unsigned long long)story->completed,
		      (unsigned long long)story->changed_while_detaching);
	assert_true(story->vouched > 1000 && story->dropped > 100);
	assert_true(story->changed_while_detaching > 0);
	policy_free(story->policy);
	free(story->table);
	bench_fini(&story->bench);
	free(story);
}

static void t2_by_chance(void **state)
{
	(void)state;
	run(TIER_T2);
}

static void t3_by_chance(void **state)
{
	(void)state;
	run(TIER_T3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t2_by_chance),
		cmocka_unit_test(t3_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
