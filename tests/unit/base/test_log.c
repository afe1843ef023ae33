/*
 * Log lines: what others wrote stays inside its quotes.
 */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void what_others_wrote_stays_between_the_quotes(void **state)
{
	char buffer[16];

	(void)state;
	assert_string_equal(log_quotable("at \"/foo\"", buffer, sizeof(buffer)), "at '/foo'");
	assert_string_equal(log_quotable("a\nlevel=x\t", buffer, sizeof(buffer)), "a level=x ");
	assert_string_equal(log_quotable("0123456789abcdef", buffer, sizeof(buffer)),
			    "0123456789abcde");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_wrote_stays_between_the_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
