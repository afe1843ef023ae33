/*
 * Long flows found by samples: the ring between a worker and the control thread, and the table.
 */
#include "nic/flow_samples.h"
#include "nic/long_flows.h"
#include "testpmd/random.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct conn_key key_of(uint32_t n)
{
	return (struct conn_key){
		.family = IP_FAMILY_V4,
		.key4 = { .local = htonl(0x0a010004), .remote = htonl(n), .protocol = 17 },
	};
}

static struct conn_key key6_of(uint8_t n)
{
	return (struct conn_key){
		.family = IP_FAMILY_V6,
		.key6 = { .local = { [15] = 4 }, .remote = { [15] = n }, .protocol = 17 },
	};
}

/* --- the ring --- */

static bool push(struct flow_samples *samples, uint32_t n)
{
	struct flow_sample *sample = flow_samples_next(samples);

	if (!sample)
		return false;
	*sample = (struct flow_sample){ .key = key_of(n), .packets = n };
	flow_samples_push(samples);
	return true;
}

static void samples_come_in_order_until_there_is_no_room(void **state)
{
	struct flow_samples *samples = calloc(1, sizeof(*samples));
	struct flow_sample sample;

	(void)state;
	samples->head = samples->tail = UINT32_MAX - 10; /* over the edge */
	for (uint32_t n = 0; n < FLOW_SAMPLES_MAX; n++)
		assert_true(push(samples, n));
	assert_false(push(samples, FLOW_SAMPLES_MAX));
	assert_int_equal(samples->missed, 1);
	for (uint32_t n = 0; n < FLOW_SAMPLES_MAX; n++) {
		const struct conn_key key = key_of(n);

		assert_true(flow_samples_pop(samples, &sample));
		assert_true(conn_key_equal(&sample.key, &key));
		assert_int_equal(sample.packets, n);
	}
	assert_false(flow_samples_pop(samples, &sample));
	assert_true(push(samples, 1));
	free(samples);
}

static void the_interval_follows_the_traffic(void **state)
{
	struct flow_samples *samples = calloc(1, sizeof(*samples));
	uint32_t missed = 0;

	(void)state;
	samples->interval = FLOW_SAMPLES_INTERVAL;
	flow_samples_adjust(samples, 10, &missed);
	assert_int_equal(samples->interval, FLOW_SAMPLES_INTERVAL);
	samples->missed = 100000; /* ten million packets a second */
	flow_samples_adjust(samples, FLOW_SAMPLES_MAX, &missed);
	assert_in_range(samples->interval, 45000, 55000);
	flow_samples_adjust(samples, FLOW_SAMPLES_MAX / 2, &missed); /* none missed since */
	assert_in_range(samples->interval, 45000, 55000);
	for (int i = 0; i < 20; i++)
		flow_samples_adjust(samples, 0, &missed);
	assert_int_equal(samples->interval, FLOW_SAMPLES_INTERVAL);
	free(samples);
}

static void samples_are_an_interval_apart(void **state)
{
	struct flow_samples *samples = calloc(1, sizeof(*samples));
	int64_t sum = 0;

	(void)state;
	samples->interval = 1000;
	for (int i = 0; i < 10000; i++) {
		flow_samples_wait(samples);
		assert_in_range(samples->countdown, 500, 1499);
		sum += samples->countdown;
	}
	assert_in_range(sum / 10000, 980, 1020);
	samples->interval = 0;
	flow_samples_wait(samples);
	assert_int_equal(samples->countdown, FLOW_SAMPLES_PAUSE);
	free(samples);
}

/* --- the table --- */

static size_t take_all(struct long_flows *flows, uint64_t packets, struct conn_key *last)
{
	size_t cursor = 0, count = 0;

	while (long_flows_take(flows, packets, &cursor, last))
		count++;
	return count;
}

static void a_flow_is_taken_once_it_is_long(void **state)
{
	struct long_flows *flows = calloc(1, sizeof(*flows));
	const struct conn_key long_one = key_of(7), long6 = key6_of(7);
	struct conn_key key;

	(void)state;
	long_flows_add(flows, &long_one, 100000); /* one sample may be chance */
	assert_int_equal(take_all(flows, 1000, &key), 0);
	for (int i = 1; i < LONG_FLOW_SAMPLES; i++)
		long_flows_add(flows, &long_one, 100);
	assert_int_equal(take_all(flows, 200000, &key), 0);
	assert_int_equal(take_all(flows, 100000, &key), 1);
	assert_true(conn_key_equal(&key, &long_one));
	assert_int_equal(take_all(flows, 1, &key), 0);
	for (int i = 0; i < LONG_FLOW_SAMPLES; i++)
		long_flows_add(flows, &long6, 100);
	assert_int_equal(take_all(flows, 1, &key), 1);
	assert_true(conn_key_equal(&key, &long6));
	free(flows);
}

static void what_is_past_is_forgotten(void **state)
{
	struct long_flows *flows = calloc(1, sizeof(*flows));
	const struct conn_key flow = key_of(1);
	struct conn_key key;

	(void)state;
	for (int i = 0; i < LONG_FLOW_SAMPLES; i++)
		long_flows_add(flows, &flow, 1000);
	for (int i = 0; i < 2 * LONG_FLOWS_WINDOW; i++)
		long_flows_age(flows);
	assert_int_equal(take_all(flows, 1001, &key), 0);
	assert_int_equal(take_all(flows, 1000, &key), 1);
	free(flows);
}

/* Ten flows send half of the packets, and so many others the other half that no table holds them.
 */
static void many_short_flows_hide_no_long_one(void **state)
{
	struct long_flows *flows = calloc(1, sizeof(*flows));
	struct random random = { 5 };
	struct conn_key key;
	size_t cursor = 0, found = 0, wrong = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		const uint32_t n = random_percent(&random, 50)
					   ? random_below(&random, 10)
					   : 1000 + random_below(&random, 1000000);
		const struct conn_key flow = key_of(n);

		long_flows_add(flows, &flow, 64);
	}
	while (long_flows_take(flows, 500 * 64, &cursor, &key)) {
		found += ntohl(key.key4.remote) < 10;
		wrong += ntohl(key.key4.remote) >= 10;
	}
	assert_int_equal(found, 10);
	assert_int_equal(wrong, 0);
	free(flows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_come_in_order_until_there_is_no_room),
		cmocka_unit_test(the_interval_follows_the_traffic),
		cmocka_unit_test(samples_are_an_interval_apart),
		cmocka_unit_test(a_flow_is_taken_once_it_is_long),
		cmocka_unit_test(what_is_past_is_forgotten),
		cmocka_unit_test(many_short_flows_hide_no_long_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
