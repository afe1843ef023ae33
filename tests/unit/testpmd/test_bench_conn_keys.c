/*
 * What the connection bench draws its trace from is in the table, even where the table refused
 * some of the keys.
 */
#include "testpmd/bench_conn_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX  1000
#define KEYS 3000

static struct conn_table *new_table(void)
{
	const struct conn_table_options options = {
		.max = MAX,
		.timeouts = conn_timeouts_default,
	};
	struct conn_table *table;

	assert_int_equal(conn_table_new(&options, &table), 0);
	return table;
}

static bool is_found(struct conn_table *table, const struct key4 *key)
{
	struct conn_hint hint;

	conn_lookup4(table, &key, 1, &hint);
	return hint.slot != CONN_NOT_FOUND;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct key4));
}

/* Three keys for each place: the table is full long before the last. */
static void test_refused_keys_come_last(void **state)
{
	static struct key4 keys[KEYS], before[KEYS];
	struct conn_table *table = new_table();
	struct random random = { 1 };
	uint32_t taken;

	(void)state;
	bench_conn_make_keys(&random, keys, KEYS);
	memcpy(before, keys, sizeof(keys));
	taken = bench_conn_load(table, keys, KEYS);
	assert_in_range(taken, MAX / 2, MAX);
	for (uint32_t i = 0; i < KEYS; i++)
		assert_int_equal(is_found(table, &keys[i]), i < taken);
	/* none is lost, none twice */
	qsort(keys, KEYS, sizeof(*keys), compare);
	qsort(before, KEYS, sizeof(*before), compare);
	assert_memory_equal(keys, before, sizeof(keys));
	conn_table_free(table);
}

static void test_all_fit(void **state)
{
	static struct key4 keys[MAX / 2];
	struct conn_table *table = new_table();
	struct random random = { 2 };

	(void)state;
	bench_conn_make_keys(&random, keys, MAX / 2);
	assert_int_equal(bench_conn_load(table, keys, MAX / 2), MAX / 2);
	for (uint32_t i = 0; i < MAX / 2; i++)
		assert_true(is_found(table, &keys[i]));
	conn_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_keys_come_last),
		cmocka_unit_test(test_all_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
