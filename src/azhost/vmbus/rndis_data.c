/* RNDIS data messages, see rndis_data.h. */
#include "azhost/vmbus/rndis_data.h"

#include "azhost/vmbus/checksum.h"
#include "azhost/vmbus/ndis.h"
#include "azhost/wire/ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define ETHER_HEADER 14u
#define VLAN_TAG     4u
#define TCP_HEADER   20u

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

static bool inside(uint32_t offset, uint32_t bytes, uint32_t total)
{
	return offset <= total && bytes <= total - offset;
}

static void take_info(struct rndis_tx *tx, uint32_t type, uint32_t value)
{
	switch (type) {
	case RNDIS_INFO_CHECKSUM:
		tx->has_checksum = true;
		tx->checksum = value;
		break;
	case RNDIS_INFO_LARGE_SEND:
		tx->has_large_send = true;
		tx->large_send = value;
		break;
	case RNDIS_INFO_VLAN:
		tx->has_vlan = true;
		tx->vlan = value;
		break;
	default:
		/* The hash value chooses the channel of the completion: it is this one anyway. */
		break;
	}
}

static int read_info(const uint8_t *at, uint32_t bytes, struct rndis_tx *tx)
{
	while (bytes != 0) {
		struct rndis_info info;
		uint32_t value;

		if (bytes < sizeof(info))
			return -EINVAL;
		memcpy(&info, at, sizeof(info));
		if (info.size < sizeof(info) || info.size > bytes || info.size % 4 != 0 ||
		    info.offset < sizeof(info) || !inside(info.offset, sizeof(value), info.size))
			return -EINVAL;
		memcpy(&value, at + info.offset, sizeof(value));
		take_info(tx, info.type, value);
		at += info.size;
		bytes -= info.size;
	}
	return 0;
}

int rndis_read_packet(const uint8_t *message, uint32_t bytes, struct rndis_tx *ret,
		      uint32_t *ret_next)
{
	struct rndis_packet p;
	struct rndis_tx tx = { 0 };

	if (bytes < sizeof(p))
		return -EINVAL;
	memcpy(&p, message, sizeof(p));
	if (p.type != RNDIS_PACKET || p.length < sizeof(p) || p.length > bytes)
		return -EINVAL;

	const uint32_t body = p.length - RNDIS_PACKET_BASE;

	if (!inside(p.data_offset, p.data_length, body) ||
	    !inside(p.info_offset, p.info_length, body))
		return -EINVAL;
	if (p.data_length < ETHER_HEADER)
		return -EINVAL;
	tx.data = message + RNDIS_PACKET_BASE + p.data_offset;
	tx.length = p.data_length;

	int rc = read_info(message + RNDIS_PACKET_BASE + p.info_offset, p.info_length, &tx);

	if (rc < 0)
		return rc;
	*ret = tx;
	*ret_next = p.length;
	return 0;
}

static uint8_t *write_info(uint8_t *to, enum rndis_info_type type, uint32_t value)
{
	const struct rndis_info info = {
		.size = sizeof(info) + sizeof(value),
		.type = type,
		.offset = sizeof(info),
	};

	memcpy(to, &info, sizeof(info));
	memcpy(to + sizeof(info), &value, sizeof(value));
	return to + info.size;
}

uint32_t rndis_write_packet(const struct rndis_rx *rx, uint8_t *to)
{
	struct rndis_packet p = { .type = RNDIS_PACKET, .data_length = rx->length };
	uint8_t *const info = to + sizeof(p);
	uint8_t *at = info;

	if (rx->has_vlan)
		at = write_info(at, RNDIS_INFO_VLAN, rx->vlan);
	if (rx->checksum != 0)
		at = write_info(at, RNDIS_INFO_CHECKSUM, rx->checksum);
	if (rx->has_hash) {
		at = write_info(at, RNDIS_INFO_HASH_INFO, rx->hash_type | NDIS_RSS_TOEPLITZ);
		at = write_info(at, RNDIS_INFO_HASH_VALUE, rx->hash);
	}
	if (at != info) {
		p.info_offset = sizeof(p) - RNDIS_PACKET_BASE;
		p.info_length = (uint32_t)(at - info);
	}
	p.data_offset = (uint32_t)(at - to) - RNDIS_PACKET_BASE;
	p.length = (uint32_t)(at - to) + rx->length;
	memcpy(to, &p, sizeof(p));
	memcpy(at, rx->frame, rx->length);
	return p.length;
}

/* Copy a frame to @to, with the tag that the guest asked for. Returns its length. */
static uint32_t copy_tagged(const struct rndis_tx *tx, uint8_t *to, uint32_t bytes)
{
	if (!tx->has_vlan) {
		memcpy(to, tx->data, bytes);
		return bytes;
	}

	const uint16_t tag[] = {
		htons(0x8100),
		htons((uint16_t)(NDIS_VLAN_PRIORITY(tx->vlan) << 13 |
				 NDIS_VLAN_DEI(tx->vlan) << 12 | NDIS_VLAN_ID(tx->vlan))),
	};

	memcpy(to, tx->data, 12);
	memcpy(to + 12, tag, sizeof(tag));
	memcpy(to + 12 + VLAN_TAG, tx->data + 12, bytes - 12);
	return bytes + VLAN_TAG;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, 4);
	return ntohl(value);
}

static void put32(uint8_t *p, uint32_t value)
{
	value = htonl(value);
	memcpy(p, &value, 4);
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/*
 * Can @tx be cut as it asks? The guest leaves lengths and checksums of the IP header to the host,
 * so the frame is measured by its own length.
 */
static bool large_send_parse(const struct rndis_tx *tx, struct parsed_frame *f,
			     uint32_t *ret_headers)
{
	uint8_t head[256];
	uint32_t bytes = tx->length < sizeof(head) ? tx->length : sizeof(head);
	uint32_t l3 = ETHER_HEADER;
	uint32_t l4 = NDIS_LSO_L4_OFFSET(tx->large_send);

	memcpy(head, tx->data, bytes);
	if (l4 < l3 + 20 || l4 + TCP_HEADER > bytes)
		return false;
	if ((tx->large_send & NDIS_LSO_V6) != 0)
		put16(head + l3 + 4, bytes - l3 - 40);
	else
		put16(head + l3 + 2, bytes - l3);
	if (!parse_frame(head, bytes, f) || f->protocol != IPPROTO_TCP || f->l4 != l4 ||
	    f->version != ((tx->large_send & NDIS_LSO_V6) != 0 ? 6 : 4))
		return false;
	*ret_headers = l4 + (uint32_t)(head[l4 + 12] >> 4) * 4;
	return *ret_headers >= l4 + TCP_HEADER && *ret_headers <= bytes &&
	       *ret_headers < tx->length;
}

/* One segment: headers of the large packet, @bytes of its payload from @at on. */
static uint32_t make_segment(const struct rndis_tx *tx, const struct parsed_frame *f,
			     uint32_t headers, uint32_t at, uint32_t bytes, unsigned number,
			     uint8_t *to)
{
	const bool last = headers + at + bytes == tx->length;
	uint32_t shift = copy_tagged(tx, to, headers) - headers;
	uint8_t *ip = to + shift + f->l3;
	uint8_t *tcp = to + shift + f->l4;
	uint32_t length = headers + bytes;

	memcpy(to + shift + headers, tx->data + headers + at, bytes);
	if (f->version == 4) {
		put16(ip + 2, length - f->l3);
		put16(ip + 4, ((uint32_t)ip[4] << 8 | ip[5]) + number);
	} else {
		put16(ip + 4, length - f->l3 - 40);
	}
	put32(tcp + 4, get32(tcp + 4) + at);
	if (!last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (number != 0)
		tcp[13] &= (uint8_t)~TCP_CWR;
	return length + shift;
}

static unsigned cut(const struct rndis_tx *tx, uint32_t frame_max, uint8_t *scratch,
		    rndis_emit_fn emit, void *opaque)
{
	const uint32_t mss = NDIS_LSO_MSS(tx->large_send);
	struct parsed_frame f;
	uint32_t headers;
	unsigned number = 0;

	if (!large_send_parse(tx, &f, &headers) || mss == 0 || headers + mss > frame_max)
		return 0;

	const uint32_t payload = tx->length - headers;

	for (uint32_t at = 0; at < payload; at += mss) {
		uint32_t bytes = payload - at < mss ? payload - at : mss;
		uint32_t length = make_segment(tx, &f, headers, at, bytes, number++, scratch);
		struct parsed_frame segment;

		if (!parse_frame(scratch, length, &segment))
			return 0;
		checksum_fill_ip(scratch, &segment);
		(void)checksum_fill_l4(scratch, &segment);
		emit(opaque, scratch, length);
	}
	return number;
}

static bool fill_checksums(const struct rndis_tx *tx, uint8_t *frame, uint32_t length)
{
	const uint32_t l4 = tx->checksum & (NDIS_TX_TCP | NDIS_TX_UDP);
	const uint32_t tag = tx->has_vlan ? VLAN_TAG : 0;
	struct parsed_frame f;

	if (!parse_frame(frame, length, &f))
		return false;
	if ((tx->checksum & NDIS_TX_IP) != 0)
		checksum_fill_ip(frame, &f);
	if (l4 == 0)
		return true;
	/* An offset that is not where the header is would spoil the packet on a real host. */
	if (NDIS_TX_L4_OFFSET(tx->checksum) + tag != f.l4 ||
	    f.protocol != (l4 == NDIS_TX_TCP ? IPPROTO_TCP : IPPROTO_UDP))
		return false;
	return checksum_fill_l4(frame, &f) == CHECKSUM_FILLED;
}

struct rndis_done rndis_finish_packet(const struct rndis_tx *tx, uint32_t frame_max,
				      uint8_t *scratch, rndis_emit_fn emit, void *opaque)
{
	struct rndis_done done = { .vlan = tx->has_vlan };

	if (tx->has_large_send && (tx->large_send & NDIS_LSO_VERSION_2) != 0) {
		done.frames = cut(tx, frame_max, scratch, emit, opaque);
		done.segmented = done.frames != 0;
		if (done.frames == 0)
			done.refusal = RNDIS_BAD_LARGE_SEND;
		return done;
	}
	if (tx->length > frame_max) {
		done.refusal = RNDIS_BAD_LENGTH;
		return done;
	}
	if (!tx->has_vlan && !tx->has_checksum) {
		emit(opaque, tx->data, tx->length);
		done.frames = 1;
		return done;
	}

	uint32_t length = copy_tagged(tx, scratch, tx->length);

	if (tx->has_checksum && !fill_checksums(tx, scratch, length)) {
		done.refusal = RNDIS_BAD_CHECKSUM_REQUEST;
		return done;
	}
	done.checksum = tx->has_checksum;
	emit(opaque, scratch, length);
	done.frames = 1;
	return done;
}
