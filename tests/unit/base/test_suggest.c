/*
 * The nearest of several words.
 */
#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void measures_slips_of_the_finger(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{ "", "", 0 },
		{ "a", "", 1 },
		{ "", "abc", 3 },
		{ "status", "status", 0 },
		{ "statsu", "status", 1 },
		{ "sttaus", "status", 1 },
		{ "stats", "status", 1 },
		{ "vreify", "verify", 1 },
		{ "kitten", "sitting", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(edit_distance(cases[i].a, cases[i].b), cases[i].distance);
		assert_int_equal(edit_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
}

static void offers_what_is_near_enough(void **state)
{
	static const char *const words[] = { "sourceAddressPrefix", "sourceAddressPrefixes",
					     "destinationPortRange" };
	struct suggestion near, far;

	(void)state;
	suggestion_init(&near, "SOURCEADDRESSPREFIXS");
	suggestion_init(&far, "port");
	for (size_t i = 0; i < 3; i++) {
		suggestion_offer(&near, words[i]);
		suggestion_offer(&far, words[i]);
	}
	assert_string_equal(near.found, "sourceAddressPrefix");
	assert_null(far.found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measures_slips_of_the_finger),
		cmocka_unit_test(offers_what_is_near_enough),
	};

	return cmocka_run_group_tests_name("base_suggest", tests, NULL, NULL);
}
