/*
 * Several workers judge random frames by shared tables while the control thread changes the policy,
 * lists and kills: nothing is lost, no packet that waited is kept, and the counts add up.
 */
#include "classify/conn_mark.h"
#include "classify/judge.h"
#include "classify/wire.h"
#include "testpmd/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2
#define ROUNDS  4000
#define BURST   16
#define FRAME   128

struct shared {
	struct conn_table *connections;
	struct fragment_table *fragments;
	struct conn_marks *marks;
	const struct ruleset *rulesets[2]; /* of generations 1 and 2: both live to the end */
	uint32_t in_force;                 /* atomic */
	uint64_t clock;                    /* atomic */
};

struct worker {
	pthread_t thread;
	struct shared *shared;
	uint64_t seed;
	uint64_t judged;
	uint64_t decided[3]; /* by action */
	uint64_t released;
	uint64_t made;
	uint64_t placed; /* by marks that the workers give each other */
};

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

/* IPv4 of few addresses and ports; TCP, UDP, ICMP; now and then a fragment. */
static uint32_t random_frame(struct random *random, enum direction direction, uint8_t *frame)
{
	static const uint8_t protocols[] = { 6, 6, 17, 17, 1 };
	static const uint8_t flags[] = { 0x02, 0x12, 0x10, 0x10, 0x10, 0x11, 0x04 };
	bool leaves = direction == DIRECTION_OUTBOUND;
	const uint8_t nic[6] = { 0, 0x0d, 0x3a, 0, 0, 1 };
	const uint8_t local[4] = { 10, 1, 0, 4 };
	const uint8_t remote[4] = { 203, 0, 113, random_below(random, 8) };
	uint8_t *ip = frame + WIRE_ETHER_LEN;
	uint8_t *l4 = ip + WIRE_IP4_LEN;
	uint16_t own = random_below(random, 16), other = random_below(random, 4);

	memset(frame, 0, FRAME);
	memcpy(frame + (leaves ? 6 : 0), nic, 6);
	put16(frame + 12, WIRE_ETHERTYPE_IP4);
	ip[0] = 0x45;
	put16(ip + 2, 60);
	ip[9] = protocols[random_below(random, sizeof(protocols))];
	memcpy(ip + (leaves ? 12 : 16), local, 4);
	memcpy(ip + (leaves ? 16 : 12), remote, 4);
	put16(l4, leaves ? own : other);
	put16(l4 + 2, leaves ? other : own);
	if (ip[9] == 6) {
		l4[12] = 0x50;
		l4[13] = flags[random_below(random, sizeof(flags))];
	} else if (ip[9] == 17) {
		put16(l4 + 4, 40);
		if (random_percent(random, 30)) {
			put16(ip + 4, random_below(random, 8));
			put16(ip + 6, random_below(random, 2) ? 0x2000 : 0x0005);
		}
	} else {
		l4[0] = random_below(random, 2) ? 8 : 0;
	}
	return WIRE_ETHER_LEN + 60;
}

static void count_released(struct worker *worker, struct judge_context *context)
{
	worker->released += context->released.count;
	context->released.count = 0;
}

/* Of the mark of its local port, which stands for another flow more often than not. */
static uint32_t place_of(struct shared *shared, struct random *random, const struct packet *packet,
			 uint64_t now)
{
	const uint32_t slot = packet->key4.local_port >> 8;
	struct conn_key key = { .family = IP_FAMILY_V4, .key4 = packet->key4 };
	struct conn_standing standing;

	if (packet->drop != DROP_NONE || packet->kind != PACKET_IP4)
		return CONN_NOT_FOUND;
	if (random_percent(random, 50) && conn_stands(shared->connections, &key, now, &standing))
		conn_marks_set(shared->marks, slot, standing.place);
	return conn_marks_place(shared->marks, mark_of_connection(slot));
}

static void judge_one_burst(struct worker *worker, struct judge_context *context,
			    struct random *random)
{
	struct shared *shared = worker->shared;
	enum direction direction = random_below(random, 2);
	uint64_t now =
		__atomic_add_fetch(&shared->clock, random_below(random, 30), __ATOMIC_RELAXED);
	uint8_t bytes[BURST][FRAME];
	struct packet_frame frames[BURST];
	struct packet packets[BURST];
	struct decision decisions[BURST];
	uint32_t places[BURST];

	for (unsigned i = 0; i < BURST; i++) {
		frames[i].data = bytes[i];
		frames[i].headers_len = random_frame(random, direction, bytes[i]);
		frames[i].frame_len = frames[i].headers_len;
		packets[i].owner = shared; /* anything but NULL */
	}
	context->ruleset = shared->rulesets[__atomic_load_n(&shared->in_force, __ATOMIC_ACQUIRE)];
	packet_parse_burst(frames, BURST, direction, packets);
	for (unsigned i = 0; i < BURST; i++)
		places[i] = place_of(shared, random, &packets[i], now);
	context->places = direction == DIRECTION_INBOUND ? places : NULL;
	judge_burst(context, direction, packets, BURST, now, decisions);
	worker->placed += context->placed;
	for (unsigned i = 0; i < BURST; i++) {
		worker->judged++;
		worker->decided[decisions[i].action]++;
		worker->made += decisions[i].new_connection;
	}
	count_released(worker, context);
	fragment_expire(shared->fragments, now, &context->released);
	count_released(worker, context);
	(void)conn_expire_slice(shared->connections, now);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct judge_context context;
	struct random random = { worker->seed };

	judge_context_init(&context, worker->shared->connections, worker->shared->fragments);
	for (unsigned round = 0; round < ROUNDS; round++)
		judge_one_burst(worker, &context, &random);
	return NULL;
}

static bool count_one(void *context, const struct conn_info *info)
{
	(*(unsigned *)context)++;
	return info->family == IP_FAMILY_V4;
}

static struct ruleset *ruleset_at(uint64_t generation, const struct ruleset *previous)
{
	const struct ruleset_options options = { .mac = { { 0, 0x0d, 0x3a, 0, 0, 1 } },
						 .generation = generation };
	struct ruleset *ruleset;

	assert_int_equal(ruleset_new(policy_new_empty(), &options, previous, &ruleset, NULL), 0);
	ruleset->rejudge_below = generation; /* as with flushConnection */
	return ruleset;
}

static void control(struct shared *shared)
{
	for (unsigned i = 0; i < 200; i++) {
		struct key4 key = { .local = 0x0400010a,
				    .remote = 0x007100cb | i % 8 << 24,
				    .local_port = i % 16 << 8,
				    .protocol = 17 };
		uint64_t now = __atomic_load_n(&shared->clock, __ATOMIC_RELAXED);
		uint64_t cursor = 0;
		unsigned count = 0;

		__atomic_store_n(&shared->in_force, i & 1, __ATOMIC_RELEASE);
		(void)conn_kill4(shared->connections, &key, now);
		if (i % 10 == 0)
			conn_foreach(shared->connections, now, &cursor, count_one, &count);
	}
}

static void nothing_is_lost(void **state)
{
	const struct conn_table_options options = { .max = 200, .timeouts = conn_timeouts_default };
	struct shared shared = { .clock = 1000 };
	struct worker workers[WORKERS];
	struct fragment_releases left = { 0 };
	struct conn_stats stats;
	struct ruleset *first, *second;
	uint64_t held = 0, released = 0, made = 0;

	(void)state;
	first = ruleset_at(1, NULL);
	second = ruleset_at(2, first);
	shared.rulesets[0] = first;
	shared.rulesets[1] = second;
	assert_int_equal(conn_table_new(&options, &shared.connections), 0);
	assert_int_equal(fragment_table_new(&shared.fragments), 0);
	shared.marks = conn_marks_new();
	assert_non_null(shared.marks);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .shared = &shared, .seed = 11 + i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	control(&shared);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].judged, ROUNDS * BURST);
		assert_true(workers[i].placed > 0);
		assert_true(workers[i].decided[DECISION_PASS] > 0);
		assert_true(workers[i].decided[DECISION_DROP] > 0);
		held += workers[i].decided[DECISION_HOLD];
		released += workers[i].released;
		made += workers[i].made;
	}
	fragment_drain(shared.fragments, &left);
	assert_true(held > 0);
	assert_int_equal(held, released + left.count);
	conn_table_stats(shared.connections, &stats);
	assert_true(stats.created == made);
	assert_true(stats.live <= 200);
	conn_table_free(shared.connections);
	fragment_table_free(shared.fragments);
	free(shared.marks);
	ruleset_free(second);
	ruleset_free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_lost) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
