/*
 * Figures of the steering engine, for people: rules a second in and out, alone and while packets
 * are walked, and the cost of a walk in small and large tables. Not a test: nothing is asserted
 * about time.
 */
#include "azhost/steering/device.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define RULES   100000
#define WALKS   2000000
#define PACKETS 64
#define BURST   32

static struct packet packets[PACKETS];
static struct steer_rule *rules[RULES];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void value_of(uint8_t *value, uint32_t address)
{
	memset(value, 0, PARAM_BYTES);
	put16(value + P_L3_BITS, 4 << 9);
	put32(value + P_DST4, address);
}

static struct steer_matcher *destination_matcher(struct steer_table *table)
{
	uint8_t mask[PARAM_BYTES] = { 0 };

	put16(mask + P_L3_BITS, 0x1e00);
	put32(mask + P_DST4, 0xffffffff);
	return matcher_of(table, 0, mask);
}

static double insert_all(struct steer_matcher *matcher, struct steer_action *action)
{
	uint8_t value[PARAM_BYTES];
	double begin = now();

	for (uint32_t i = 0; i < RULES; i++) {
		value_of(value, 0x0a000000 + i);
		rules[i] = rule_one(matcher, value, action);
	}
	return RULES / (now() - begin);
}

static double remove_all(void)
{
	double begin = now();

	for (uint32_t i = 0; i < RULES; i++)
		steer_rule_destroy(rules[i]);
	return RULES / (now() - begin);
}

static double walk_ns(struct device *device)
{
	double begin = now();

	for (uint32_t i = 0; i < WALKS; i += BURST) {
		unsigned int walk = steer_enter(device->steering);

		for (uint32_t j = 0; j < BURST; j++)
			steer_packet(device->steering, STEER_RX, &packets[(i + j) % PACKETS].steer);
		steer_leave(device->steering, walk);
	}
	return (now() - begin) / WALKS * 1e9;
}

static void make_packets(uint32_t spread)
{
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct frame_spec spec = frame_plain(4, IPPROTO_UDP);

		put32(spec.dst, 0x0a000000 + i * spread);
		packet_of(&packets[i], &spec);
	}
}

struct background {
	struct device *device;
	atomic_bool stop;
	uint64_t walked;
};

static void *walk_in_background(void *arg)
{
	struct background *b = arg;

	while (!atomic_load(&b->stop)) {
		unsigned int walk = steer_enter(b->device->steering);

		for (uint32_t j = 0; j < BURST; j++)
			steer_packet(b->device->steering, STEER_RX, &packets[j].steer);
		steer_leave(b->device->steering, walk);
		b->walked += BURST;
	}
	return NULL;
}

static void bench_rules(struct device *device, struct steer_action *to_tir)
{
	struct steer_table *table = table_at(device->rx, 1);
	struct steer_matcher *matcher = destination_matcher(table), *first;
	static const uint8_t any[PARAM_BYTES];
	struct steer_action *jump = action_table(table);
	struct background b = { .device = device };
	struct steer_rule *entry;
	pthread_t thread;

	first = matcher_of(device->root, 0, any);
	entry = rule_one(first, any, jump);
	printf("insert %d rules: %.0f/s\n", RULES, insert_all(matcher, to_tir));
	make_packets(1000);
	printf("walk, %d rules behind a jump: %.1f ns/packet\n", RULES, walk_ns(device));
	printf("remove: %.0f/s\n", remove_all());
	assert_int_equal(pthread_create(&thread, NULL, walk_in_background, &b), 0);
	printf("insert under walks: %.0f/s\n", insert_all(matcher, to_tir));
	printf("remove under walks: %.0f/s\n", remove_all());
	atomic_store(&b.stop, true);
	pthread_join(thread, NULL);
	steer_rule_destroy(entry);
	steer_matcher_destroy(first);
	steer_matcher_destroy(matcher);
	steer_action_destroy(jump);
	steer_table_destroy(table);
}

/* What the PMD's own default rules look like: some matchers on the address, few rules each, the
 * last one takes the packet. */
static void bench_small(struct device *device, struct steer_action *to_tir)
{
	struct steer_matcher *matchers[10];
	struct steer_rule *small[10];

	make_packets(1);
	printf("walk, no rule: %.1f ns/packet\n", walk_ns(device));
	for (unsigned int i = 0; i < 10; i++) {
		uint8_t mask[PARAM_BYTES] = { 0 }, value[PARAM_BYTES] = { 0 };
		bool last = i == 9;

		put32(mask + P_DMAC, 0xffffffff);
		put16(mask + P_DMAC + 4, 0xffff);
		put16(mask + P_L3_BITS, 0x1e00);
		put32(value + P_DMAC, last ? 0x02000000 : 0x12000000);
		put16(value + P_DMAC + 4, 1);
		put16(value + P_L3_BITS, 4 << 9);
		matchers[i] = matcher_of(device->root, (uint16_t)i, mask);
		small[i] = rule_one(matchers[i], value, to_tir);
	}
	printf("walk, hit in the tenth matcher: %.1f ns/packet\n", walk_ns(device));
	for (unsigned int i = 0; i < 10; i++) {
		steer_rule_destroy(small[i]);
		steer_matcher_destroy(matchers[i]);
	}
}

int main(void)
{
	struct steer_tir tir = { 0 };
	struct steer_action *to_tir = action_tir(&tir);
	struct device device;

	device_init(&device, NULL);
	bench_small(&device, to_tir);
	bench_rules(&device, to_tir);
	steer_action_destroy(to_tir);
	device_fini(&device);
	return 0;
}
