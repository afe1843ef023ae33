/*
 * Joining of frames, on the loopback interface of a network namespace of our own: off while it is
 * used, and back as it was.
 */
#include "nic/kernel_interface.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define INTERFACE "lo"

static uint32_t ethtool(uint32_t command, uint32_t value)
{
	struct ethtool_value about = { .cmd = command, .data = value };
	struct ifreq request = { .ifr_name = INTERFACE, .ifr_data = (void *)&about };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
	close(fd);
	return about.data;
}

static bool joins(void)
{
	return ethtool(ETHTOOL_GGRO, 0) != 0;
}

static void gives_back_what_it_has_switched_off(void **state)
{
	struct kernel_joining was = { 0 };

	(void)state;
	(void)ethtool(ETHTOOL_SGRO, 1);
	kernel_interface_split(INTERFACE, &was);
	assert_false(joins());
	assert_true(was.gro);
	kernel_interface_split(INTERFACE, &was); /* opened once more */
	assert_true(was.gro);
	kernel_interface_join(INTERFACE, &was);
	assert_true(joins());
}

static void leaves_off_what_was_off(void **state)
{
	struct kernel_joining was = { 0 };

	(void)state;
	(void)ethtool(ETHTOOL_SGRO, 0);
	kernel_interface_split(INTERFACE, &was);
	assert_false(was.gro);
	kernel_interface_join(INTERFACE, &was);
	assert_false(joins());
}

static void lives_without_the_interface(void **state)
{
	struct kernel_joining was = { .gro = true, .lro = true };

	(void)state;
	kernel_interface_join("gone0", &was);
	was = (struct kernel_joining){ 0 };
	kernel_interface_split("gone0", &was);
	assert_false(was.gro || was.lro);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_it_has_switched_off),
		cmocka_unit_test(leaves_off_what_was_off),
		cmocka_unit_test(lives_without_the_interface),
	};

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		printf("1..0 # SKIP no network namespace of our own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
