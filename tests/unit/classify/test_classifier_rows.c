/*
 * Rows while they are built: found again whatever the order of flips, and limited.
 */
#include "classify/classifier_rows.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint32_t current(struct rows *rows)
{
	uint32_t row;

	assert_int_equal(rows_current(rows, &row), 0);
	return row;
}

static void the_order_of_flips_does_not_matter(void **state)
{
	struct rows rows;
	uint32_t both;

	(void)state;
	assert_int_equal(rows_init(&rows, 8), 0);
	assert_int_equal(current(&rows), 0);
	rows_flip(&rows, 3);
	rows_flip(&rows, 511);
	both = current(&rows);
	rows_flip(&rows, 3);
	assert_int_equal(current(&rows), both + 1);
	rows_flip(&rows, 511);
	assert_int_equal(current(&rows), 0);
	rows_flip(&rows, 511);
	rows_flip(&rows, 3);
	assert_int_equal(current(&rows), both);
	rows_clear(&rows);
	assert_int_equal(current(&rows), 0);
	assert_int_equal(rows.count, 3);
	rows_fini(&rows);
}

static void many_rows_are_kept_apart(void **state)
{
	struct rows rows;

	(void)state;
	assert_int_equal(rows_init(&rows, 16), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		rows_flip(&rows, i);
		assert_int_equal(current(&rows), i);
	}
	for (uint32_t i = 999; i > 0; i--) {
		rows_flip(&rows, i);
		assert_int_equal(current(&rows), i - 1);
	}
	rows_fini(&rows);
}

static void rows_are_limited(void **state)
{
	struct rows rows;
	uint32_t row;

	(void)state;
	assert_int_equal(rows_init(&rows, ROWS_BYTES_MAX / sizeof(uint64_t) / 32), 0);
	assert_int_equal(rows_current(&rows, &row), -ENOSPC);
	rows_fini(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_of_flips_does_not_matter),
		cmocka_unit_test(many_rows_are_kept_apart),
		cmocka_unit_test(rows_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
