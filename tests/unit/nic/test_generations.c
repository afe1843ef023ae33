/*
 * Rule sets and the policies they were made of.
 */
#include "nic/generations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const struct generations *generations, uint64_t ruleset, uint64_t policy)
{
	uint64_t found;

	assert_true(generations_find(generations, (uint16_t)ruleset, &found));
	assert_int_equal(found, policy);
}

static void a_rule_set_is_its_policy_s(void **state)
{
	struct generations generations = { 0 };
	uint64_t found;

	(void)state;
	assert_false(generations_find(&generations, 1, &found));
	generations_note(&generations, 1, 0); /* no policy yet */
	generations_note(&generations, 2, 1);
	generations_note(&generations, 3, 1); /* the context changed */
	generations_note(&generations, 4, 2);
	check(&generations, 1, 0);
	check(&generations, 2, 1);
	check(&generations, 3, 1);
	check(&generations, 4, 2);
	assert_false(generations_find(&generations, 5, &found));
	assert_false(generations_find(&generations, 0, &found));
}

static void low_bits_that_wrapped_are_the_newest(void **state)
{
	struct generations generations = { 0 };

	(void)state;
	generations_note(&generations, 65530, 7);
	generations_note(&generations, 65540, 8);
	check(&generations, 65530, 7);
	check(&generations, 65539, 7);
	check(&generations, 65540, 8);
}

static void policies_long_ago_are_forgotten(void **state)
{
	struct generations generations = { 0 };
	const uint64_t last = 3 * GENERATIONS_MAX;
	uint64_t found;

	(void)state;
	for (uint64_t g = 1; g <= last; g++)
		generations_note(&generations, g + 1, g);
	for (uint64_t g = last - GENERATIONS_MAX + 1; g <= last; g++)
		check(&generations, g + 1, g);
	assert_false(
		generations_find(&generations, (uint16_t)(last - GENERATIONS_MAX + 1), &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_set_is_its_policy_s),
		cmocka_unit_test(low_bits_that_wrapped_are_the_newest),
		cmocka_unit_test(policies_long_ago_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
