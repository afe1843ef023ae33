/*
 * Frames by hand: see frames.h.
 */
#include "bench/frames.h"

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <string.h>

#define REMOTE       0xcb007109u /* 203.0.113.9; RTE_IPV4() shifts into the sign */
#define VM           0x0a010104u /* 10.1.1.4 */
#define SERVICE_PORT 443
#define DENIED_PORT  8443
#define FIRST_PORT   20000 /* of the remote side: one a flow */

struct headers {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t stamp[sizeof(uint64_t)]; /* of a segment: as the machine writes it */
};

static const struct rte_ether_addr vm_mac = { { 0x00, 0x0d, 0x3a, 0x00, 0x00, 0x01 } };
static const struct rte_ether_addr remote_mac = { { 0x02, 0x00, 0x00, 0x00, 0x00, 0x09 } };

static const uint8_t flags_of[] = {
	[FRAME_OPENER] = RTE_TCP_SYN_FLAG,
	[FRAME_ANSWER] = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
	[FRAME_SEGMENT] = RTE_TCP_ACK_FLAG,
	[FRAME_DENIED] = RTE_TCP_SYN_FLAG,
};

static void write_addresses(struct headers *h, enum frame_kind kind, unsigned flow)
{
	const bool out = kind == FRAME_ANSWER;
	const uint16_t service = kind == FRAME_DENIED ? DENIED_PORT : SERVICE_PORT;
	const uint16_t client = (uint16_t)(FIRST_PORT + flow);

	h->ether.src_addr = out ? vm_mac : remote_mac;
	h->ether.dst_addr = out ? remote_mac : vm_mac;
	h->ip.src_addr = rte_cpu_to_be_32(out ? VM : REMOTE);
	h->ip.dst_addr = rte_cpu_to_be_32(out ? REMOTE : VM);
	h->tcp.src_port = rte_cpu_to_be_16(out ? service : client);
	h->tcp.dst_port = rte_cpu_to_be_16(out ? client : service);
}

void frame_make(uint8_t *frame, unsigned size, enum frame_kind kind, unsigned flow, uint64_t stamp)
{
	struct headers *h = (struct headers *)frame;

	memset(frame, 0, size);
	write_addresses(h, kind, flow);
	h->ether.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	h->ip.version_ihl = RTE_IPV4_VHL_DEF;
	h->ip.total_length = rte_cpu_to_be_16((uint16_t)(size - sizeof(h->ether)));
	h->ip.time_to_live = 64;
	h->ip.next_proto_id = IPPROTO_TCP;
	h->ip.hdr_checksum = rte_ipv4_cksum(&h->ip);
	h->tcp.data_off = sizeof(h->tcp) / 4 << 4;
	h->tcp.tcp_flags = flags_of[kind];
	h->tcp.rx_win = rte_cpu_to_be_16(UINT16_MAX);
	memcpy(h->stamp, &stamp, sizeof(stamp));
	h->tcp.cksum = rte_ipv4_udptcp_cksum(&h->ip, &h->tcp);
}

/* The ones' complement sum of a stamp, which stands at an even offset. */
static uint32_t sum_of(uint64_t stamp)
{
	return (uint32_t)(stamp & 0xffff) + (uint32_t)(stamp >> 16 & 0xffff) +
	       (uint32_t)(stamp >> 32 & 0xffff) + (uint32_t)(stamp >> 48);
}

/* RFC 1624, equation 3. */
void frame_stamp(uint8_t *frame, uint64_t stamp)
{
	struct headers *h = (struct headers *)frame;
	uint64_t old;
	uint32_t sum;

	memcpy(&old, h->stamp, sizeof(old));
	sum = (uint16_t)~h->tcp.cksum + sum_of(~old) + sum_of(stamp);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	h->tcp.cksum = (uint16_t)~sum;
	memcpy(h->stamp, &stamp, sizeof(stamp));
}

static enum frame_kind kind_of(const struct headers *h)
{
	const bool in = h->ip.src_addr == rte_cpu_to_be_32(REMOTE) &&
			h->ip.dst_addr == rte_cpu_to_be_32(VM);

	if (in && h->tcp.dst_port == rte_cpu_to_be_16(DENIED_PORT))
		return FRAME_DENIED;
	if (in && h->tcp.dst_port == rte_cpu_to_be_16(SERVICE_PORT))
		return h->tcp.tcp_flags & RTE_TCP_SYN_FLAG ? FRAME_OPENER : FRAME_SEGMENT;
	if (h->ip.src_addr == rte_cpu_to_be_32(VM) &&
	    h->tcp.src_port == rte_cpu_to_be_16(SERVICE_PORT))
		return FRAME_ANSWER;
	return FRAME_NONE_OF_THESE;
}

enum frame_kind frame_read(const uint8_t *frame, unsigned size, unsigned *ret_flow,
			   uint64_t *ret_stamp)
{
	const struct headers *h = (const struct headers *)frame;
	enum frame_kind kind;

	if (size < FRAME_MIN || h->ether.ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
	    h->ip.next_proto_id != IPPROTO_TCP)
		return FRAME_NONE_OF_THESE;
	kind = kind_of(h);
	if (kind == FRAME_NONE_OF_THESE)
		return kind;
	*ret_flow = rte_be_to_cpu_16(kind == FRAME_ANSWER ? h->tcp.dst_port : h->tcp.src_port) -
		    FIRST_PORT;
	*ret_stamp = 0;
	if (kind == FRAME_SEGMENT)
		memcpy(ret_stamp, h->stamp, sizeof(*ret_stamp));
	return kind;
}
