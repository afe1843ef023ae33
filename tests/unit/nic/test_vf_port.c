/*
 * The VF's rule for the rest, on a device that refuses: there is at most one, and it is not lost.
 */
#include "nic/vf_port.h"
#include "offload/isolated.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct {
	bool refuses;
	unsigned rules;
} device;

/* The offload room's, in the place of its own. */
int isolated_enter(uint16_t port, struct flow_error *error)
{
	(void)port;
	(void)error;
	return 0;
}

static int refuse(struct flow_error *error)
{
	(void)snprintf(error->message, sizeof(error->message), "not now");
	return -EIO;
}

int isolated_take_rest(const struct flow_port *port, void **ret_handle, struct flow_error *error)
{
	(void)port;
	if (device.refuses)
		return refuse(error);
	device.rules++;
	*ret_handle = &device;
	return 0;
}

int isolated_leave_rest(const struct flow_port *port, void *handle, struct flow_error *error)
{
	(void)port;
	assert_ptr_equal(handle, &device);
	if (device.refuses)
		return refuse(error);
	device.rules--;
	return 0;
}

static void a_rule_that_stays_is_not_forgotten(void **state)
{
	struct vf_port port = { .queues = 1 };
	struct accelnet_error err;

	(void)state;
	device.refuses = true;
	assert_true(vf_port_take_rest(&port, &err) < 0);
	device.refuses = false;
	assert_int_equal(vf_port_take_rest(&port, &err), 0);
	assert_int_equal(device.rules, 1);

	device.refuses = true;
	assert_true(vf_port_leave_rest(&port, &err) < 0);
	assert_non_null(strstr(err.detail, "not now"));
	device.refuses = false;
	assert_int_equal(vf_port_take_rest(&port, &err), 0);
	assert_int_equal(device.rules, 1);

	assert_int_equal(vf_port_leave_rest(&port, &err), 0);
	assert_int_equal(vf_port_leave_rest(&port, &err), 0);
	assert_int_equal(device.rules, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_that_stays_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
