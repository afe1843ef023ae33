/* The uplink `ring:PATH` and the program at its other end: frames both ways, who waits when, whose
 * the cable is, and the VF that is lent. */
#include "azhost/wire/cable_end.h"
#include "azhost/wire/share.h"
#include "wire_bench.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
	struct wire_bench host;
	struct cable_end end;
};

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
static int plug(struct wire_bench *host, struct cable_end *end, uint32_t flags)
{
	struct plug plug = { .path = host->path, .flags = flags, .end = end };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, plug_in, &plug), 0);
	while (pthread_tryjoin_np(thread, NULL) == EBUSY)
		wire_bench_run(host, 2);
	return plug.result;
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	wire_bench_init(&bench->host, "ring");
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	wire_bench_fini(&bench->host);
	free(bench);
	return 0;
}

static int put_number(struct cable_end *end, uint32_t number)
{
	uint8_t frame[FRAME];

	number_frame(frame, number);
	return cable_put(end, frame, sizeof(frame));
}

/* The program is held up by a full ring, and everything arrives once it may. */
static void test_into_the_switch(void **state)
{
	struct bench *bench = *state;
	uint32_t sent = 0;

	bench->host.open = false;
	assert_int_equal(plug(&bench->host, &bench->end, 0), 0);
	while (put_number(&bench->end, sent) == RING_OK)
		sent++;
	assert_true(sent > RING_SIZE_DEFAULT / 2 / FRAME);
	cable_kick(&bench->end);
	wire_bench_run(&bench->host, 20);
	assert_int_equal(bench->host.received, 0);

	bench->host.open = true;
	wire_bench_run(&bench->host, 50);
	assert_int_equal(bench->host.received, sent);
	assert_int_equal(put_number(&bench->end, sent), RING_OK);
	cable_kick(&bench->end); /* the host sleeps by now */
	wire_bench_run(&bench->host, 20);
	assert_int_equal(bench->host.received, sent + 1);
	assert_true(bench->host.in_order);
	cable_unplug(&bench->end);
}

/* A limit is said before it is reached, and nothing is lost up to it. */
static void test_out_of_the_switch(void **state)
{
	struct bench *bench = *state;
	const struct wire_type *type = bench->host.wire->type;
	uint8_t frame[RING_FRAME_MAX] = { 0 };
	uint32_t sent = 0, number, length;

	assert_int_equal(type->send(bench->host.wire, frame, FRAME), -ENOTCONN);
	assert_true(type->has_room(bench->host.wire));
	assert_int_equal(plug(&bench->host, &bench->end, 0), 0);
	assert_int_equal(cable_get(&bench->end, frame, &length), RING_EMPTY);
	while (type->has_room(bench->host.wire)) {
		memcpy(frame, &sent, sizeof(sent));
		assert_int_equal(type->send(bench->host.wire, frame, FRAME), 0);
		sent++;
	}
	assert_int_equal(type->send(bench->host.wire, frame, FRAME), 0);
	for (number = 0; number < sent; number++) {
		assert_int_equal(cable_get(&bench->end, frame, &length), RING_OK);
		assert_int_equal(length, FRAME);
		assert_memory_equal(frame, &number, sizeof(number));
	}
	assert_true(type->has_room(bench->host.wire));
	cable_unplug(&bench->end);
}

/* Whoever comes later has the cable; who talks nonsense has it no longer. */
static void test_two_ends(void **state)
{
	struct bench *bench = *state;
	const struct cable_message nonsense = { .type = CABLE_HELLO, .version = 77 };
	struct cable_end second;
	uint8_t answer[sizeof(nonsense)];
	int fd;

	assert_int_equal(plug(&bench->host, &bench->end, CABLE_FEEDS_VF), 0);
	assert_true(bench->host.fed);
	assert_int_equal(plug(&bench->host, &second, 0), 0);
	assert_false(bench->host.fed);
	assert_int_equal(put_number(&bench->end, 7), RING_OK);
	cable_kick(&bench->end);
	assert_int_equal(put_number(&second, 0), RING_OK);
	cable_kick(&second);
	wire_bench_run(&bench->host, 20);
	assert_int_equal(bench->host.received, 1);
	assert_true(bench->host.in_order);
	cable_unplug(&bench->end);
	cable_unplug(&second);

	fd = wire_bench_connect(&bench->host);
	assert_int_equal(send(fd, &nonsense, sizeof(nonsense), 0), sizeof(nonsense));
	wire_bench_run(&bench->host, 20);
	assert_int_equal(recv(fd, answer, sizeof(answer), MSG_DONTWAIT), 0);
	close(fd);
	assert_int_equal(plug(&bench->host, &second, 0), 0);
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
	const struct wire_type *type = bench->host.wire->type;
	struct fake_vf first, second;
	uint64_t kicks;

	vf_init(&first);
	vf_init(&second);
	type->offer_vf(bench->host.wire, &first.vf);
	assert_int_equal(plug(&bench->host, &bench->end, CABLE_FEEDS_VF), 0);
	assert_int_equal(ring_sleep(&first.ring), RING_EMPTY);
	assert_int_equal(put_number(&bench->end, 1), RING_OK);
	cable_kick(&bench->end);
	assert_int_equal(read(first.vf.event, &kicks, sizeof(kicks)), sizeof(kicks));
	assert_vf_got(&first, 1);

	type->offer_vf(bench->host.wire, NULL);
	assert_int_equal(put_number(&bench->end, 0), RING_OK);
	cable_kick(&bench->end);
	wire_bench_run(&bench->host, 20);
	assert_int_equal(bench->host.received, 1);

	/* two that come before the program looks again: the last one counts */
	type->offer_vf(bench->host.wire, &first.vf);
	type->offer_vf(bench->host.wire, &second.vf);
	assert_int_equal(put_number(&bench->end, 2), RING_OK);
	assert_vf_got(&second, 2);
	type->offer_vf(bench->host.wire, &first.vf);
	assert_int_equal(put_number(&bench->end, 3), RING_OK);
	assert_vf_got(&first, 3);
	cable_unplug(&bench->end);
	wire_bench_run(&bench->host, 20);
	assert_false(bench->host.fed);

	/* nobody is lent what he did not ask for */
	assert_int_equal(plug(&bench->host, &bench->end, 0), 0);
	assert_int_equal(put_number(&bench->end, 1), RING_OK);
	cable_kick(&bench->end);
	wire_bench_run(&bench->host, 20);
	assert_int_equal(bench->host.received, 2);
	assert_true(bench->host.in_order);
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
