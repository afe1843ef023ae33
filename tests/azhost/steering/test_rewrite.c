/*
 * Modify-header: every field set, and the frame compared byte by byte with one that was built that
 * way from the start, so that checksums are judged by a computation from scratch. Then add, copy,
 * fields that a packet does not have, and lists that hardware refuses.
 */
#include "azhost/connectx/steering/parse.h"
#include "azhost/connectx/steering/rewrite.h"
#include "azhost/steering/device.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* PRM, enum mlx5_modification_field. */
enum {
	SMAC_47_16 = 0x01,
	SMAC_15_0 = 0x02,
	ETHERTYPE = 0x03,
	DMAC_47_16 = 0x04,
	DMAC_15_0 = 0x05,
	IP_DSCP = 0x06,
	TCP_FLAGS = 0x07,
	TCP_SPORT = 0x08,
	TCP_DPORT = 0x09,
	IPV4_TTL = 0x0a,
	UDP_SPORT = 0x0b,
	UDP_DPORT = 0x0c,
	SIPV6_127_96 = 0x0d,
	DIPV6_127_96 = 0x11,
	SIPV4 = 0x15,
	DIPV4 = 0x16,
	FIRST_VID = 0x17,
	IN_SMAC_47_16 = 0x31,
	HOPLIMIT = 0x47,
	REG_A = 0x49,
	REG_B = 0x50,
	REG_C0 = 0x51,
	REG_C6 = 0x57,
	TCP_SEQ = 0x59,
	TCP_ACK = 0x5b,
	IP_ECN = 0x73,
};

static int compile(enum steer_direction direction, const uint64_t *commands, size_t n)
{
	struct rewrite_command program[16];

	assert_true(n <= 16);
	return rewrite_compile(direction, commands, n, program);
}

static bool run_on(const struct frame_spec *spec, const uint64_t *commands, size_t n,
		   struct packet *packet, struct match_key *key)
{
	struct rewrite_command program[16];

	assert_int_equal(rewrite_compile(STEER_RX, commands, n, program), 0);
	packet_of(packet, spec);
	memset(key, 0, sizeof(*key));
	parse_frame(packet->steer.data, packet->steer.length, key, &packet->steer.headers);
	return rewrite_run(program, n, &packet->steer, key);
}

/* Running the commands on a frame of `from` must give the frame of `to`. */
static void check(const struct frame_spec *from, const struct frame_spec *to,
		  const uint64_t *commands, size_t n)
{
	uint8_t expected[FRAME_MAX_BYTES];
	size_t length = frame_build(to, expected);
	struct packet packet;
	struct match_key key;

	assert_true(run_on(from, commands, n, &packet, &key));
	assert_int_equal(packet.steer.length, length);
	assert_true(frame_checksums_ok(to, packet.steer.data, length));
	assert_memory_equal(packet.steer.data, expected, length);
}

static void test_ethernet(void **state)
{
	struct frame_spec from = frame_plain(4, IPPROTO_TCP), to = from;
	uint64_t commands[4];

	(void)state;
	put32(to.smac, 0xa1a2a3a4);
	put16(to.smac + 4, 0xa5a6);
	put32(to.dmac, 0xb1b2b3b4);
	put16(to.dmac + 4, 0xb5b6);
	commands[0] = command_set(SMAC_47_16, 0, 32, 0xa1a2a3a4);
	commands[1] = command_set(SMAC_15_0, 0, 16, 0xa5a6);
	commands[2] = command_set(DMAC_47_16, 0, 32, 0xb1b2b3b4);
	commands[3] = command_set(DMAC_15_0, 0, 16, 0xb5b6);
	check(&from, &to, commands, 4);

	from = to = frame_plain(0, 0);
	to.ethertype = 0x9000;
	commands[0] = command_set(ETHERTYPE, 0, 16, 0x9000);
	check(&from, &to, commands, 1);

	from = frame_plain(4, IPPROTO_TCP);
	from.n_vlans = 1;
	from.tpid[0] = 0x8100;
	from.tci[0] = 0xa001;
	to = from;
	to.tci[0] = 0xa234;
	commands[0] = command_set(FIRST_VID, 0, 12, 0x234);
	check(&from, &to, commands, 1);
}

static void test_ip(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 50 };
	uint64_t commands[6];

	(void)state;
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct frame_spec from = frame_plain(4, protocols[i]), to;

		from.tos = 0xff;
		from.options = i % 2;
		to = from;
		put32(to.src, 0xc0a80102);
		put32(to.dst, 0xac10fffe);
		to.ttl = 7;
		to.tos = 0x29 << 2 | 1;
		commands[0] = command_set(SIPV4, 0, 32, 0xc0a80102);
		commands[1] = command_set(DIPV4, 0, 32, 0xac10fffe);
		commands[2] = command_set(IPV4_TTL, 0, 8, 7);
		commands[3] = command_set(IP_DSCP, 0, 6, 0x29);
		commands[4] = command_set(IP_ECN, 0, 2, 1);
		check(&from, &to, commands, 5);
	}
}

static void test_ipv6(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6 };
	uint64_t commands[11];

	(void)state;
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct frame_spec from = frame_plain(6, protocols[i]), to;

		from.options = i;
		from.flow_label = 0xfedcb;
		from.tos = 0x55;
		to = from;
		for (unsigned int w = 0; w < 4; w++) {
			put32(to.src + 4 * w, 0x11111111 * (w + 1));
			put32(to.dst + 4 * w, 0x22222222 * (w + 1));
			commands[w] = command_set(SIPV6_127_96 + w, 0, 32, 0x11111111 * (w + 1));
			commands[4 + w] =
				command_set(DIPV6_127_96 + w, 0, 32, 0x22222222 * (w + 1));
		}
		to.ttl = 9;
		to.tos = 0x2a << 2 | 2;
		commands[8] = command_set(HOPLIMIT, 0, 8, 9);
		commands[9] = command_set(IP_DSCP, 0, 6, 0x2a);
		commands[10] = command_set(IP_ECN, 0, 2, 2);
		check(&from, &to, commands, 11);
	}
}

static void test_l4(void **state)
{
	uint64_t commands[5];

	(void)state;
	for (unsigned int ip = 4; ip <= 6; ip += 2) {
		struct frame_spec from = frame_plain(ip, IPPROTO_TCP), to = from;

		to.sport = 0xfedc;
		to.dport = 22;
		to.tcp_flags = 0x101;
		to.seq = 0xdeadbeef;
		to.ack = 1;
		commands[0] = command_set(TCP_SPORT, 0, 16, 0xfedc);
		commands[1] = command_set(TCP_DPORT, 0, 16, 22);
		commands[2] = command_set(TCP_FLAGS, 0, 9, 0x101);
		commands[3] = command_set(TCP_SEQ, 0, 32, 0xdeadbeef);
		commands[4] = command_set(TCP_ACK, 0, 32, 1);
		check(&from, &to, commands, 5);

		from = to = frame_plain(ip, IPPROTO_UDP);
		to.sport = 53;
		to.dport = 5353;
		commands[0] = command_set(UDP_SPORT, 0, 16, 53);
		commands[1] = command_set(UDP_DPORT, 0, 16, 5353);
		check(&from, &to, commands, 2);
	}
}

/* A UDP datagram without checksum stays without; one whose checksum becomes 0 carries 0xffff. */
static void test_udp_checksum_zero(void **state)
{
	struct frame_spec from = frame_plain(4, IPPROTO_UDP), to;
	uint8_t frame[FRAME_MAX_BYTES];
	uint64_t set;
	bool met = false;

	(void)state;
	from.udp_without_checksum = true;
	to = from;
	to.dport = 99;
	set = command_set(UDP_DPORT, 0, 16, 99);
	check(&from, &to, &set, 1);

	from.udp_without_checksum = false;
	for (uint32_t port = 0; port < 0x10000; port++) {
		to = from;
		to.dport = (uint16_t)port;
		frame_build(&to, frame);
		if (get16(frame + 14 + 20 + 6) != 0xffff)
			continue;
		met = true;
		set = command_set(UDP_DPORT, 0, 16, port);
		check(&from, &to, &set, 1);
	}
	assert_true(met);
}

/* Only a first fragment has an L4 header whose checksum can be kept right. */
static void test_fragments(void **state)
{
	uint64_t set = command_set(SIPV4, 0, 32, 0x01020304);

	(void)state;
	for (unsigned int fragment = FIRST_FRAGMENT; fragment <= LATER_FRAGMENT; fragment++) {
		struct frame_spec from = frame_plain(4, IPPROTO_UDP), to;

		from.fragment = (enum frame_fragment)fragment;
		to = from;
		put32(to.src, 0x01020304);
		check(&from, &to, &set, 1);
	}
}

static void test_add(void **state)
{
	struct frame_spec from = frame_plain(4, IPPROTO_TCP), to = from;
	uint64_t commands[3];

	(void)state;
	to.ttl = 63;
	to.seq = 0x01020303;
	to.ack = 0x05060708 + 500;
	commands[0] = command_add(IPV4_TTL, 0xff);
	commands[1] = command_add(TCP_SEQ, 0xffffffff);
	commands[2] = command_add(TCP_ACK, 500);
	check(&from, &to, commands, 3);

	from = to = frame_plain(6, IPPROTO_TCP);
	from.ttl = 255;
	to.ttl = 0; /* wraps, as bits do */
	commands[0] = command_add(HOPLIMIT, 1);
	check(&from, &to, commands, 1);
}

static void test_copy(void **state)
{
	struct frame_spec from = frame_plain(4, IPPROTO_TCP), to = from;
	uint64_t commands[3];
	struct packet packet;
	struct match_key key;

	(void)state;
	to.sport = to.dport = 0x1b80;
	from.sport = 0x1b80;
	commands[0] = command_copy(TCP_SPORT, 0, REG_C0, 16, 16);
	commands[1] = command_copy(REG_C0, 16, TCP_DPORT, 0, 16);
	check(&from, &to, commands, 2);

	/* Registers alone change no frame. */
	commands[0] = command_set(REG_C0, 8, 8, 0x1ff);
	commands[1] = command_copy(REG_C0, 8, REG_B, 0, 4);
	assert_false(run_on(&from, commands, 2, &packet, &key));
	assert_int_equal(get32(key.bytes + KEY_REG_C0), 0xff00);
	assert_int_equal(get32(key.bytes + KEY_REG_B), 0xf);
}

/* Bits around a part of a field stay. */
static void test_parts(void **state)
{
	struct frame_spec from = frame_plain(4, IPPROTO_TCP), to = from;
	uint64_t set = command_set(DIPV4, 8, 4, 0xfa);

	(void)state;
	put32(to.dst, 0x0a000a02);
	check(&from, &to, &set, 1);
}

static void test_absent_fields(void **state)
{
	struct frame_spec udp = frame_plain(4, IPPROTO_UDP), bare = frame_plain(0, 0);
	uint64_t commands[3];
	struct packet packet;
	struct match_key key;

	(void)state;
	commands[0] = command_set(TCP_DPORT, 0, 16, 1);
	commands[1] = command_set(HOPLIMIT, 0, 8, 1);
	commands[2] = command_set(FIRST_VID, 0, 12, 1);
	assert_false(run_on(&udp, commands, 3, &packet, &key));
	commands[0] = command_set(SIPV4, 0, 32, 1);
	commands[1] = command_set(IP_DSCP, 0, 6, 1);
	commands[2] = command_copy(TCP_SPORT, 0, REG_C0, 0, 16);
	assert_false(run_on(&bare, commands, 3, &packet, &key));
	assert_int_equal(get32(key.bytes + KEY_REG_C0), 0);
}

static void test_refusals(void **state)
{
	static const struct {
		int field;
		unsigned int offset, length;
	} outside[] = {
		{ SMAC_15_0, 1, 16 }, { IPV4_TTL, 0, 9 }, { IP_DSCP, 3, 4 },
		{ TCP_FLAGS, 0, 10 }, { REG_C0, 1, 0 },   { IP_ECN, 2, 1 },
	};
	uint64_t c[2];

	(void)state;
	assert_int_equal(compile(STEER_RX, c, 0), -EINVAL);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		c[0] = command_set((unsigned int)outside[i].field, outside[i].offset,
				   outside[i].length, 0);
		assert_int_equal(compile(STEER_RX, c, 1), -EINVAL);
	}
	/* Not modelled, or not on a ConnectX-5: inner headers, two registers. */
	c[0] = command_set(IN_SMAC_47_16, 0, 32, 0);
	assert_int_equal(compile(STEER_RX, c, 1), -EINVAL);
	c[0] = command_set(REG_C6, 0, 32, 0);
	assert_int_equal(compile(STEER_RX, c, 1), -EINVAL);
	c[0] = command_copy(REG_C6, 0, REG_C0, 0, 32);
	assert_int_equal(compile(STEER_RX, c, 1), -EINVAL);
	c[0] = command_copy(TCP_SPORT, 4, REG_C0, 0, 16);
	assert_int_equal(compile(STEER_RX, c, 1), -EINVAL);
	/* Only four fields can be added to. */
	c[0] = command_add(TCP_DPORT, 1);
	assert_int_equal(compile(STEER_RX, c, 1), -EINVAL);
	/* Registers of the other direction. */
	c[0] = command_set(REG_A, 0, 32, 0);
	assert_int_equal(compile(STEER_RX, c, 1), -EINVAL);
	assert_int_equal(compile(STEER_TX, c, 1), 0);
	c[0] = command_set(REG_B, 0, 32, 0);
	assert_int_equal(compile(STEER_TX, c, 1), -EINVAL);
	assert_int_equal(compile(STEER_RX, c, 1), 0);
	/* Two header types in one list. */
	c[0] = command_set(SIPV4, 0, 32, 0);
	c[1] = command_set(HOPLIMIT, 0, 8, 0);
	assert_int_equal(compile(STEER_RX, c, 2), -ENOTSUP);
	c[0] = command_set(TCP_SPORT, 0, 16, 0);
	c[1] = command_set(UDP_SPORT, 0, 16, 0);
	assert_int_equal(compile(STEER_RX, c, 2), -EINVAL);
	/* insert, remove and what else there is */
	memset(c, 0, sizeof(c));
	((uint8_t *)c)[0] = 0x40;
	assert_int_equal(compile(STEER_RX, c, 1), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ethernet),
		cmocka_unit_test(test_ip),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_l4),
		cmocka_unit_test(test_udp_checksum_zero),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_absent_fields),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
