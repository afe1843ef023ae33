/* The frame ring in shared memory: order, wrapping, sleeping, and a peer that lies. */
#include "azhost/wire/ring.h"

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
#include <unistd.h>

#include <cmocka.h>

#define SIZE RING_SIZE_MIN

struct fixture {
	void *memory;
	int event;
	struct ring producer, consumer;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->memory = aligned_alloc(4096, ring_bytes(SIZE) + 4096 - ring_bytes(SIZE) % 4096);
	f->event = eventfd(0, EFD_NONBLOCK);
	ring_format(f->memory, SIZE);
	assert_int_equal(ring_attach_producer(&f->producer, f->memory, ring_bytes(SIZE), f->event),
			 0);
	assert_int_equal(ring_attach_consumer(&f->consumer, f->memory, ring_bytes(SIZE), f->event),
			 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->event);
	free(f->memory);
	free(f);
	return 0;
}

static void fill(uint8_t *frame, uint32_t length, uint32_t number)
{
	for (uint32_t i = 0; i < length; i++)
		frame[i] = (uint8_t)(number * 31 + i);
}

static void test_order_and_wrap(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[RING_FRAME_MAX], got[RING_FRAME_MAX];
	uint32_t length, in = 0, out = 0;

	/* Lengths that put the end of the ring at every place in a record. */
	for (unsigned round = 0; round < 5000; round++) {
		for (unsigned i = 0; i < 5; i++) {
			uint32_t n = 1 + in * 37 % RING_FRAME_MAX;

			fill(frame, n, in);
			if (ring_put2(&f->producer, frame, n / 3, frame + n / 3, n - n / 3) !=
			    RING_OK)
				break;
			in++;
		}
		while (ring_get(&f->consumer, got, &length) == RING_OK) {
			assert_int_equal(length, 1 + out * 37 % RING_FRAME_MAX);
			fill(frame, length, out++);
			assert_memory_equal(got, frame, length);
		}
		assert_int_equal(in, out);
	}
	assert_true(in > 5000);
	assert_int_equal(ring_backlog(&f->producer), 0);
}

static void test_full_and_lengths(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[RING_FRAME_MAX + 1] = { 0 };
	uint32_t length;
	unsigned n = 0;

	assert_int_equal(ring_put(&f->producer, frame, 0), -EMSGSIZE);
	assert_int_equal(ring_put(&f->producer, frame, RING_FRAME_MAX + 1), -EMSGSIZE);
	assert_int_equal(ring_put2(&f->producer, frame, UINT32_MAX, frame, 2), -EMSGSIZE);
	while (ring_put(&f->producer, frame, 1000) == RING_OK)
		n++;
	assert_int_equal(n, SIZE / 1008);
	assert_int_equal(ring_backlog(&f->producer), n);
	assert_int_equal(ring_get(&f->consumer, frame, &length), RING_OK);
	assert_int_equal(ring_put(&f->producer, frame, 900), RING_OK);
}

static void test_sleep_and_kick(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[64] = { 0 };
	uint64_t value;

	ring_kick(&f->producer);
	assert_int_equal(read(f->event, &value, sizeof(value)), -1);
	assert_int_equal(ring_sleep(&f->consumer), RING_EMPTY);
	assert_int_equal(ring_put(&f->producer, frame, sizeof(frame)), RING_OK);
	ring_kick(&f->producer);
	assert_int_equal(read(f->event, &value, sizeof(value)), sizeof(value));
	/* Something is there: do not sleep. */
	assert_int_equal(ring_sleep(&f->consumer), RING_OK);
	ring_kick(&f->producer);
	assert_int_equal(read(f->event, &value, sizeof(value)), -1);
}

static void test_attach_checks(void **state)
{
	struct fixture *f = *state;
	struct ring_shared *shared = f->memory;
	struct ring r;

	assert_int_equal(ring_attach_producer(&r, f->memory, ring_bytes(SIZE) - 1, -1), -EPROTO);
	shared->size = SIZE + 8;
	assert_int_equal(ring_attach_consumer(&r, f->memory, ring_bytes(SIZE), -1), -EPROTO);
	shared->size = SIZE * 2;
	assert_int_equal(ring_attach_consumer(&r, f->memory, ring_bytes(SIZE), -1), -EPROTO);
	shared->size = SIZE;
	shared->magic = 1;
	assert_int_equal(ring_attach_consumer(&r, f->memory, ring_bytes(SIZE), -1), -EPROTO);
	shared->magic = RING_MAGIC;
	shared->tail = 3;
	assert_int_equal(ring_attach_consumer(&r, f->memory, ring_bytes(SIZE), -1), -EPROTO);
}

/* Whatever the peer writes into the ring: an answer, and no access outside (ASan watches). */
static void test_lying_peer(void **state)
{
	struct fixture *f = *state;
	struct ring_shared *shared = f->memory;
	uint8_t frame[RING_FRAME_MAX] = { 0 };
	uint32_t length;
	unsigned broken = 0;

	srandom(1);
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t *words = (uint32_t *)f->memory;

		(void)ring_put(&f->producer, frame, 1 + (uint32_t)random() % 2000);
		switch (random() % 4) {
		case 0:
			shared->head = (uint32_t)random() & ~(random() % 2 ? 7u : 0u);
			break;
		case 1:
			shared->tail = (uint32_t)random() & ~(random() % 2 ? 7u : 0u);
			break;
		case 2:
			words[(size_t)random() % (ring_bytes(SIZE) / 4)] = (uint32_t)random();
			break;
		default:
			break;
		}
		broken += ring_get(&f->consumer, frame, &length) == -EPROTO;
		broken += ring_put(&f->producer, frame, 60) == -EPROTO;
	}
	assert_true(broken > 100);
}

#define MANY 200000u

static void *consume(void *argument)
{
	struct fixture *f = argument;
	uint8_t frame[RING_FRAME_MAX];
	uint32_t length, expected = 0, number;

	while (expected < MANY) {
		if (ring_get(&f->consumer, frame, &length) != RING_OK)
			continue;
		memcpy(&number, frame, sizeof(number));
		if (number != expected)
			return (void *)1;
		expected++;
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[200] = { 0 };
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, consume, f), 0);
	for (uint32_t number = 0; number < MANY;) {
		memcpy(frame, &number, sizeof(number));
		number += ring_put(&f->producer, frame, 4 + number % 190) == RING_OK;
	}
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_and_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sleep_and_kick, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_checks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lying_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
