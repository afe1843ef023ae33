/*
 * What a stream is made of: the frames are valid, and say again what was put into them.
 */
#include "bench/frames.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Summed with its checksum, what is right gives all ones (RFC 1071). */
static bool checksums_are_right(const uint8_t *frame)
{
	const struct rte_ipv4_hdr *ip =
		(const struct rte_ipv4_hdr *)(frame + sizeof(struct rte_ether_hdr));
	uint32_t sum = rte_ipv4_phdr_cksum(ip, 0);

	sum += rte_raw_cksum(ip + 1, rte_be_to_cpu_16(ip->total_length) - sizeof(*ip));
	return rte_raw_cksum(ip, sizeof(*ip)) == UINT16_MAX &&
	       (uint16_t)((sum & UINT16_MAX) + (sum >> 16)) == UINT16_MAX;
}

static void what_goes_in_comes_out(void **state)
{
	static const unsigned sizes[] = { FRAME_MIN, 65, 1500, FRAME_MAX };
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (enum frame_kind kind = 0; kind < FRAME_NONE_OF_THESE; kind++) {
			unsigned flow = UINT32_MAX;
			uint64_t stamp = 1;

			frame_make(frame, sizes[i], kind, 17 + i, 0x123456789abcdef0);
			assert_true(checksums_are_right(frame));
			assert_int_equal(frame_read(frame, sizes[i], &flow, &stamp), kind);
			assert_int_equal(flow, 17 + i);
			assert_true(stamp == (kind == FRAME_SEGMENT ? 0x123456789abcdef0 : 0));
		}
	}
}

static void a_new_stamp_keeps_the_checksum_right(void **state)
{
	static const uint64_t stamps[] = { 0, 1, UINT64_MAX, 0xffff, 0xffff0000ffff0000, 0x8000 };
	uint8_t frame[FRAME_MAX];
	uint64_t x = 88172645463325252, stamp;
	unsigned flow;

	(void)state;
	frame_make(frame, 1500, FRAME_SEGMENT, 3, 0);
	for (unsigned i = 0; i < 10000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		stamp = i < 6 ? stamps[i] : x;
		frame_stamp(frame, stamp);
		assert_true(checksums_are_right(frame));
		assert_int_equal(frame_read(frame, 1500, &flow, &x), FRAME_SEGMENT);
		assert_true(x == stamp);
	}
}

static void strangers_are_known(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint64_t stamp;
	unsigned flow;

	(void)state;
	frame_make(frame, FRAME_MIN, FRAME_SEGMENT, 0, 0);
	assert_int_equal(frame_read(frame, FRAME_MIN - 1, &flow, &stamp), FRAME_NONE_OF_THESE);
	frame[29] ^= 1; /* the source address's last byte */
	assert_int_equal(frame_read(frame, FRAME_MIN, &flow, &stamp), FRAME_NONE_OF_THESE);
	frame[29] ^= 1;
	frame[12] = 0x86; /* no IPv4 */
	assert_int_equal(frame_read(frame, FRAME_MIN, &flow, &stamp), FRAME_NONE_OF_THESE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(a_new_stamp_keeps_the_checksum_right),
		cmocka_unit_test(strangers_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
