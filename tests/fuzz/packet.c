/*
 * The parser and the whole judge on any bytes.
 *
 * The first byte chooses the direction and how much of the frame is readable. Both ways of the
 * parser agree; what is malformed is dropped; nothing is read beyond what is readable (the buffer
 * is cut to that, so that ASan sees it); offsets lie inside.
 */
#include "classify/judge.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct judge_context context;

static void set_up(void)
{
	const struct conn_table_options connections = { .max = 1000,
							.timeouts = conn_timeouts_default };
	const struct ruleset_options options = { .mac = { { 0x00, 0x0d, 0x3a, 0x00, 0x00, 0x01 } },
						 .generation = 1 };
	struct policy *policy = policy_new_empty();
	struct ruleset *ruleset;
	struct conn_table *table;
	struct fragment_table *fragments;

	if (!policy || !(policy->addresses = calloc(2, sizeof(*policy->addresses))))
		abort();
	policy->source_guard = true;
	policy->address_count = 2;
	if (ip_addr_parse("10.1.0.4", &policy->addresses[0]) < 0 ||
	    ip_addr_parse("fd00::4", &policy->addresses[1]) < 0 ||
	    ruleset_new(policy, &options, NULL, &ruleset, NULL) < 0 ||
	    conn_table_new(&connections, &table) < 0 || fragment_table_new(&fragments) < 0)
		abort();
	judge_context_init(&context, table, fragments);
	context.ruleset = ruleset;
}

static void check_same(const struct packet *a, const struct packet *b)
{
	if (a->drop != b->drop || a->kind != b->kind)
		abort();
	if (a->drop != DROP_NONE)
		return;
	if (a->flags != b->flags || a->protocol != b->protocol || a->tcp_flags != b->tcp_flags ||
	    a->l3_length != b->l3_length || a->l4_offset != b->l4_offset)
		abort();
	if (a->kind == PACKET_IP4 && memcmp(&a->key4, &b->key4, sizeof(a->key4)) != 0)
		abort();
	if (a->kind == PACKET_IP6 && memcmp(&a->key6, &b->key6, sizeof(a->key6)) != 0)
		abort();
}

static void judge(struct packet *packet, enum direction direction)
{
	static uint64_t now = 1000;
	struct decision decision;

	now += 7;
	judge_burst(&context, direction, packet, 1, now, &decision);
	if (packet->drop != DROP_NONE &&
	    (decision.action != DECISION_DROP || decision.reason != packet->drop))
		abort();
	if (decision.action == DECISION_DROP && decision.reason == DROP_NONE)
		abort();
	fragment_expire(context.fragments, now, &context.released);
	context.released.count = 0;
	(void)conn_expire_slice(context.connections, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packets[2] = { 0 };
	struct packet quoted;
	struct packet_frame frame;
	enum direction direction;
	uint8_t *copy;
	uint32_t readable;

	if (size < 1 || size > 65536)
		return 0;
	if (!context.ruleset)
		set_up();
	direction = data[0] & 1;
	frame.frame_len = size - 1;
	readable = data[0] & 2 ? frame.frame_len - frame.frame_len / (1 + (data[0] >> 2))
			       : frame.frame_len;
	copy = malloc(readable ? readable : 1);
	if (!copy)
		abort();
	memcpy(copy, data + 1, readable);
	frame.data = copy;
	frame.headers_len = readable;

	(void)packet_parse(copy, readable, frame.frame_len, direction, &packets[0]);
	packet_parse_burst(&frame, 1, direction, &packets[1]);
	check_same(&packets[0], &packets[1]);
	if (packets[0].drop == DROP_NONE && packets[0].l4_offset > readable)
		abort();
	if (packets[0].drop == DROP_NONE && (packets[0].flags & PACKET_ICMP_ERROR))
		(void)packet_quoted(&packets[0], &quoted);
	packets[1].owner = &context; /* anything but NULL: it may wait */
	judge(&packets[1], direction);
	free(copy);
	return 0;
}
