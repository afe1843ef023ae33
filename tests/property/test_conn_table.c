/*
 * The connection table against a map that nobody can get wrong, and against itself under threads.
 */
#include "base/net.h"
#include "classify/conn_table.h"
#include "testpmd/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct packet packet_of(uint32_t number)
{
	static const uint8_t protocols[] = { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IP_PROTOCOL_ICMP,
					     IP_PROTOCOL_SCTP };
	uint8_t protocol = protocols[number % 4];
	struct packet packet = { .kind = number % 8 < 4 ? PACKET_IP4 : PACKET_IP6,
				 .protocol = protocol };

	if (packet.kind == PACKET_IP4) {
		packet.key4 = (struct key4){ .local = 1, .remote = number, .protocol = protocol };
	} else {
		packet.key6 = (struct key6){ .local_port = 7, .protocol = protocol };
		memcpy(packet.key6.local, &number, sizeof(number));
	}
	return packet;
}

static enum conn_event event_of(uint32_t number, struct random *random)
{
	static const uint8_t tcp[] = { CONN_EVENT_SYN, CONN_EVENT_SYN,    CONN_EVENT_SYN_ACK,
				       CONN_EVENT_ACK, CONN_EVENT_ACK,    CONN_EVENT_ACK,
				       CONN_EVENT_ACK, CONN_EVENT_NO_ACK, CONN_EVENT_FIN,
				       CONN_EVENT_RST };

	switch (number % 4) {
	case 0:
		return tcp[random_below(random, sizeof(tcp))];
	case 1:
		return CONN_EVENT_UDP;
	case 2:
		return random_percent(random, 70) ? CONN_EVENT_ICMP_REQUEST : CONN_EVENT_ICMP_REPLY;
	default:
		return CONN_EVENT_OTHER;
	}
}

static struct conn_question question_of(uint32_t number, uint64_t now, struct random *random)
{
	enum conn_event event = event_of(number, random);
	struct conn_question question = {
		.input = {
			.event = event,
			.direction = random_below(random, 2),
			.protocol = packet_of(number).protocol,
			.has_ack = event == CONN_EVENT_ACK || event == CONN_EVENT_SYN_ACK ||
				   event == CONN_EVENT_FIN,
			.grace = random_percent(random, 20),
			.sequence = random_below(random, 200000),
			.acknowledge = random_below(random, 200000),
			.now = (uint32_t)now,
			.generation = 1 + random_below(random, 3),
			.rules = 1 + random_below(random, 3),
			.reverse = 1 + random_below(random, 2),
		},
		.now = now,
		.rejudge = random_percent(random, 30),
		.rejudge_below = 1 + random_below(random, 3),
		.enforcing = random_percent(random, 50),
		.over_rate = random_percent(random, 10),
	};

	if (!question.over_rate)
		question.rejudged = 1 + random_below(random, 3);
	return question;
}

/* The map: an array of all keys there are. */
#define KEYS 400

struct model {
	struct conn_deadlines deadlines;
	uint32_t max;
	uint64_t made;
	struct {
		bool live;
		uint64_t made;
		struct conn_state state;
	} keys[KEYS];
};

static void model_expire(struct model *model, uint64_t now)
{
	for (unsigned i = 0; i < KEYS; i++) {
		if (conn_state_expired(&model->keys[i].state, &model->deadlines, (uint32_t)now))
			model->keys[i].live = false;
	}
}

static unsigned model_count(const struct model *model, bool unreplied_only, unsigned *ret_oldest)
{
	unsigned count = 0;
	uint64_t oldest = UINT64_MAX;

	for (unsigned i = 0; i < KEYS; i++) {
		if (!model->keys[i].live ||
		    (unreplied_only && !conn_state_unreplied(&model->keys[i].state)))
			continue;
		count++;
		if (model->keys[i].made < oldest) {
			oldest = model->keys[i].made;
			*ret_oldest = i;
		}
	}
	return count;
}

static enum conn_answer model_open(struct model *model, unsigned key,
				   const struct conn_question *question)
{
	static const uint8_t answers[] = {
		[CONN_STEP_NOTHING] = CONN_ANSWER_NOTHING,
		[CONN_STEP_DENY] = CONN_ANSWER_DENY,
		[CONN_STEP_NO_CONNECTION] = CONN_ANSWER_NO_CONNECTION,
	};
	struct conn_state next;
	enum conn_step step = conn_state_open(&question->input, &next);
	uint32_t limit = model->max;
	unsigned oldest = 0;

	if (step != CONN_STEP_OPEN)
		return answers[step];
	if (conn_state_opened_by(&next) == DIRECTION_INBOUND)
		limit -= model->max / 10;
	if (model_count(model, false, &oldest) >= limit)
		return CONN_ANSWER_FULL;
	if (model_count(model, true, &oldest) >= model->max / 2)
		model->keys[oldest].live = false;
	model->keys[key].live = true;
	model->keys[key].made = ++model->made;
	model->keys[key].state = next;
	return CONN_ANSWER_NEW;
}

static enum conn_answer model_apply(struct model *model, unsigned key,
				    const struct conn_question *question)
{
	struct conn_state *state = &model->keys[key].state;
	const struct conn_input *input = &question->input;
	struct conn_state next;

	model_expire(model, question->now);
	if (!model->keys[key].live)
		return model_open(model, key, question);
	if (conn_state_phase(state) != CONN_TOMBSTONE &&
	    ((question->enforcing && (state->word & CONN_AUDIT_ONLY)) ||
	     (question->rejudge && state->generation < question->rejudge_below))) {
		if (question->over_rate) {
			*state = conn_state_stale(state, input->now);
			return input->event == CONN_EVENT_SYN ? CONN_ANSWER_CUT : CONN_ANSWER_PASS;
		}
		if (question->rejudged == CONN_RULES_DENY) {
			*state = conn_state_cut(state, input->now);
			return CONN_ANSWER_CUT;
		}
		*state = conn_state_confirmed(state, input->protocol, input->generation,
					      question->rejudged);
	}
	switch (conn_state_step(state, input, &next)) {
	case CONN_STEP_PASS:
		*state = next;
		return CONN_ANSWER_PASS;
	case CONN_STEP_UNTOUCHED:
		return CONN_ANSWER_PASS;
	case CONN_STEP_OPEN:
		model->keys[key].live = false;
		return model_open(model, key, question);
	case CONN_STEP_CUT:
		return CONN_ANSWER_CUT;
	default:
		return CONN_ANSWER_DENY;
	}
}

static void compare_states(const struct model *model, struct conn_table *table, uint64_t now)
{
	for (unsigned i = 0; i < KEYS; i++) {
		struct packet packet = packet_of(i);
		const struct conn_state *want = &model->keys[i].state;
		struct conn_state have;
		bool live = model->keys[i].live && conn_state_phase(want) != CONN_TOMBSTONE;

		assert_int_equal(conn_peek(table, &packet, now, &have), live);
		if (!live)
			continue;
		assert_int_equal(have.word, want->word);
		assert_int_equal(have.seen, want->seen);
		assert_int_equal(have.generation, want->generation);
		for (unsigned d = 0; d < DIRECTIONS; d++) {
			if (want->word & CONN_ACK_SEEN(d))
				assert_int_equal(have.ack[d], want->ack[d]);
		}
	}
}

static void run_against_model(uint32_t max, enum conn_simd simd, uint64_t seed)
{
	const struct conn_table_options options = { .max = max,
						    .timeouts = conn_timeouts_default,
						    .simd = simd };
	struct random random = { seed };
	struct model *model = calloc(1, sizeof(*model));
	struct conn_table *table;
	uint64_t now = 1000;

	assert_non_null(model);
	if (conn_table_new(&options, &table) < 0) {
		free(model);
		return; /* a SIMD path that this processor lacks */
	}
	conn_deadlines_init(&model->deadlines, &options.timeouts);
	model->max = max;
	for (unsigned round = 0; round < 30000; round++) {
		unsigned key = random_below(&random, KEYS);
		struct packet packet = packet_of(key);
		struct conn_question question = question_of(key, now, &random);
		const struct key4 *key4 = &packet.key4;
		const struct key6 *key6 = &packet.key6;
		struct conn_hint hint;
		enum direction opened_by;

		if (packet.kind == PACKET_IP4)
			conn_lookup4(table, &key4, 1, &hint);
		else
			conn_lookup6(table, &key6, 1, &hint);
		assert_int_equal(conn_apply(table, &packet, &hint, &question, &opened_by),
				 model_apply(model, key, &question));
		now += random_percent(&random, 5) ? random_below(&random, 20000)
						  : random_below(&random, 40);
		if (random_percent(&random, 20))
			(void)conn_expire_slice(table, now);
		if (round % 500 == 0) {
			model_expire(model, now);
			compare_states(model, table, now);
		}
	}
	conn_table_free(table);
	free(model);
}

/* At most 145 connections stand in 64 buckets, which an insert into a full table sweeps at once. */
static void agrees_with_a_map(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		run_against_model(20, CONN_SIMD_SCALAR, seed);
		run_against_model(64, CONN_SIMD_AVX2, seed);
		run_against_model(140, CONN_SIMD_AVX512, seed);
	}
}

#define THREADS 3

struct worker {
	pthread_t thread;
	struct conn_table *table;
	uint64_t *clock; /* atomic */
	uint64_t seed;
	uint64_t made;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct random random = { worker->seed };

	for (unsigned round = 0; round < 15000; round++) {
		uint32_t number = random_below(&random, 3000);
		struct packet packet = packet_of(number);
		uint64_t now = __atomic_add_fetch(worker->clock, random_below(&random, 8),
						  __ATOMIC_RELAXED);
		struct conn_question question = question_of(number, now, &random);
		const struct key4 *key4 = &packet.key4;
		const struct key6 *key6 = &packet.key6;
		struct conn_hint hint;
		enum direction opened_by;

		if (packet.kind == PACKET_IP4)
			conn_lookup4(worker->table, &key4, 1, &hint);
		else
			conn_lookup6(worker->table, &key6, 1, &hint);
		worker->made += conn_apply(worker->table, &packet, &hint, &question, &opened_by) ==
				CONN_ANSWER_NEW;
		(void)conn_expire_slice(worker->table, now);
	}
	return NULL;
}

struct seen {
	uint8_t times[4096 * 8 + 8];
	unsigned count;
};

static bool see(void *context, const struct conn_info *info)
{
	struct seen *seen = context;
	uint32_t number = info->key4.remote;

	if (info->family == IP_FAMILY_V6)
		memcpy(&number, info->key6.local, sizeof(number));
	if (seen && number < sizeof(seen->times))
		seen->times[number]++;
	return true;
}

/* Everything that is counted twice in the table, counted once more. */
static void check_whole(struct conn_table *table, uint64_t now)
{
	struct seen seen = { 0 };
	struct conn_stats stats;
	uint64_t cursor = 0;
	unsigned live = 0, unreplied = 0, overflow = 0, away = 0;

	conn_foreach(table, now, &cursor, see, &seen);
	for (unsigned i = 0; i < sizeof(seen.times); i++)
		assert_true(seen.times[i] <= 1);
	for (enum ip_family family = IP_FAMILY_V4; family <= IP_FAMILY_V6; family++) {
		const struct conn_side *side = &table->side[family];

		for (uint32_t b = 0; b < side->count; b++) {
			const struct conn_bucket *bucket = conn_bucket_at(side, b);

			assert_false(conn_version(bucket) & 1);
			overflow += conn_overflow(bucket);
			for (unsigned slot = 0; slot < CONN_SLOTS; slot++) {
				struct conn_query query;
				struct conn_place place;

				if (!conn_lane_used(bucket, slot))
					continue;
				live++;
				unreplied += conn_state_unreplied(&bucket->state[slot]);
				conn_slot_read(bucket, slot, family, &query);
				conn_place_of_query(table, &query, &place);
				assert_true(place.first == b || place.second == b);
				away += place.first != b;
			}
		}
	}
	conn_table_stats(table, &stats);
	assert_int_equal(live, stats.live);
	assert_int_equal(unreplied, stats.unreplied);
	assert_int_equal(away, overflow);
}

static void run_threads(enum conn_simd simd, uint32_t max)
{
	const struct conn_table_options options = { .max = max,
						    .timeouts = conn_timeouts_default,
						    .simd = simd };
	struct worker workers[THREADS];
	struct conn_table *table;
	struct conn_stats stats;
	uint64_t clock = 1000;
	uint64_t made = 0;

	if (conn_table_new(&options, &table) < 0)
		return;
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .table = table, .clock = &clock, .seed = 100 + i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 300; i++) { /* the control thread looks on and kills */
		struct packet packet = packet_of(i * 8);
		uint64_t now = __atomic_load_n(&clock, __ATOMIC_RELAXED);
		uint64_t cursor = 0;

		(void)conn_kill4(table, &packet.key4, now);
		if (i % 30 == 0)
			conn_foreach(table, now, &cursor, see, NULL);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		made += workers[i].made;
	}
	conn_table_stats(table, &stats);
	assert_true(made > 0);
	assert_true(stats.created == made);
	assert_true(stats.live <= max);
	check_whole(table, clock);
	clock += 300000;
	for (unsigned i = 0; i < 2000; i++)
		(void)conn_expire_slice(table, clock++);
	conn_table_stats(table, &stats);
	assert_int_equal(stats.live, 0);
	assert_int_equal(stats.unreplied, 0);
	check_whole(table, clock);
	conn_table_free(table);
}

static void holds_together_under_threads(void **state)
{
	(void)state;
	run_threads(CONN_SIMD_SCALAR, 1500);
	run_threads(CONN_SIMD_BEST, 1500);
	run_threads(CONN_SIMD_BEST, 200);
}

/* Buckets so full that entries move: 16 keys for each place. */
static void every_place_is_used(void **state)
{
	const struct conn_table_options options = { .max = 250, .timeouts = conn_timeouts_default };
	struct conn_table *table;
	struct conn_stats stats;
	struct random random = { 5 };
	unsigned made = 0;

	(void)state;
	assert_int_equal(conn_table_new(&options, &table), 0);
	table->side[IP_FAMILY_V4].count = 64; /* 256 places, of which 250 are asked for */
	for (uint32_t i = 0; i < 100000 && made < 250; i++) {
		struct packet packet = packet_of(random_below(&random, 4096) * 8 + 1);
		struct conn_question question = {
			.input = { .event = CONN_EVENT_UDP,
				   .direction = DIRECTION_OUTBOUND,
				   .protocol = IP_PROTOCOL_UDP,
				   .now = 1,
				   .rules = CONN_RULES_ALLOW },
			.now = 1,
		};
		struct conn_hint hint;
		enum direction opened_by;

		conn_prepare(table, &packet, &hint);
		made += conn_apply(table, &packet, &hint, &question, &opened_by) == CONN_ANSWER_NEW;
		question.input.direction = DIRECTION_INBOUND;
		question.input.rules = CONN_RULES_DENY;
		(void)conn_apply(table, &packet, &hint, &question, &opened_by);
	}
	conn_table_stats(table, &stats);
	assert_int_equal(stats.live, made);
	assert_true(made > 240);
	check_whole(table, 1);
	conn_table_free(table);
}

static enum conn_answer udp(struct conn_table *table, uint32_t number, enum direction direction,
			    uint64_t now)
{
	struct packet packet = {
		.key4 = { .remote = number, .protocol = IP_PROTOCOL_UDP },
		.kind = PACKET_IP4,
		.protocol = IP_PROTOCOL_UDP,
	};
	struct conn_question question = {
		.input = { .event = CONN_EVENT_UDP,
			   .direction = direction,
			   .protocol = IP_PROTOCOL_UDP,
			   .now = (uint32_t)now,
			   .rules = CONN_RULES_ALLOW },
		.now = now,
	};
	struct conn_hint hint;
	enum direction opened_by;

	conn_prepare(table, &packet, &hint);
	return conn_apply(table, &packet, &hint, &question, &opened_by);
}

/* Thousands live on without a reply while many more come, are replied to, and go. */
static void the_ring_never_overflows(void **state)
{
	struct conn_table_options options = { .max = 20000, .timeouts = conn_timeouts_default };
	struct conn_table *table;
	struct conn_stats stats;
	uint64_t now = 1000;

	(void)state;
	options.timeouts.udp = 60000;
	options.timeouts.udp_replied = 1;
	assert_int_equal(conn_table_new(&options, &table), 0);
	for (uint32_t i = 0; i < 9000; i++)
		assert_int_equal(udp(table, i, DIRECTION_OUTBOUND, now), CONN_ANSWER_NEW);
	for (uint32_t i = 0; i < 200000; i++) {
		now += i % 4 == 0;
		assert_int_equal(udp(table, 10000 + i, DIRECTION_OUTBOUND, now), CONN_ANSWER_NEW);
		assert_int_equal(udp(table, 10000 + i, DIRECTION_INBOUND, now), CONN_ANSWER_PASS);
		(void)conn_expire_slice(table, now);
		assert_true(table->ring.tail - table->ring.head <= table->ring.mask + 1);
	}
	conn_table_stats(table, &stats);
	assert_int_equal(stats.unreplied, 9000);
	/* Each of them can still give way: the cap is 10,000. */
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(udp(table, 500000 + i, DIRECTION_OUTBOUND, now), CONN_ANSWER_NEW);
	conn_table_stats(table, &stats);
	assert_int_equal(stats.evicted, 9000);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(udp(table, 500000 + i, DIRECTION_OUTBOUND, now), CONN_ANSWER_PASS);
	check_whole(table, now);
	conn_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_map),
		cmocka_unit_test(holds_together_under_threads),
		cmocka_unit_test(every_place_is_used),
		cmocka_unit_test(the_ring_never_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
