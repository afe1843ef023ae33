/*
 * When packets that had arrived are judged: lanes count, looks come, epochs end or do not.
 */
#include "nic/drain.h"

#include "nic/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void count_to(uint64_t *counter, uint64_t by)
{
	__atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);
}

/* A ticket needs a whole epoch after it: two empty bursts of every lane, or a full ring. */
static void rings_are_drained_by_empty_bursts_or_a_ringful(void **state)
{
	struct lane lanes[2] = { 0 };
	const struct nic_view view = { .lane_count = 2, .lanes = lanes };
	struct drain drain;
	uint64_t ticket;

	(void)state;
	drain_init(&drain, &view, 1000, false);
	ticket = drain_take(&drain);
	assert_false(drain_is_over(&drain, ticket));
	for (int epoch = 0; epoch < 2; epoch++) {
		count_to(&lanes[0].counters.empty_bursts, 1);
		count_to(&lanes[1].counters.received[DIRECTION_INBOUND], 1001);
		assert_false(drain_is_over(&drain, ticket)); /* it may have been under way */
		count_to(&lanes[0].counters.empty_bursts, 1);
		assert_int_equal(drain_is_over(&drain, ticket), epoch == 1);
	}

	drain_init(&drain, &view, 0, true); /* packets say nothing */
	drain_see(&drain, 1, false);
	ticket = drain_take(&drain);
	count_to(&lanes[0].counters.empty_bursts, 10);
	count_to(&lanes[1].counters.received[DIRECTION_INBOUND], 100000);
	assert_false(drain_is_over(&drain, ticket));
	assert_int_equal(drain.epoch, 0);
	count_to(&lanes[1].counters.empty_bursts, 2);
	assert_false(drain_is_over(&drain, ticket));
	drain_see(&drain, 2, false);
	assert_false(drain_is_over(&drain, ticket));
	assert_int_equal(drain.epoch, 1);
	count_to(&lanes[0].counters.empty_bursts, 2);
	count_to(&lanes[1].counters.empty_bursts, 2);
	assert_false(drain_is_over(&drain, ticket)); /* nobody has looked since */
	drain_see(&drain, 4, false);
	assert_true(drain_is_over(&drain, ticket));
}

/* Two ports of ours, both polled: nobody looks, empty bursts end an epoch, packets do not. */
static void rings_that_are_all_ours_need_no_look(void **state)
{
	struct lane lanes[2] = { 0 };
	const struct nic_view view = { .lane_count = 2, .lanes = lanes };
	struct drain drain;
	uint64_t ticket;

	(void)state;
	drain_init(&drain, &view, 0, false);
	ticket = drain_take(&drain);
	for (int epoch = 0; epoch < 2; epoch++) {
		count_to(&lanes[0].counters.empty_bursts, 2);
		count_to(&lanes[1].counters.received[DIRECTION_INBOUND], 100000);
		assert_false(drain_is_over(&drain, ticket));
		count_to(&lanes[1].counters.empty_bursts, 2);
		assert_int_equal(drain_is_over(&drain, ticket), epoch == 1);
	}
}

/* A VF that is not polled gives its packets when it is again, however long that takes. */
static void a_ring_that_nobody_polls_is_not_drained(void **state)
{
	struct lane lanes[1] = { 0 };
	const struct nic_view view = { .lane_count = 1, .lanes = lanes };
	struct drain drain;
	uint64_t ticket;

	(void)state;
	drain_init(&drain, &view, 0, true);
	ticket = drain_take(&drain);
	for (uint64_t looks = 1; looks < 100; looks++) {
		drain_see(&drain, looks, true);
		count_to(&lanes[0].counters.empty_bursts, 100);
		assert_false(drain_is_over(&drain, ticket));
	}
	drain_see(&drain, 100, false);
	assert_false(drain_is_over(&drain, ticket));
	assert_int_equal(drain.epoch, 0);
	for (uint64_t looks = 101; looks < 110; looks++) {
		drain_see(&drain, looks, false);
		count_to(&lanes[0].counters.empty_bursts, 2);
		drain_advance(&drain);
	}
	assert_true(drain_is_over(&drain, ticket));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_are_drained_by_empty_bursts_or_a_ringful),
		cmocka_unit_test(rings_that_are_all_ours_need_no_look),
		cmocka_unit_test(a_ring_that_nobody_polls_is_not_drained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
