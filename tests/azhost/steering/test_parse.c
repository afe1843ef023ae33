/*
 * The parser against descriptions of frames: every field of every kind of frame, frames that are
 * cut off at every byte, and lengths that lie.
 */
#include "azhost/connectx/steering/parse.h"
#include "azhost/steering/frames.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The key's sections, where the PRM has them. */
static void key_to_param(const struct match_key *key, uint8_t *param)
{
	memset(param, 0, PARAM_BYTES);
	memcpy(param, key->bytes + KEY_OUTER, 64);
	memcpy(param + 0x40, key->bytes + KEY_MISC, 64);
	memcpy(param + 0xc0, key->bytes + KEY_MISC2, 64);
	memcpy(param + 0x100, key->bytes + KEY_MISC3, 64);
}

static void check_spec(const struct frame_spec *spec, struct steer_headers *ret_headers)
{
	uint8_t frame[FRAME_MAX_BYTES], expected[PARAM_BYTES], seen[PARAM_BYTES];
	size_t length = frame_build(spec, frame);
	struct match_key key;

	memset(&key, 0xee, sizeof(key));
	memset(key.bytes + KEY_MISC, 0, 8);
	memset(key.bytes + KEY_MISC2, 0, 64);
	parse_frame(frame, (uint32_t)length, &key, ret_headers);
	frame_param(spec, expected);
	key_to_param(&key, seen);
	assert_memory_equal(seen, expected, PARAM_BYTES);
	assert_int_equal(ret_headers->vlans, spec->n_vlans);
	assert_int_equal(ret_headers->l3_offset, 14 + 4 * spec->n_vlans);
	assert_int_equal(ret_headers->fragment, spec->fragment != NOT_FRAGMENT);
}

static void test_every_protocol(void **state)
{
	static const struct {
		unsigned int ip;
		uint8_t protocol;
		uint8_t l4;
	} cases[] = {
		{ 4, IPPROTO_TCP, STEER_L4_TCP },
		{ 6, IPPROTO_TCP, STEER_L4_TCP },
		{ 4, IPPROTO_UDP, STEER_L4_UDP },
		{ 6, IPPROTO_UDP, STEER_L4_UDP },
		{ 4, IPPROTO_ICMP, STEER_L4_ICMP },
		{ 6, IPPROTO_ICMPV6, STEER_L4_ICMP },
		{ 4, 50, STEER_L4_OTHER },
		{ 6, 50, STEER_L4_OTHER },
		{ 0, 0, STEER_L4_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame_spec spec = frame_plain(cases[i].ip, cases[i].protocol);
		struct steer_headers headers;

		check_spec(&spec, &headers);
		assert_int_equal(headers.l4, cases[i].l4);
		assert_int_equal(headers.l3_ok, cases[i].ip != 0);
		if (cases[i].l4)
			assert_int_equal(headers.l4_offset, cases[i].ip == 4 ? 34 : 54);
	}
}

static void test_vlans(void **state)
{
	static const uint16_t tpids[][2] = { { 0x8100, 0x8100 },
					     { 0x88a8, 0x8100 },
					     { 0x88a8, 0x88a8 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (unsigned int n = 1; n <= 2; n++) {
			struct frame_spec spec = frame_plain(4, IPPROTO_TCP);
			struct steer_headers headers;

			spec.n_vlans = n;
			spec.tpid[0] = tpids[i][0];
			spec.tpid[1] = tpids[i][1];
			spec.tci[0] = 0xb123;
			spec.tci[1] = 0x0456;
			check_spec(&spec, &headers);
			assert_int_equal(headers.l4_offset, 34 + 4 * n);
		}
	}
}

static void test_ip_details(void **state)
{
	(void)state;
	for (unsigned int options = 0; options <= 3; options++) {
		for (unsigned int ip = 4; ip <= 6; ip += 2) {
			struct frame_spec spec = frame_plain(ip, IPPROTO_TCP);
			struct steer_headers headers;

			spec.options = options;
			spec.tos = 0xb9;
			spec.ttl = 1;
			spec.flow_label = ip == 6 ? 0xabcde : 0;
			spec.tcp_flags = 0x1ff;
			check_spec(&spec, &headers);
			assert_int_equal(headers.ip_protocol, IPPROTO_TCP);
		}
	}
}

static void test_fragments(void **state)
{
	(void)state;
	for (unsigned int ip = 4; ip <= 6; ip += 2) {
		struct frame_spec spec = frame_plain(ip, IPPROTO_TCP);
		struct steer_headers headers;

		spec.fragment = FIRST_FRAGMENT;
		check_spec(&spec, &headers);
		assert_int_equal(headers.l4, STEER_L4_TCP);
		spec.fragment = LATER_FRAGMENT;
		check_spec(&spec, &headers);
		assert_int_equal(headers.l4, STEER_L4_NONE);
		assert_int_equal(headers.ip_protocol, IPPROTO_TCP);
	}
}

static void test_bad_ipv4_checksum(void **state)
{
	struct frame_spec spec = frame_plain(4, IPPROTO_UDP);
	struct steer_headers headers;
	uint8_t frame[FRAME_MAX_BYTES];
	size_t length = frame_build(&spec, frame);

	(void)state;
	frame[14 + 10] ^= 0x40;
	steer_parse(frame, (uint32_t)length, &headers);
	assert_int_equal(headers.l3, STEER_L3_IPV4);
	assert_false(headers.l3_ok);
}

/* Each prefix of each frame, in a buffer of just that size: nothing is read behind it, and what
 * is reported lies inside. */
static void test_cut_off(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6 };
	uint8_t frame[FRAME_MAX_BYTES];

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct frame_spec spec = frame_plain(i & 1 ? 4 : 6, protocols[i % 3]);
		size_t length;

		spec.n_vlans = i % 3;
		spec.tpid[0] = spec.tpid[1] = 0x8100;
		spec.options = i & 2;
		spec.fragment = i & 4 ? FIRST_FRAGMENT : NOT_FRAGMENT;
		length = frame_build(&spec, frame);
		for (size_t n = 0; n <= length; n++) {
			struct steer_headers headers;
			uint8_t *exact = malloc(n ? n : 1);

			memcpy(exact, frame, n);
			steer_parse(exact, (uint32_t)n, &headers);
			assert_true(headers.l3_offset <= n);
			if (headers.l4)
				assert_true(headers.l4_offset <= n);
			if (headers.l4 == STEER_L4_TCP)
				assert_true(headers.l4_offset + 20u <= n);
			free(exact);
		}
	}
}

static void test_lying_lengths(void **state)
{
	struct frame_spec v4 = frame_plain(4, IPPROTO_TCP), v6 = frame_plain(6, IPPROTO_TCP);
	uint8_t frame[FRAME_MAX_BYTES];
	struct steer_headers headers;
	size_t length;

	(void)state;
	length = frame_build(&v4, frame);
	frame[14] = 0x44; /* IHL below the smallest header */
	steer_parse(frame, (uint32_t)length, &headers);
	assert_int_equal(headers.l3, STEER_L3_NONE);
	frame[14] = 0x65; /* version 6 under Ethertype 0x0800 */
	steer_parse(frame, (uint32_t)length, &headers);
	assert_int_equal(headers.l3, STEER_L3_NONE);

	v6.options = 1;
	length = frame_build(&v6, frame);
	frame[14 + 40 + 1] = 255; /* an extension header longer than the frame */
	steer_parse(frame, (uint32_t)length, &headers);
	assert_int_equal(headers.l3, STEER_L3_IPV6);
	assert_int_equal(headers.l4, STEER_L4_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_protocol),    cmocka_unit_test(test_vlans),
		cmocka_unit_test(test_ip_details),        cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_bad_ipv4_checksum), cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_lying_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
