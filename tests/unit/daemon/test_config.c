/*
 * accelnetd.json: what is accepted, and where and why the rest is refused.
 */
#include "daemon/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int load(const char *text, struct daemon_config *config, struct report *report)
{
	char path[] = "/tmp/accelnetd-config-XXXXXX";
	int fd = mkstemp(path);
	int r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	report_init(report);
	r = daemon_config_load(path, config, report);
	unlink(path);
	return r;
}

#define NIC                                                                           \
	"\"name\":\"eth1\",\"uplink\":{\"type\":\"plain\",\"device\":\"net_null0\"}," \
	"\"app\":{\"device\":\"net_null1\"}"

static void reads_everything(void **state)
{
	struct daemon_config config;
	struct report report;

	(void)state;
	assert_int_equal(
		load("{\"eal\":{\"lcores\":\"0-3\",\"args\":[\"--no-huge\",\"-m\",\"512\"]},"
		     "\"nics\":[{" NIC ",\"mac\":\"00:0d:3a:12:34:56\",\"queues\":2,"
		     "\"vlan\":\"pass\",\"requirePolicy\":true,\"offload\":\"off\",\"context\":{\"addresses\":[]}}],"
		     "\"control\":{\"socket\":\"/tmp/s\",\"group\":\"g\"},"
		     "\"state\":{\"directory\":\"/tmp/d\"},"
		     "\"connections\":{\"max\":4096,\"timeouts\":{\"established\":600}}}",
		     &config, &report),
		0);
	assert_int_equal(report.count, 0);
	assert_string_equal(config.lcores, "0-3");
	assert_int_equal(config.eal_arg_count, 3);
	assert_string_equal(config.eal_args[2], "512");
	assert_int_equal(config.nic_count, 1);
	assert_string_equal(config.nics[0].name, "eth1");
	assert_string_equal(config.nics[0].uplink_device, "net_null0");
	assert_true(config.nics[0].has_mac);
	assert_int_equal(config.nics[0].queues, 2);
	assert_int_equal(config.nics[0].vlan, FRAMES_PASS);
	assert_int_equal(config.nics[0].non_ip, FRAMES_DROP);
	assert_true(config.nics[0].has_require_policy && config.nics[0].require_policy);
	assert_true(config.nics[0].offload_off);
	assert_int_equal(config.nics[0].connections_max, 4096);
	assert_int_equal(config.nics[0].timeouts.established, 600);
	assert_non_null(config.nics[0].context);
	assert_string_equal(config.socket, "/tmp/s");
	assert_string_equal(config.state_directory, "/tmp/d");
	daemon_config_fini(&config);
	report_fini(&report);
}

static void knows_a_netvsc_device_by_its_guid(void **state)
{
	struct daemon_config config;
	struct report report;

	(void)state;
	assert_int_equal(
		load("{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"netvsc\",\"device\":"
		     "\"7A08391F-F5A0-4ac0-9802-d13fd964f8df\"},\"app\":{\"device\":\"b\"},"
		     "\"queues\":2,\"housekeeping\":true}]}",
		     &config, &report),
		0);
	assert_true(config.nics[0].housekeeping);
	assert_int_equal(config.nics[0].uplink, UPLINK_NETVSC);
	assert_string_equal(config.nics[0].uplink_device, "7a08391f-f5a0-4ac0-9802-d13fd964f8df");
	daemon_config_fini(&config);
	report_fini(&report);
}

static void knows_a_bifurcated_uplink_by_its_interface(void **state)
{
	struct daemon_config config;
	struct report report;

	(void)state;
	assert_int_equal(
		load("{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"bifurcated\",\"interface\":"
		     "\"eth1\"},\"app\":{\"device\":\"b\"}},{\"name\":\"c\",\"uplink\":{\"type\":"
		     "\"bifurcated\",\"interface\":\"eth2\",\"failbackMs\":0},\"app\":"
		     "{\"device\":\"d\"}}]}",
		     &config, &report),
		0);
	assert_int_equal(config.nics[0].uplink, UPLINK_BIFURCATED);
	assert_string_equal(config.nics[0].uplink_device, "eth1");
	assert_int_equal(config.nics[0].failback_ms, 1000);
	assert_int_equal(config.nics[1].failback_ms, 0);
	daemon_config_fini(&config);
	report_fini(&report);
}

static void has_the_documented_defaults(void **state)
{
	struct daemon_config config;
	struct report report;

	(void)state;
	assert_int_equal(load("{\"nics\":[{" NIC "}]}", &config, &report), 0);
	assert_string_equal(config.socket, "/run/accelnet/control.sock");
	assert_string_equal(config.group, "accelnet");
	assert_string_equal(config.state_directory, "/var/lib/accelnet");
	assert_int_equal(config.nics[0].connections_max, 1048576);
	assert_int_equal(config.nics[0].timeouts.established, 240);
	assert_int_equal(config.nics[0].queues, 1);
	daemon_config_fini(&config);
	report_fini(&report);
}

static void refuses_with_pointer_and_code(void **state)
{
	static const struct {
		const char *text;
		const char *pointer;
		enum accelnet_code code;
	} cases[] = {
		{ "{", "", ACCELNET_E_SYNTAX },
		{ "[]", "", ACCELNET_E_TYPE },
		{ "{}", "", ACCELNET_E_MISSING },
		{ "{\"nics\":[]}", "/nics", ACCELNET_E_RANGE },
		{ "{\"nics\":[{" NIC "}],\"colour\":1}", "/colour", ACCELNET_E_UNKNOWN_KEY },
		{ "{\"nics\":[{" NIC ",\"queues\":0}]}", "/nics/0/queues", ACCELNET_E_RANGE },
		{ "{\"nics\":[{" NIC ",\"queues\":1.5}]}", "/nics/0/queues", ACCELNET_E_RANGE },
		{ "{\"nics\":[{" NIC ",\"queues\":\"2\"}]}", "/nics/0/queues", ACCELNET_E_TYPE },
		{ "{\"nics\":[{" NIC ",\"queues\":2,\"housekeeping\":true}]}",
		  "/nics/0/housekeeping", ACCELNET_E_VALUE },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"netvsc\",\"device\":"
		  "\"7a08391f-f5a0-4ac0-9802-d13fd964f8df\"},\"app\":{\"device\":\"b\"},"
		  "\"housekeeping\":true}]}",
		  "/nics/0/housekeeping", ACCELNET_E_VALUE },
		{ "{\"nics\":[{" NIC ",\"mac\":\"01:00:00:00:00:01\"}]}", "/nics/0/mac",
		  ACCELNET_E_VALUE },
		{ "{\"nics\":[{" NIC ",\"vlan\":\"maybe\"}]}", "/nics/0/vlan", ACCELNET_E_VALUE },
		{ "{\"nics\":[{" NIC ",\"offload\":\"on\"}]}", "/nics/0/offload",
		  ACCELNET_E_VALUE },
		{ "{\"nics\":[{" NIC "},{" NIC "}]}", "/nics/1/name", ACCELNET_E_RULE_CONFLICT },
		{ "{\"nics\":[{\"name\":\"../x\",\"uplink\":{\"type\":\"plain\",\"device\":\"a\"},"
		  "\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/name", ACCELNET_E_VALUE },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"wire\"},"
		  "\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/uplink", ACCELNET_E_VALUE },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"plain\"},"
		  "\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/uplink", ACCELNET_E_MISSING },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"netvsc\",\"device\":"
		  "\"7a08391f-f5a0-4ac0-9802-d13fd964f8d\"},\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/uplink/device", ACCELNET_E_VALUE },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"bifurcated\",\"device\":"
		  "\"eth1\"},\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/uplink", ACCELNET_E_MISSING },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"bifurcated\",\"interface\":"
		  "\"eth1,qpairs=2\"},\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/uplink/interface", ACCELNET_E_VALUE },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"bifurcated\",\"interface\":"
		  "\"a234567890123456\"},\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/uplink/interface", ACCELNET_E_VALUE },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"bifurcated\",\"interface\":"
		  "\"eth1\",\"failbackMs\":600001},\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/uplink/failbackMs", ACCELNET_E_RANGE },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"plain\",\"device\":\"b\","
		  "\"failbackMs\":1},\"app\":{\"device\":\"b\"}}]}",
		  "/nics/0/uplink/failbackMs", ACCELNET_E_VALUE },
		{ "{\"nics\":[{\"name\":\"a\",\"uplink\":{\"type\":\"plain\",\"device\":\"a\"}}]}",
		  "/nics/0", ACCELNET_E_MISSING },
		{ "{\"nics\":[{" NIC "}],\"connections\":{\"max\":5}}", "/connections/max",
		  ACCELNET_E_RANGE },
		{ "{\"nics\":[{" NIC "}],\"connections\":{\"timeouts\":{\"udp\":0}}}",
		  "/connections/timeouts/udp", ACCELNET_E_RANGE },
		{ "{\"nics\":[{" NIC ",\"context\":{\"foo\":1}}]}", "/nics/0/context/foo",
		  ACCELNET_E_UNKNOWN_KEY },
		{ "{\"nics\":[{" NIC ",\"context\":{\"addresses\":[\"1.2.3\"]}}]}",
		  "/nics/0/context/addresses/0", ACCELNET_E_ADDRESS },
		{ "{\"nics\":[{" NIC ",\"context\":{\"serviceTags\":{\"Web\":[],\"web\":[]}}}]}",
		  "/nics/0/context/serviceTags/web", ACCELNET_E_DUPLICATE_KEY },
		{ "{\"nics\":[{" NIC "}],\"eal\":{\"args\":[1]}}", "/eal/args/0", ACCELNET_E_TYPE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct daemon_config config;
		struct report report;

		if (load(cases[i].text, &config, &report) >= 0)
			fail_msg("accepted: %s", cases[i].text);
		assert_true(report.count >= 1);
		if (strcmp(report.problems[0].pointer, cases[i].pointer) != 0 ||
		    report.problems[0].code != cases[i].code)
			fail_msg("%s: %s %s (%s)", cases[i].text, report.problems[0].pointer,
				 error_symbol(report.problems[0].code), report.problems[0].detail);
		daemon_config_fini(&config);
		report_fini(&report);
	}
}

static void tells_every_problem_at_once(void **state)
{
	struct daemon_config config;
	struct report report;

	(void)state;
	assert_true(load("{\"nics\":[{" NIC ",\"queues\":99,\"mac\":\"x\"}],\"state\":{\"dir\":1}}",
			 &config, &report) < 0);
	assert_int_equal(report.errors, 3);
	daemon_config_fini(&config);
	report_fini(&report);
}

/* What is wrong with one member must not hide what is wrong with another one beside it. */
static void unknown_and_mistyped_members_hide_nothing(void **state)
{
	static const char text[] =
		"{\"nics2\":[],\"eal\":{\"x\":1,\"args\":[1]},\"control\":3,"
		"\"nics\":[{\"name\":\"a b\",\"mac\":\"00:zz\",\"uplink\":{\"type\":\"foo\",\"x\":1},"
		"\"app\":{},\"queues\":99,\"frob\":1,\"vlan\":\"maybe\",\"housekeeping\":true,"
		"\"context\":{\"foo\":1},\"connectionMarks\":{\"y\":1,\"max\":-1}},"
		"3,{\"name\":\"b\",\"uplink\":{\"type\":\"plain\",\"interface\":\"eth1\",\"device\":1},"
		"\"app\":{\"device\":\"b\",\"z\":1},\"queues\":\"2\",\"housekeeping\":true}],"
		"\"connections\":{\"y\":1,\"max\":1.5,\"timeouts\":{\"foo\":1,\"udp\":0}},"
		"\"flowLog\":{\"z\":1}}";
	static const char *const pointers[] = {
		"/nics2",
		"/control",
		"/eal/x",
		"/eal/args/0",
		"/connections/y",
		"/connections/max",
		"/connections/timeouts/foo",
		"/connections/timeouts/udp",
		"/nics/0/frob",
		"/nics/0/name",
		"/nics/0/mac",
		"/nics/0/uplink/x",
		"/nics/0/uplink",
		"/nics/0/app",
		"/nics/0/queues",
		"/nics/0/vlan",
		"/nics/0/connectionMarks/y",
		"/nics/0/connectionMarks/max",
		"/nics/0/context/foo",
		"/nics/1",
		"/nics/2/queues",
		"/nics/2/uplink/device",
		"/nics/2/uplink/interface",
		"/nics/2/app/z",
		"/nics/2/housekeeping",
		"/flowLog/z",
	};
	const size_t count = sizeof(pointers) / sizeof(pointers[0]);
	struct daemon_config config;
	struct report report;
	size_t errors = 0;

	(void)state;
	assert_true(load(text, &config, &report) < 0);
	for (size_t i = 0; i < report.count; i++) {
		if (report.problems[i].is_warning)
			continue;
		if (errors == count || strcmp(report.problems[i].pointer, pointers[errors]) != 0)
			fail_msg("not expected: %s: %s", report.problems[i].pointer,
				 report.problems[i].detail);
		errors++;
	}
	assert_int_equal(errors, count);
	daemon_config_fini(&config);
	report_fini(&report);
}

static void says_what_was_found(void **state)
{
	static const char *const cases[][2] = {
		{ "\"queues\":99", "from 1 to 16, found 99" },
		{ "\"queues\":1.5", "found 1.5" },
		{ "\"vlan\":\"maybe\"", "\"drop\" or \"pass\", found \"maybe\"" },
		{ "\"offload\":\"on\"", "found \"on\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct daemon_config config;
		struct report report;
		char text[300];

		(void)snprintf(text, sizeof(text), "{\"nics\":[{" NIC ",%s}]}", cases[i][0]);
		assert_true(load(text, &config, &report) < 0);
		if (!strstr(report.problems[0].detail, cases[i][1]))
			fail_msg("%s: %s", text, report.problems[0].detail);
		daemon_config_fini(&config);
		report_fini(&report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_everything),
		cmocka_unit_test(knows_a_netvsc_device_by_its_guid),
		cmocka_unit_test(knows_a_bifurcated_uplink_by_its_interface),
		cmocka_unit_test(has_the_documented_defaults),
		cmocka_unit_test(refuses_with_pointer_and_code),
		cmocka_unit_test(tells_every_problem_at_once),
		cmocka_unit_test(unknown_and_mistyped_members_hide_nothing),
		cmocka_unit_test(says_what_was_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
