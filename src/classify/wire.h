/*
 * Reading network byte order from unaligned bytes, and offsets of the headers that judging needs.
 *
 * Not a codec: bounds are the caller's. Thread: any.
 */
#ifndef CLASSIFY_WIRE_H
#define CLASSIFY_WIRE_H

#include <stdint.h>
#include <string.h>

#define WIRE_ETHER_LEN    14
#define WIRE_ETHER_SOURCE 6

#define WIRE_ETHERTYPE_IP4 0x0800
#define WIRE_ETHERTYPE_ARP 0x0806
#define WIRE_ETHERTYPE_IP6 0x86dd

#define WIRE_IP4_LEN         20 /* RFC 791, without options */
#define WIRE_IP4_SOURCE      12
#define WIRE_IP4_DESTINATION 16
#define WIRE_IP6_LEN         40 /* RFC 8200 */
#define WIRE_IP6_SOURCE      8
#define WIRE_IP6_DESTINATION 24
#define WIRE_ARP_LEN         28 /* RFC 826, Ethernet and IPv4 */
#define WIRE_ICMP_LEN        8

#define ND_ROUTER_SOLICITATION    133 /* RFC 4861 */
#define ND_ROUTER_ADVERTISEMENT   134
#define ND_NEIGHBOR_SOLICITATION  135
#define ND_NEIGHBOR_ADVERTISEMENT 136
#define ND_REDIRECT               137

static inline uint16_t wire_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t wire_u32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return __builtin_bswap32(value);
}

/* As it stands on the wire. */
static inline uint16_t wire_raw16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint32_t wire_raw32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint16_t wire_order16(uint16_t host)
{
	return __builtin_bswap16(host);
}

#endif
