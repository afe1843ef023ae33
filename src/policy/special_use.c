/*
 * The special-use table: see special_use.h.
 */
#include "policy/special_use.h"

#define V4(a, b, c, d, bits)                                                \
	{                                                                   \
		.family = IP_FAMILY_V4, .length = (bits),                   \
		.number = (ip_number)(a) << 24 | (b) << 16 | (c) << 8 | (d) \
	}
#define V6(top, bits)                                                                       \
	{                                                                                   \
		.family = IP_FAMILY_V6, .length = (bits), .number = (ip_number)(top) << 112 \
	}

const struct ip_prefix special_use[SPECIAL_USE_COUNT] = {
	V4(0, 0, 0, 0, 8),
	V4(10, 0, 0, 0, 8),
	V4(100, 64, 0, 0, 10),
	V4(127, 0, 0, 0, 8),
	V4(169, 254, 0, 0, 16),
	V4(172, 16, 0, 0, 12),
	V4(192, 168, 0, 0, 16),
	V4(224, 0, 0, 0, 4),
	V4(240, 0, 0, 0, 4),
	/* ::/128 and ::1/128 together */
	{ .family = IP_FAMILY_V6, .length = 127, .number = 0 },
	V6(0xfc00, 7),
	V6(0xfe80, 10),
	V6(0xff00, 8),
};
