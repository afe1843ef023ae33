/*
 * The dump names what is there: matchers with their masks, rules with values and actions.
 */
#include "azhost/steering/device.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *dump_domain(struct steer_domain *domain)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(steer_domain_dump(out, domain), 0);
	fclose(out);
	return text;
}

static void test_dump(void **state)
{
	static const char *const wanted[] = {
		"rx level=0",
		"rx level=3",
		"priority=2 layer=l4 rules=1",
		"tcp_dport=0050/ffff",
		"tcp_flags=0010/0012",
		"ip_version=0800/1e00",
		"dst_ip_31_0=0a000000/ff000000",
		"tag=000007",
		"set metadata_reg_c_1[0:32]=2a",
		"copy tcp_dport[0:16]=metadata_reg_c_1[8]",
		"add ipv4_ttl[0:8]=ff",
		"+1/0,0",
		" tir=",
		" drop",
	};
	uint64_t commands[] = { command_set(0x52, 0, 0, 42), command_copy(0x52, 8, 0x09, 0, 16),
				command_add(0x0a, 0xff) };
	uint8_t mask[PARAM_BYTES] = { 0 }, value[PARAM_BYTES] = { 0 };
	struct steer_count cells[2] = { 0 };
	struct steer_counters counters = { .n = 2, .cells = cells };
	struct steer_action *list[4], *drop = action_drop();
	struct steer_matcher *matcher, *other;
	struct steer_rule *rule, *second;
	struct steer_tir tir = { 0 };
	struct steer_table *table;
	struct device device;
	char *text;

	(void)state;
	device_init(&device, NULL);
	table = table_at(device.rx, 3);
	put16(mask + P_L3_BITS, 0x1e12);
	put16(value + P_L3_BITS, 4 << 9 | 0x10);
	put16(mask + P_TCP_DPORT, 0xffff);
	put16(value + P_TCP_DPORT, 80);
	put32(mask + P_DST4, 0xff000000);
	put32(value + P_DST4, 0x0a000000);
	matcher = matcher_of(table, 2, mask);
	other = matcher_of(device.root, 0, mask);
	list[0] = action_modify(device.rx, false, commands, 3);
	list[1] = action_tag(7);
	list[2] = action_counter(&counters, 1);
	list[3] = action_tir(&tir);
	rule = rule_of(matcher, value, list, 4);
	second = rule_one(other, value, drop);
	text = dump_domain(device.rx);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!strstr(text, wanted[i]))
			fail_msg("no \"%s\" in\n%s", wanted[i], text);
	}
	free(text);
	text = dump_domain(device.tx);
	assert_null(strstr(text, "rule "));
	free(text);

	steer_rule_destroy(rule);
	steer_rule_destroy(second);
	assert_int_equal(steer_matcher_destroy(matcher), 0);
	assert_int_equal(steer_matcher_destroy(other), 0);
	assert_int_equal(steer_table_destroy(table), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(steer_action_destroy(list[i]), 0);
	assert_int_equal(steer_action_destroy(drop), 0);
	device_fini(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
