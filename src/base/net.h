/*
 * Addresses, prefixes and protocol numbers: parsing, printing, comparing.
 *
 * Not here: sockets, packets, DPDK. Thread: any; no state.
 */
#ifndef BASE_NET_H
#define BASE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IANA protocol numbers that the rules name (https://www.iana.org/assignments/protocol-numbers). */
enum ip_protocol {
	IP_PROTOCOL_ICMP = 1,
	IP_PROTOCOL_TCP = 6,
	IP_PROTOCOL_UDP = 17,
	IP_PROTOCOL_ESP = 50,
	IP_PROTOCOL_AH = 51,
	IP_PROTOCOL_ICMPV6 = 58,
	IP_PROTOCOL_SCTP = 132,
};

/* True for TCP, UDP and SCTP: the protocols whose header begins with two ports. */
static inline bool ip_protocol_has_ports(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP ||
	       protocol == IP_PROTOCOL_SCTP;
}

enum ip_family { IP_FAMILY_V4, IP_FAMILY_V6 };
#define IP_FAMILIES 2

/* An address as a number in host byte order; IPv4 in the low 32 bits. */
typedef unsigned __int128 ip_number;

struct ip_addr {
	enum ip_family family;
	ip_number number;
};

struct ip_prefix {
	enum ip_family family;
	uint8_t length; /* 0..32 or 0..128 */
	ip_number number;
};

/* First and last address, both included. */
struct ip_range {
	ip_number first;
	ip_number last;
};

struct mac_addr {
	uint8_t bytes[6];
};

#define IP_TEXT_MAX  56 /* an IPv6 prefix with NUL */
#define MAC_TEXT_MAX 18

static inline unsigned ip_family_bits(enum ip_family family)
{
	return family == IP_FAMILY_V4 ? 32 : 128;
}

/* All ones in the low `bits` bits. */
static inline ip_number ip_low_mask(unsigned bits)
{
	return bits >= 128 ? ~(ip_number)0 : (((ip_number)1 << bits) - 1);
}

/* 0 or -EINVAL. Dotted quads without leading zeros, RFC 4291 section 2.2 text for IPv6; no zone. */
int ip_addr_parse(const char *text, struct ip_addr *ret);
/* An address alone is a prefix of full length. Host bits are kept: see ip_prefix_has_host_bits().
 */
int ip_prefix_parse(const char *text, struct ip_prefix *ret);
bool ip_prefix_has_host_bits(const struct ip_prefix *prefix);
struct ip_range ip_prefix_range(const struct ip_prefix *prefix);
bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b);

/* Canonical text (RFC 5952 for IPv6); both return `buffer`, of at least IP_TEXT_MAX bytes. */
char *ip_addr_format(const struct ip_addr *addr, char *buffer);
char *ip_prefix_format(const struct ip_prefix *prefix, char *buffer);

/* To and from network byte order: 4 or 16 bytes. */
struct ip_addr ip_addr_from_bytes(enum ip_family family, const void *bytes);
void ip_addr_to_bytes(const struct ip_addr *addr, void *bytes);

/* aa:bb:cc:dd:ee:ff or aa-bb-...; 0 or -EINVAL. */
int mac_addr_parse(const char *text, struct mac_addr *ret);
char *mac_addr_format(const struct mac_addr *mac, char *buffer);
bool mac_addr_equal(const struct mac_addr *a, const struct mac_addr *b);

#endif
