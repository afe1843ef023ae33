/*
 * Just enough of a frame for the host: addresses, protocol, ports, and whether it opens a TCP
 * connection. VLAN tags are skipped, IPv6 extension headers are walked, fragments other than the
 * first have no ports. Pure; any thread.
 */
#ifndef AZHOST_VSWITCH_PARSE_H
#define AZHOST_VSWITCH_PARSE_H

#include <stdbool.h>
#include <stdint.h>

struct parsed_frame {
	uint8_t version;  /* 4 or 6 */
	uint8_t protocol; /* of the last header reached */
	bool later_fragment;
	bool has_ports;     /* TCP, UDP or SCTP, and not a later fragment */
	bool tcp_opener;    /* SYN without ACK */
	uint8_t source[16]; /* IPv4: the first four bytes, the rest zero */
	uint8_t destination[16];
	uint16_t source_port; /* host order */
	uint16_t destination_port;
	uint32_t l3; /* offsets in the frame */
	uint32_t l4;
	uint32_t l3_end; /* where the IP packet ends, at most the frame's length */
};

/* False where the frame is not IP or too short to be read. */
bool parse_frame(const uint8_t *frame, uint32_t length, struct parsed_frame *ret);

#endif
