/*
 * Slots: none is given twice, and none again before packets with its mark were drained.
 */
#include "offload/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct {
	uint64_t ticket, drained;
} queues;

static uint64_t take_ticket(void *context)
{
	assert_ptr_equal(context, &queues);
	return ++queues.ticket;
}

static bool is_drained(void *context, uint64_t ticket)
{
	assert_ptr_equal(context, &queues);
	return ticket <= queues.drained;
}

static void advance(struct slot_pool *pool)
{
	slot_pool_advance(pool, take_ticket, is_drained, &queues);
}

static int set_up(void **state)
{
	static struct slot_pool pool;

	slot_pool_init(&pool);
	queues.ticket = queues.drained = 0;
	*state = &pool;
	return 0;
}

static int tear_down(void **state)
{
	slot_pool_fini(*state);
	return 0;
}

static void all_are_given_once(void **state)
{
	static bool seen[MARK_SLOTS_MAX];
	struct slot_pool *pool = *state;

	for (uint32_t i = 0; i < MARK_SLOTS_MAX; i++) {
		uint32_t slot = slot_take(pool);

		assert_true(slot < MARK_SLOTS_MAX);
		assert_false(seen[slot]);
		assert_true(mark_of_slot(slot) < MARK_LIMIT);
		seen[slot] = true;
	}
	assert_int_equal(slot_take(pool), SLOT_NONE);
	slot_cancel(pool, 12345);
	assert_int_equal(slot_take(pool), 12345);
}

static void a_returned_slot_rests_until_drained(void **state)
{
	struct slot_pool *pool = *state;

	for (uint32_t i = 0; i < MARK_SLOTS_MAX; i++)
		(void)slot_take(pool);
	slot_return(pool, 77);
	assert_int_equal(slot_take(pool), SLOT_NONE);
	queues.drained = queues.ticket;
	advance(pool);
	assert_int_equal(slot_take(pool), SLOT_NONE);
	advance(pool);
	assert_int_equal(slot_take(pool), SLOT_NONE);
	queues.drained = queues.ticket;
	advance(pool);
	assert_int_equal(slot_take(pool), 77);
	assert_int_equal(slot_take(pool), SLOT_NONE);
}

static void later_returns_do_not_shorten_the_rest(void **state)
{
	struct slot_pool *pool = *state;

	for (uint32_t i = 0; i < MARK_SLOTS_MAX; i++)
		(void)slot_take(pool);
	slot_return(pool, 1);
	advance(pool);
	slot_return(pool, 2);
	queues.drained = queues.ticket;
	advance(pool); /* 1 is free; 2 has its ticket only now */
	assert_int_equal(slot_take(pool), 1);
	assert_int_equal(slot_take(pool), SLOT_NONE);
}

static void tables_stay_short(void **state)
{
	struct slot_pool *pool = *state;
	uint32_t highest = 0;

	for (int i = 0; i < 20000; i++) {
		uint32_t slot = slot_take(pool);

		highest = slot > highest ? slot : highest;
		slot_return(pool, slot);
		queues.drained = queues.ticket;
		advance(pool);
	}
	assert_true(highest < 1024);
	assert_true(highest > 100); /* and reuse is late */
}

static void none_is_fine(void **state)
{
	struct slot_pool *pool = *state;

	slot_cancel(pool, SLOT_NONE);
	slot_return(pool, SLOT_NONE);
	advance(pool);
	assert_int_equal(pool->in_use, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_are_given_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_returned_slot_rests_until_drained, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(later_returns_do_not_shorten_the_rest, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(tables_stay_short, set_up, tear_down),
		cmocka_unit_test_setup_teardown(none_is_fine, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
