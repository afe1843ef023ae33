/*
 * What differs between two configurations is named, once, and nothing else is.
 */
#include "daemon/config_changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct nic_config running = {
	.name = "eth1",
	.has_mac = true,
	.mac = { { 0x00, 0x0d, 0x3a, 0, 0, 1 } },
	.uplink_device = (char *)"net_null0",
	.app_device = (char *)"net_null1",
	.queues = 1,
};

static void the_same_has_no_changes(void **state)
{
	struct nic_config fresh = running;
	char device[] = "net_null0", buffer[CONFIG_CHANGES_MAX];

	(void)state;
	fresh.uplink_device = device; /* the text counts, not its place */
	fresh.context = (struct json *)&fresh;
	assert_string_equal(nic_config_changes(&running, &fresh, buffer), "");
}

static void each_property_is_named_once(void **state)
{
	struct nic_config fresh = { .uplink_device = (char *)"x", .app_device = (char *)"y" };
	char buffer[CONFIG_CHANGES_MAX];

	(void)state;
	fresh.uplink = UPLINK_NETVSC;
	fresh.failback_ms = 1;
	fresh.queues = 2;
	fresh.housekeeping = true;
	fresh.vlan = FRAMES_PASS;
	fresh.non_ip = FRAMES_PASS;
	fresh.has_require_policy = fresh.require_policy = true;
	fresh.connections_max = 1;
	fresh.timeouts.other = 1;
	fresh.marks_max = fresh.marks_rate = 1;
	fresh.offload_off = true;
	assert_string_equal(nic_config_changes(&running, &fresh, buffer),
			    "mac,uplink,app,queues,housekeeping,vlan,nonIp,requirePolicy,offload,"
			    "connectionMarks,connections");
}

static void what_is_no_nic_s_is_named_too(void **state)
{
	char *more[] = { (char *)"-m", (char *)"512" }, *other[] = { (char *)"-m", (char *)"256" };
	const struct daemon_config before = {
		.lcores = (char *)"0-1",
		.socket = (char *)"s",
		.group = (char *)"g",
		.state_directory = (char *)"d",
		.eal_args = more,
		.eal_arg_count = 2,
	};
	struct daemon_config after = before;
	char buffer[CONFIG_CHANGES_MAX];

	(void)state;
	assert_string_equal(daemon_config_changes(&before, &after, buffer), "");
	after.eal_args = other;
	assert_string_equal(daemon_config_changes(&before, &after, buffer), "eal.args");
	after.lcores = (char *)"0-2";
	after.socket = after.group = after.state_directory = (char *)"";
	after.eal_arg_count = 1;
	assert_string_equal(daemon_config_changes(&before, &after, buffer),
			    "eal.lcores,control.socket,control.group,state.directory,eal.args");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_has_no_changes),
		cmocka_unit_test(each_property_is_named_once),
		cmocka_unit_test(what_is_no_nic_s_is_named_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
