/*
 * From a line to a line: JSON-RPC 2.0 to the letter, and errors that say where and why. Every
 * response must be strict JSON itself.
 */
#include "control/request.h"
#include "nic/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct nic_set nics;
	struct service service;
	struct request_scope scope;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->nics.events = event_log_new();
	fixture->scope = (struct request_scope){
		.nics = &fixture->nics,
		.service = &fixture->service,
		.origin = "uid 0 pid 1",
		.response_bytes = 1U << 20,
	};
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	event_log_free(fixture->nics.events);
	free(fixture);
	return 0;
}

/* The response, or NULL where there is none. The caller frees it. */
static struct json *ask_bytes(struct fixture *fixture, const char *line, size_t length)
{
	struct subscription subscription;
	struct json *json = NULL;
	char *response;

	request_answer(&fixture->scope, line, length, &response, &subscription);
	if (!response)
		return NULL;
	length = strlen(response);
	assert_true(length > 0 && response[length - 1] == '\n');
	assert_null(memchr(response, '\n', length - 1));
	assert_int_equal(json_parse(response, length - 1, NULL, &json, NULL), 0);
	free(response);
	return json;
}

static struct json *ask(struct fixture *fixture, const char *line)
{
	return ask_bytes(fixture, line, strlen(line));
}

static void step(struct json_at *at, const char *key)
{
	struct json_at up = *at;

	if (!json_get(&up, key, at))
		fail_msg("no member %s", key);
}

struct refusal {
	const char *line;
	int64_t code;
	const char *symbol;
	const char *pointer;
	const char *id; /* as text */
};

#define CALL(method, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"" method "\",\"params\":" params "}"

static void refuses_with_code_symbol_and_place(void **state)
{
	static const struct refusal refusals[] = {
		{ "", -32700, "syntax", "", "null" },
		{ "{", -32700, "syntax", "", "null" },
		{ "{}x", -32700, "syntax", "", "null" },
		{ "[]", -32600, "bad-request", "", "null" },
		{ "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}]", -32600, "bad-request",
		  "", "null" },
		{ "7", -32600, "bad-request", "", "null" },
		{ "{}", -32600, "bad-request", "", "null" },
		{ "{\"id\":1,\"method\":\"status\"}", -32600, "bad-request", "", "1" },
		{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"status\"}", -32600, "bad-request", "",
		  "1" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":\"a\"}", -32600, "bad-request", "", "\"a\"" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", -32600, "bad-request", "", "1" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"status\"}", -32600, "bad-request",
		  "/id", "null" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"status\"}", -32600, "bad-request",
		  "/id", "null" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"x\":1}", -32600,
		  "bad-request", "/x", "1" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"status\"}", 1003,
		  "duplicate-key", "", "null" },
		{ CALL("no.such", "{}"), -32601, "unknown-method", "/method", "5" },
		{ CALL("STATUS", "{}"), -32601, "unknown-method", "/method", "5" },
		{ CALL("status", "[]"), -32602, "bad-params", "/params", "5" },
		{ CALL("status", "null"), -32602, "bad-params", "/params", "5" },
		{ CALL("status", "{\"nic\":\"eth1\"}"), -32602, "bad-params", "/nic", "5" },
		{ CALL("nic.show", "{}"), -32602, "bad-params", "", "5" },
		{ CALL("nic.show", "{\"nic\":7}"), -32602, "bad-params", "/nic", "5" },
		{ CALL("nic.show", "{\"nic\":\"eth1\"}"), 1022, "not-found", "/nic", "5" },
		{ CALL("nic.show", "{\"Nic\":\"eth1\"}"), -32602, "bad-params", "/Nic", "5" },
		{ CALL("policy.show", "{\"nic\":\"a\",\"form\":\"xml\"}"), -32602, "bad-params",
		  "/form", "5" },
		{ CALL("policy.show", "{\"nic\":\"a\",\"form\":\"\"}"), -32602, "bad-params",
		  "/form", "5" },
		{ CALL("policy.rollback", "{\"nic\":\"a\",\"to\":-1}"), -32602, "bad-params", "/to",
		  "5" },
		{ CALL("policy.rollback", "{\"nic\":\"a\",\"to\":1.5}"), -32602, "bad-params",
		  "/to", "5" },
		{ CALL("flow.list", "{\"nic\":\"a\",\"limit\":0}"), -32602, "bad-params", "/limit",
		  "5" },
		{ CALL("flow.list", "{\"nic\":\"a\",\"limit\":10001}"), -32602, "bad-params",
		  "/limit", "5" },
		{ CALL("log.level", "{\"room\":\"control\"}"), -32602, "bad-params", "/level",
		  "5" },
		{ CALL("log.level", "{\"room\":\"cellar\",\"level\":\"debug\"}"), -32602,
		  "bad-params", "/room", "5" },
		{ CALL("stats", "{\"nic\":\"eth7\"}"), 1022, "not-found", "/nic", "5" },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];
		struct json *json = ask(fixture, refusal->line);
		struct json_at root = json_root(json), at = root, data;
		int64_t code;
		char *id;

		step(&at, "id");
		id = json_print(at.value);
		at = root;
		step(&at, "error");
		data = at;
		step(&data, "data");
		step(&at, "code");
		assert_true(json_integer(&at, &code));
		at = data;
		step(&at, "symbol");
		if (code != refusal->code || strcmp(id, refusal->id) != 0 ||
		    strcmp(json_string(&at), refusal->symbol) != 0)
			fail_msg("%s: code %d, symbol %s, id %s", refusal->line, (int)code,
				 json_string(&at), id);
		at = data;
		step(&at, "pointer");
		if (strcmp(json_string(&at), refusal->pointer) != 0)
			fail_msg("%s: pointer \"%s\"", refusal->line, json_string(&at));
		for (size_t k = 0; k < 4; k++) {
			static const char *const keys[] = { "nic", "rule", "pmd", "retryable" };

			at = data;
			step(&at, keys[k]); /* always there */
		}
		free(id);
		json_free(json);
	}
}

static void echoes_ids(void **state)
{
	static const char *const ids[] = { "1",    "-7",   "9007199254740992",   "\"a\"",
					   "\"\"", "null", "\"\\u0001\\\"\\\\\"" };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char line[128], *id;
		struct json *json;
		struct json_at at;

		snprintf(line, sizeof(line),
			 "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"version\"}", ids[i]);
		json = ask(*state, line);
		at = json_root(json);
		step(&at, "id");
		id = json_print(at.value);
		assert_string_equal(id, ids[i]);
		free(id);
		json_free(json);
	}
}

static void answers_no_notification(void **state)
{
	assert_null(ask(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"version\"}"));
	assert_null(ask(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"nic.show\","
				"\"params\":{\"nic\":\"eth1\"}}"));
}

/* What a client wrote comes back in errors, cut at any byte: it must stay UTF-8. */
static void errors_are_valid_text(void **state)
{
	static const char *const fillers[] = { "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
					       "\\u001b\\n" };

	for (size_t f = 0; f < sizeof(fillers) / sizeof(fillers[0]); f++) {
		for (size_t lead = 0; lead < 6; lead++) {
			char name[1200] = "", line[2600];
			struct json *json;

			for (size_t i = 0; i < lead; i++)
				strcat(name, "a");
			while (strlen(name) < 1100)
				strcat(name, fillers[f]);
			snprintf(line, sizeof(line), CALL("%s", "{}"), name);
			json = ask(*state, line);
			assert_non_null(json);
			json_free(json);
			snprintf(line, sizeof(line), CALL("nic.show", "{\"%s\":1}"), name);
			json = ask(*state, line);
			assert_non_null(json);
			json_free(json);
			snprintf(line, sizeof(line), CALL("nic.show", "{\"nic\":\"%s\"}"), name);
			json = ask(*state, line);
			assert_non_null(json);
			json_free(json);
		}
	}
}

static void refuses_depth_and_raw_bytes(void **state)
{
	struct fixture *fixture = *state;
	char deep[400] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"policy.check\",\"params\":"
			 "{\"policy\":";
	struct json_at at;
	struct json *json;

	for (int i = 0; i < 70; i++)
		strcat(deep, "[");
	json = ask(fixture, deep);
	at = json_root(json);
	step(&at, "error");
	step(&at, "data");
	step(&at, "symbol");
	assert_string_equal(json_string(&at), "too-large");
	json_free(json);
	json = ask_bytes(fixture, "{\"jsonrpc\":\"2.0\",\"id\":\"\xff\"}", 24);
	at = json_root(json);
	step(&at, "error");
	step(&at, "data");
	step(&at, "symbol");
	assert_string_equal(json_string(&at), "bad-encoding");
	json_free(json);
}

static void replaces_a_response_that_is_too_long(void **state)
{
	struct fixture *fixture = *state;
	struct json_at at;
	struct json *json;

	fixture->scope.response_bytes = 1000;
	json = ask(fixture, CALL("rpc.list", "{}"));
	at = json_root(json);
	step(&at, "error");
	step(&at, "data");
	step(&at, "symbol");
	assert_string_equal(json_string(&at), "too-large");
	json_free(json);
}

static void lists_every_method(void **state)
{
	struct json *json = ask(*state, CALL("rpc.list", "{}"));
	struct json_at root = json_root(json), list, method, name, params;
	size_t count = 0, wanted = 0;

	for (int id = 0; id < METHOD_COUNT; id++)
		wanted += methods[id].name != NULL;
	step(&root, "result");
	list = root;
	step(&list, "methods");
	json_foreach(method, &list) {
		assert_true(json_get(&method, "name", &name));
		assert_int_not_equal(method_find(json_string(&name)), METHOD_COUNT);
		assert_true(json_get(&method, "params", &params));
		assert_int_equal(json_type(&params), JSON_ARRAY);
		count++;
	}
	assert_int_equal(count, wanted);
	json_free(json);
}

static void checks_policies_over_the_socket(void **state)
{
	struct json *json =
		ask(*state,
		    CALL("policy.check",
			 "{\"policy\":{\"name\":\"n\",\"properties\":"
			 "{\"securityRules\":[{\"name\":\"r\",\"properties\":{\"priority\":99,"
			 "\"direction\":\"Inbound\",\"access\":\"Perhaps\",\"protocol\":\"Tcp\","
			 "\"sourceAddressPrefix\":\"*\",\"destinationAddressPrefix\":\"*\","
			 "\"sourcePortRange\":\"*\",\"destinationPortRange\":\"70000\"}}]}}}"));
	struct json_at at = json_root(json), errors, error;

	step(&at, "result");
	errors = at;
	step(&errors, "errors");
	assert_int_equal(json_count(&errors), 2);
	assert_true(json_first(&errors, &error));
	step(&error, "pointer");
	assert_non_null(strstr(json_string(&error), "/properties/securityRules/0/properties/"));
	step(&at, "form");
	assert_string_equal(json_string(&at), "nsg");
	json_free(json);
}

static void subscribes(void **state)
{
	struct fixture *fixture = *state;
	const char *line = CALL("events.subscribe", "{\"after\":3}");
	struct subscription subscription;
	char *response;

	request_answer(&fixture->scope, line, strlen(line), &response, &subscription);
	assert_non_null(strstr(response, "\"subscribed\":true"));
	assert_true(subscription.wanted && subscription.has_after);
	assert_int_equal(subscription.after, 3);
	free(response);
	line = CALL("events.subscribe", "{\"nic\":\"nope\"}");
	request_answer(&fixture->scope, line, strlen(line), &response, &subscription);
	assert_false(subscription.wanted);
	free(response);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(refuses_with_code_symbol_and_place),
		TEST(echoes_ids),
		TEST(answers_no_notification),
		TEST(errors_are_valid_text),
		TEST(refuses_depth_and_raw_bytes),
		TEST(replaces_a_response_that_is_too_long),
		TEST(lists_every_method),
		TEST(checks_policies_over_the_socket),
		TEST(subscribes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
