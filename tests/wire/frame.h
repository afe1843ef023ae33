/*
 * The test's packets as bytes on the wire, each with a number by which it is known at the other
 * end.
 *
 * All checksums are right, so that a NIC has nothing to object to. RFC 791, 8200, 9293, 768, 9260,
 * 792, 4443. The number stands in the last four bytes, behind four that are always the same.
 */
#ifndef TESTS_WIRE_FRAME_H
#define TESTS_WIRE_FRAME_H

#include "property/model.h"

#define FRAME_MAX 256

enum frame_form {
	FRAME_PLAIN,
	FRAME_OPTIONS, /* IPv4 options that say nothing; in IPv6 a destination options header */
	FRAME_FIRST_FRAGMENT, /* with the whole L4 header */
	FRAME_LATER_FRAGMENT, /* the rest, of the same packet */
};

struct frame_spec {
	const struct model_packet *packet;
	enum frame_form form;
	uint8_t more_tcp_flags; /* those that mean nothing to a policy: PSH, URG, ECE, CWR */
	uint32_t fragment;      /* number of the packet that fragments are of */
	uint32_t id;
};

/* Returns the length. */
size_t frame_make(const struct frame_spec *spec, uint8_t frame[FRAME_MAX]);

/* An ARP request, which passes whatever the policy is. */
size_t frame_barrier(enum direction direction, uint32_t id, uint8_t frame[FRAME_MAX]);

/* False where it is no frame of the test's. */
bool frame_id(const uint8_t *frame, size_t length, uint32_t *ret);

#endif
