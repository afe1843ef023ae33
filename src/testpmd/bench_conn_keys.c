/*
 * Keys and the filling of a table: see bench_conn_keys.h.
 */
#include "testpmd/bench_conn_keys.h"

#include <errno.h>

void bench_conn_make_keys(struct random *random, struct key4 *keys, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t bits = random_next(random);

		keys[i] = (struct key4){
			.local = 0x0400010a,
			.remote = (uint32_t)bits,
			.local_port = (uint16_t)(bits >> 32),
			.remote_port = (uint16_t)i,
			.protocol = 17,
		};
	}
}

static struct conn_question question_at(uint32_t now, enum direction direction)
{
	return (struct conn_question){
		.input = { .event = CONN_EVENT_UDP,
			   .direction = direction,
			   .protocol = 17,
			   .now = now,
			   .generation = 1,
			   .rules = CONN_RULES_ALLOW },
		.now = now,
	};
}

int bench_conn_insert(struct conn_table *table, const struct key4 *key)
{
	const struct conn_question out = question_at(1, DIRECTION_OUTBOUND);
	const struct conn_question in = question_at(1, DIRECTION_INBOUND);
	struct packet packet = { .key4 = *key, .kind = PACKET_IP4, .protocol = 17 };
	struct conn_hint hint;
	enum direction opened_by;

	conn_prepare(table, &packet, &hint);
	if (conn_apply(table, &packet, &hint, &out, &opened_by) != CONN_ANSWER_NEW ||
	    conn_apply(table, &packet, &hint, &in, &opened_by) != CONN_ANSWER_PASS)
		return -ENOSPC;
	return 0;
}

uint32_t bench_conn_load(struct conn_table *table, struct key4 *keys, uint32_t count)
{
	uint32_t end = count;

	for (uint32_t i = 0; i < end;) {
		struct key4 refused;

		if (bench_conn_insert(table, &keys[i]) == 0) {
			i++;
			continue;
		}
		refused = keys[i];
		keys[i] = keys[--end];
		keys[end] = refused;
	}
	return end;
}
