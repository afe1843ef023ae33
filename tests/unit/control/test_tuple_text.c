/*
 * Tuples and endpoints as people write them.
 */
#include "control/tuple_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void reads_protocols(void **state)
{
	static const struct {
		const char *text;
		int protocol; /* -1: refused */
	} cases[] = {
		{ "tcp", 6 },     { "TCP", 6 },    { "Udp", 17 },         { "icmp", 1 },
		{ "icmpv6", 58 }, { "sctp", 132 }, { "esp", 50 },         { "ah", 51 },
		{ "0", 0 },       { "255", 255 },  { "256", -1 },         { "-1", -1 },
		{ "", -1 },       { "6x", -1 },    { " 6", -1 },          { "*", -1 },
		{ "tcpp", -1 },   { "+6", -1 },    { "99999999999", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t protocol = 77;
		int r = protocol_parse(cases[i].text, &protocol);

		assert_int_equal(r, cases[i].protocol < 0 ? -EINVAL : 0);
		assert_int_equal(protocol, cases[i].protocol < 0 ? 77 : cases[i].protocol);
	}
}

static void reads_endpoints(void **state)
{
	static const struct {
		const char *text;
		const char *prefix; /* NULL: refused */
		int port;           /* -1: none */
	} cases[] = {
		{ "10.1.0.4", "10.1.0.4/32", -1 },
		{ "10.1.0.4:443", "10.1.0.4/32", 443 },
		{ "10.1.0.0/16:443", "10.1.0.0/16", 443 },
		{ "10.1.0.0/16", "10.1.0.0/16", -1 },
		{ "fd00::4", "fd00::4/128", -1 },
		{ "[fd00::4]:443", "fd00::4/128", 443 },
		{ "[fd00::4]", "fd00::4/128", -1 },
		{ "[fd00::/64]:0", "fd00::/64", 0 },
		{ "::1", "::1/128", -1 },
		{ "10.1.0.4:", NULL, 0 },
		{ "10.1.0.4:65536", NULL, 0 },
		{ "10.1.0.4:-1", NULL, 0 },
		{ "10.1.0.4:443x", NULL, 0 },
		{ "10.1.0:443", NULL, 0 },
		{ ":443", NULL, 0 },
		{ "", NULL, 0 },
		{ "[fd00::4", NULL, 0 },
		{ "[fd00::4]443", NULL, 0 },
		{ "[fd00::4]:", NULL, 0 },
		{ "host:80", NULL, 0 },
		{ "10.1.0.4/33", NULL, 0 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct endpoint endpoint;
		char text[IP_TEXT_MAX];
		int r = endpoint_parse(cases[i].text, &endpoint);

		if (!cases[i].prefix) {
			if (r != -EINVAL)
				fail_msg("%s was read", cases[i].text);
			continue;
		}
		if (r < 0)
			fail_msg("%s was refused", cases[i].text);
		assert_string_equal(ip_prefix_format(&endpoint.prefix, text), cases[i].prefix);
		assert_int_equal(endpoint.has_port, cases[i].port >= 0);
		if (cases[i].port >= 0)
			assert_int_equal(endpoint.port, cases[i].port);
	}
}

static int read_line(const char *text, struct tuple *tuple, struct accelnet_error *err)
{
	struct json *json = NULL;
	struct json_at root;
	int r;

	assert_int_equal(json_parse(text, strlen(text), NULL, &json, NULL), 0);
	root = json_root(json);
	r = tuple_from_json(&root, tuple, err);
	json_free(json);
	return r;
}

static void reads_lines(void **state)
{
	struct tuple tuple;
	char text[IP_TEXT_MAX];

	(void)state;
	assert_int_equal(
		read_line("{\"direction\":\"Inbound\",\"protocol\":6,"
			  "\"source\":\"203.0.113.9\",\"sourcePort\":40000,"
			  "\"destination\":\"10.1.0.4\",\"destinationPort\":443,\"more\":[]}",
			  &tuple, NULL),
		0);
	assert_int_equal(tuple.direction, DIRECTION_INBOUND);
	assert_int_equal(tuple.protocol, 6);
	assert_int_equal(tuple.source_port, 40000);
	assert_int_equal(tuple.destination_port, 443);
	assert_string_equal(ip_addr_format(&tuple.source, text), "203.0.113.9");
	assert_string_equal(ip_addr_format(&tuple.destination, text), "10.1.0.4");
	assert_int_equal(read_line("{\"direction\":\"outbound\",\"protocol\":\"Icmp\","
				   "\"source\":\"fd00::1\",\"destination\":\"fd00::2\","
				   "\"sourcePort\":7}",
				   &tuple, NULL),
			 0);
	assert_int_equal(tuple.direction, DIRECTION_OUTBOUND);
	assert_int_equal(tuple.protocol, 1);
	assert_int_equal(tuple.source_port, 0); /* ICMP has no ports */
}

#define REST "\"source\":\"1.1.1.1\",\"destination\":\"2.2.2.2\""

static void refuses_wrong_lines(void **state)
{
	static const struct {
		const char *line;
		enum accelnet_code code;
		const char *pointer;
	} cases[] = {
		{ "[]", ACCELNET_E_TYPE, "" },
		{ "{}", ACCELNET_E_MISSING, "" },
		{ "{\"direction\":\"Up\",\"protocol\":1," REST "}", ACCELNET_E_VALUE,
		  "/direction" },
		{ "{\"direction\":1,\"protocol\":1," REST "}", ACCELNET_E_VALUE, "/direction" },
		{ "{\"direction\":\"Inbound\"," REST "}", ACCELNET_E_MISSING, "" },
		{ "{\"direction\":\"Inbound\",\"protocol\":256," REST "}", ACCELNET_E_VALUE,
		  "/protocol" },
		{ "{\"direction\":\"Inbound\",\"protocol\":1.5," REST "}", ACCELNET_E_VALUE,
		  "/protocol" },
		{ "{\"direction\":\"Inbound\",\"protocol\":6," REST "}", ACCELNET_E_MISSING, "" },
		{ "{\"direction\":\"Inbound\",\"protocol\":132," REST "}", ACCELNET_E_MISSING, "" },
		{ "{\"direction\":\"Inbound\",\"protocol\":6," REST
		  ",\"sourcePort\":1,\"destinationPort\":65536}",
		  ACCELNET_E_PORT_RANGE, "/destinationPort" },
		{ "{\"direction\":\"Inbound\",\"protocol\":6," REST
		  ",\"sourcePort\":\"1\",\"destinationPort\":1}",
		  ACCELNET_E_PORT_RANGE, "/sourcePort" },
		{ "{\"direction\":\"Inbound\",\"protocol\":1,\"source\":\"1.1.1.1\","
		  "\"destination\":\"fd00::1\"}",
		  ACCELNET_E_ADDRESS, "" },
		{ "{\"direction\":\"Inbound\",\"protocol\":1,\"source\":\"1.1.1.0/24\","
		  "\"destination\":\"1.1.1.1\"}",
		  ACCELNET_E_ADDRESS, "/source" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct accelnet_error err = { 0 };
		struct tuple tuple;

		if (read_line(cases[i].line, &tuple, &err) >= 0)
			fail_msg("%s was read", cases[i].line);
		if (err.code != cases[i].code || strcmp(err.pointer, cases[i].pointer) != 0)
			fail_msg("%s: %s at \"%s\"", cases[i].line, error_symbol(err.code),
				 err.pointer);
	}
}

static void reads_words(void **state)
{
	struct tuple_words words = { "in", "tcp", "10.1.0.4:443", "203.0.113.9:40000" };
	char text[IP_TEXT_MAX];
	struct accelnet_error err;
	struct tuple tuple;
	bool assumed;

	(void)state;
	assert_int_equal(tuple_from_words(&words, &tuple, &assumed, &err), 0);
	assert_false(assumed);
	assert_int_equal(tuple.source_port, 40000);
	assert_int_equal(tuple.destination_port, 443);
	assert_string_equal(ip_addr_format(&tuple.source, text), "203.0.113.9");
	assert_string_equal(ip_addr_format(&tuple.destination, text), "10.1.0.4");
	words.direction = "out"; /* the VM is the opener now */
	assert_int_equal(tuple_from_words(&words, &tuple, &assumed, &err), 0);
	assert_string_equal(ip_addr_format(&tuple.source, text), "10.1.0.4");
	assert_string_equal(ip_addr_format(&tuple.destination, text), "203.0.113.9");
	assert_int_equal(tuple.source_port, 443);
	assert_int_equal(tuple.destination_port, 40000);
	words.local = "10.1.0.4";
	assert_int_equal(tuple_from_words(&words, &tuple, &assumed, &err), 0);
	assert_true(assumed);
	assert_int_equal(tuple.source_port, TUPLE_ASSUMED_PORT);
	words.remote = "203.0.113.9"; /* the opened side's port is not for us to guess */
	assert_true(tuple_from_words(&words, &tuple, &assumed, &err) < 0);
	assert_string_equal(err.pointer, "/remote");
	words.protocol = "icmp";
	assert_int_equal(tuple_from_words(&words, &tuple, &assumed, &err), 0);
	assert_int_equal(tuple.protocol, IP_PROTOCOL_ICMP);
	words.local = "fd00::4";
	assert_true(tuple_from_words(&words, &tuple, &assumed, &err) < 0);
	words.remote = "fd00::5";
	assert_int_equal(tuple_from_words(&words, &tuple, &assumed, &err), 0);
	assert_int_equal(tuple.protocol, IP_PROTOCOL_ICMPV6);
	words.remote = "fd00::/64";
	assert_true(tuple_from_words(&words, &tuple, &assumed, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_protocols), cmocka_unit_test(reads_endpoints),
		cmocka_unit_test(reads_lines),     cmocka_unit_test(refuses_wrong_lines),
		cmocka_unit_test(reads_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
