/* Profiles: the shipped ones, and files that are wrong in one thing each. */
#include "azhost/connectx/caps.h"
#include "azhost/connectx/profile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#define PROFILES ACCELNET_SOURCE_DIR "/src/azhost/connectx/profiles"

static char reason[256];

static int load(const char *name, struct cx_profile *profile)
{
	return cx_profile_load(PROFILES, name, profile, reason, sizeof(reason));
}

static void shipped(void **state)
{
	struct cx_profile profile;

	(void)state;
	assert_int_equal(load("cx5-vf-trusted", &profile), 0);
	assert_string_equal(profile.name, "cx5-vf-trusted");
	assert_int_equal(profile.device_id, 0x1018);
	assert_true(profile.steering.sw_steering);
	assert_true(profile.enhanced_mpw);
	assert_int_equal(cx_profile_cap(&profile, CX_CAP_GENERAL, CAP_LOG_MAX_WQ), 15);
	assert_int_equal(cx_profile_cap(&profile, CX_CAP_ETHERNET, CAP_MAX_LSO), 18);
	assert_int_equal(load("cx5-vf-untrusted", &profile), 0);
	assert_false(profile.steering.sw_steering);
	assert_int_equal(profile.device_id, 0x1018);
	assert_int_equal(load("cx4lx-vf", &profile), 0);
	assert_int_equal(profile.device_id, 0x1016);
	assert_false(profile.enhanced_mpw);
	assert_int_equal(profile.min_inline, 18);
}

static void absent(void **state)
{
	struct cx_profile profile = { .device_id = 7 };

	(void)state;
	assert_int_equal(load("no-such-profile", &profile), -ENOENT);
	assert_int_equal(profile.device_id, 7);
}

/* Load a shipped profile with a line replaced, or added where from is NULL. */
static int load_changed(const char *from, const char *to, struct cx_profile *profile)
{
	char path[] = "/tmp/azhost-profile-XXXXXX", line[256];
	FILE *in = fopen(PROFILES "/cx5-vf-trusted", "r");
	FILE *out = fdopen(mkstemp(path), "w");
	int r;

	assert_non_null(in);
	assert_non_null(out);
	while (fgets(line, sizeof(line), in)) {
		if (from && strncmp(line, from, strlen(from)) == 0)
			fprintf(out, "%s\n", to);
		else
			fputs(line, out);
	}
	if (!from)
		fprintf(out, "%s\n", to);
	fclose(in);
	fclose(out);
	r = cx_profile_load(NULL, path, profile, reason, sizeof(reason));
	unlink(path);
	return r;
}

static void refused(void **state)
{
	static const struct {
		const char *from, *to, *reason;
	} cases[] = {
		{ NULL, "max.everything = 1", "no key \"max.everything\"" },
		{ NULL, "cap.general.flight = 1", "no capability" },
		{ NULL, "max.rules = 1", "is there twice" },
		{ NULL, "hello", "is not \"key = value\"" },
		{ "max.rules", "", "ends without \"max.rules\"" },
		{ "firmware", "", "ends without firmware" },
		{ "max.queues", "max.queues = 0", "is not in 1..4096" },
		{ "max.queues", "max.queues = -1", "is not a number" },
		{ "max.queues", "max.queues = 12x", "is not a number" },
		{ "max.queues", "max.queues =", "is not a number" },
		{ "steering.tie ", "steering.tie = luck", "not \"luck\"" },
		{ "cap.general.vhca_id", "cap.general.vhca_id = 65536", "is not in 0..65535" },
		{ "firmware", "firmware = 123456789012345678901234567890123", "too long" },
	};
	struct cx_profile profile = { .device_id = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load_changed(cases[i].from, cases[i].to, &profile), -EINVAL);
		if (!strstr(reason, cases[i].reason))
			fail_msg("\"%s\" does not say \"%s\"", reason, cases[i].reason);
		assert_int_equal(profile.device_id, 7);
	}
}

static void changed(void **state)
{
	struct cx_profile profile;

	(void)state;
	assert_int_equal(load_changed("steering.tie ", "steering.tie = shuffled", &profile), 0);
	assert_int_equal(profile.steering.tie, STEER_TIE_SHUFFLED);
	assert_int_equal(load_changed("max.rules", "max.rules = 0x10 # few", &profile), 0);
	assert_int_equal(profile.steering.max_rules, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped),
		cmocka_unit_test(absent),
		cmocka_unit_test(refused),
		cmocka_unit_test(changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
