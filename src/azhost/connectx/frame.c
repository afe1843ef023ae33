/*
 * Checksums, VLAN insertion and TCP segmentation, as the NIC does them.
 */
#include "azhost/connectx/frame.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#define ETHER_ADDRESSES 12u
#define VLAN_TAG        4u
#define TPID_8021Q      0x8100

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

/* Sum of 16-bit words in memory order (RFC 1071: the order does not matter until the end). */
static uint64_t sum_words(const uint8_t *at, uint32_t length, uint64_t sum)
{
	for (; length >= 4; length -= 4, at += 4) {
		uint32_t word;

		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	if (length >= 2) {
		uint16_t half;

		memcpy(&half, at, sizeof(half));
		sum += half;
		at += 2;
		length -= 2;
	}
	if (length)
		sum += htole16(at[0]);
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

bool cx_frame_push_vlan(struct cx_frame *frame, uint16_t tci)
{
	if (frame->headroom < VLAN_TAG || frame->length < ETHER_ADDRESSES)
		return false;
	memmove(frame->data - VLAN_TAG, frame->data, ETHER_ADDRESSES);
	frame->data -= VLAN_TAG;
	frame->headroom -= VLAN_TAG;
	frame->length += VLAN_TAG;
	put16(frame->data + ETHER_ADDRESSES, TPID_8021Q);
	put16(frame->data + ETHER_ADDRESSES + 2, tci);
	return true;
}

/* End of the IP datagram inside the frame: Ethernet padding does not count. */
static uint32_t datagram_end(const struct cx_frame *frame, const struct steer_headers *headers)
{
	const uint8_t *ip = frame->data + headers->l3_offset;
	uint32_t length = headers->l3 == STEER_L3_IPV4 ? get16(ip + 2) : 40u + get16(ip + 4);
	uint32_t end = headers->l3_offset + length;

	return end < frame->length ? end : frame->length;
}

/* Checksum field's offset in the L4 header and that header's least length. */
static bool l4_layout(const struct steer_headers *headers, uint32_t *ret_field, uint32_t *ret_least)
{
	if (headers->l3 == STEER_L3_NONE || headers->fragment)
		return false;
	if (headers->l4 == STEER_L4_TCP) {
		*ret_field = 16;
		*ret_least = 20;
		return true;
	}
	if (headers->l4 == STEER_L4_UDP) {
		*ret_field = 6;
		*ret_least = 8;
		return true;
	}
	return false;
}

/* Sum over pseudo-header and L4 bytes; 0xffff if the checksum in them is right. */
static uint16_t l4_sum(const struct cx_frame *frame, const struct steer_headers *headers,
		       uint32_t end)
{
	const uint8_t *ip = frame->data + headers->l3_offset;
	uint32_t length = end - headers->l4_offset;
	uint64_t sum;

	if (headers->l3 == STEER_L3_IPV4)
		sum = sum_words(ip + 12, 8, 0);
	else
		sum = sum_words(ip + 8, 32, 0);
	sum += htobe16(headers->ip_protocol);
	sum += htobe16((uint16_t)length) + htobe16((uint16_t)(length >> 16));
	return fold(sum_words(frame->data + headers->l4_offset, length, sum));
}

static void write_l4(struct cx_frame *frame, const struct steer_headers *headers)
{
	uint32_t field, least, end = datagram_end(frame, headers);
	uint16_t sum;
	uint8_t *at;

	if (!l4_layout(headers, &field, &least) || end < headers->l4_offset + least)
		return;
	at = frame->data + headers->l4_offset + field;
	memset(at, 0, 2);
	sum = (uint16_t)~l4_sum(frame, headers, end);
	if (sum == 0 && headers->l4 == STEER_L4_UDP)
		sum = 0xffff; /* RFC 768: 0 means "no checksum" */
	memcpy(at, &sum, sizeof(sum));
}

void cx_frame_write_checksums(struct cx_frame *frame, const struct steer_headers *headers, bool l3,
			      bool l4)
{
	uint8_t *ip = frame->data + headers->l3_offset;

	if (l3 && headers->l3 == STEER_L3_IPV4) {
		uint16_t sum;

		memset(ip + 10, 0, 2);
		sum = (uint16_t)~fold(sum_words(ip, (ip[0] & 0xfu) * 4, 0));
		memcpy(ip + 10, &sum, sizeof(sum));
	}
	if (l4)
		write_l4(frame, headers);
}

bool cx_frame_l4_good(const struct cx_frame *frame, const struct steer_headers *headers)
{
	uint32_t field, least, end;

	if (!l4_layout(headers, &field, &least))
		return false;
	end = datagram_end(frame, headers);
	if (end < headers->l4_offset + least)
		return false;
	if (headers->l4 == STEER_L4_UDP && headers->l3 == STEER_L3_IPV4 &&
	    get16(frame->data + headers->l4_offset + field) == 0)
		return true;
	return l4_sum(frame, headers, end) == 0xffff;
}

static void patch_ip(uint8_t *ip, uint8_t l3, uint32_t datagram, uint32_t i)
{
	if (l3 == STEER_L3_IPV4) {
		put16(ip + 2, (uint16_t)datagram);
		put16(ip + 4, (uint16_t)(get16(ip + 4) + i));
	} else {
		put16(ip + 4, (uint16_t)(datagram - 40));
	}
}

bool cx_frame_segment(const struct cx_frame *whole, const struct steer_headers *headers,
		      uint32_t header_length, uint16_t mss, uint32_t i, struct cx_frame *segment)
{
	uint64_t start = header_length + (uint64_t)i * mss;
	uint32_t payload;
	uint8_t *tcp;

	if (headers->l3 == STEER_L3_NONE || headers->l4 != STEER_L4_TCP || headers->fragment)
		return false;
	if (mss == 0 || start >= whole->length || header_length < headers->l4_offset + 20u)
		return false;
	payload = whole->length - (uint32_t)start < mss ? whole->length - (uint32_t)start : mss;
	memcpy(segment->data, whole->data, header_length);
	memcpy(segment->data + header_length, whole->data + start, payload);
	segment->length = header_length + payload;
	patch_ip(segment->data + headers->l3_offset, headers->l3,
		 segment->length - headers->l3_offset, i);
	tcp = segment->data + headers->l4_offset;
	put32(tcp + 4, get32(tcp + 4) + i * mss);
	if (start + payload < whole->length)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH); /* on the last segment only */
	if (i > 0)
		tcp[13] &= (uint8_t)~TCP_CWR; /* RFC 3168 6.1.2: on the first only */
	cx_frame_write_checksums(segment, headers, true, true);
	return true;
}
