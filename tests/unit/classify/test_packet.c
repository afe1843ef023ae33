/*
 * Tests of the parser: what it finds, what it refuses, and that both of its ways agree.
 */
#include "base/net.h"
#include "classify/wire.h"
#include "frame.h"
#include "testpmd/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum drop_reason parse(const struct frame *frame, struct packet *ret)
{
	ret->owner = (void *)frame;
	return packet_parse(frame->bytes, frame->length, frame->length, frame->direction, ret);
}

static uint32_t ip(const char *text)
{
	struct ip_addr addr;
	uint32_t bytes;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	ip_addr_to_bytes(&addr, &bytes);
	return bytes;
}

static void both_directions_have_one_key(void **state)
{
	struct frame frame;
	struct packet out, in;

	(void)state;
	frame_begin(&frame, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_TCP);
	frame_tcp(&frame, 40000, 443, TCP_SYN, 0x01020304, 0);
	frame_end(&frame);
	assert_int_equal(parse(&frame, &out), DROP_NONE);
	assert_int_equal(out.key4.local, ip("10.1.0.4"));
	assert_int_equal(out.key4.remote, ip("203.0.113.9"));
	assert_int_equal(out.key4.local_port, wire_order16(40000));
	assert_int_equal(out.key4.remote_port, wire_order16(443));
	assert_int_equal(out.tcp_sequence, 0x01020304);
	assert_int_equal(out.tcp_flags, TCP_SYN);
	assert_int_equal(out.l3_length, 40);
	assert_ptr_equal(out.owner, &frame);

	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_TCP);
	frame_tcp(&frame, 40000, 443, TCP_SYN | TCP_ACK, 7, 0x01020305);
	frame_end(&frame);
	assert_int_equal(parse(&frame, &in), DROP_NONE);
	assert_int_equal(in.tcp_acknowledge, 0x01020305);
	assert_memory_equal(&in.key4, &out.key4, sizeof(in.key4));
}

static void ip6_has_one_key(void **state)
{
	struct frame frame;
	struct packet out, in;

	(void)state;
	frame_begin(&frame, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP6);
	frame_ip6(&frame, "fd00::4", "2001:db8::9", IP_PROTOCOL_UDP);
	frame_udp(&frame, 5000, 53);
	frame_end(&frame);
	assert_int_equal(parse(&frame, &out), DROP_NONE);
	assert_int_equal(out.protocol, IP_PROTOCOL_UDP);
	assert_int_equal(out.key6.local[0], 0xfd);
	assert_int_equal(out.key6.remote_port, wire_order16(53));
	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP6);
	frame_ip6(&frame, "fd00::4", "2001:db8::9", 60);
	frame_extension(&frame, IP_PROTOCOL_UDP, 2);
	frame_udp(&frame, 5000, 53);
	frame.bytes[frame.length - 3] = 8;
	frame_end(&frame);
	assert_int_equal(parse(&frame, &in), DROP_NONE);
	assert_memory_equal(&in.key6, &out.key6, sizeof(in.key6));
}

static void queries_are_keyed_by_who_asks(void **state)
{
	static const struct {
		enum direction direction;
		uint8_t type;
		uint8_t kind;
		uint8_t flags;
	} cases[] = {
		{ DIRECTION_OUTBOUND, 8, 8 | KEY_VM_ASKED, PACKET_ICMP_QUERY },
		{ DIRECTION_INBOUND, 0, 8 | KEY_VM_ASKED, PACKET_ICMP_QUERY | PACKET_ICMP_REPLY },
		{ DIRECTION_INBOUND, 8, 8, PACKET_ICMP_QUERY },
		{ DIRECTION_OUTBOUND, 0, 8, PACKET_ICMP_QUERY | PACKET_ICMP_REPLY },
		{ DIRECTION_OUTBOUND, 14, 13, PACKET_ICMP_QUERY | PACKET_ICMP_REPLY },
		{ DIRECTION_INBOUND, 3, 0, PACKET_ICMP_ERROR },
		{ DIRECTION_INBOUND, 11, 0, PACKET_ICMP_ERROR },
		{ DIRECTION_INBOUND, 12, 0, PACKET_ICMP_ERROR },
		{ DIRECTION_INBOUND, 5, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame frame;
		struct packet packet;

		frame_begin(&frame, cases[i].direction, WIRE_ETHERTYPE_IP4);
		frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_ICMP);
		frame_icmp(&frame, cases[i].type, 0, 0x1234);
		frame_end(&frame);
		assert_int_equal(parse(&frame, &packet), DROP_NONE);
		assert_int_equal(packet.key4.kind, cases[i].kind);
		assert_int_equal(packet.flags, cases[i].flags);
		assert_int_equal(packet.key4.local_port,
				 cases[i].flags & PACKET_ICMP_QUERY ? wire_order16(0x1234) : 0);
	}
}

/* One frame, spoiled in one place, and what it is dropped for. */
struct spoil {
	const char *name;
	uint16_t at;
	uint8_t byte;
	uint32_t cut; /* bytes taken from the end */
	enum drop_reason drop;
};

static void check_spoils(const struct frame *good, const struct spoil *spoils, size_t count)
{
	struct packet packet;

	assert_int_equal(parse(good, &packet), DROP_NONE);
	for (size_t i = 0; i < count; i++) {
		struct frame frame = *good;
		enum drop_reason drop;

		if (spoils[i].at)
			frame.bytes[spoils[i].at] = spoils[i].byte;
		frame.length -= spoils[i].cut;
		drop = parse(&frame, &packet);
		if (drop != spoils[i].drop)
			fail_msg("%s: %s instead of %s", spoils[i].name, drop_reason_name(drop),
				 drop_reason_name(spoils[i].drop));
		assert_int_equal(packet.drop, drop);
	}
}

static void malformed_ip4_is_refused(void **state)
{
	static const struct spoil spoils[] = {
		{ "version 5", 14, 0x55, 0, DROP_MALFORMED_IP },
		{ "header of 16 bytes", 14, 0x44, 0, DROP_MALFORMED_IP },
		{ "length below the header", 17, 19, 0, DROP_MALFORMED_IP },
		{ "length above the frame", 17, 200, 0, DROP_TRUNCATED },
		{ "cut in the Ethernet header", 0, 0, 50, DROP_TRUNCATED },
		{ "cut in the IP header", 0, 0, 30, DROP_TRUNCATED },
		{ "length ends in the TCP header", 17, 30, 0, DROP_MALFORMED_L4 },
		{ "data offset 4", 46, 0x40, 0, DROP_MALFORMED_L4 },
		{ "data offset above the length", 46, 0xf0, 0, DROP_MALFORMED_L4 },
		{ "SYN and FIN", 47, TCP_SYN | TCP_FIN, 0, DROP_BAD_TCP_FLAGS },
		{ "SYN and RST", 47, TCP_SYN | TCP_RST, 0, DROP_BAD_TCP_FLAGS },
		{ "no flag", 47, 0, 0, DROP_BAD_TCP_FLAGS },
		{ "only ECE and CWR", 47, 0xc0, 0, DROP_BAD_TCP_FLAGS },
		{ "FIN alone", 47, TCP_FIN, 0, DROP_NONE },
		{ "options in the header that are not there", 14, 0x4a, 0, DROP_MALFORMED_L4 },
	};
	struct frame frame;

	(void)state;
	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_TCP);
	frame_tcp(&frame, 80, 1000, TCP_ACK, 1, 1);
	frame_payload(&frame, "data", 4);
	frame_end(&frame);
	check_spoils(&frame, spoils, sizeof(spoils) / sizeof(spoils[0]));
}

static void malformed_udp_is_refused(void **state)
{
	static const struct spoil spoils[] = {
		{ "length 7", 39, 7, 0, DROP_MALFORMED_L4 },
		{ "length above the packet", 39, 13, 0, DROP_MALFORMED_L4 },
		{ "length below the packet", 39, 8, 0, DROP_NONE },
	};
	struct frame frame;

	(void)state;
	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_UDP);
	frame_udp(&frame, 80, 1000);
	frame_payload(&frame, "data", 4);
	frame_end(&frame);
	check_spoils(&frame, spoils, sizeof(spoils) / sizeof(spoils[0]));
}

static void malformed_ip6_is_refused(void **state)
{
	static const struct spoil spoils[] = {
		{ "version 4", 14, 0x40, 0, DROP_MALFORMED_IP },
		{ "length above the frame", 19, 200, 0, DROP_TRUNCATED },
		{ "length ends in the extension", 19, 4, 0, DROP_MALFORMED_IP },
		{ "extension longer than the packet", 55, 9, 0, DROP_MALFORMED_IP },
		{ "hop-by-hop behind another", 54, 0, 0, DROP_MALFORMED_IP },
		{ "no next header", 54, 59, 0, DROP_NONE },
		{ "cut in the IP header", 0, 0, 40, DROP_TRUNCATED },
	};
	struct frame frame;

	(void)state;
	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP6);
	frame_ip6(&frame, "fd00::4", "2001:db8::9", 60);
	frame_extension(&frame, IP_PROTOCOL_TCP, 0);
	frame_tcp(&frame, 80, 1000, TCP_ACK, 1, 1);
	frame_end(&frame);
	check_spoils(&frame, spoils, sizeof(spoils) / sizeof(spoils[0]));
}

static void eight_extension_headers_are_enough(void **state)
{
	(void)state;
	for (unsigned count = 7; count <= 9; count++) {
		struct frame frame;
		struct packet packet;

		frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP6);
		frame_ip6(&frame, "fd00::4", "2001:db8::9", 60);
		for (unsigned i = 1; i <= count; i++)
			frame_extension(&frame, i < count ? 60 : IP_PROTOCOL_TCP, 0);
		frame_tcp(&frame, 80, 1000, TCP_ACK, 1, 1);
		frame_end(&frame);
		assert_int_equal(parse(&frame, &packet),
				 count <= 8 ? DROP_NONE : DROP_EXTENSION_HEADERS);
	}
}

static void esp_and_ah_end_the_walk(void **state)
{
	static const uint8_t protocols[] = { IP_PROTOCOL_ESP, IP_PROTOCOL_AH };

	(void)state;
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct frame frame;
		struct packet packet;

		frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP6);
		frame_ip6(&frame, "fd00::4", "2001:db8::9", protocols[i]);
		frame_payload(&frame, NULL, 24);
		frame_end(&frame);
		assert_int_equal(parse(&frame, &packet), DROP_NONE);
		assert_int_equal(packet.protocol, protocols[i]);
		assert_int_equal(packet.key6.local_port, 0);
	}
}

static void fragments_are_told_apart(void **state)
{
	static const struct {
		const char *name;
		uint16_t offset;
		bool more;
		uint32_t payload;
		uint8_t flags;
		enum drop_reason drop;
	} cases[] = {
		{ "first", 0, true, 32, PACKET_FRAGMENT, DROP_NONE },
		{ "later", 32, true, 32, PACKET_FRAGMENT | PACKET_LATER_FRAGMENT, DROP_NONE },
		{ "last", 64, false, 5,
		  PACKET_FRAGMENT | PACKET_LATER_FRAGMENT | PACKET_LAST_FRAGMENT, DROP_NONE },
		{ "first without the whole header", 0, true, 16, PACKET_FRAGMENT,
		  DROP_FRAGMENT_TINY },
		{ "overlaps the flags", 8, true, 32, PACKET_FRAGMENT | PACKET_LATER_FRAGMENT,
		  DROP_FRAGMENT_OVERLAP },
		{ "overlaps the last word", 16, true, 32, PACKET_FRAGMENT | PACKET_LATER_FRAGMENT,
		  DROP_FRAGMENT_OVERLAP },
		{ "not a multiple of 8", 0, true, 33, 0, DROP_MALFORMED_IP },
		{ "beyond 65535", 65528, false, 32, 0, DROP_MALFORMED_IP },
		{ "empty", 64, false, 0, 0, DROP_MALFORMED_IP },
	};

	(void)state;
	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct frame frame;
			struct packet packet;
			enum drop_reason drop;
			uint8_t header[20] = { [1] = 80, [12] = 0x50, [13] = TCP_SYN };

			if (family == IP_FAMILY_V4) {
				frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
				frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_TCP);
				frame_fragment4(&frame, 0x1234, cases[i].offset, cases[i].more);
			} else {
				frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP6);
				frame_ip6(&frame, "fd00::4", "2001:db8::9", 44);
				frame_fragment6(&frame, IP_PROTOCOL_TCP, 0x1234, cases[i].offset,
						cases[i].more);
			}
			frame_payload(&frame, NULL, cases[i].payload);
			memcpy(frame.bytes + frame.l4, header,
			       cases[i].payload < 20 ? cases[i].payload : 20);
			frame_end(&frame);
			drop = parse(&frame, &packet);
			if (drop != cases[i].drop || packet.flags != cases[i].flags)
				fail_msg("family %u, %s: %s, flags %x", family, cases[i].name,
					 drop_reason_name(drop), packet.flags);
		}
	}
}

static void atomic_fragments_are_none(void **state)
{
	struct frame frame;
	struct packet packet;

	(void)state;
	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP6);
	frame_ip6(&frame, "fd00::4", "2001:db8::9", 44);
	frame_fragment6(&frame, IP_PROTOCOL_TCP, 99, 0, false);
	frame_tcp(&frame, 80, 1000, TCP_ACK, 1, 1);
	frame_end(&frame);
	assert_int_equal(parse(&frame, &packet), DROP_NONE);
	assert_int_equal(packet.flags, 0);
	assert_int_equal(packet.key6.local_port, wire_order16(80));
}

static void first_fragments_know_their_headers(void **state)
{
	struct frame frame;
	struct packet packet;

	(void)state;
	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP6);
	frame_ip6(&frame, "fd00::4", "2001:db8::9", 44);
	frame_fragment6(&frame, 60, 99, 0, true);
	frame_extension(&frame, IP_PROTOCOL_TCP, 1);
	frame_tcp(&frame, 80, 1000, TCP_ACK, 1, 1);
	frame.bytes[frame.l4 + 12] = 0x60;
	frame_payload(&frame, NULL, 4);
	frame_end(&frame);
	assert_int_equal(parse(&frame, &packet), DROP_NONE);
	assert_int_equal(packet.fragment_headers, 16 + 24);
	assert_int_equal(packet.fragment_protocol, 60);
}

static void other_frames_have_their_kind(void **state)
{
	static const struct {
		uint16_t ethertype;
		enum packet_kind kind;
		enum drop_reason drop;
	} cases[] = {
		{ 0x8100, PACKET_VLAN, DROP_NONE },
		{ 0x88a8, PACKET_VLAN, DROP_NONE },
		{ 0x88cc, PACKET_NON_IP, DROP_NONE },
		{ 46, PACKET_NON_IP, DROP_NONE },
		{ 0x0806, PACKET_ARP, DROP_MALFORMED_ARP },
		{ 0x0800, PACKET_IP4, DROP_MALFORMED_IP },
		{ 0x86dd, PACKET_IP6, DROP_MALFORMED_IP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame frame;
		struct packet packet;

		frame_begin(&frame, DIRECTION_INBOUND, cases[i].ethertype);
		frame_payload(&frame, NULL, 60);
		assert_int_equal(parse(&frame, &packet), cases[i].drop);
		assert_int_equal(packet.kind, cases[i].kind);
	}
}

static void nd_needs_hop_limit_255(void **state)
{
	(void)state;
	for (unsigned hops = 254; hops <= 255; hops++) {
		for (unsigned type = 132; type <= 138; type++) {
			bool is_nd = hops == 255 && type >= 133 && type <= 137;
			struct frame frame;
			struct packet packet;

			frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP6);
			frame_ip6(&frame, "fd00::4", "fe80::1", IP_PROTOCOL_ICMPV6);
			frame.bytes[21] = hops;
			frame_icmp(&frame, type, 0, 0);
			frame_payload(&frame, NULL, 32);
			frame_end(&frame);
			assert_int_equal(parse(&frame, &packet), DROP_NONE);
			assert_int_equal(!!(packet.flags & PACKET_ND), is_nd);
		}
	}
}

static void quotes_have_the_key_of_the_connection(void **state)
{
	struct frame sent, error;
	struct packet packet, quoted;

	(void)state;
	frame_begin(&sent, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&sent, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_UDP);
	frame_udp(&sent, 5000, 53);
	frame_end(&sent);
	assert_int_equal(parse(&sent, &packet), DROP_NONE);

	frame_begin(&error, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&error, "10.1.0.4", "198.51.100.1", IP_PROTOCOL_ICMP);
	frame_icmp(&error, 3, 4, 0);
	frame_payload(&error, sent.bytes + sent.l3, 28);
	frame_end(&error);
	{
		struct packet outer;

		assert_int_equal(parse(&error, &outer), DROP_NONE);
		assert_true(packet_quoted(&outer, &quoted));
		assert_memory_equal(&quoted.key4, &packet.key4, sizeof(packet.key4));
		assert_int_equal(quoted.direction, DIRECTION_OUTBOUND);
		outer.headers_len -= 1;
		assert_false(packet_quoted(&outer, &quoted));
	}
}

static void the_other_familys_icmp_is_quoted_as_a_payload(void **state)
{
	struct frame sent, error;
	struct packet packet, outer, quoted;

	(void)state;
	frame_begin(&sent, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&sent, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_ICMPV6);
	frame_payload(&sent, NULL, 8);
	frame_end(&sent);
	assert_int_equal(parse(&sent, &packet), DROP_NONE);

	frame_begin(&error, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&error, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_ICMP);
	frame_icmp(&error, 3, 2, 0);
	frame_payload(&error, sent.bytes + sent.l3, 28);
	frame_end(&error);
	assert_int_equal(parse(&error, &outer), DROP_NONE);
	assert_true(packet_quoted(&outer, &quoted));
	assert_memory_equal(&quoted.key4, &packet.key4, sizeof(packet.key4));
}

static void assert_same(const struct packet *a, const struct packet *b)
{
	assert_int_equal(a->drop, b->drop);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->direction, b->direction);
	assert_ptr_equal(a->frame, b->frame);
	if (a->drop != DROP_NONE)
		return;
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->protocol, b->protocol);
	assert_int_equal(a->tcp_flags, b->tcp_flags);
	assert_int_equal(a->tcp_sequence, b->tcp_sequence);
	assert_int_equal(a->tcp_acknowledge, b->tcp_acknowledge);
	assert_int_equal(a->l3_length, b->l3_length);
	assert_int_equal(a->l4_offset, b->l4_offset);
	assert_int_equal(a->headers_len, b->headers_len);
	if (a->kind == PACKET_IP4)
		assert_memory_equal(&a->key4, &b->key4, sizeof(a->key4));
	else if (a->kind == PACKET_IP6)
		assert_memory_equal(&a->key6, &b->key6, sizeof(a->key6));
}

static void random_frame(struct random *random, struct frame *frame)
{
	frame_begin(frame, random_below(random, 2), WIRE_ETHERTYPE_IP4);
	frame_ip4(frame, "10.1.0.4", "203.0.113.9",
		  random_below(random, 2) ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP);
	if (frame->bytes[23] == IP_PROTOCOL_TCP)
		frame_tcp(frame, random_below(random, 65536), 443, TCP_ACK, 5, 6);
	else
		frame_udp(frame, random_below(random, 65536), 53);
	frame_payload(frame, NULL, random_below(random, 20));
	frame_end(frame);
	for (uint32_t i = random_below(random, 3); i > 0; i--)
		frame->bytes[12 + random_below(random, frame->length - 12)] =
			random_below(random, 256);
	frame->length -= random_below(random, 4) ? 0 : random_below(random, frame->length);
}

/* The short way is only a short way: a million spoiled frames, both answers. */
static void the_short_way_agrees(void **state)
{
	struct random random = { 20260101 };
	unsigned plain = 0;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		struct frame frame;
		struct packet packets[2] = { 0 };
		struct packet_frame input;

		random_frame(&random, &frame);
		input = (struct packet_frame){
			.data = frame.bytes,
			.headers_len =
				frame.length - (random_below(&random, 8) ? 0 : frame.length / 3),
			.frame_len = frame.length,
		};
		(void)packet_parse(input.data, input.headers_len, input.frame_len, frame.direction,
				   &packets[0]);
		packet_parse_burst(&input, 1, frame.direction, &packets[1]);
		assert_same(&packets[0], &packets[1]);
		plain += packets[0].drop == DROP_NONE;
	}
	assert_in_range(plain, 20000, 190000); /* both ways were taken */
}

/* Every length of every kind of frame, at the very end of what may be read (ASan sees one byte). */
static void nothing_is_read_beyond(void **state)
{
	struct frame frame;

	(void)state;
	frame_begin(&frame, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP6);
	frame_ip6(&frame, "fd00::4", "2001:db8::9", 0);
	frame_extension(&frame, 44, 1);
	frame_fragment6(&frame, 60, 7, 0, true);
	frame_extension(&frame, IP_PROTOCOL_TCP, 0);
	frame_tcp(&frame, 1, 2, TCP_SYN, 0, 0);
	frame_payload(&frame, NULL, 4);
	frame_end(&frame);
	for (uint32_t length = 0; length <= frame.length; length++) {
		uint8_t *copy = malloc(length ? length : 1);
		struct packet packet = { 0 };
		enum drop_reason drop;

		assert_non_null(copy);
		memcpy(copy, frame.bytes, length);
		drop = packet_parse(copy, length, frame.length, DIRECTION_OUTBOUND, &packet);
		assert_int_equal(drop, length >= frame.length - 4 ? DROP_NONE : DROP_TRUNCATED);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_have_one_key),
		cmocka_unit_test(ip6_has_one_key),
		cmocka_unit_test(queries_are_keyed_by_who_asks),
		cmocka_unit_test(malformed_ip4_is_refused),
		cmocka_unit_test(malformed_udp_is_refused),
		cmocka_unit_test(malformed_ip6_is_refused),
		cmocka_unit_test(eight_extension_headers_are_enough),
		cmocka_unit_test(esp_and_ah_end_the_walk),
		cmocka_unit_test(fragments_are_told_apart),
		cmocka_unit_test(atomic_fragments_are_none),
		cmocka_unit_test(first_fragments_know_their_headers),
		cmocka_unit_test(other_frames_have_their_kind),
		cmocka_unit_test(nd_needs_hop_limit_255),
		cmocka_unit_test(quotes_have_the_key_of_the_connection),
		cmocka_unit_test(the_other_familys_icmp_is_quoted_as_a_payload),
		cmocka_unit_test(the_short_way_agrees),
		cmocka_unit_test(nothing_is_read_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
