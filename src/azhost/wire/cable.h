/*
 * The seam between the host process and a program at the other end of an uplink `ring:PATH`: the
 * messages of the socket PATH, and the memory that is shared. cable_end.h is the program's side.
 *
 * Socket: AF_UNIX, SOCK_SEQPACKET, one struct cable_message a packet. The program connects, sends
 * CABLE_HELLO and waits for CABLE_ATTACH; the end of the connection is the end of the cable. A
 * cable has two ends: whoever connects later takes the place of who was there.
 *
 * With CABLE_FEEDS_VF in its hello the program is the NIC's switch in hardware, too: while the
 * guest's data path is its VF, the host lends it the VF's own ring, and does not put any frame
 * there itself; whatever the program sends by the cable then goes by the synthetic path.
 */
#ifndef AZHOST_WIRE_CABLE_H
#define AZHOST_WIRE_CABLE_H

#include <stdint.h>

#define CABLE_VERSION 1u

/* Flags of a hello. */
#define CABLE_FEEDS_VF 1u

enum cable_message_type {
	CABLE_HELLO = 1,   /* program to host: version, flags */
	CABLE_ATTACH = 16, /* host to program: with CABLE_ATTACH_FDS descriptors */
	CABLE_VF = 17,     /* host to program: with CABLE_VF_FDS descriptors; before its serial is
			    * in cable_shared */
};

/* Descriptors, in this order. */
enum { CABLE_ATTACH_MEMORY, CABLE_ATTACH_TO_PROGRAM, CABLE_ATTACH_TO_SWITCH, CABLE_ATTACH_FDS };
enum { CABLE_VF_MEMORY, CABLE_VF_TO_GUEST, CABLE_VF_FDS };

struct cable_message {
	uint32_t type;              /* enum cable_message_type */
	uint32_t version;           /* CABLE_VERSION */
	uint32_t flags;             /* of a hello */
	uint32_t serial;            /* CABLE_VF: of this loan, never 0 */
	uint64_t bytes;             /* of the memory; map it MAP_SHARED */
	uint64_t to_program_offset; /* CABLE_ATTACH: ring that the program reads */
	uint64_t to_switch_offset;  /* CABLE_ATTACH: ring that it writes; CABLE_VF: the VF's */
};

/* Start of the memory of CABLE_ATTACH. */
struct cable_shared {
	uint32_t vf; /* host: serial of the VF that is lent; 0: none, use the cable */
	uint32_t reserved[15];
};

#endif
