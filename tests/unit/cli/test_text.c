/*
 * What goes to a terminal: aligned tables, no foreign control characters, help, completion, and the
 * manual page that is in the tree.
 */
#include "base/json.h"
#include "cli/help.h"
#include "cli/style.h"
#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct capture {
	char *text;
	size_t size;
	FILE *file;
};

static FILE *begin(struct capture *capture)
{
	capture->file = open_memstream(&capture->text, &capture->size);
	assert_non_null(capture->file);
	return capture->file;
}

static const char *end(struct capture *capture)
{
	assert_int_equal(fclose(capture->file), 0);
	return capture->text;
}

static void aligns_columns(void **state)
{
	struct table *table = table_new("NAME|COUNT#|WHAT");
	struct capture capture;

	(void)state;
	table_add(table, "a");
	table_addf(table, "%d", 12345678);
	table_add(table, "x");
	table_add(table, "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac\xe2\x82\xac");
	table_add(table, "1");
	table_add(table, NULL);
	table_print(table, begin(&capture), false);
	assert_string_equal(end(&capture),
			    "NAME      COUNT  WHAT\n"
			    "a      12345678  x\n"
			    "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac\xe2\x82\xac         1  -\n");
	free(capture.text);
	table_free(table);
}

static void shows_control_characters(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "plain", "plain" },
		{ "\033[31mred", "\\x1b[31mred" },
		{ "a\nb\r\tc", "a\\x0ab\\x0d\\x09c" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x9b[2J", "\\xc2\\x9b[2J" }, /* CSI in one character, U+009B */
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xe2\x82", "\\xe2\\x82" }, /* half a character */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct capture capture;

		style_print(begin(&capture), false, STYLE_BAD, cases[i].text);
		assert_string_equal(end(&capture), cases[i].shown);
		free(capture.text);
	}
}

static void colours_only_when_asked(void **state)
{
	struct capture capture;

	(void)state;
	style_print(begin(&capture), true, STYLE_BAD, "x");
	assert_string_equal(end(&capture), "\033[31mx\033[0m");
	free(capture.text);
	assert_false(style_wanted(begin(&capture), true));
	end(&capture);
	free(capture.text);
}

static void helps_with_everything(void **state)
{
	static const char *const topics[] = { "", "policy", "policy apply", "verify",
					      "stats clear" };
	struct capture capture;

	(void)state;
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		assert_true(help_print(begin(&capture), topics[i]));
		end(&capture);
		assert_null(strstr(capture.text, " \n")); /* no blanks at line ends */
		assert_non_null(strstr(capture.text, topics[i]));
		free(capture.text);
	}
	assert_false(help_print(begin(&capture), "polic"));
	end(&capture);
	free(capture.text);
}

static void completes(void **state)
{
	static const struct {
		const char *line; /* words; the last is to be completed */
		const char *words;
	} cases[] = {
		{ "st", "status\nstats\n" },
		{ "policy ", "apply\nshow\ncheck\ncompile\ndiff\nhistory\nrollback\n" },
		{ "policy s", "show\n" },
		{ "--json policy a", "apply\n" },
		{ "--socket /x policy a", "apply\n" },
		{ "policy apply --l", "--level\n" },
		{ "policy apply --level ", "nic\nsubnet\n" },
		{ "policy apply f.json --level s", "subnet\n" },
		{ "verify --direction ", "in\nout\n" },
		{ "policy compile f.json --target r", "rte_flow\n" },
		{ "verify --engine re", "reference\n" },
		{ "status --v", "--version\n" },
		{ "nosuch ", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[128], *words[16], *rest = line;
		struct capture capture;
		int count = 0;

		strcpy(line, cases[i].line);
		while (rest)
			words[count++] = strsep(&rest, " ");
		completion_print(begin(&capture), words, count);
		if (strcmp(end(&capture), cases[i].words) != 0)
			fail_msg("%s: %s", cases[i].line, capture.text);
		free(capture.text);
	}
}

/* Made anew by `accelnetctl --manual`. */
static void manual_in_the_tree_is_current(void **state)
{
	struct capture capture;
	char *text;
	size_t length;

	(void)state;
	manual_print(begin(&capture));
	end(&capture);
	assert_int_equal(json_slurp(ACCELNET_SOURCE_DIR "/docs/man/accelnetctl.1", NULL, &text,
				    &length, NULL),
			 0);
	assert_string_equal(text, capture.text);
	free(text);
	free(capture.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligns_columns),
		cmocka_unit_test(shows_control_characters),
		cmocka_unit_test(colours_only_when_asked),
		cmocka_unit_test(helps_with_everything),
		cmocka_unit_test(completes),
		cmocka_unit_test(manual_in_the_tree_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
