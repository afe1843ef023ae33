/*
 * Text of addresses and prefixes, accepted and refused.
 */
#include "base/net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void parses_prefixes(void **state)
{
	static const struct {
		const char *text;
		const char *canonical; /* NULL: refused */
		bool host_bits;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", false },
		{ "10.0.0.5/24", "10.0.0.5/24", true },
		{ "10.0.0.5", "10.0.0.5/32", false },
		{ "0.0.0.0/0", "0.0.0.0/0", false },
		{ "2001:DB8::1", "2001:db8::1/128", false },
		{ "2001:db8::/32", "2001:db8::/32", false },
		{ "::/0", "::/0", false },
		{ "fe80::1/10", "fe80::1/10", true },
		{ "10.0.0.0/33", NULL, false },
		{ "10.0.0.0/", NULL, false },
		{ "10.0.0.0/-1", NULL, false },
		{ "10.0.0.0/08", NULL, false },
		{ "10.0.0.0/8 ", NULL, false },
		{ "10.0.0/8", NULL, false },
		{ "010.0.0.0/8", NULL, false },
		{ "10.0.0.256", NULL, false },
		{ "2001:db8::/129", NULL, false },
		{ "fe80::1%eth0", NULL, false },
		{ "", NULL, false },
		{ "/8", NULL, false },
		{ "any", NULL, false },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/64", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_prefix prefix;
		char text[IP_TEXT_MAX];
		int r = ip_prefix_parse(cases[i].text, &prefix);

		if (!cases[i].canonical) {
			if (r != -EINVAL)
				fail_msg("accepted: %s", cases[i].text);
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(ip_prefix_format(&prefix, text), cases[i].canonical);
		assert_int_equal(ip_prefix_has_host_bits(&prefix), cases[i].host_bits);
	}
}

static void computes_ranges(void **state)
{
	struct ip_prefix prefix;
	struct ip_range range;

	(void)state;
	assert_int_equal(ip_prefix_parse("10.1.2.3/16", &prefix), 0);
	range = ip_prefix_range(&prefix);
	assert_true(range.first == 0x0a010000);
	assert_true(range.last == 0x0a01ffff);
	assert_int_equal(ip_prefix_parse("::/0", &prefix), 0);
	range = ip_prefix_range(&prefix);
	assert_true(range.first == 0 && range.last == ~(ip_number)0);
}

static void keeps_bytes_in_network_order(void **state)
{
	const uint8_t bytes[4] = { 10, 1, 2, 3 };
	struct ip_addr addr = ip_addr_from_bytes(IP_FAMILY_V4, bytes);
	uint8_t back[4];

	(void)state;
	assert_true(addr.number == 0x0a010203);
	ip_addr_to_bytes(&addr, back);
	assert_memory_equal(bytes, back, 4);
}

static void parses_macs(void **state)
{
	static const char *const refused[] = { "",
					       "00:0d:3a:12:34",
					       "00:0d:3a:12:34:5g",
					       "00:0d-3a:12:34:56",
					       "00.0d.3a.12.34.56",
					       "00:0d:3a:12:34:567" };
	struct mac_addr a, b;
	char text[MAC_TEXT_MAX];

	(void)state;
	assert_int_equal(mac_addr_parse("00:0D:3a:12:34:56", &a), 0);
	assert_int_equal(mac_addr_parse("00-0d-3a-12-34-56", &b), 0);
	assert_true(mac_addr_equal(&a, &b));
	assert_string_equal(mac_addr_format(&a, text), "00:0d:3a:12:34:56");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(mac_addr_parse(refused[i], &a), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_prefixes),
		cmocka_unit_test(computes_ranges),
		cmocka_unit_test(keeps_bytes_in_network_order),
		cmocka_unit_test(parses_macs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
