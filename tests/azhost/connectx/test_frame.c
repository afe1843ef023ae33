/* Offloads on frames, against plain definitions: RFC 1071 sums, and Microsoft's RSS vectors. */
#include "azhost/connectx/frame.h"
#include "azhost/connectx/rss.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

static uint8_t buffer[CX_FRAME_HEADROOM + 65536];
static uint8_t segment_buffer[CX_FRAME_HEADROOM + CX_FRAME_MAX];

static struct cx_frame frame_at(uint8_t *memory)
{
	return (struct cx_frame){ .data = memory + CX_FRAME_HEADROOM,
				  .headroom = CX_FRAME_HEADROOM };
}

/* A frame with checksums 0: l3 4 or 6, protocol 6 or 17. */
static struct cx_frame make(unsigned int l3, unsigned int protocol, uint32_t payload)
{
	uint32_t l4_bytes = (protocol == IPPROTO_TCP ? 20 : 8) + payload, at = 14;
	static const uint8_t addresses[] = { 10, 0, 0, 1, 10, 0, 0, 2 };
	struct cx_frame frame = frame_at(buffer);
	uint8_t *p = frame.data;

	memset(buffer, 0, sizeof(buffer));
	p[12] = l3 == 4 ? 0x08 : 0x86;
	p[13] = l3 == 4 ? 0x00 : 0xdd;
	if (l3 == 4) {
		p[14] = 0x45;
		p[16] = (uint8_t)((20 + l4_bytes) >> 8);
		p[17] = (uint8_t)(20 + l4_bytes);
		p[22] = 64;
		p[23] = (uint8_t)protocol;
		memcpy(p + 26, addresses, sizeof(addresses));
		at += 20;
	} else {
		p[14] = 0x60;
		p[18] = (uint8_t)(l4_bytes >> 8);
		p[19] = (uint8_t)l4_bytes;
		p[20] = (uint8_t)protocol;
		for (unsigned int i = 0; i < 32; i++)
			p[22 + i] = (uint8_t)(i * 7);
		at += 40;
	}
	if (protocol == IPPROTO_TCP)
		p[at + 12] = 0x50;
	else {
		p[at + 4] = (uint8_t)(l4_bytes >> 8);
		p[at + 5] = (uint8_t)l4_bytes;
	}
	for (uint32_t i = 0; i < payload; i++)
		p[at + l4_bytes - payload + i] = (uint8_t)(i * 31 + 5);
	frame.length = at + l4_bytes;
	return frame;
}

/* RFC 1071, by the word. */
static uint16_t plain_sum(const uint8_t *at, uint32_t length, uint32_t sum)
{
	for (uint32_t i = 0; i < length; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint16_t plain_l4_sum(const struct cx_frame *f, const struct steer_headers *h)
{
	const uint8_t *ip = f->data + h->l3_offset;
	uint32_t length = f->length - h->l4_offset;
	uint32_t pseudo = h->ip_protocol + length;

	pseudo = h->l3 == STEER_L3_IPV4 ? plain_sum(ip + 12, 8, pseudo)
					: plain_sum(ip + 8, 32, pseudo);
	return plain_sum(f->data + h->l4_offset, length, pseudo);
}

static void checksums(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4 * 70; i++) {
		unsigned int l3 = i & 1 ? 4 : 6, protocol = i & 2 ? IPPROTO_TCP : IPPROTO_UDP;
		struct cx_frame frame = make(l3, protocol, i / 4);
		struct steer_headers headers;

		steer_parse(frame.data, frame.length, &headers);
		assert_false(cx_frame_l4_good(&frame, &headers) && protocol == IPPROTO_TCP);
		cx_frame_write_checksums(&frame, &headers, true, true);
		steer_parse(frame.data, frame.length, &headers);
		assert_true(headers.l3_ok);
		if (l3 == 4)
			assert_int_equal(plain_sum(frame.data + 14, 20, 0), 0xffff);
		assert_int_equal(plain_l4_sum(&frame, &headers), 0xffff);
		assert_true(cx_frame_l4_good(&frame, &headers));
		frame.data[headers.l4_offset + 1] ^= 1;
		assert_false(cx_frame_l4_good(&frame, &headers));
	}
}

static void padding_is_no_datagram(void **state)
{
	struct cx_frame frame = make(4, IPPROTO_TCP, 0);
	struct steer_headers headers;

	(void)state;
	steer_parse(frame.data, frame.length, &headers);
	cx_frame_write_checksums(&frame, &headers, true, true);
	memset(frame.data + frame.length, 0xee, 6);
	frame.length += 6;
	assert_true(cx_frame_l4_good(&frame, &headers));
}

static void no_udp_checksum(void **state)
{
	struct cx_frame frame = make(4, IPPROTO_UDP, 10);
	struct steer_headers headers;

	(void)state;
	steer_parse(frame.data, frame.length, &headers);
	assert_true(cx_frame_l4_good(&frame, &headers)); /* RFC 768: none was made */
	frame = make(6, IPPROTO_UDP, 10);
	steer_parse(frame.data, frame.length, &headers);
	assert_false(cx_frame_l4_good(&frame, &headers)); /* RFC 8200: it has to be there */
}

static void lying_lengths(void **state)
{
	struct steer_headers headers;
	struct cx_frame frame;

	(void)state;
	for (uint32_t claimed = 0; claimed < 70000; claimed += 251) {
		frame = make(4, IPPROTO_UDP, 30);
		frame.data[16] = (uint8_t)(claimed >> 8);
		frame.data[17] = (uint8_t)claimed;
		steer_parse(frame.data, frame.length, &headers);
		cx_frame_write_checksums(&frame, &headers, true, true);
		(void)cx_frame_l4_good(&frame, &headers);
	}
}

static void vlan(void **state)
{
	struct cx_frame frame = make(4, IPPROTO_UDP, 10);
	uint8_t before[64];

	(void)state;
	memcpy(before, frame.data, frame.length);
	assert_true(cx_frame_push_vlan(&frame, 0x2005));
	assert_memory_equal(frame.data, before, 12);
	assert_memory_equal(frame.data + 12, "\x81\x00\x20\x05", 4);
	assert_memory_equal(frame.data + 16, before + 12, frame.length - 16);
	assert_int_equal(frame.headroom, CX_FRAME_HEADROOM - 4);
	frame.headroom = 3;
	assert_false(cx_frame_push_vlan(&frame, 1));
	frame.headroom = 64;
	frame.length = 11;
	assert_false(cx_frame_push_vlan(&frame, 1));
}

static void segments(void **state)
{
	const uint32_t payload = 5000;

	(void)state;
	for (unsigned int l3 = 4; l3 <= 6; l3 += 2) {
		struct cx_frame whole = make(l3, IPPROTO_TCP, payload), segment;
		uint32_t headers_end = whole.length - payload, total = 0, n = 0;
		struct steer_headers headers, mine;

		steer_parse(whole.data, whole.length, &headers);
		whole.data[headers.l4_offset + 13] = 0x99; /* CWR, ACK, PSH, FIN */
		segment = frame_at(segment_buffer);
		while (cx_frame_segment(&whole, &headers, headers_end, 1400, n, &segment)) {
			uint32_t bytes = segment.length - headers_end;
			const uint8_t *tcp = segment.data + headers.l4_offset;
			uint32_t sequence;

			assert_int_equal(bytes, n < 3 ? 1400 : 800);
			assert_memory_equal(segment.data + headers_end,
					    whole.data + headers_end + total, bytes);
			memcpy(&sequence, tcp + 4, sizeof(sequence));
			assert_int_equal(ntohl(sequence), total);
			assert_int_equal(tcp[13], n == 0 ? 0x90 : n < 3 ? 0x10 : 0x19);
			steer_parse(segment.data, segment.length, &mine);
			assert_true(mine.l3_ok && cx_frame_l4_good(&segment, &mine));
			if (l3 == 4)
				assert_int_equal(segment.data[19], n); /* identification */
			total += bytes;
			n++;
		}
		assert_int_equal(total, payload);
		assert_int_equal(n, 4);
		assert_false(cx_frame_segment(&whole, &headers, headers_end, 0, 0, &segment));
		assert_false(cx_frame_segment(&whole, &headers, 20, 1400, 0, &segment));
	}
}

static const uint8_t key[TIRC_KEY_BYTES] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static uint32_t hash(const struct cx_frame *frame, uint32_t fields, uint8_t l3, uint8_t l4,
		     uint8_t *ret_fields)
{
	struct steer_headers headers;
	struct cx_rss rss;

	cx_rss_init(&rss, key, fields, l3, l4);
	steer_parse(frame->data, frame->length, &headers);
	return cx_rss_hash(&rss, frame->data, frame->length, &headers, ret_fields);
}

/* "Verifying the RSS Hash Calculation", Windows driver documentation. */
static void rss_vectors(void **state)
{
	static const struct {
		const char *source, *destination;
		uint16_t sport, dport;
		uint32_t l3_hash, l4_hash;
	} vectors[] = {
		{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
		{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
		{ "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
	};
	const uint32_t ip = HASH_SOURCE_IP | HASH_DESTINATION_IP;
	uint8_t fields;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct cx_frame frame = make(4, IPPROTO_TCP, 0);

		inet_pton(AF_INET, vectors[i].source, frame.data + 26);
		inet_pton(AF_INET, vectors[i].destination, frame.data + 30);
		frame.data[34] = (uint8_t)(vectors[i].sport >> 8);
		frame.data[35] = (uint8_t)vectors[i].sport;
		frame.data[36] = (uint8_t)(vectors[i].dport >> 8);
		frame.data[37] = (uint8_t)vectors[i].dport;
		assert_int_equal(hash(&frame, ip, STEER_L3_IPV4, STEER_L4_TCP, &fields),
				 vectors[i].l3_hash);
		assert_int_equal(fields, ip);
		assert_int_equal(hash(&frame, 0xf, STEER_L3_IPV4, STEER_L4_TCP, &fields),
				 vectors[i].l4_hash);
		assert_int_equal(fields, 0xf);
		/* A TIR for UDP hashes the addresses of TCP alone; one for IPv6 nothing. */
		assert_int_equal(hash(&frame, 0xf, STEER_L3_IPV4, STEER_L4_UDP, &fields),
				 vectors[i].l3_hash);
		assert_int_equal(hash(&frame, 0xf, STEER_L3_IPV6, STEER_L4_TCP, &fields), 0);
		assert_int_equal(fields, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums),
		cmocka_unit_test(padding_is_no_datagram),
		cmocka_unit_test(no_udp_checksum),
		cmocka_unit_test(lying_lengths),
		cmocka_unit_test(vlan),
		cmocka_unit_test(segments),
		cmocka_unit_test(rss_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
