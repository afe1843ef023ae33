/*
 * The connection table: limits, expiry, killing, listing, and that all its SIMD paths find the
 * same.
 */
#include "base/net.h"
#include "classify/conn.h"
#include "testpmd/random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OUT DIRECTION_OUTBOUND
#define IN  DIRECTION_INBOUND

static struct conn_table *table_of(uint32_t max)
{
	const struct conn_table_options options = { .max = max, .timeouts = conn_timeouts_default };
	struct conn_table *table = NULL;

	assert_int_equal(conn_table_new(&options, &table), 0);
	return table;
}

static struct packet packet4(uint32_t number, uint8_t protocol)
{
	return (struct packet){
		.key4 = { .local = 0x0400010a,
			  .remote = number,
			  .local_port = 80,
			  .remote_port = (uint16_t)(number >> 16),
			  .protocol = protocol },
		.kind = PACKET_IP4,
		.protocol = protocol,
	};
}

static struct packet packet6(uint32_t number, uint8_t protocol)
{
	struct packet packet = {
		.key6 = { .local_port = 80, .protocol = protocol },
		.kind = PACKET_IP6,
		.protocol = protocol,
	};

	memcpy(packet.key6.remote + 12, &number, 4);
	return packet;
}

/* Applies a packet by allowed rules. */
static enum conn_answer apply(struct conn_table *table, const struct packet *packet,
			      enum conn_event event, enum direction direction, uint64_t now)
{
	struct conn_question question = {
		.input = { .event = event,
			   .direction = direction,
			   .protocol = packet->protocol,
			   .now = (uint32_t)now,
			   .generation = 1,
			   .rules = CONN_RULES_ALLOW },
		.now = now,
	};
	struct conn_hint hint;
	enum direction opened_by;

	conn_prepare(table, packet, &hint);
	return conn_apply(table, packet, &hint, &question, &opened_by);
}

static enum conn_answer udp(struct conn_table *table, uint32_t number, enum direction direction,
			    uint64_t now)
{
	struct packet packet = packet4(number, IP_PROTOCOL_UDP);

	return apply(table, &packet, CONN_EVENT_UDP, direction, now);
}

static bool is_live(struct conn_table *table, uint32_t number, uint64_t now)
{
	struct packet packet = packet4(number, IP_PROTOCOL_UDP);
	struct conn_state state;

	return conn_peek(table, &packet, now, &state);
}

static void sweep_all(struct conn_table *table, uint64_t now)
{
	for (unsigned i = 0; i < 100; i++)
		(void)conn_expire_slice(table, now);
}

static struct conn_stats stats_of(const struct conn_table *table)
{
	struct conn_stats stats;

	conn_table_stats(table, &stats);
	return stats;
}

static void sizes_are_checked(void **state)
{
	struct conn_table_options options = { .timeouts = conn_timeouts_default };
	struct conn_table *table = NULL;

	(void)state;
	assert_int_equal(conn_table_new(&options, &table), -EINVAL);
	options.max = CONN_MAX_LIMIT + 1;
	assert_int_equal(conn_table_new(&options, &table), -EINVAL);
	assert_null(table);
	conn_table_free(NULL);
}

static void a_connection_is_made_once_and_found(void **state)
{
	struct conn_table *table = table_of(1000);

	(void)state;
	assert_int_equal(udp(table, 7, OUT, 1000), CONN_ANSWER_NEW);
	assert_int_equal(udp(table, 7, OUT, 1001), CONN_ANSWER_PASS);
	assert_int_equal(udp(table, 7, IN, 1002), CONN_ANSWER_PASS);
	assert_int_equal(stats_of(table).live, 1);
	assert_int_equal(stats_of(table).unreplied, 0);
	assert_int_equal(stats_of(table).created, 1);
	conn_table_free(table);
}

static void families_do_not_meet(void **state)
{
	struct conn_table *table = table_of(1000);
	struct packet six = packet6(7, IP_PROTOCOL_UDP);

	(void)state;
	assert_int_equal(udp(table, 7, OUT, 1000), CONN_ANSWER_NEW);
	assert_int_equal(apply(table, &six, CONN_EVENT_UDP, IN, 1000), CONN_ANSWER_NEW);
	assert_int_equal(apply(table, &six, CONN_EVENT_UDP, OUT, 1000), CONN_ANSWER_PASS);
	assert_int_equal(stats_of(table).families[IP_FAMILY_V4], 1);
	assert_int_equal(stats_of(table).families[IP_FAMILY_V6], 1);
	conn_table_free(table);
}

static void an_expired_entry_is_none(void **state)
{
	struct conn_table *table = table_of(1000);

	(void)state;
	udp(table, 7, OUT, 1000);
	assert_true(is_live(table, 7, 30999));
	assert_false(is_live(table, 7, 31000));
	assert_int_equal(udp(table, 7, IN, 31000), CONN_ANSWER_NEW); /* the initiator is another */
	assert_int_equal(stats_of(table).live, 1);
	assert_int_equal(stats_of(table).expired, 1);
	conn_table_free(table);
}

static void sweeping_frees_what_is_due(void **state)
{
	struct conn_table *table = table_of(1000);

	(void)state;
	(void)conn_expire_slice(table, 0);
	for (uint32_t i = 0; i < 500; i++)
		udp(table, i, OUT, 1000);
	for (uint32_t i = 0; i < 100; i++)
		udp(table, i, IN, 1000);
	sweep_all(table, 30999);
	assert_int_equal(stats_of(table).live, 500);
	sweep_all(table, 33000);
	assert_int_equal(stats_of(table).live, 100);
	assert_int_equal(stats_of(table).expired, 400);
	sweep_all(table, 242000);
	assert_int_equal(stats_of(table).live, 0);
	assert_int_equal(stats_of(table).unreplied, 0);
	conn_table_free(table);
}

/* A sweep keeps its pace: one call does a slice, a second's worth of calls does a round. */
static void a_slice_is_a_slice(void **state)
{
	struct conn_table *table = table_of(100000);
	unsigned expired = 0;

	(void)state;
	(void)conn_expire_slice(table, 0);
	for (uint32_t i = 0; i < 50000; i++)
		udp(table, i, OUT, 0);
	assert_true(conn_expire_slice(table, 60000) <= 64 * 4);
	for (uint64_t now = 60000; now < 62100; now++) {
		for (unsigned call = 0; call < 2; call++)
			expired += conn_expire_slice(table, now);
	}
	assert_int_equal(stats_of(table).live, 0);
	assert_int_equal(stats_of(table).expired, 50000);
	assert_in_range(expired, 49000, 50000);
	conn_table_free(table);
}

static void the_oldest_without_reply_gives_way(void **state)
{
	struct conn_table *table = table_of(100);

	(void)state;
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(udp(table, i, OUT, 1000 + i), CONN_ANSWER_NEW);
	udp(table, 0, OUT, 2000); /* a later packet does not make it younger */
	udp(table, 1, IN, 2000);  /* a reply takes it out of the count */
	assert_int_equal(stats_of(table).unreplied, 49);
	assert_int_equal(udp(table, 50, OUT, 2001), CONN_ANSWER_NEW);
	assert_true(is_live(table, 0, 2001));
	assert_int_equal(udp(table, 51, OUT, 2002), CONN_ANSWER_NEW);
	assert_false(is_live(table, 0, 2002));
	assert_int_equal(udp(table, 52, OUT, 2003), CONN_ANSWER_NEW);
	assert_true(is_live(table, 1, 2003));
	assert_false(is_live(table, 2, 2003));
	assert_true(is_live(table, 3, 2003));
	assert_int_equal(stats_of(table).evicted, 2);
	assert_int_equal(stats_of(table).unreplied, 50);
	conn_table_free(table);
}

static void the_last_tenth_is_for_the_vm(void **state)
{
	struct conn_table *table = table_of(100);

	(void)state;
	for (uint32_t i = 0; i < 90; i++) {
		assert_int_equal(udp(table, i, IN, 1000), CONN_ANSWER_NEW);
		assert_int_equal(udp(table, i, OUT, 1000), CONN_ANSWER_PASS);
	}
	assert_int_equal(udp(table, 90, IN, 1000), CONN_ANSWER_FULL);
	for (uint32_t i = 100; i < 110; i++) {
		assert_int_equal(udp(table, i, OUT, 1000), CONN_ANSWER_NEW);
		assert_int_equal(udp(table, i, IN, 1000), CONN_ANSWER_PASS);
	}
	assert_int_equal(udp(table, 110, OUT, 1000), CONN_ANSWER_FULL);
	assert_int_equal(stats_of(table).live, 100);
	assert_int_equal(stats_of(table).refused_full, 2);
	/* Known ones go on. */
	assert_int_equal(udp(table, 5, IN, 1001), CONN_ANSWER_PASS);
	conn_table_free(table);
}

static void what_has_expired_keeps_nobody_out(void **state)
{
	struct conn_table *table = table_of(100);

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		udp(table, i, OUT, 1000);
		udp(table, i, IN, 1000);
	}
	assert_int_equal(udp(table, 200, OUT, 240999), CONN_ANSWER_FULL);
	assert_int_equal(udp(table, 200, OUT, 241000), CONN_ANSWER_NEW);
	assert_int_equal(stats_of(table).live, 1);
	conn_table_free(table);
}

/* Many more come and go than the ring has places, while one old flow stays without a reply. */
static void an_old_one_does_not_stop_the_ring(void **state)
{
	struct conn_table_options options = { .max = 1000, .timeouts = conn_timeouts_default };
	struct conn_table *table;
	uint64_t now = 1000;

	(void)state;
	options.timeouts.udp_replied = 1;
	assert_int_equal(conn_table_new(&options, &table), 0);
	for (uint32_t i = 0; i < 40000; i++, now += 10) {
		assert_int_equal(udp(table, 0xffff0000, OUT, now),
				 i == 0 ? CONN_ANSWER_NEW : CONN_ANSWER_PASS);
		assert_int_equal(udp(table, i, OUT, now), CONN_ANSWER_NEW);
		assert_int_equal(udp(table, i, IN, now), CONN_ANSWER_PASS);
		(void)conn_expire_slice(table, now);
	}
	assert_int_equal(stats_of(table).unreplied, 1);
	assert_int_equal(stats_of(table).evicted, 0);
	for (uint32_t i = 0; i < 500; i++)
		assert_int_equal(udp(table, 0x10000000 + i, OUT, now), CONN_ANSWER_NEW);
	assert_int_equal(stats_of(table).evicted, 1);
	assert_false(is_live(table, 0xffff0000, now));
	conn_table_free(table);
}

static void killing_leaves_a_tombstone(void **state)
{
	struct conn_table *table = table_of(100);
	struct packet packet = packet4(7, IP_PROTOCOL_TCP);

	(void)state;
	assert_int_equal(conn_kill4(table, &packet.key4, 1000), -ENOENT);
	assert_int_equal(apply(table, &packet, CONN_EVENT_SYN, OUT, 1000), CONN_ANSWER_NEW);
	assert_int_equal(conn_kill4(table, &packet.key4, 1000), 0);
	assert_int_equal(apply(table, &packet, CONN_EVENT_ACK, OUT, 1000), CONN_ANSWER_PASS);
	(void)conn_expire_slice(table, 1000);
	assert_int_equal(conn_kill4(table, &packet.key4, 1000), -ENOENT);
	assert_int_equal(apply(table, &packet, CONN_EVENT_ACK, OUT, 1000), CONN_ANSWER_CUT);
	assert_int_equal(apply(table, &packet, CONN_EVENT_ACK, IN, 30999), CONN_ANSWER_CUT);
	assert_int_equal(stats_of(table).unreplied, 0);
	assert_int_equal(apply(table, &packet, CONN_EVENT_ACK, IN, 31000), CONN_ANSWER_NEW);
	conn_table_free(table);
}

static void an_opener_may_follow_a_tombstone(void **state)
{
	struct conn_table *table = table_of(100);
	struct packet packet = packet6(7, IP_PROTOCOL_TCP);

	(void)state;
	apply(table, &packet, CONN_EVENT_SYN, OUT, 1000);
	assert_int_equal(conn_kill6(table, &packet.key6, 1000), 0);
	(void)conn_expire_slice(table, 1000);
	assert_int_equal(apply(table, &packet, CONN_EVENT_SYN, OUT, 1001), CONN_ANSWER_NEW);
	assert_int_equal(stats_of(table).live, 1);
	assert_int_equal(stats_of(table).unreplied, 1);
	conn_table_free(table);
}

struct listing {
	unsigned count;
	unsigned limit;
	uint32_t sum;
	struct conn_info last;
};

static bool visit(void *context, const struct conn_info *info)
{
	struct listing *listing = context;

	listing->last = *info;
	listing->sum += info->family == IP_FAMILY_V4 ? info->key4.remote : 0;
	return ++listing->count < listing->limit;
}

static void listing_resumes_where_it_ended(void **state)
{
	struct conn_table *table = table_of(1000);
	struct listing listing = { .limit = 7 };
	struct packet six = packet6(1, IP_PROTOCOL_TCP);
	uint64_t cursor = 0;
	unsigned calls = 0;

	(void)state;
	for (uint32_t i = 1; i <= 200; i++)
		udp(table, i, OUT, 1000);
	apply(table, &six, CONN_EVENT_SYN, IN, 1000);
	udp(table, 999, OUT, 0); /* has expired when the list is made */
	do {
		listing.limit = listing.count + 7;
		conn_foreach(table, 30500, &cursor, visit, &listing);
		calls++;
	} while (cursor);
	assert_int_equal(listing.count, 201);
	assert_int_equal(listing.sum, 200 * 201 / 2);
	assert_in_range(calls, 29, 30);
	/* IPv6 comes last. */
	assert_int_equal(listing.last.family, IP_FAMILY_V6);
	assert_memory_equal(&listing.last.key6, &six.key6, sizeof(six.key6));
	assert_int_equal(listing.last.phase, CONN_HALF_OPEN);
	assert_int_equal(listing.last.opened_by, IN);
	assert_int_equal(listing.last.idle_ms, 29500);
	assert_int_equal(listing.last.expires_ms, 500);
	conn_table_free(table);
}

static void every_simd_path_finds_the_same(void **state)
{
	static const enum conn_simd simds[] = { CONN_SIMD_SCALAR, CONN_SIMD_AVX2,
						CONN_SIMD_AVX512 };
	unsigned tried = 0;

	(void)state;
	for (size_t s = 0; s < sizeof(simds) / sizeof(simds[0]); s++) {
		const struct conn_table_options options = { .max = 5000,
							    .timeouts = conn_timeouts_default,
							    .simd = simds[s] };
		struct random random = { 77 };
		struct conn_table *table;
		int r = conn_table_new(&options, &table);

		if (r == -ENOTSUP)
			continue;
		assert_int_equal(r, 0);
		tried++;
		/* Both answers at once, so that nobody has to give way. */
		for (uint32_t i = 0; i < 4800; i++) {
			struct packet four = packet4(i * 3, IP_PROTOCOL_UDP);
			struct packet six = packet6(i * 3, IP_PROTOCOL_UDP);
			struct packet *packet = i % 2 ? &four : &six;

			assert_int_equal(apply(table, packet, CONN_EVENT_UDP, OUT, 1),
					 CONN_ANSWER_NEW);
			assert_int_equal(apply(table, packet, CONN_EVENT_UDP, IN, 1),
					 CONN_ANSWER_PASS);
		}
		for (unsigned round = 0; round < 2000; round++) {
			struct packet four[CONN_BURST_MAX], six[CONN_BURST_MAX];
			const struct key4 *keys4[CONN_BURST_MAX];
			const struct key6 *keys6[CONN_BURST_MAX];
			struct conn_hint hints4[CONN_BURST_MAX], hints6[CONN_BURST_MAX];
			uint32_t numbers[CONN_BURST_MAX];
			unsigned count = random_below(&random, CONN_BURST_MAX + 1);

			for (unsigned i = 0; i < count; i++) {
				numbers[i] = random_below(&random, 15000);
				four[i] = packet4(numbers[i], IP_PROTOCOL_UDP);
				six[i] = packet6(numbers[i], IP_PROTOCOL_UDP);
				keys4[i] = &four[i].key4;
				keys6[i] = &six[i].key6;
			}
			conn_lookup4(table, keys4, count, hints4);
			conn_lookup6(table, keys6, count, hints6);
			for (unsigned i = 0; i < count; i++) {
				bool there = numbers[i] % 3 == 0 && numbers[i] / 3 < 4800;
				bool odd = numbers[i] / 3 % 2;

				assert_int_equal(hints4[i].slot != CONN_NOT_FOUND, there && odd);
				assert_int_equal(hints6[i].slot != CONN_NOT_FOUND, there && !odd);
			}
		}
		conn_table_free(table);
	}
	assert_true(tried >= 1);
}

/* At most 64 bytes a connection, and a full table has a place for each but one in millions. */
static void a_full_table_fits(void **state)
{
	const uint32_t max = 1 << 17;
	struct conn_table *table = table_of(max);
	uint32_t made = 0;

	(void)state;
	for (uint32_t i = 0; i < max; i++) {
		made += udp(table, i * 2654435761u, OUT, 1) == CONN_ANSWER_NEW;
		(void)udp(table, i * 2654435761u, IN, 1);
	}
	assert_int_equal(stats_of(table).live, made);
	assert_in_range(made, max - 3, max);
	conn_table_free(table);
	table = table_of(CONN_MAX_DEFAULT);
	assert_true(stats_of(table).memory_ip4 <= 64ull * CONN_MAX_DEFAULT);
	conn_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(a_connection_is_made_once_and_found),
		cmocka_unit_test(families_do_not_meet),
		cmocka_unit_test(an_expired_entry_is_none),
		cmocka_unit_test(sweeping_frees_what_is_due),
		cmocka_unit_test(a_slice_is_a_slice),
		cmocka_unit_test(the_oldest_without_reply_gives_way),
		cmocka_unit_test(the_last_tenth_is_for_the_vm),
		cmocka_unit_test(what_has_expired_keeps_nobody_out),
		cmocka_unit_test(an_old_one_does_not_stop_the_ring),
		cmocka_unit_test(killing_leaves_a_tombstone),
		cmocka_unit_test(an_opener_may_follow_a_tombstone),
		cmocka_unit_test(listing_resumes_where_it_ended),
		cmocka_unit_test(every_simd_path_finds_the_same),
		cmocka_unit_test(a_full_table_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
