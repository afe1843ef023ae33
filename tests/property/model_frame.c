/*
 * Frames for the model's packets: see model_frame.h.
 */
#include "property/model_frame.h"

#include <string.h>

#define ETHERNET_LEN 14
#define IP4_LEN      20
#define IP6_LEN      40
#define TTL          64
#define TCP_WINDOW   512

/* of RFC 792 and RFC 4443, by enum model_icmp; the error is "destination unreachable" */
static const uint8_t icmp4_types[] = { 0, 8, 0, 3 };
static const uint8_t icmp6_types[] = { 0, 128, 129, 1 };
static const uint8_t icmp_code_unreachable = 1;

const struct mac_addr model_frame_vm_mac = { { 0x00, 0x0d, 0x3a, 0, 0, 1 } };
static const struct mac_addr remote_mac = { { 0x02, 0, 0, 0, 0, 2 } };

static uint8_t *put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, (uint16_t)(value >> 16)), (uint16_t)value);
}

static uint16_t ip4_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (int i = 0; i < IP4_LEN; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t *put_ip(const struct model_packet *packet, uint8_t *ip, const uint8_t *payload,
		       size_t length)
{
	uint8_t *at = ip;

	if (packet->source.family == IP_FAMILY_V4) {
		at = put16(at, 0x4500);
		at = put16(at, (uint16_t)(IP4_LEN + length));
		at = put32(at, 0); /* id, no fragment */
		*at++ = TTL;
		*at++ = packet->protocol;
		at = put16(at, 0);
		ip_addr_to_bytes(&packet->source, at);
		ip_addr_to_bytes(&packet->destination, at + 4);
		(void)put16(ip + 10, ip4_checksum(ip));
		at += 8;
	} else {
		at = put32(at, 0x60000000);
		at = put16(at, (uint16_t)length);
		*at++ = packet->protocol;
		*at++ = TTL;
		ip_addr_to_bytes(&packet->source, at);
		ip_addr_to_bytes(&packet->destination, at + 16);
		at += 32;
	}
	memcpy(at, payload, length);
	return at + length;
}

static uint8_t *put_tcp(const struct model_packet *packet, uint8_t *at)
{
	at = put16(put16(at, packet->source_port), packet->destination_port);
	at = put32(put32(at, packet->sequence), packet->acknowledge);
	*at++ = 5 << 4;
	*at++ = packet->tcp_flags;
	return put32(put16(at, TCP_WINDOW), 0); /* checksum, urgent pointer */
}

static uint8_t *put_udp(const struct model_packet *packet, uint8_t *at)
{
	at = put16(put16(at, packet->source_port), packet->destination_port);
	return put32(put32(at, 12 << 16), 0x616c6f68); /* length, no checksum; four bytes */
}

static uint8_t *put_whole(const struct model_packet *packet, uint8_t *at);

static uint8_t *put_icmp(const struct model_packet *packet, uint8_t *at)
{
	const bool is_v4 = packet->source.family == IP_FAMILY_V4;

	*at++ = (is_v4 ? icmp4_types : icmp6_types)[packet->icmp];
	*at++ = packet->icmp == MODEL_ICMP_ERROR ? icmp_code_unreachable : 0;
	at = put16(at, 0);
	if (packet->icmp == MODEL_ICMP_ERROR)
		return put_whole(packet->quoted, put32(at, 0));
	return put16(put16(at, packet->icmp_id), 1); /* identifier, sequence number */
}

/* The IP packet and all that is in it. */
static uint8_t *put_whole(const struct model_packet *packet, uint8_t *at)
{
	uint8_t payload[MODEL_FRAME_MAX], *end = payload;

	if (packet->protocol == IP_PROTOCOL_TCP)
		end = put_tcp(packet, end);
	else if (packet->protocol == IP_PROTOCOL_UDP)
		end = put_udp(packet, end);
	else if (packet->icmp != MODEL_NOT_ICMP)
		end = put_icmp(packet, end);
	else
		end = put32(put32(end, 0), 0);
	return put_ip(packet, at, payload, (size_t)(end - payload));
}

size_t model_frame(const struct model_packet *packet, uint8_t frame[MODEL_FRAME_MAX])
{
	const bool inbound = packet->direction == DIRECTION_INBOUND;
	uint8_t *at = frame;

	memcpy(at, inbound ? &model_frame_vm_mac : &remote_mac, 6);
	memcpy(at + 6, inbound ? &remote_mac : &model_frame_vm_mac, 6);
	at = put16(at + 12, packet->source.family == IP_FAMILY_V4 ? 0x0800 : 0x86dd);
	return (size_t)(put_whole(packet, at) - frame);
}
