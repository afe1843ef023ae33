/*
 * The bytes on the wire of a model packet: Ethernet, IPv4 or IPv6, TCP, UDP, ICMP or nothing more.
 * RFC 791, 8200, 9293, 768, 792, 4443. Checksums are those of IPv4 headers alone.
 */
#ifndef TESTS_PROPERTY_MODEL_FRAME_H
#define TESTS_PROPERTY_MODEL_FRAME_H

#include "property/model.h"

#define MODEL_FRAME_MAX 256

extern const struct mac_addr model_frame_vm_mac;

/* Returns the length of the frame. */
size_t model_frame(const struct model_packet *packet, uint8_t frame[MODEL_FRAME_MAX]);

#endif
