/*
 * What cJSON would let pass, and what the strict decoder makes of it.
 */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct refusal {
	const char *text;
	size_t length; /* 0: strlen */
	enum accelnet_code code;
	const char *detail;
};

static const struct refusal refusals[] = {
	{ "", 0, ACCELNET_E_SYNTAX, "empty" },
	{ " \n\t ", 0, ACCELNET_E_SYNTAX, "line 2, column 3: no value" },
	{ "{", 0, ACCELNET_E_SYNTAX, "property name" },
	{ "[", 0, ACCELNET_E_SYNTAX, "expected" },
	{ "[1", 0, ACCELNET_E_SYNTAX, "bracket" },
	{ "[1,]", 0, ACCELNET_E_SYNTAX, "expected a value" },
	{ "{\"a\":1,}", 0, ACCELNET_E_SYNTAX, "property name" },
	{ "{\"a\" 1}", 0, ACCELNET_E_SYNTAX, "':'" },
	{ "{'a':1}", 0, ACCELNET_E_SYNTAX, "property name" },
	{ "{}x", 0, ACCELNET_E_SYNTAX, "line 1, column 3: more text" },
	{ "1 2", 0, ACCELNET_E_SYNTAX, "more text" },
	{ "[1]]", 0, ACCELNET_E_SYNTAX, "more text" },
	{ "[1}", 0, ACCELNET_E_SYNTAX, "']'" },
	{ "01", 0, ACCELNET_E_SYNTAX, "leading zero" },
	{ "1.", 0, ACCELNET_E_SYNTAX, "point" },
	{ "1e", 0, ACCELNET_E_SYNTAX, "exponent" },
	{ "+1", 0, ACCELNET_E_SYNTAX, "expected a value" },
	{ "NaN", 0, ACCELNET_E_SYNTAX, "expected a value" },
	{ "tru", 0, ACCELNET_E_SYNTAX, "expected a value" },
	{ "\"a", 0, ACCELNET_E_SYNTAX, "closing quote" },
	{ "\"a\nb\"", 0, ACCELNET_E_SYNTAX, "control character" },
	{ "\"\\q\"", 0, ACCELNET_E_SYNTAX, "escape" },
	{ "\"\\u00g0\"", 0, ACCELNET_E_SYNTAX, "hexadecimal" },
	{ "\"a\\u0000b\"", 0, ACCELNET_E_ENCODING, "\\u0000" },
	{ "\"\\ud800\"", 0, ACCELNET_E_ENCODING, "surrogate" },
	{ "\"\\udc00\"", 0, ACCELNET_E_ENCODING, "surrogate" },
	{ "\"\\ud800\\u0041\"", 0, ACCELNET_E_ENCODING, "surrogate" },
	{ "\"\xff\"", 0, ACCELNET_E_ENCODING, "UTF-8" },
	{ "\"\xc0\xaf\"", 0, ACCELNET_E_ENCODING, "UTF-8" },
	{ "\"\xed\xa0\x80\"", 0, ACCELNET_E_ENCODING, "UTF-8" },
	{ "\"\xf5\x80\x80\x80\"", 0, ACCELNET_E_ENCODING, "UTF-8" },
	{ "\"\xe2\x82\"", 0, ACCELNET_E_ENCODING, "UTF-8" },
	{ "[1]\0", 4, ACCELNET_E_SYNTAX, "more text" },
	{ "\xef\xbb\xbf{}", 0, ACCELNET_E_SYNTAX, "expected a value" },
	{ "{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", 0, ACCELNET_E_DUPLICATE_KEY, "\"c\"" },
};

static void refuses_what_is_not_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *c = &refusals[i];
		size_t length = c->length ? c->length : strlen(c->text);
		struct accelnet_error err = { 0 };
		struct json *json = NULL;

		if (json_parse(c->text, length, NULL, &json, &err) >= 0)
			fail_msg("accepted: %s", c->text);
		assert_null(json);
		if (err.code != c->code || !strstr(err.detail, c->detail))
			fail_msg("%s: got %s, %s", c->text, error_symbol(err.code), err.detail);
	}
}

static void names_the_place_of_a_duplicate(void **state)
{
	const char text[] = "{\"a\":[0,{\"x/y\":{\"c\":1,\"c\":2}}]}";
	struct accelnet_error err;
	struct json *json;

	(void)state;
	assert_true(json_parse(text, strlen(text), NULL, &json, &err) < 0);
	assert_string_equal(err.pointer, "/a/1/x~1y");
}

static void finds_duplicates_among_many_names(void **state)
{
	char text[4096] = "{";
	struct accelnet_error err;
	struct json *json;

	(void)state;
	for (int i = 0; i < 200; i++)
		(void)sprintf(text + strlen(text), "\"k%d\":%d,", i, i);
	strcat(text, "\"k77\":0}");
	assert_true(json_parse(text, strlen(text), NULL, &json, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_DUPLICATE_KEY);
	assert_non_null(strstr(err.detail, "k77"));
}

static void limits_depth_and_size(void **state)
{
	const struct json_limits limits = { .bytes = 100, .depth = 3 };
	struct accelnet_error err;
	struct json *json;
	char large[102];

	(void)state;
	assert_int_equal(json_parse("[[[1]]]", 7, &limits, &json, &err), 0);
	json_free(json);
	assert_true(json_parse("[[[[1]]]]", 9, &limits, &json, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_TOO_LARGE);
	memset(large, ' ', sizeof(large));
	large[0] = '1';
	assert_int_equal(json_parse(large, 100, &limits, &json, &err), 0);
	json_free(json);
	assert_true(json_parse(large, 101, &limits, &json, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_TOO_LARGE);
}

static struct json *parse(const char *text)
{
	struct accelnet_error err;
	struct json *json;

	if (json_parse(text, strlen(text), NULL, &json, &err) < 0)
		fail_msg("%s: %s", text, err.detail);
	return json;
}

static void reads_integers_exactly_or_not_at_all(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {
		{ "80", true, 80 },
		{ "80.0", true, 80 },
		{ "8e1", true, 80 },
		{ "-1", true, -1 },
		{ "80.7", false, 0 },
		{ "9007199254740992", true, 9007199254740992 },
		{ "9007199254740994", false, 0 },
		{ "1e999", false, 0 },
		{ "\"80\"", false, 0 },
		{ "true", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *json = parse(cases[i].text);
		struct json_at root = json_root(json);
		int64_t value = 12345;

		assert_int_equal(json_integer(&root, &value), cases[i].ok);
		assert_int_equal(value, cases[i].ok ? cases[i].value : 12345);
		json_free(json);
	}
}

static void looks_up_names_by_case(void **state)
{
	struct json *json = parse("{\"Priority\":1,\"priority\":2}");
	struct json_at root = json_root(json), member;
	int64_t value;

	(void)state;
	assert_true(json_get(&root, "priority", &member));
	assert_true(json_integer(&member, &value));
	assert_int_equal(value, 2);
	assert_false(json_get(&root, "PRIORITY", &member));
	assert_true(json_get_fold(&root, "PRIORITY", &member));
	json_free(json);
}

static void walks_lists_with_pointers(void **state)
{
	struct json *json = parse("{\"list\":[\"a\",\"b\",\"c\"]}");
	struct json_at root = json_root(json), list, child;
	char pointer[64];
	size_t seen = 0;

	(void)state;
	assert_true(json_get(&root, "list", &list));
	assert_int_equal(json_count(&list), 3);
	json_foreach(child, &list) {
		char expected[16];

		(void)sprintf(expected, "/list/%zu", seen++);
		json_pointer(&child, pointer, sizeof(pointer));
		assert_string_equal(pointer, expected);
	}
	assert_int_equal(seen, 3);
	json_pointer(&root, pointer, sizeof(pointer));
	assert_string_equal(pointer, "");
	json_free(json);
}

static void cuts_a_long_pointer_in_front(void **state)
{
	struct json *json = parse("{\"aaaaaaaaaaaaaaaaaaaa\":{\"bbbb\":1}}");
	struct json_at root = json_root(json), a, b;
	char pointer[16];

	(void)state;
	assert_true(json_get(&root, "aaaaaaaaaaaaaaaaaaaa", &a));
	assert_true(json_get(&a, "bbbb", &b));
	json_pointer(&b, pointer, sizeof(pointer));
	assert_int_equal(strlen(pointer), 15);
	assert_memory_equal(pointer, "...", 3);
	assert_string_equal(pointer + 10, "/bbbb");
	json_free(json);
}

static void checks_members_all_at_once(void **state)
{
	static const struct json_member members[] = {
		{ "name", JSON_STRING, true, false },
		{ "size", JSON_NUMBER, false, false },
		{ "note", JSON_STRING, false, true },
	};
	struct json *json = parse("{\"size\":\"big\",\"note\":null,\"colour\":1}");
	struct json_at root = json_root(json);
	struct report report;

	(void)state;
	report_init(&report);
	assert_int_equal(json_check_members(&root, members, 3, &report), 3);
	assert_int_equal(report.errors, 3);
	assert_string_equal(report.problems[0].pointer, "/size");
	assert_int_equal(report.problems[0].code, ACCELNET_E_TYPE);
	assert_string_equal(report.problems[1].pointer, "/colour");
	assert_non_null(strstr(report.problems[1].detail, "\"name\", \"size\" and \"note\""));
	assert_int_equal(report.problems[2].code, ACCELNET_E_MISSING);
	report_fini(&report);
	json_free(json);
}

static void prints_integers_exactly(void **state)
{
	struct json *json = json_new_object();
	char *text;

	(void)state;
	json_add_unsigned(json, "most", UINT64_MAX);
	json_add_integer(json, "least", INT64_MIN);
	json_add_integer(json, "small", -3);
	json_add_string(json, "none", NULL);
	json_add_format(json, "name", "%s-%d", "a\"b", 1);
	text = json_print(json);
	assert_string_equal(text, "{\"most\":18446744073709551615,\"least\":-9223372036854775808,"
				  "\"small\":-3,\"none\":null,\"name\":\"a\\\"b-1\"}");
	free(text);
	json_free(json);
}

static void prints_integers_as_they_were_read(void **state)
{
	static const char text[] =
		"[0,-1,2147483647,2147483648,-2147483649,999999999999999,1000000000000001,"
		"9007199254740991,-9007199254740992]";
	struct json *json = NULL;
	char *printed;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), NULL, &json, NULL), 0);
	printed = json_print(json);
	assert_string_equal(printed, text);
	free(printed);
	json_free(json);
}

static void keeps_quoted_text_valid(void **state)
{
	struct accelnet_error err;
	char *quoted;

	(void)state;
	(void)(fail)(&err, ACCELNET_E_VALUE, NULL, "\"%.4s\" \xff", "abc\xc3\xa4");
	assert_string_equal(err.detail, "\"abc?\" ?");
	for (size_t lead = 0; lead < 4;
	     lead++) { /* cut at the end of the buffer, in mid-character */
		(void)(fail)(&err, ACCELNET_E_VALUE, NULL, "%*s%0*d\xf0\x9f\x98\x80", (int)lead, "",
			     ERROR_DETAIL_MAX - 5, 0);
		assert_non_null(quoted = strdup(err.detail));
		for (const char *at = quoted; *at; at++)
			assert_false(at[0] == '\xf0' && strlen(at) < 4);
		free(quoted);
	}
}

static void refuses_a_file_over_the_limit(void **state)
{
	const struct json_limits limits = { .bytes = 1000 };
	struct accelnet_error err;
	struct json *json;

	(void)state;
	assert_true(json_load("/dev/zero", &limits, &json, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_TOO_LARGE);
	assert_true(json_load("/nonexistent/file", &limits, &json, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_not_json),
		cmocka_unit_test(names_the_place_of_a_duplicate),
		cmocka_unit_test(finds_duplicates_among_many_names),
		cmocka_unit_test(limits_depth_and_size),
		cmocka_unit_test(reads_integers_exactly_or_not_at_all),
		cmocka_unit_test(looks_up_names_by_case),
		cmocka_unit_test(walks_lists_with_pointers),
		cmocka_unit_test(cuts_a_long_pointer_in_front),
		cmocka_unit_test(checks_members_all_at_once),
		cmocka_unit_test(prints_integers_exactly),
		cmocka_unit_test(prints_integers_as_they_were_read),
		cmocka_unit_test(keeps_quoted_text_valid),
		cmocka_unit_test(refuses_a_file_over_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
