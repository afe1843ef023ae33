/* The uplink `ring:PATH` and the program at its other end: frames both ways, who waits when, whose
 * the cable is, and the VF that is lent. */
#include "azhost/host/loop.h"
#include "azhost/wire/cable_end.h"
#include "azhost/wire/share.h"
#include "azhost/wire/wire.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAME 60

struct bench {
	struct loop loop;
	struct loop_timer timer;
	struct wire *wire;
	char path[64];
	struct cable_end end;
	bool open; /* may_receive */
	bool fed;  /* feeds_vf */
	uint32_t received;
	bool in_order;
};

static void receive(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct bench *bench = opaque;
	uint32_t number;

	memcpy(&number, frame, sizeof(number));
	bench->in_order &= number == bench->received && length == FRAME;
	bench->received++;
}

static bool may_receive(void *opaque)
{
	return ((struct bench *)opaque)->open;
}

static void feeds_vf(void *opaque, bool on)
{
	((struct bench *)opaque)->fed = on;
}

static const struct wire_callbacks callbacks = { receive, may_receive, feeds_vf };

static void stop(void *opaque)
{
	loop_stop(opaque);
}

static void run_for_ms(struct bench *bench, unsigned ms)
{
	loop_timer_set(&bench->loop, &bench->timer, ms * UINT64_C(1000000));
	assert_int_equal(loop_run(&bench->loop), 0);
}

struct plug {
	const char *path;
	uint32_t flags;
	struct cable_end *end;
	int result;
};

static void *plug_in(void *opaque)
{
	struct plug *plug = opaque;

	plug->result = cable_plug(plug->end, plug->path, plug->flags);
	return NULL;
}

/* The host answers meanwhile. */
static int plug(struct bench *bench, struct cable_end *end, uint32_t flags)
{
	struct plug plug = { .path = bench->path, .flags = flags, .end = end };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, plug_in, &plug), 0);
	while (pthread_tryjoin_np(thread, NULL) == EBUSY)
		run_for_ms(bench, 2);
	return plug.result;
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	const char *argument, *why;
	char name[80];

	snprintf(bench->path, sizeof(bench->path), "/tmp/azhost-test-ring-%d", (int)getpid());
	snprintf(name, sizeof(name), "ring:%s", bench->path);
	assert_int_equal(loop_init(&bench->loop), 0);
	bench->timer = (struct loop_timer){ .fire = stop, .opaque = &bench->loop };
	bench->open = bench->in_order = true;
	assert_int_equal(
		wire_find(name, &argument)
			->open(&bench->loop, argument, &callbacks, bench, &bench->wire, &why),
		0);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	bench->wire->type->close(bench->wire);
	assert_null(bench->loop.pollers);
	assert_false(bench->fed);
	loop_fini(&bench->loop);
	assert_int_not_equal(access(bench->path, F_OK), 0);
	free(bench);
	return 0;
}

static int put_number(struct cable_end *end, uint32_t number)
{
	uint8_t frame[FRAME] = { 0 };

	memcpy(frame, &number, sizeof(number));
	return cable_put(end, frame, sizeof(frame));
}

/* The program is held up by a full ring, and everything arrives once it may. */
static void test_into_the_switch(void **state)
{
	struct bench *bench = *state;
	uint32_t sent = 0;

	bench->open = false;
	assert_int_equal(plug(bench, &bench->end, 0), 0);
	while (put_number(&bench->end, sent) == RING_OK)
		sent++;
	assert_true(sent > RING_SIZE_DEFAULT / 2 / FRAME);
	cable_kick(&bench->end);
	run_for_ms(bench, 20);
	assert_int_equal(bench->received, 0);

	bench->open = true;
	run_for_ms(bench, 50);
	assert_int_equal(bench->received, sent);
	assert_int_equal(put_number(&bench->end, sent), RING_OK);
	cable_kick(&bench->end); /* the host sleeps by now */
	run_for_ms(bench, 20);
	assert_int_equal(bench->received, sent + 1);
	assert_true(bench->in_order);
	cable_unplug(&bench->end);
}

/* A limit is said before it is reached, and nothing is lost up to it. */
static void test_out_of_the_switch(void **state)
{
	struct bench *bench = *state;
	const struct wire_type *type = bench->wire->type;
	uint8_t frame[RING_FRAME_MAX] = { 0 };
	uint32_t sent = 0, number, length;

	assert_int_equal(type->send(bench->wire, frame, FRAME), -ENOTCONN);
	assert_true(type->has_room(bench->wire));
	assert_int_equal(plug(bench, &bench->end, 0), 0);
	assert_int_equal(cable_get(&bench->end, frame, &length), RING_EMPTY);
	while (type->has_room(bench->wire)) {
		memcpy(frame, &sent, sizeof(sent));
		assert_int_equal(type->send(bench->wire, frame, FRAME), 0);
		sent++;
	}
	assert_int_equal(type->send(bench->wire, frame, FRAME), 0);
	for (number = 0; number < sent; number++) {
		assert_int_equal(cable_get(&bench->end, frame, &length), RING_OK);
		assert_int_equal(length, FRAME);
		assert_memory_equal(frame, &number, sizeof(number));
	}
	assert_true(type->has_room(bench->wire));
	cable_unplug(&bench->end);
}

/* Whoever comes later has the cable; who talks nonsense has it no longer. */
static void test_two_ends(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct cable_message nonsense = { .type = CABLE_HELLO, .version = 77 };
	struct cable_end second;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	assert_int_equal(plug(bench, &bench->end, CABLE_FEEDS_VF), 0);
	assert_true(bench->fed);
	assert_int_equal(plug(bench, &second, 0), 0);
	assert_false(bench->fed);
	assert_int_equal(put_number(&bench->end, 7), RING_OK);
	cable_kick(&bench->end);
	assert_int_equal(put_number(&second, 0), RING_OK);
	cable_kick(&second);
	run_for_ms(bench, 20);
	assert_int_equal(bench->received, 1);
	assert_true(bench->in_order);
	cable_unplug(&bench->end);
	cable_unplug(&second);

	memcpy(address.sun_path, bench->path, strlen(bench->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, &nonsense, sizeof(nonsense), 0), sizeof(nonsense));
	run_for_ms(bench, 20);
	assert_int_equal(recv(fd, &address, sizeof(address), MSG_DONTWAIT), 0);
	close(fd);
	assert_int_equal(plug(bench, &second, 0), 0);
	cable_unplug(&second);
}

/* A ring as a VF has it, and its consumer's side. */
struct fake_vf {
	struct wire_vf vf;
	void *memory;
	struct ring ring;
};

static void vf_init(struct fake_vf *fake)
{
	const uint64_t offset = 4096;

	fake->vf = (struct wire_vf){ .bytes = offset + share_round(ring_bytes(RING_SIZE_MIN)),
				     .offset = offset };
	assert_int_equal(share_new("test-vf", fake->vf.bytes, &fake->memory, &fake->vf.memory), 0);
	fake->vf.event = eventfd(0, EFD_NONBLOCK);
	ring_format((uint8_t *)fake->memory + offset, RING_SIZE_MIN);
	assert_int_equal(ring_attach_consumer(&fake->ring, (uint8_t *)fake->memory + offset,
					      fake->vf.bytes - offset, fake->vf.event),
			 0);
}

static void vf_fini(struct fake_vf *fake)
{
	munmap(fake->memory, fake->vf.bytes);
	close(fake->vf.memory);
	close(fake->vf.event);
}

static void assert_vf_got(struct fake_vf *fake, uint32_t number)
{
	uint8_t frame[RING_FRAME_MAX];
	uint32_t length;

	assert_int_equal(ring_get(&fake->ring, frame, &length), RING_OK);
	assert_memory_equal(frame, &number, sizeof(number));
	assert_int_equal(ring_get(&fake->ring, frame, &length), RING_EMPTY);
}

/* While a VF is on offer its ring takes the program's frames, else the switch does. */
static void test_lent_vf(void **state)
{
	struct bench *bench = *state;
	const struct wire_type *type = bench->wire->type;
	struct fake_vf first, second;
	uint64_t kicks;

	vf_init(&first);
	vf_init(&second);
	type->offer_vf(bench->wire, &first.vf);
	assert_int_equal(plug(bench, &bench->end, CABLE_FEEDS_VF), 0);
	assert_int_equal(ring_sleep(&first.ring), RING_EMPTY);
	assert_int_equal(put_number(&bench->end, 1), RING_OK);
	cable_kick(&bench->end);
	assert_int_equal(read(first.vf.event, &kicks, sizeof(kicks)), sizeof(kicks));
	assert_vf_got(&first, 1);

	type->offer_vf(bench->wire, NULL);
	assert_int_equal(put_number(&bench->end, 0), RING_OK);
	cable_kick(&bench->end);
	run_for_ms(bench, 20);
	assert_int_equal(bench->received, 1);

	/* two that come before the program looks again: the last one counts */
	type->offer_vf(bench->wire, &first.vf);
	type->offer_vf(bench->wire, &second.vf);
	assert_int_equal(put_number(&bench->end, 2), RING_OK);
	assert_vf_got(&second, 2);
	type->offer_vf(bench->wire, &first.vf);
	assert_int_equal(put_number(&bench->end, 3), RING_OK);
	assert_vf_got(&first, 3);
	cable_unplug(&bench->end);
	run_for_ms(bench, 20);
	assert_false(bench->fed);

	/* nobody is lent what he did not ask for */
	assert_int_equal(plug(bench, &bench->end, 0), 0);
	assert_int_equal(put_number(&bench->end, 1), RING_OK);
	cable_kick(&bench->end);
	run_for_ms(bench, 20);
	assert_int_equal(bench->received, 2);
	assert_true(bench->in_order);
	cable_unplug(&bench->end);
	vf_fini(&first);
	vf_fini(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_into_the_switch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_the_switch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lent_vf, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
