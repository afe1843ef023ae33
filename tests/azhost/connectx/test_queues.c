/* Queues: what each descriptor makes of memory, wire and completions, also where it is wrong. */
#include "azhost/connectx/bed.h"

#include "azhost/connectx/compress.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/queue.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

/* Two devices back to back; frames of a arrive at b. */
struct pair {
	struct bed a, b;
};

static void setup_opened(void **state, const char *profile)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	bed_open(&pair->a, profile);
	bed_open(&pair->b, profile);
	*state = pair;
}

static int start(struct pair *pair)
{
	bed_start(&pair->a);
	bed_start(&pair->b);
	pair->a.vf.peer = &pair->b.vf;
	pair->b.vf.peer = &pair->a.vf;
	for (unsigned int i = 0; i < BED_PACKET_BYTES; i++)
		pair->a.packets[i] = (uint8_t)(i * 13 + i / 256);
	return 0;
}

static int setup_profile(void **state, const char *profile)
{
	setup_opened(state, profile);
	return start(*state);
}

static int setup(void **state)
{
	return setup_profile(state, "cx5-vf-trusted");
}

static int setup_compressing(void **state)
{
	struct pair *pair;

	setup_opened(state, "cx5-vf-trusted");
	pair = *state;
	pair->b.device->profile.compress = true;
	return start(pair);
}

static int setup_cx4lx(void **state)
{
	return setup_profile(state, "cx4lx-vf");
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	bed_close(&pair->a);
	bed_close(&pair->b);
	free(pair);
	return 0;
}

static const struct cx_cqe *completion(struct bed *bed, bool receive)
{
	const struct cx_cqe *cqe = bed_completion(bed, receive);

	assert_non_null(cqe);
	return cqe;
}

static uint8_t opcode(const struct cx_cqe *cqe)
{
	return cqe->op_own >> 4;
}

static uint8_t syndrome(const struct cx_cqe *cqe)
{
	return ((const struct cx_error_cqe *)cqe)->syndrome;
}

/* The next frame that b got is these bytes, by descriptor i. */
static void expect_frame(struct bed *b, unsigned int i, const uint8_t *bytes, uint32_t length)
{
	const struct cx_cqe *cqe = completion(b, true);

	assert_int_equal(opcode(cqe), CQE_RECEIVE);
	assert_int_equal(be32toh(cqe->byte_count), length);
	assert_int_equal(be16toh(cqe->wqe_counter), i);
	assert_memory_equal(b->packets + i % BED_RING * BED_BUFFER, bytes, length);
}

static void expect_sent(struct bed *a, uint16_t counter)
{
	const struct cx_cqe *cqe = completion(a, false);

	assert_int_equal(opcode(cqe), CQE_SEND);
	assert_int_equal(be16toh(cqe->wqe_counter), counter);
	assert_int_equal(be32toh(cqe->flow_tag) & 0xffffff, a->sq->number);
}

static void expect_send_error(struct bed *a, uint8_t wanted)
{
	const struct cx_cqe *cqe = completion(a, false);

	assert_int_equal(opcode(cqe), CQE_SEND_ERROR);
	assert_int_equal(syndrome(cqe), wanted);
}

static void expect_nothing(struct pair *pair)
{
	assert_null(bed_completion(&pair->a, false));
	assert_null(bed_completion(&pair->b, true));
}

static void send_simple(struct bed *a, uint32_t offset, uint32_t length)
{
	bed_data_segment(bed_wqe(a) + 32, length, a->mr->lkey, a->packets + offset);
	bed_send(a, WQE_SEND, 3);
}

static void send_one(void **state)
{
	struct pair *pair = *state;

	send_simple(&pair->a, 100, 777);
	expect_nothing(pair);
	bed_poll(&pair->a);
	expect_frame(&pair->b, 0, pair->a.packets + 100, 777);
	expect_sent(&pair->a, 0);
	expect_nothing(pair);
	bed_poll(&pair->a);
	expect_nothing(pair);
}

static void send_inline_header_and_segments(void **state)
{
	struct pair *pair = *state;
	uint8_t *wqe = bed_wqe(&pair->a), wanted[18 + 300];

	/* 18 bytes of header: 2 in the Ethernet segment, 16 in the next 16 bytes. */
	wqe[29] = 18;
	memcpy(wqe + 30, pair->a.packets, 18);
	bed_data_segment(wqe + 48, 300, pair->a.mr->lkey, pair->a.packets + 500);
	bed_send(&pair->a, WQE_SEND, 4);
	bed_poll(&pair->a);
	memcpy(wanted, pair->a.packets, 18);
	memcpy(wanted + 18, pair->a.packets + 500, 300);
	expect_frame(&pair->b, 0, wanted, sizeof(wanted));
	expect_sent(&pair->a, 0);
}

static void send_multi_packet(void **state)
{
	struct pair *pair = *state;
	uint8_t *wqe = bed_wqe(&pair->a);

	bed_data_segment(wqe + 32, 60, pair->a.mr->lkey, pair->a.packets);
	wqe[48] = 0x80; /* 12 bytes inline are too few for a frame; 14 take the next segment too */
	wqe[51] = 12;
	bed_send(&pair->a, WQE_ENHANCED_MPW, 4);
	bed_poll(&pair->a);
	expect_frame(&pair->b, 0, pair->a.packets, 60);
	expect_send_error(&pair->a, SYNDROME_LOCAL_LENGTH);
}

/* Descriptors of one block, several rounds of the ring: every index and owner bit comes up. */
static void many_rounds(void **state)
{
	struct pair *pair = *state;

	for (unsigned int i = 0; i < BED_RING * 5; i++) {
		uint32_t length = 60 + i;

		send_simple(&pair->a, i, length);
		bed_poll(&pair->a);
		expect_sent(&pair->a, (uint16_t)i);
		assert_int_equal(be32toh(completion(&pair->b, true)->byte_count), length);
		assert_memory_equal(pair->b.packets + i % BED_RING * BED_BUFFER,
				    pair->a.packets + i, length);
		bed_post_receive(&pair->b, (uint16_t)(BED_RING + i));
	}
	expect_nothing(pair);
}

/* A descriptor of two blocks that begins in the ring's last one. */
static void descriptor_wraps(void **state)
{
	struct pair *pair = *state;
	uint8_t wanted[5 * 20], *ring = pair->a.umem_bytes + BED_TX_RING;

	for (unsigned int i = 0; i < BED_RING - 1; i++) {
		send_simple(&pair->a, 0, 60);
		bed_poll(&pair->a);
		(void)bed_completion(&pair->a, false);
		(void)bed_completion(&pair->b, true);
		bed_post_receive(&pair->b, (uint16_t)(BED_RING + i));
	}
	memset(bed_wqe(&pair->a), 0, WQE_BLOCK);
	for (unsigned int i = 0; i < 5; i++) {
		unsigned int at = (BED_RING - 1) * WQE_BLOCK + 32 + i * 16;

		bed_data_segment(ring + at % (BED_RING * WQE_BLOCK), 20, pair->a.mr->lkey,
				 pair->a.packets + i * 100);
		memcpy(wanted + i * 20, pair->a.packets + i * 100, 20);
	}
	bed_send(&pair->a, WQE_SEND, 7);
	bed_poll(&pair->a);
	expect_frame(&pair->b, BED_RING - 1, wanted, sizeof(wanted));
	expect_sent(&pair->a, BED_RING - 1);
}

/* One thing wrong in each; the queue then stands until it is reset. */
static void wrong_descriptors(void **state)
{
	static const struct {
		const char *what;
		uint8_t opcode;
		unsigned int segments;
		unsigned int at; /* byte that is changed after the descriptor is made */
		uint8_t value;
		uint8_t syndrome;
	} cases[] = {
		{ "unknown key", WQE_SEND, 3, 37, 0xff, SYNDROME_LOCAL_PROTECTION },
		{ "address outside", WQE_SEND, 3, 40, 0x7f, SYNDROME_LOCAL_PROTECTION },
		{ "no length", WQE_SEND, 3, 35, 0, SYNDROME_LOCAL_QP_OPERATION },
		{ "too long", WQE_SEND, 3, 33, 0x7f, SYNDROME_LOCAL_LENGTH },
		{ "inline past the end", WQE_SEND, 3, 32, 0x80, SYNDROME_LOCAL_QP_OPERATION },
		{ "header past the end", WQE_SEND, 3, 28, 0x01, SYNDROME_LOCAL_QP_OPERATION },
		{ "no Ethernet segment", WQE_SEND, 1, 0, 0, SYNDROME_LOCAL_QP_OPERATION },
		{ "unknown opcode", 0x77, 3, 20, 0, SYNDROME_LOCAL_QP_OPERATION },
		{ "inner checksum", WQE_SEND, 3, 20, 0x10, SYNDROME_LOCAL_QP_OPERATION },
		{ "software parser", WQE_SEND, 3, 21, 1, SYNDROME_LOCAL_QP_OPERATION },
		{ "another index", WQE_SEND, 3, 1, 0x55, SYNDROME_LOCAL_QP_OPERATION },
		{ "another queue", WQE_SEND, 3, 4, 0x55, SYNDROME_LOCAL_QP_OPERATION },
		{ "longer than posted", WQE_SEND, 3, 7, 0x3f, SYNDROME_LOCAL_QP_OPERATION },
		{ "TSO of no TCP", WQE_TSO, 3, 23, 100, SYNDROME_LOCAL_QP_OPERATION },
		{ "VLAN in a multi-packet", WQE_ENHANCED_MPW, 3, 28, 0x80,
		  SYNDROME_LOCAL_QP_OPERATION },
	};
	struct pair *pair = *state;
	struct bed_command command;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *wqe = bed_wqe(&pair->a);
		const struct cx_cqe *cqe;

		bed_data_segment(wqe + 32, 60, pair->a.mr->lkey, pair->a.packets);
		bed_send(&pair->a, cases[i].opcode, cases[i].segments);
		wqe[cases[i].at] = cases[i].value;
		bed_poll(&pair->a);
		cqe = bed_completion(&pair->a, false);
		if (!cqe || opcode(cqe) != CQE_SEND_ERROR || syndrome(cqe) != cases[i].syndrome)
			fail_msg("%s: opcode %#x, syndrome %#x", cases[i].what,
				 cqe ? opcode(cqe) : 0xff, cqe ? syndrome(cqe) : 0);
		assert_null(bed_completion(&pair->b, true));
		bed_command_state(&command, pair->a.sq, PRM_QUEUE_ERROR, PRM_QUEUE_RESET);
		assert_int_equal(bed_modify(pair->a.sq, &command), PRM_OK);
		bed_command_state(&command, pair->a.sq, PRM_QUEUE_RESET, PRM_QUEUE_READY);
		assert_int_equal(bed_modify(pair->a.sq, &command), PRM_OK);
		pair->a.sent_blocks = 0;
		bed_poll(&pair->a);
		expect_nothing(pair);
	}
	send_simple(&pair->a, 0, 60);
	bed_poll(&pair->a);
	expect_sent(&pair->a, 0);
}

static void error_flushes_the_rest(void **state)
{
	struct pair *pair = *state;

	bed_data_segment(bed_wqe(&pair->a) + 32, 60, 0xdead00, pair->a.packets);
	bed_send(&pair->a, WQE_SEND, 3);
	send_simple(&pair->a, 0, 60);
	send_simple(&pair->a, 0, 60);
	bed_poll(&pair->a);
	expect_send_error(&pair->a, SYNDROME_LOCAL_PROTECTION);
	expect_send_error(&pair->a, SYNDROME_FLUSHED);
	expect_send_error(&pair->a, SYNDROME_FLUSHED);
	expect_nothing(pair);
	send_simple(&pair->a, 0, 60);
	bed_poll(&pair->a);
	expect_nothing(pair);
}

static void doorbell_beyond_ring(void **state)
{
	struct pair *pair = *state;
	uint32_t far = htobe32(BED_RING + 1);

	memcpy(pair->a.umem_bytes + BED_TX_DOORBELL + 4, &far, sizeof(far));
	bed_poll(&pair->a);
	expect_send_error(&pair->a, SYNDROME_LOCAL_QP_OPERATION);
	expect_nothing(pair);
}

/* The device waits for room in the CQ and loses nothing. */
static void completion_queue_full(void **state)
{
	struct pair *pair = *state;
	unsigned int sent = 0;

	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < BED_RING - 4; i++)
			send_simple(&pair->a, 0, 60);
		bed_poll(&pair->a);
		bed_post_receive(&pair->b, (uint16_t)((round + 2) * BED_RING - 1));
		while (bed_completion(&pair->b, true))
			;
	}
	assert_int_equal(pair->a.device->counters.sent, BED_RING);
	while (bed_completion(&pair->a, false))
		sent++;
	bed_poll(&pair->a);
	while (bed_completion(&pair->a, false))
		sent++;
	assert_int_equal(sent, 2 * (BED_RING - 4));
}

static void no_receive_buffer(void **state)
{
	struct pair *pair = *state;

	for (unsigned int i = 0; i < BED_RING + 2; i++) {
		send_simple(&pair->a, i, 60);
		bed_poll(&pair->a);
		expect_sent(&pair->a, (uint16_t)i);
	}
	for (unsigned int i = 0; i < BED_RING - 1; i++)
		expect_frame(&pair->b, i, pair->a.packets + i, 60);
	assert_null(bed_completion(&pair->b, true));
	assert_int_equal(pair->b.device->counters.no_buffer, 3);
}

/* b has taken all that it has buffers for; the next frame waits, the one after it is not sent. */
static void fill_up(struct pair *pair)
{
	pair->b.device->flow_control = true;
	for (unsigned int i = 0; i < BED_RING - 1; i++) {
		send_simple(&pair->a, i, 60);
		bed_poll(&pair->a);
		expect_sent(&pair->a, (uint16_t)i);
		expect_frame(&pair->b, i, pair->a.packets + i, 60);
	}
	bed_poll(&pair->b);
	for (unsigned int i = 0; i < 2; i++)
		send_simple(&pair->a, 100 + i, 60);
	bed_poll(&pair->a);
	expect_sent(&pair->a, BED_RING - 1);
	expect_nothing(pair);
	assert_int_equal(pair->b.device->counters.no_buffer, 0);
}

/* With flow control a frame waits for a buffer, and its sender with it; none is lost. */
static void waits_for_buffer(void **state)
{
	struct pair *pair = *state;

	fill_up(pair);
	bed_post_more(&pair->b, BED_RING);
	bed_poll(&pair->b);
	expect_frame(&pair->b, BED_RING - 1, pair->a.packets + 100, 60);
	bed_post_more(&pair->b, BED_RING + 1);
	bed_poll(&pair->a);
	expect_sent(&pair->a, BED_RING);
	expect_frame(&pair->b, BED_RING, pair->a.packets + 101, 60);
	assert_int_equal(pair->b.device->counters.no_buffer, 0);
	assert_int_equal(pair->b.device->counters.delivered, BED_RING + 1);
}

/* A queue that nobody reads is not waited for for ever, and then not again before it moves. */
static void waits_in_vain(void **state)
{
	struct pair *pair = *state;

	fill_up(pair);
	pair->b.device->waiting->since -= CX_PATIENCE_NS;
	bed_poll(&pair->a);
	expect_sent(&pair->a, BED_RING);
	assert_int_equal(pair->b.device->counters.no_buffer, 2);
	bed_post_more(&pair->b, BED_RING);
	send_simple(&pair->a, 7, 60);
	bed_poll(&pair->a);
	expect_frame(&pair->b, BED_RING - 1, pair->a.packets + 7, 60);
	send_simple(&pair->a, 8, 60);
	bed_poll(&pair->a);
	assert_non_null(pair->b.device->waiting->rq);
	cx_lock();
	cx_device_stop_waiting(pair->b.device, pair->b.device->waiting->rq);
	cx_unlock();
	assert_int_equal(pair->b.device->counters.dropped, 1);
}

/* Longer than its buffer: an error completion, and the queue goes on. */
static void receive_too_long(void **state)
{
	struct pair *pair = *state;
	const struct cx_cqe *cqe;

	send_simple(&pair->a, 0, BED_BUFFER + 1);
	send_simple(&pair->a, 0, 60);
	bed_poll(&pair->a);
	cqe = completion(&pair->b, true);
	assert_int_equal(opcode(cqe), CQE_RECEIVE_ERROR);
	assert_int_equal(syndrome(cqe), SYNDROME_LOCAL_LENGTH);
	expect_frame(&pair->b, 1, pair->a.packets, 60);
}

/* A buffer that is not registered: an error, the rest flushed, and nothing until a reset. */
static void receive_protection(void **state)
{
	struct pair *pair = *state;
	struct bed_command command;
	const struct cx_cqe *cqe;

	bed_data_segment(pair->b.umem_bytes + BED_RX_RING, BED_BUFFER, 0xbad00, pair->b.packets);
	send_simple(&pair->a, 0, 60);
	send_simple(&pair->a, 0, 60);
	bed_poll(&pair->a);
	for (unsigned int i = 0; i < BED_RING - 1; i++) {
		cqe = completion(&pair->b, true);
		assert_int_equal(opcode(cqe), CQE_RECEIVE_ERROR);
		assert_int_equal(syndrome(cqe), i ? SYNDROME_FLUSHED : SYNDROME_LOCAL_PROTECTION);
		assert_int_equal(be16toh(cqe->wqe_counter), i);
	}
	assert_null(bed_completion(&pair->b, true));
	bed_command_state(&command, pair->b.rq, PRM_QUEUE_READY, PRM_QUEUE_RESET);
	assert_int_equal(bed_modify(pair->b.rq, &command), PRM_OK);
	bed_command_state(&command, pair->b.rq, PRM_QUEUE_RESET, PRM_QUEUE_READY);
	assert_int_equal(bed_modify(pair->b.rq, &command), PRM_OK);
	send_simple(&pair->a, 0, 60);
	bed_poll(&pair->a);
	assert_null(bed_completion(&pair->b, true)); /* no buffers yet: the doorbell was cleared */
	bed_post_receive(&pair->b, BED_RING - 1);
	send_simple(&pair->a, 9, 60);
	bed_poll(&pair->a);
	expect_frame(&pair->b, 0, pair->a.packets + 9, 60);
}

static void vlan_strip(void **state)
{
	struct pair *pair = *state;
	const struct cx_cqe *cqe;
	struct bed_command command;

	bed_command_state(&command, pair->b.rq, PRM_QUEUE_READY, PRM_QUEUE_READY);
	prm_set64(command.bytes, MODIFY_IN_BITMASK, MODIFY_RQ_VLAN_STRIP);
	assert_int_equal(bed_modify(pair->b.rq, &command), PRM_OK);
	memcpy(pair->a.packets + 12, "\x81\x00\x61\x23", 4);
	send_simple(&pair->a, 0, 80);
	bed_poll(&pair->a);
	cqe = completion(&pair->b, true);
	assert_int_equal(be32toh(cqe->byte_count), 76);
	assert_int_equal(be16toh(cqe->vlan_info), 0x6123);
	assert_true(be16toh(cqe->header_types) & CQE_VLAN_STRIPPED);
	assert_memory_equal(pair->b.packets, pair->a.packets, 12);
	assert_memory_equal(pair->b.packets + 12, pair->a.packets + 16, 64);
}

static void headers_must_be_inline(void **state)
{
	struct pair *pair = *state;
	uint8_t *wqe = bed_wqe(&pair->a);

	wqe[29] = 18;
	memcpy(wqe + 30, pair->a.packets, 18);
	bed_data_segment(wqe + 48, 60, pair->a.mr->lkey, pair->a.packets + 18);
	bed_send(&pair->a, WQE_SEND, 4);
	bed_poll(&pair->a);
	expect_frame(&pair->b, 0, pair->a.packets, 78);
	expect_sent(&pair->a, 0);
	send_simple(&pair->a, 0, 60);
	bed_poll(&pair->a);
	expect_send_error(&pair->a, SYNDROME_LOCAL_QP_OPERATION);
}

/* A ConnectX-4 Lx inserts no tags. */
static void no_vlan_insertion(void **state)
{
	struct pair *pair = *state;
	uint8_t *wqe = bed_wqe(&pair->a);

	bed_data_segment(wqe + 32, 60, pair->a.mr->lkey, pair->a.packets);
	wqe[28] = 0x80;
	wqe[31] = 7;
	bed_send(&pair->a, WQE_SEND, 3);
	bed_poll(&pair->a);
	expect_send_error(&pair->a, SYNDROME_LOCAL_QP_OPERATION);
	expect_nothing(pair);
}

static void failed_device_stands_still(void **state)
{
	struct pair *pair = *state;
	struct ibv_async_event event;

	cx_device_raise(pair->a.device, IBV_EVENT_DEVICE_FATAL);
	send_simple(&pair->a, 0, 60);
	bed_poll(&pair->a);
	expect_nothing(pair);
	assert_int_equal(ibv_get_async_event(pair->a.context, &event), 0);
	assert_int_equal(event.event_type, IBV_EVENT_DEVICE_FATAL);
	send_simple(&pair->b, 0, 60);
	bed_poll(&pair->b);
	assert_null(bed_completion(&pair->a, true));
	expect_sent(&pair->b, 0);
}

/* What the program does with a slot that a session took. */
static void give_back(struct bed *bed, uint32_t slots)
{
	for (uint32_t i = 0; i < slots; i++) {
		uint32_t slot = (bed->seen_rx + i) % BED_RING;

		bed->umem_bytes[BED_RX_CQ + slot * CX_CQE_SIZE + 63] = CQE_INVALID << 4;
	}
	bed_consume_receive(bed, slots);
}

/* A session of frames first, first + 1, ...: title, then arrays of mini CQEs at 1, 8, 16, ... */
static void expect_session(struct bed *bed, unsigned int first, uint32_t n)
{
	uint32_t slot = bed->seen_rx % BED_RING;
	const uint8_t *ring = bed->umem_bytes + BED_RX_CQ;
	const struct cx_cqe *title = (const struct cx_cqe *)(ring + slot * CX_CQE_SIZE);

	assert_int_equal(title->op_own,
			 CQE_RECEIVE << 4 | CQE_COMPRESSED | (bed->seen_rx >> BED_LOG_RING & 1));
	assert_int_equal(be32toh(title->byte_count), n);
	assert_int_equal(be16toh(title->wqe_counter), first);
	assert_true(slot + n <= BED_RING);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = slot + (i < CX_MINI_ARRAY ? 1 : i / CX_MINI_ARRAY * CX_MINI_ARRAY);
		struct cx_mini_cqe mini;

		memcpy(&mini, ring + at * CX_CQE_SIZE + i % CX_MINI_ARRAY * sizeof(mini),
		       sizeof(mini));
		assert_int_equal(be32toh(mini.byte_count), 60 + first + i);
		assert_int_equal(mini.rx_hash_result, title->rx_hash_result);
	}
	give_back(bed, n);
}

static void send_many(struct pair *pair, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		send_simple(&pair->a, i, 60 + i);
	bed_poll(&pair->a);
	for (unsigned int i = first; i < first + n; i++)
		expect_sent(&pair->a, (uint16_t)i);
}

/* Sessions end with the round, with the ring, and before an error. */
static void compressed(void **state)
{
	struct pair *pair = *state;
	const struct cx_cqe *cqe;

	send_many(pair, 0, 11);
	expect_session(&pair->b, 0, 11);
	send_many(pair, 11, 1); /* alone it is a completion as ever */
	cqe = completion(&pair->b, true);
	assert_int_equal(cqe->op_own, CQE_RECEIVE << 4);
	assert_int_equal(be32toh(cqe->byte_count), 71);
	bed_post_receive(&pair->b, BED_RING + 11);
	send_many(pair, 12, 9);
	expect_session(&pair->b, 12, 4);
	expect_session(&pair->b, 16, 5);
	assert_int_equal(pair->b.device->counters.compressed, 20);
	bed_post_receive(&pair->b, BED_RING + 20);
	send_simple(&pair->a, 21, 60 + 21);
	send_simple(&pair->a, 22, 60 + 22);
	send_simple(&pair->a, 0, BED_BUFFER + 1); /* too long for its buffer */
	bed_poll(&pair->a);
	expect_session(&pair->b, 21, 2);
	cqe = completion(&pair->b, true);
	assert_int_equal(opcode(cqe), CQE_RECEIVE_ERROR);
	assert_int_equal(syndrome(cqe), SYNDROME_LOCAL_LENGTH);
}

static void unsent_frames(void **state)
{
	struct pair *pair = *state;
	struct bed *a = &pair->a;
	uint8_t *wqe;

	send_simple(a, 0, 60);
	bed_poll(a);
	expect_sent(a, 0);
	cx_device_raise(a->device, IBV_EVENT_DEVICE_FATAL);
	send_simple(a, 0, 60);
	wqe = bed_wqe(a);
	bed_data_segment(wqe + 32, 60, a->mr->lkey, a->packets);
	bed_data_segment(wqe + 48, 60, a->mr->lkey, a->packets);
	bed_send(a, WQE_ENHANCED_MPW, 4);
	bed_poll(a);
	assert_int_equal(cx_sq_unsent((struct cx_sq *)a->sq), 3);
	assert_int_equal(mlx5dv_devx_obj_destroy(a->sq), 0);
	assert_int_equal(a->device->counters.unsent, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(send_one),
		TEST(send_inline_header_and_segments),
		TEST(send_multi_packet),
		TEST(many_rounds),
		TEST(descriptor_wraps),
		TEST(wrong_descriptors),
		TEST(error_flushes_the_rest),
		TEST(doorbell_beyond_ring),
		TEST(completion_queue_full),
		TEST(no_receive_buffer),
		TEST(waits_for_buffer),
		TEST(waits_in_vain),
		TEST(receive_too_long),
		TEST(receive_protection),
		TEST(vlan_strip),
		cmocka_unit_test_setup_teardown(compressed, setup_compressing, teardown),
		cmocka_unit_test_setup_teardown(headers_must_be_inline, setup_cx4lx, teardown),
		cmocka_unit_test_setup_teardown(no_vlan_insertion, setup_cx4lx, teardown),
		TEST(failed_device_stands_still),
		TEST(unsent_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
