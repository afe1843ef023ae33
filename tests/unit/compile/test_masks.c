/*
 * Port ranges as prefixes: exact, few, and the one around.
 */
#include "compile/masks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

static bool holds(struct port_mask mask, uint16_t port)
{
	return ((port ^ mask.value) & mask.mask) == 0;
}

static void check_exact(uint16_t first, uint16_t last)
{
	struct port_mask masks[PORT_MASKS_MAX];
	unsigned count = port_masks(first, last, masks);
	uint32_t total = 0;

	assert_true(count <= PORT_MASKS_MAX);
	for (unsigned i = 0; i < count; i++) {
		assert_true(masks[i].value >= first);
		assert_true((masks[i].value | (uint16_t)~masks[i].mask) <= last);
		total += port_mask_size(masks[i]);
		assert_true(i == 0 || port_mask_size(masks[i]) <= port_mask_size(masks[i - 1]));
	}
	/* inside, and as many as there are ports: disjoint, because prefixes nest or do not meet */
	for (unsigned i = 0; i < count; i++) {
		for (unsigned j = 0; j < i; j++)
			assert_false(holds(masks[i], masks[j].value) ||
				     holds(masks[j], masks[i].value));
	}
	assert_int_equal(total, (uint32_t)last - first + 1);
}

static void covers_every_range_of_borders(void **state)
{
	static const uint16_t borders[] = { 0,    1,    2,     7,     8,     79,    80,    81,
					    1023, 1024, 32767, 32768, 49151, 49152, 65534, 65535 };
	const size_t count = sizeof(borders) / sizeof(borders[0]);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i; j < count; j++)
			check_exact(borders[i], borders[j]);
	}
}

static void is_short_where_it_can_be(void **state)
{
	struct port_mask masks[PORT_MASKS_MAX];

	(void)state;
	assert_int_equal(port_masks(0, 65535, masks), 1);
	assert_int_equal(masks[0].mask, 0);
	assert_int_equal(port_masks(80, 80, masks), 1);
	assert_int_equal(masks[0].mask, 0xffff);
	assert_int_equal(port_masks(1024, 65535, masks), 6);
	assert_int_equal(port_masks(1, 65534, masks), 30);
}

static void finds_the_one_around(void **state)
{
	static const struct {
		uint16_t first, last, value, mask;
	} cases[] = {
		{ 80, 80, 80, 0xffff },          { 80, 81, 80, 0xfffe },
		{ 79, 80, 64, 0xffe0 },          { 0, 65535, 0, 0 },
		{ 32767, 32768, 0, 0 },          { 8000, 8010, 8000, 0xfff0 },
		{ 65534, 65535, 65534, 0xfffe },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct port_mask mask = port_mask_around(cases[i].first, cases[i].last);

		assert_int_equal(mask.value, cases[i].value);
		assert_int_equal(mask.mask, cases[i].mask);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(covers_every_range_of_borders),
		cmocka_unit_test(is_short_where_it_can_be),
		cmocka_unit_test(finds_the_one_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
