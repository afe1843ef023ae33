/*
 * From bytes to a packet that can be judged: headers found, checked and put into a key.
 *
 * Survives any input: nothing is read beyond `headers_len`, whatever the lengths in the headers
 * say. Says nothing about policy; whose address it is, is not asked here. Checksums are not looked
 * at: frames that leave a VM may carry none yet, and for those that arrive the port has checked
 * them. Pure; any thread.
 */
#ifndef CLASSIFY_PACKET_H
#define CLASSIFY_PACKET_H

#include "classify/drop.h"
#include "classify/key.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What a caller should make contiguous before parsing a frame that spans several buffers. A frame
 * whose headers reach further than its first `headers_len` bytes is DROP_TRUNCATED.
 */
#define PACKET_HEADERS_MAX    256
#define PACKET_EXTENSIONS_MAX 8
#define PACKET_BURST_MAX      64

enum packet_kind {
	PACKET_IP4,
	PACKET_IP6,
	PACKET_ARP,
	PACKET_VLAN,  /* 802.1Q, 802.1ad: not looked into */
	PACKET_NON_IP /* any other ethertype, and 802.3 lengths */
};

/* RFC 9293 section 3.1 */
enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
};

enum packet_flag {
	PACKET_FRAGMENT = 1,       /* a fragment, first or later; never an atomic one (RFC 6946) */
	PACKET_LATER_FRAGMENT = 2, /* no L4 header: ports and kind of the key are 0 */
	PACKET_LAST_FRAGMENT = 4,
	PACKET_ND = 8,          /* ICMPv6 type 133-137, code 0, hop limit 255, whole (RFC 4861) */
	PACKET_ICMP_QUERY = 16, /* request or reply with an identifier: the key has it */
	PACKET_ICMP_REPLY = 32, /* with PACKET_ICMP_QUERY: the reply */
	PACKET_ICMP_ERROR = 64, /* type 3, 11, 12; ICMPv6 type 1-4 */
};

/*
 * All that judging needs. The first cache line is all that most packets use. Valid while the frame
 * is; owns nothing.
 */
struct packet {
	union {
		struct key4 key4;
		struct key6 key6;
	};
	uint32_t tcp_sequence;    /* host byte order; 0 where not TCP */
	uint32_t tcp_acknowledge; /* host byte order; meaningful with TCP_ACK */
	uint16_t l3_length;       /* of the IP packet, padding of the frame not counted */
	uint8_t kind;             /* enum packet_kind */
	uint8_t protocol;         /* IP protocol; of IPv6, the one behind the extension headers */
	uint8_t tcp_flags;        /* enum tcp_flag */
	uint8_t flags;            /* enum packet_flag */
	uint8_t direction;        /* enum direction */
	uint8_t drop;             /* enum drop_reason: what packet_parse() returned */

	const uint8_t *frame; /* first byte of the Ethernet header */
	void *owner;          /* the caller's, for instance its mbuf; carried along */
	uint32_t headers_len;
	uint32_t fragment_id;      /* as on the wire; IPv4's 16 bits in the low half */
	uint16_t fragment_offset;  /* bytes, in the fragmentable part */
	uint16_t fragment_headers; /* of a first fragment: bytes of headers in that part */
	uint16_t l4_offset;        /* from `frame`; 0 where there is no L4 header */
	uint8_t fragment_protocol; /* Next Header of the Fragment header, or IPv4's protocol */
	uint8_t icmp_type;
	uint8_t icmp_code;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct packet) == 128, "two cache lines");

/*
 * `headers_len` bytes at `frame` are readable; `frame_len` is the length of the whole frame,
 * without FCS, and may be larger. Returns DROP_NONE, or why the frame must be dropped whatever the
 * policy is. VLAN and non-IP frames are DROP_NONE with their kind: what becomes of them is
 * configuration.
 * `*ret` is filled as far as parsing got; `ret->owner` is left alone.
 */
enum drop_reason packet_parse(const uint8_t *frame, uint32_t headers_len, uint32_t frame_len,
			      enum direction direction, struct packet *ret);

struct packet_frame {
	const uint8_t *data;
	uint32_t headers_len;
	uint32_t frame_len;
};

/*
 * The same for a burst, any count; plain IPv4 TCP and UDP take a short path. Reasons are in
 * ret[i].drop. The caller has prefetched the first 64 bytes of each frame.
 */
void packet_parse_burst(const struct packet_frame *frames, unsigned count, enum direction direction,
			struct packet *ret);

/*
 * The packet that an ICMP error quotes (RFC 792, RFC 4443). It travelled against the error, so its
 * direction is the other one, and its source should be the destination of the error: the same side
 * of both keys. False where the quote is too short, a later fragment, an ICMP message that is no
 * query, or not of the error's own family. The result has kind, protocol, direction and key only.
 */
bool packet_quoted(const struct packet *packet, struct packet *ret);

#endif
