/*
 * Device rules as testpmd commands: words, masks, and the length that testpmd can read.
 */
#include "compile/plan_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix value;

	assert_int_equal(ip_prefix_parse(text, &value), 0);
	return value;
}

static void writes_a_settled_mark(void **state)
{
	const struct plan_text_options options = { .port = 3, .queues = 1 };
	const struct plan_rule rule = {
		.priority = 1,
		.match = {
			.family = IP_FAMILY_V4,
			.source = prefix("10.0.0.0/8"),
			.destination = prefix("10.1.0.4/32"),
			.has_kind = true,
			.kind = PLAN_TCP_SETTLED,
			.destination_port = 80,
			.destination_port_mask = 0xffff,
		},
		.action = PLAN_MARK,
		.slot = 4,
	};
	char line[PLAN_LINE_MAX];

	(void)state;
	assert_int_equal(plan_rule_text(&rule, &options, line, sizeof(line)), 0);
	assert_string_equal(line,
			    "flow create 3 ingress group 0 priority 1 pattern eth has_vlan is 0 / "
			    "ipv4 src spec 10.0.0.0 src prefix 8 dst spec 10.1.0.4 dst prefix 32 "
			    "fragment_offset spec 0 fragment_offset mask 0x3fff / tcp dst is 80 "
			    "flags spec 0x10 flags mask 0x17 / end actions mark id 10 / "
			    "queue index 0 / end");
}

static void writes_a_stage_with_tags(void **state)
{
	const struct plan_text_options options = { .queues = 1 };
	const struct plan_rule rule = {
		.group = 1,
		.priority = 1,
		.match = { .family = IP_FAMILY_V6, .source = prefix("2001:db8::/32") },
		.action = PLAN_NEXT,
		.tags = { 5, 0 },
	};
	char line[PLAN_LINE_MAX];

	(void)state;
	assert_int_equal(plan_rule_text(&rule, &options, line, sizeof(line)), 0);
	assert_string_equal(line,
			    "flow create 0 ingress group 1 priority 1 pattern eth has_vlan is 0 / "
			    "ipv6 src spec 2001:db8:: src prefix 32 / end actions set_tag data "
			    "0x5 index 0 mask 0x5 / jump group 2 / end");
}

/* The longest that a plan can say stays within what testpmd reads, with many queues, too. */
static void fits_the_longest_rule(void **state)
{
	struct plan_text_options options = { .port = 65535, .queues = 16, .has_mac = true };
	struct plan_rule rule = {
		.group = 3,
		.priority = 21000,
		.match = {
			.family = IP_FAMILY_V6,
			.source = prefix("2001:db8:1111:2222:3333:4444:5555:6666/128"),
			.destination = prefix("2001:db8:7777:8888:9999:aaaa:bbbb:cccc/128"),
			.has_kind = true,
			.kind = PLAN_TCP_SETTLED,
			.source_port = 65520,
			.source_port_mask = 0xfff0,
			.destination_port = 65520,
			.destination_port_mask = 0xfff0,
			.tags = { UINT32_MAX, UINT32_MAX },
		},
		.action = PLAN_MARK,
		.slot = 0x7ffff,
	};
	char line[PLAN_LINE_MAX + 200];

	(void)state;
	/* no rule has a prefix and a tag on the same side */
	rule.match.source = prefix("::/0");
	rule.match.tags[PLAN_TAG_DESTINATION] = 0;
	assert_int_equal(plan_rule_text(&rule, &options, line, sizeof(line)), 0);
	assert_true(strlen(line) < PLAN_LINE_MAX);
	assert_int_equal(plan_rule_text(&rule, &options, line, 100), -ENOSPC);
}

static void never_marks_with_zero(void **state)
{
	(void)state;
	assert_true(plan_mark_value(0) != 0);
	assert_true(plan_mark_value(0x7ffff) < 0xfffff0);
	assert_int_equal(plan_mark_value(7) & 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_settled_mark),
		cmocka_unit_test(writes_a_stage_with_tags),
		cmocka_unit_test(fits_the_longest_rule),
		cmocka_unit_test(never_marks_with_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
