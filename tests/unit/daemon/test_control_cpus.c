/*
 * Which CPUs control threads get, by what the process was given and what workers have.
 */
#include "daemon/control_cpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* By a word: bit n is CPU n. */
static cpu_set_t set_of(unsigned bits)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; cpu < 32; cpu++) {
		if (bits & (1U << cpu))
			CPU_SET(cpu, &set);
	}
	return set;
}

static void leaves_workers_alone(void **state)
{
	static const struct {
		unsigned given, main_lcore, workers, expected; /* 0: nothing is changed */
	} cases[] = {
		{ 0xff, 0x01, 0x06, 0xf9 }, /* lcores 0-2 of eight */
		{ 0x03, 0x01, 0x02, 0x01 }, /* two, one each */
		{ 0x03, 0x01, 0x03, 0x00 }, /* 0@0,1@0,2@1 */
		{ 0x03, 0x01, 0x01, 0x02 }, /* 0@0,1@0 */
		{ 0x03, 0x10, 0x20, 0x13 }, /* isolated CPUs are not given at the start */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const cpu_set_t given = set_of(cases[i].given);
		const cpu_set_t main_lcore = set_of(cases[i].main_lcore);
		const cpu_set_t workers = set_of(cases[i].workers);
		const cpu_set_t expected = set_of(cases[i].expected);
		cpu_set_t got = set_of(0);

		assert_int_equal(control_cpus(&given, &main_lcore, &workers, &got),
				 cases[i].expected != 0);
		assert_true(CPU_EQUAL(&got, &expected));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_workers_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
