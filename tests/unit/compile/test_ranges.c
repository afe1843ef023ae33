/*
 * Joining, sorting and complementing of address ranges.
 */
#include "compile/ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define V4_LAST ip_low_mask(32)
#define V6_LAST (~(ip_number)0)

static void check(const struct range_list *list, const struct ip_range *wanted, size_t count)
{
	assert_int_equal(list->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_true(list->ranges[i].first == wanted[i].first);
		assert_true(list->ranges[i].last == wanted[i].last);
	}
}

static void joins_what_touches_and_overlaps(void **state)
{
	struct range_list list = { 0 };
	static const struct ip_range in[] = { { 30, 39 }, { 10, 19 }, { 20, 25 }, { 12, 13 },
					      { 41, 41 }, { 35, 45 }, { 27, 28 } };
	static const struct ip_range out[] = { { 10, 25 }, { 27, 28 }, { 30, 45 } };

	(void)state;
	assert_int_equal(range_list_append(&list, in, 7), 0);
	range_list_normalise(&list);
	check(&list, out, 3);
	range_list_fini(&list);
}

static void joins_at_the_last_address(void **state)
{
	struct range_list list = { 0 };
	const struct ip_range in[] = { { V6_LAST, V6_LAST }, { 0, V6_LAST }, { 0, 0 } };
	const struct ip_range out[] = { { 0, V6_LAST } };

	(void)state;
	assert_int_equal(range_list_append(&list, in, 3), 0);
	range_list_normalise(&list);
	check(&list, out, 1);
	range_list_fini(&list);
}

static void complements(void **state)
{
	const struct {
		enum ip_family family;
		struct ip_range in[2];
		size_t in_count;
		struct ip_range out[3];
		size_t out_count;
	} cases[] = {
		{ IP_FAMILY_V4, { { 0 } }, 0, { { 0, V4_LAST } }, 1 },
		{ IP_FAMILY_V4, { { 0, V4_LAST } }, 1, { { 0 } }, 0 },
		{ IP_FAMILY_V6, { { 0, V6_LAST } }, 1, { { 0 } }, 0 },
		{ IP_FAMILY_V6, { { 0 } }, 0, { { 0, V6_LAST } }, 1 },
		{ IP_FAMILY_V4,
		  { { 5, 9 }, { 20, 29 } },
		  2,
		  { { 0, 4 }, { 10, 19 }, { 30, V4_LAST } },
		  3 },
		{ IP_FAMILY_V6, { { 0, 9 }, { V6_LAST, V6_LAST } }, 2, { { 10, V6_LAST - 1 } }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct range_list list = { 0 };

		assert_int_equal(range_list_append(&list, cases[i].in, cases[i].in_count), 0);
		assert_int_equal(range_list_complement(&list, cases[i].family), 0);
		check(&list, cases[i].out, cases[i].out_count);
		range_list_fini(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_what_touches_and_overlaps),
		cmocka_unit_test(joins_at_the_last_address),
		cmocka_unit_test(complements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
