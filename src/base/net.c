/*
 * Text and bytes of addresses: see net.h. inet_pton() and inet_ntop() do the parsing.
 */
#include "base/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ip_addr ip_addr_from_bytes(enum ip_family family, const void *bytes)
{
	const uint8_t *p = bytes;
	struct ip_addr addr = { .family = family };

	for (unsigned i = 0; i < ip_family_bits(family) / 8; i++)
		addr.number = addr.number << 8 | p[i];
	return addr;
}

void ip_addr_to_bytes(const struct ip_addr *addr, void *bytes)
{
	uint8_t *p = bytes;
	ip_number number = addr->number;

	for (unsigned i = ip_family_bits(addr->family) / 8; i > 0; i--) {
		p[i - 1] = (uint8_t)number;
		number >>= 8;
	}
}

int ip_addr_parse(const char *text, struct ip_addr *ret)
{
	uint8_t bytes[16];

	/* glibc's inet_pton() takes no leading zeros, no short forms and no zone */
	if (inet_pton(AF_INET, text, bytes) == 1)
		*ret = ip_addr_from_bytes(IP_FAMILY_V4, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*ret = ip_addr_from_bytes(IP_FAMILY_V6, bytes);
	else
		return -EINVAL;
	return 0;
}

/* One to three digits, no sign, no leading zero, at most `max`; or -1. */
static int parse_length(const char *text, unsigned max)
{
	unsigned value = 0;
	size_t digits = strlen(text);

	if (digits == 0 || digits > 3 || (digits > 1 && text[0] == '0'))
		return -1;
	for (size_t i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	return value <= max ? (int)value : -1;
}

int ip_prefix_parse(const char *text, struct ip_prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char address[INET6_ADDRSTRLEN];
	struct ip_addr addr;
	int bits;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	if (ip_addr_parse(address, &addr) < 0)
		return -EINVAL;
	bits = (int)ip_family_bits(addr.family);
	if (slash)
		bits = parse_length(slash + 1, (unsigned)bits);
	if (bits < 0)
		return -EINVAL;
	*ret = (struct ip_prefix){
		.family = addr.family,
		.length = (uint8_t)bits,
		.number = addr.number,
	};
	return 0;
}

bool ip_prefix_has_host_bits(const struct ip_prefix *prefix)
{
	return prefix->number & ip_low_mask(ip_family_bits(prefix->family) - prefix->length);
}

struct ip_range ip_prefix_range(const struct ip_prefix *prefix)
{
	ip_number low = ip_low_mask(ip_family_bits(prefix->family) - prefix->length);

	return (struct ip_range){ .first = prefix->number & ~low, .last = prefix->number | low };
}

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family && a->number == b->number;
}

char *ip_addr_format(const struct ip_addr *addr, char *buffer)
{
	uint8_t bytes[16];

	ip_addr_to_bytes(addr, bytes);
	if (!inet_ntop(addr->family == IP_FAMILY_V4 ? AF_INET : AF_INET6, bytes, buffer,
		       IP_TEXT_MAX))
		abort(); /* the buffer is large enough for every address */
	return buffer;
}

char *ip_prefix_format(const struct ip_prefix *prefix, char *buffer)
{
	struct ip_addr addr = { .family = prefix->family, .number = prefix->number };
	size_t length;

	ip_addr_format(&addr, buffer);
	length = strlen(buffer);
	(void)snprintf(buffer + length, IP_TEXT_MAX - length, "/%u", prefix->length);
	return buffer;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mac_addr_parse(const char *text, struct mac_addr *ret)
{
	struct mac_addr mac;

	if (strlen(text) != MAC_TEXT_MAX - 1)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int high = hex_digit(text[i * 3]);
		int low = hex_digit(text[i * 3 + 1]);
		char separator = text[i * 3 + 2];

		if (high < 0 || low < 0)
			return -EINVAL;
		if (i < 5 && (separator != text[2] || (separator != ':' && separator != '-')))
			return -EINVAL;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = mac;
	return 0;
}

char *mac_addr_format(const struct mac_addr *mac, char *buffer)
{
	const uint8_t *b = mac->bytes;

	(void)snprintf(buffer, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2],
		       b[3], b[4], b[5]);
	return buffer;
}

bool mac_addr_equal(const struct mac_addr *a, const struct mac_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
