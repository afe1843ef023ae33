/*
 * The synthetic NIC's pure parts: VMBus rings, RNDIS data messages both ways, checksums, large
 * sends, and the RSS hash against Microsoft's vectors.
 */
#include "azhost/vmbus/bufring.h"
#include "azhost/vmbus/checksum.h"
#include "azhost/vmbus/ndis.h"
#include "azhost/vmbus/rndis_data.h"
#include "azhost/vmbus/rss.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING_BYTES (4 * VMBUS_PAGE)

/* --- rings --- */

static void put(struct bufring *ring, const void *message, uint32_t bytes)
{
	assert_int_equal(bufring_send(ring, VMBUS_INBAND, VMBUS_WANTS_COMPLETION, 77,
				      (struct bufring_part){ NULL, 0 },
				      (struct bufring_part){ message, bytes }),
			 BUFRING_OK);
}

static void test_ring_round_trip(void **state)
{
	void *memory = aligned_alloc(VMBUS_PAGE, RING_BYTES);
	uint8_t message[3000], packet[VMBUS_PACKET_MAX];
	struct bufring out, in;
	uint32_t bytes;

	(void)state;
	bufring_init(&out, memory, RING_BYTES);
	bufring_init(&in, memory, RING_BYTES);
	bufring_reset(&out);
	bufring_reset(&in);
	assert_int_equal(bufring_receive(&in, packet, &bytes), BUFRING_EMPTY);
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t n = 4 + round * 13 % 2900;
		struct vmbus_packet head;

		memset(message, (int)round, n);
		put(&out, message, n);
		assert_int_equal(bufring_receive(&in, packet, &bytes), BUFRING_OK);
		memcpy(&head, packet, sizeof(head));
		assert_int_equal(head.type, VMBUS_INBAND);
		assert_int_equal(head.transaction, 77);
		assert_int_equal(bytes, (sizeof(head) + n + 7) / 8 * 8);
		assert_memory_equal(packet + sizeof(head), message, n);
	}
	while (bufring_send(&out, VMBUS_INBAND, 0, 0, (struct bufring_part){ NULL, 0 },
			    (struct bufring_part){ message, 100 }) == BUFRING_OK)
		;
	assert_true(bufring_room(&out) < 128);
	free(memory);
}

static void test_ring_lies(void **state)
{
	void *memory = aligned_alloc(VMBUS_PAGE, RING_BYTES);
	struct vmbus_ring_header *header = memory;
	uint8_t packet[VMBUS_PACKET_MAX], message[64] = { 0 };
	static const uint32_t indexes[] = { 1, 7, RING_BYTES - VMBUS_PAGE, UINT32_MAX, 8, 16 };
	struct bufring ring;
	uint32_t bytes;

	(void)state;
	memset(memory, 0, RING_BYTES);
	bufring_init(&ring, memory, RING_BYTES);
	bufring_reset(&ring);
	for (unsigned i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
		header->write_index = indexes[i];
		assert_int_equal(bufring_receive(&ring, packet, &bytes), -EPROTO);
		header->read_index = indexes[i];
		if (indexes[i] % 8 != 0 || indexes[i] >= ring.size)
			assert_int_equal(bufring_room(&ring), 0);
	}

	/* Lengths in the packet header that cannot be. */
	static const uint16_t lengths[][2] = {
		{ 0, 4 }, { 1, 4 }, { 4, 2 }, { 2, 4095 }, { 2, 9 }
	};

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct vmbus_packet *head = (struct vmbus_packet *)((uint8_t *)memory + VMBUS_PAGE);

		bufring_reset(&ring);
		put(&ring, message, 32);
		ring.own = 0;
		head->header_8 = lengths[i][0];
		head->total_8 = lengths[i][1];
		assert_int_equal(bufring_receive(&ring, packet, &bytes), -EPROTO);
	}
	free(memory);
}

/* --- frames --- */

struct frame {
	uint8_t bytes[70000];
	uint32_t length;
};

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A TCP or UDP frame without checksums. */
static void make(struct frame *f, int version, uint8_t protocol, uint32_t payload)
{
	const uint32_t l3 = 14, l4 = l3 + (version == 4 ? 20 : 40);
	const uint32_t header = protocol == 6 ? 20 : 8;
	uint8_t *b = f->bytes;

	memset(b, 0, l4 + header);
	memcpy(b, "\x00\x0d\x3a\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	put16(b + 12, version == 4 ? 0x0800 : 0x86dd);
	if (version == 4) {
		b[l3] = 0x45;
		put16(b + l3 + 2, (20 + header + payload) & 0xffff);
		put16(b + l3 + 4, 0x1234);
		b[l3 + 8] = 64;
		b[l3 + 9] = protocol;
		memcpy(b + l3 + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	} else {
		b[l3] = 0x60;
		put16(b + l3 + 4, (header + payload) & 0xffff);
		b[l3 + 6] = protocol;
		b[l3 + 7] = 64;
		b[l3 + 23] = 1;
		b[l3 + 39] = 2;
	}
	put16(b + l4, 1000);
	put16(b + l4 + 2, 2000);
	if (protocol == 6) {
		b[l4 + 7] = 9; /* sequence number */
		b[l4 + 12] = 0x50;
		b[l4 + 13] = 0x99; /* CWR, ACK, PSH, FIN */
	} else {
		put16(b + l4 + 4, 8 + payload);
	}
	for (uint32_t i = 0; i < payload; i++)
		b[l4 + header + i] = (uint8_t)(i * 7);
	f->length = l4 + header + payload;
}

static void test_checksums(void **state)
{
	static const int versions[] = { 4, 6 };
	static const uint8_t protocols[] = { 6, 17 };
	struct frame *f = malloc(sizeof(*f));

	(void)state;
	for (unsigned v = 0; v < 2; v++) {
		for (unsigned p = 0; p < 2; p++) {
			for (uint32_t payload = 0; payload < 70; payload++) {
				const uint32_t good =
					(versions[v] == 4 ? NDIS_RX_IP_OK : 0) |
					(protocols[p] == 6 ? NDIS_RX_TCP_OK : NDIS_RX_UDP_OK);
				struct parsed_frame parsed;

				make(f, versions[v], protocols[p], payload);
				assert_true(parse_frame(f->bytes, f->length, &parsed));
				checksum_fill_ip(f->bytes, &parsed);
				assert_int_equal(checksum_fill_l4(f->bytes, &parsed),
						 CHECKSUM_FILLED);
				assert_int_equal(checksum_verify(f->bytes, f->length), good);
				f->bytes[parsed.l4] ^= 1;
				assert_int_equal(checksum_verify(f->bytes, f->length) & good,
						 good & NDIS_RX_IP_OK);
			}
		}
	}
	/* RFC 1071's own example lies in an IPv4 header well known: 4500 0073 ... b861. */
	static const uint8_t known[20] = { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40,
					   0x00, 0x40, 0x11, 0x00, 0x00, 0xc0, 0xa8,
					   0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 };
	struct parsed_frame parsed;

	make(f, 4, 17, 0x73 - 28);
	memcpy(f->bytes + 14, known, sizeof(known));
	assert_true(parse_frame(f->bytes, f->length, &parsed));
	checksum_fill_ip(f->bytes, &parsed);
	assert_int_equal(f->bytes[24], 0xb8);
	assert_int_equal(f->bytes[25], 0x61);
	free(f);
}

/* --- RNDIS --- */

struct emitted {
	unsigned count;
	struct frame frames[64];
};

static void emit(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct emitted *e = opaque;

	assert_in_range(e->count, 0, 63);
	memcpy(e->frames[e->count].bytes, frame, length);
	e->frames[e->count++].length = length;
}

/* An RNDIS packet as netvsc makes it. */
static uint32_t message_of(uint8_t *to, const struct frame *f, const uint32_t info[][2],
			   unsigned count)
{
	struct rndis_packet p = { .type = RNDIS_PACKET, .data_length = f->length };
	uint8_t *at = to + sizeof(p);

	for (unsigned i = 0; i < count; i++) {
		const struct rndis_info head = { 16, info[i][0], 12 };

		memcpy(at, &head, sizeof(head));
		memcpy(at + 12, &info[i][1], 4);
		at += 16;
	}
	p.info_offset = sizeof(p) - RNDIS_PACKET_BASE;
	p.info_length = count * 16;
	p.data_offset = (uint32_t)(at - to) - RNDIS_PACKET_BASE;
	p.length = (uint32_t)(at - to) + f->length;
	memcpy(to, &p, sizeof(p));
	memcpy(at, f->bytes, f->length);
	return p.length;
}

static struct rndis_done pass(const struct frame *f, const uint32_t info[][2], unsigned count,
			      struct emitted *e)
{
	uint8_t *message = malloc(80000), scratch[RNDIS_SCRATCH];
	struct rndis_tx tx;
	uint32_t next, bytes = message_of(message, f, info, count);

	e->count = 0;
	assert_int_equal(rndis_read_packet(message, bytes, &tx, &next), 0);
	assert_int_equal(next, bytes);

	struct rndis_done done = rndis_finish_packet(&tx, 1518, scratch, emit, e);

	free(message);
	return done;
}

static void test_plain_and_vlan(void **state)
{
	struct emitted *e = malloc(sizeof(*e));
	struct frame *f = malloc(sizeof(*f));
	const uint32_t vlan[][2] = { { RNDIS_INFO_HASH_VALUE, 3 },
				     { RNDIS_INFO_VLAN, 5 | 1 << 3 | 0x123 << 4 } };

	(void)state;
	make(f, 4, 17, 100);
	assert_int_equal(pass(f, NULL, 0, e).frames, 1);
	assert_int_equal(e->frames[0].length, f->length);
	assert_memory_equal(e->frames[0].bytes, f->bytes, f->length);

	struct rndis_done done = pass(f, vlan, 2, e);

	assert_true(done.vlan);
	assert_int_equal(e->frames[0].length, f->length + 4);
	assert_memory_equal(e->frames[0].bytes + 12, "\x81\x00\xb1\x23\x08\x00", 6);
	assert_memory_equal(e->frames[0].bytes + 18, f->bytes + 14, f->length - 14);
	free(f);
	free(e);
}

static void test_checksum_requests(void **state)
{
	struct emitted *e = malloc(sizeof(*e));
	struct frame *f = malloc(sizeof(*f));
	const uint32_t tcp[][2] = { { RNDIS_INFO_CHECKSUM,
				      NDIS_TX_V4 | NDIS_TX_IP | NDIS_TX_TCP | 34 << 16 } };
	const uint32_t udp6[][2] = { { RNDIS_INFO_CHECKSUM, NDIS_TX_V6 | NDIS_TX_UDP | 54 << 16 } };
	const uint32_t astray[][2] = { { RNDIS_INFO_CHECKSUM,
					 NDIS_TX_V4 | NDIS_TX_TCP | 30 << 16 } };
	const uint32_t tagged[][2] = { { RNDIS_INFO_CHECKSUM,
					 NDIS_TX_V4 | NDIS_TX_IP | NDIS_TX_TCP | 34 << 16 },
				       { RNDIS_INFO_VLAN, 7 << 4 } };

	(void)state;
	make(f, 4, 6, 333);
	assert_true(pass(f, tcp, 1, e).checksum);
	assert_int_equal(checksum_verify(e->frames[0].bytes, e->frames[0].length),
			 NDIS_RX_IP_OK | NDIS_RX_TCP_OK);
	assert_int_equal(pass(f, astray, 1, e).refusal, RNDIS_BAD_CHECKSUM_REQUEST);
	assert_int_equal(e->count, 0);
	assert_int_equal(pass(f, tagged, 2, e).frames, 1);
	assert_int_equal(checksum_verify(e->frames[0].bytes, e->frames[0].length),
			 NDIS_RX_IP_OK | NDIS_RX_TCP_OK);
	assert_int_equal(pass(f, udp6, 1, e).refusal, RNDIS_BAD_CHECKSUM_REQUEST);
	make(f, 6, 17, 12);
	assert_int_equal(pass(f, udp6, 1, e).frames, 1);
	assert_int_equal(checksum_verify(e->frames[0].bytes, e->frames[0].length), NDIS_RX_UDP_OK);
	free(f);
	free(e);
}

static void check_segments(int version, uint32_t payload, uint32_t mss)
{
	struct emitted *e = malloc(sizeof(*e));
	struct frame *f = malloc(sizeof(*f));
	const uint32_t l4 = version == 4 ? 34 : 54;
	const uint32_t request[][2] = { { RNDIS_INFO_LARGE_SEND,
					  mss | l4 << 20 | NDIS_LSO_VERSION_2 |
						  (version == 6 ? NDIS_LSO_V6 : 0) } };
	uint32_t done_bytes = 0;

	make(f, version, 6, payload);

	struct rndis_done done = pass(f, request, 1, e);

	assert_int_equal(done.frames, (payload + mss - 1) / mss);
	assert_true(done.segmented);
	for (unsigned i = 0; i < e->count; i++) {
		const uint8_t *b = e->frames[i].bytes;
		const bool last = i + 1 == e->count;
		uint32_t bytes = e->frames[i].length - l4 - 20;

		assert_int_equal(bytes, last ? payload - mss * i : mss);
		assert_memory_equal(b + l4 + 20, f->bytes + l4 + 20 + done_bytes, bytes);
		assert_int_equal(get32(b + l4 + 4), 9 + done_bytes);
		assert_int_equal(b[l4 + 13], 0x10 | (last ? 0x09 : 0) | (i == 0 ? 0x80 : 0));
		if (version == 4)
			assert_int_equal(b[18] << 8 | b[19], 0x1234 + i);
		assert_int_equal(checksum_verify(b, e->frames[i].length),
				 NDIS_RX_TCP_OK | (version == 4 ? NDIS_RX_IP_OK : 0));
		done_bytes += bytes;
	}
	assert_int_equal(done_bytes, payload);
	free(f);
	free(e);
}

static void test_large_sends(void **state)
{
	struct emitted *e = malloc(sizeof(*e));
	struct frame *f = malloc(sizeof(*f));

	(void)state;
	check_segments(4, 4000, 1460);
	check_segments(6, 4000, 1440);
	check_segments(4, 60000, 1460);
	check_segments(4, 100, 100);
	check_segments(6, 101, 100);

	/* What cannot be cut is refused: no MSS, headers beyond the packet, more than the MTU. */
	static const uint32_t bad[] = {
		34u << 20 | NDIS_LSO_VERSION_2,
		1460 | 1023u << 20 | NDIS_LSO_VERSION_2,
		1460 | 34u << 20 | NDIS_LSO_VERSION_2 | NDIS_LSO_V6,
		9000 | 34u << 20 | NDIS_LSO_VERSION_2,
		1460 | 33u << 20 | NDIS_LSO_VERSION_2,
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const uint32_t request[][2] = { { RNDIS_INFO_LARGE_SEND, bad[i] } };

		make(f, 4, 6, 4000);
		assert_int_equal(pass(f, request, 1, e).refusal, RNDIS_BAD_LARGE_SEND);
		assert_int_equal(e->count, 0);
	}
	/* Without a large send, a packet longer than the MTU is nobody's. */
	assert_int_equal(pass(f, NULL, 0, e).refusal, RNDIS_BAD_LENGTH);
	free(f);
	free(e);
}

static void test_malformed_messages(void **state)
{
	struct frame *f = malloc(sizeof(*f));
	uint8_t message[512];
	const uint32_t vlan[][2] = { { RNDIS_INFO_VLAN, 0x10 } };
	struct rndis_tx tx;
	uint32_t next, bytes;

	(void)state;
	make(f, 4, 17, 60);
	bytes = message_of(message, f, vlan, 1);
	assert_int_equal(rndis_read_packet(message, bytes, &tx, &next), 0);
	assert_int_equal(rndis_read_packet(message, bytes - 1, &tx, &next), -EINVAL);
	assert_int_equal(rndis_read_packet(message, sizeof(struct rndis_packet) - 1, &tx, &next),
			 -EINVAL);

	/* Each field of the header and of the information, set to values that lead astray. */
	static const uint32_t values[] = { 0,          1,          7,          13,
					   0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff };
	static const unsigned fields[] = { 0, 4, 8, 12, 28, 32, 44, 52 };

	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		unsigned refused = 0;

		for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			bytes = message_of(message, f, vlan, 1);
			memcpy(message + fields[i], &values[v], 4);
			refused += rndis_read_packet(message, bytes, &tx, &next) == -EINVAL;
		}
		assert_true(refused >= 4);
	}
	free(f);
}

static void test_write_packet(void **state)
{
	uint8_t frame[64] = { 1, 2, 3 }, message[256];
	const struct rndis_rx rx = {
		.frame = frame,
		.length = sizeof(frame),
		.has_vlan = true,
		.vlan = 0x55,
		.has_hash = true,
		.hash = 0xabcd,
		.hash_type = NDIS_HASH_V4,
		.checksum = NDIS_RX_IP_OK,
	};
	struct rndis_tx tx;
	uint32_t next, bytes = rndis_write_packet(&rx, message);

	(void)state;
	/* The two directions have the same shape. */
	assert_int_equal(rndis_read_packet(message, bytes, &tx, &next), 0);
	assert_int_equal(next, bytes);
	assert_int_equal(tx.length, sizeof(frame));
	assert_memory_equal(tx.data, frame, sizeof(frame));
	assert_true(tx.has_vlan && tx.vlan == 0x55);
	assert_true(tx.has_checksum && tx.checksum == NDIS_RX_IP_OK);
	assert_true(bytes <= RNDIS_RX_HEADER_MAX + sizeof(frame));
}

/* --- RSS --- */

static const uint8_t microsoft_key[NDIS_RSS_KEY] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static void test_rss_vectors(void **state)
{
	/* "Verifying the RSS Hash Calculation": source, destination, ports; hash without and with.
	 */
	static const struct {
		const char *source, *destination;
		uint16_t source_port, destination_port;
		uint32_t plain, tcp;
	} vectors[] = {
		{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
		{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
		{ "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
		{ "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
		{ "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
	};
	struct rss *rss = calloc(1, sizeof(*rss));

	(void)state;
	rss_set_key(rss, microsoft_key);
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t input[12];

		inet_pton(AF_INET, vectors[i].source, input);
		inet_pton(AF_INET, vectors[i].destination, input + 4);
		put16(input + 8, vectors[i].source_port);
		put16(input + 10, vectors[i].destination_port);
		assert_int_equal(rss_hash(rss, input, 8), vectors[i].plain);
		assert_int_equal(rss_hash(rss, input, 12), vectors[i].tcp);
	}

	/* An IPv6 vector: 3ffe:2501:200:1fff::7 -> 3ffe:2501:200:3::1, 2794, 1766. */
	uint8_t input[36];

	inet_pton(AF_INET6, "3ffe:2501:200:1fff::7", input);
	inet_pton(AF_INET6, "3ffe:2501:200:3::1", input + 16);
	put16(input + 32, 2794);
	put16(input + 34, 1766);
	assert_int_equal(rss_hash(rss, input, 32), 0x2cc18cd5);
	assert_int_equal(rss_hash(rss, input, 36), 0x40207d3d);
	free(rss);
}

static void test_rss_parameters(void **state)
{
	struct {
		struct ndis_rss_parameters p;
		uint8_t room[1000];
	} block = { 0 };
	struct rss *rss = calloc(1, sizeof(*rss));

	(void)state;
	block.p.header.object = NDIS_OBJECT_RSS_PARAMETERS;
	block.p.hash = NDIS_HASH_V4 | NDIS_RSS_TOEPLITZ;
	block.p.table_bytes = 8;
	block.p.table_offset = 64;
	block.p.key_bytes = NDIS_RSS_KEY;
	block.p.key_offset = 100;
	memcpy((uint8_t *)&block + 64, (uint32_t[]){ 1, 3 }, 8);
	assert_int_equal(rss_configure(rss, &block, 140), 0);
	assert_true(rss->on);
	assert_int_equal(rss->table[0], 1);
	assert_int_equal(rss->table[127], 3);
	assert_int_equal(rss_configure(rss, &block, 139), -EINVAL);
	assert_int_equal(rss_configure(rss, &block, 20), -EINVAL);
	block.p.table_offset = 0xfffffff0;
	assert_int_equal(rss_configure(rss, &block, sizeof(block)), -EINVAL);
	block.p.table_offset = 64;
	block.p.table_bytes = 516;
	assert_int_equal(rss_configure(rss, &block, sizeof(block)), -EINVAL);
	block.p.table_bytes = 6;
	assert_int_equal(rss_configure(rss, &block, sizeof(block)), -EINVAL);
	block.p.table_bytes = 8;
	block.p.key_bytes = 39;
	assert_int_equal(rss_configure(rss, &block, sizeof(block)), -EINVAL);
	block.p.flags = NDIS_RSS_UNCHANGED_KEY | NDIS_RSS_DISABLE;
	assert_int_equal(rss_configure(rss, &block, sizeof(block)), 0);
	assert_false(rss->on);
	free(rss);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_round_trip),    cmocka_unit_test(test_ring_lies),
		cmocka_unit_test(test_checksums),          cmocka_unit_test(test_plain_and_vlan),
		cmocka_unit_test(test_checksum_requests),  cmocka_unit_test(test_large_sends),
		cmocka_unit_test(test_malformed_messages), cmocka_unit_test(test_write_packet),
		cmocka_unit_test(test_rss_vectors),        cmocka_unit_test(test_rss_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
