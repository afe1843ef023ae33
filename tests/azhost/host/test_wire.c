/* Flow control: a wire that may not deliver leaves frames with their sender, one that cannot send
 * keeps them, and the switch says when. */
#include "azhost/vswitch/vmport.h"
#include "azhost/vswitch/vswitch.h"
#include "azhost/wire/backlog.h"
#include "wire_bench.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A wire to a socket of the test's. */
struct bench {
	struct wire_bench host;
	int peer;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	wire_bench_init(&bench->host, "unix");
	bench->host.open = false;
	bench->peer = wire_bench_connect(&bench->host);
	wire_bench_run(&bench->host, 20);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	wire_bench_fini(&bench->host);
	close(bench->peer);
	free(bench);
	return 0;
}

static bool send_number(int fd, uint32_t number)
{
	uint8_t frame[FRAME];

	number_frame(frame, number);
	return send(fd, frame, sizeof(frame), MSG_DONTWAIT) == sizeof(frame);
}

/* The sender is held up, and everything arrives once it may. */
static void test_held_back(void **state)
{
	struct bench *bench = *state;
	uint32_t sent = 0;

	while (send_number(bench->peer, sent))
		sent++;
	assert_int_equal(errno, EAGAIN);
	wire_bench_run(&bench->host, 20);
	assert_int_equal(bench->host.received, 0);
	assert_false(send_number(bench->peer, sent));

	bench->host.open = true;
	wire_bench_run(&bench->host, 50);
	assert_int_equal(bench->host.received, sent);
	assert_true(send_number(bench->peer, sent));
	wire_bench_run(&bench->host, 20);
	assert_int_equal(bench->host.received, sent + 1);
	assert_true(bench->host.in_order);
}

/* A wire that is closed while it holds the sender back. */
static void test_closed_while_held(void **state)
{
	struct bench *bench = *state;

	assert_true(send_number(bench->peer, 0));
	wire_bench_run(&bench->host, 20);
	assert_int_equal(bench->host.received, 0);
}

/* What the peer does not take waits, in order; a limit is said before it is reached. */
static void test_backlog(void **state)
{
	struct bench *bench = *state;
	const struct wire_type *type = bench->host.wire->type;
	uint32_t sent = 0, taken = 0, number;
	uint8_t frame[FRAME] = { 0 };

	while (type->has_room(bench->host.wire)) {
		memcpy(frame, &sent, sizeof(sent));
		assert_int_equal(type->send(bench->host.wire, frame, sizeof(frame)), 0);
		sent++;
	}
	for (unsigned i = 0; i < 100; i++) {
		memcpy(frame, &sent, sizeof(sent));
		assert_int_equal(type->send(bench->host.wire, frame, sizeof(frame)), 0);
		sent++;
	}
	while (taken < sent) {
		ssize_t n = recv(bench->peer, frame, sizeof(frame), MSG_DONTWAIT);

		if (n < 0) {
			wire_bench_run(&bench->host, 5);
			continue;
		}
		memcpy(&number, frame, sizeof(number));
		assert_int_equal(number, taken);
		taken++;
	}
	assert_true(type->has_room(bench->host.wire));
	while (type->send(bench->host.wire, frame, sizeof(frame)) == 0)
		sent++;
	assert_true(sent - taken >= BACKLOG_FRAMES);
}

static bool room;

static bool has_room(void *opaque)
{
	(void)opaque;
	return room;
}

static void sink(void *opaque, const uint8_t *frame, uint32_t length)
{
	(void)opaque;
	(void)frame;
	(void)length;
}

/* Only on a cable, and not for ever. */
static void test_switch(void **state)
{
	struct vswitch_port nic = { .output = sink, .has_room = has_room, .mac = { 2 } };
	struct vswitch_port second = { .output = sink, .has_room = has_room, .mac = { 4 } };
	struct vswitch_port up = { .output = sink, .is_uplink = true };
	struct vswitch sw;

	(void)state;
	vswitch_init(&sw);
	assert_int_equal(vswitch_add(&sw, &up), 0);
	assert_int_equal(vswitch_add(&sw, &nic), 0);
	room = false;
	assert_true(vswitch_may_input(&up, 1));
	sw.flow_control = true;
	assert_false(vswitch_may_input(&up, 1));
	assert_true(vswitch_may_input(&nic, 1));
	assert_false(vswitch_may_input(&up, VSWITCH_PATIENCE_NS));
	assert_true(vswitch_may_input(&up, VSWITCH_PATIENCE_NS + 1));
	room = true;
	assert_true(vswitch_may_input(&up, VSWITCH_PATIENCE_NS + 2));
	room = false;
	assert_false(vswitch_may_input(&up, VSWITCH_PATIENCE_NS + 3));
	assert_int_equal(vswitch_add(&sw, &second), 0);
	assert_true(vswitch_may_input(&up, VSWITCH_PATIENCE_NS + 4));
}

static bool full[VM_PATHS];

static bool synthetic_room(void *opaque)
{
	(void)opaque;
	return !full[VM_PATH_SYNTHETIC];
}

static bool vf_room(void *opaque)
{
	(void)opaque;
	return !full[VM_PATH_VF];
}

static enum vm_delivery take(void *opaque, const uint8_t *frame, uint32_t length)
{
	(void)opaque;
	(void)frame;
	(void)length;
	return VM_DELIVERED;
}

/* Both ways have room. */
static void port_init(struct vm_port *port)
{
	const uint8_t mac[6] = { 2 };

	vm_port_init(port, mac, NULL);
	port->to_guest[VM_PATH_SYNTHETIC] = port->to_guest[VM_PATH_VF] = take;
	port->has_room[VM_PATH_SYNTHETIC] = synthetic_room;
	port->has_room[VM_PATH_VF] = vf_room;
	full[VM_PATH_SYNTHETIC] = full[VM_PATH_VF] = false;
}

/* A NIC has room if every way has that a frame may take now. */
static void test_port(void **state)
{
	struct vm_port port;

	(void)state;
	port_init(&port);
	full[VM_PATH_VF] = true;
	assert_true(port.port.has_room(&port));
	port.vf_asked = port.vf_usable = true;
	assert_false(port.port.has_room(&port));
	full[VM_PATH_VF] = false;
	assert_true(port.port.has_room(&port));
	full[VM_PATH_SYNTHETIC] = true;
	assert_false(port.port.has_room(&port));
}

/* Where somebody else feeds the VF the switch has one way, and asks for room there alone. */
static void test_port_fed(void **state)
{
	const uint8_t frame[FRAME] = { 2 };
	struct vm_port port;

	(void)state;
	port_init(&port);
	port.vf_asked = port.vf_usable = port.vf_fed = true;
	full[VM_PATH_VF] = true;
	assert_true(port.port.has_room(&port));
	port.port.output(&port, frame, sizeof(frame));
	assert_int_equal(port.received[VM_PATH_SYNTHETIC].frames, 1);
	port.vf_fed = false;
	assert_false(port.port.has_room(&port));
	port.port.output(&port, frame, sizeof(frame));
	assert_int_equal(port.received[VM_PATH_VF].frames, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_held_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_while_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_backlog, setup, teardown),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_port_fed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
