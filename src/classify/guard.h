/*
 * Isolation: a frame leaves with the NIC's own addresses only, and does not arrive with them.
 *
 * `sourceGuard` of the policy, on by default. Where the policy does not know the NIC's IP
 * addresses, MAC addresses alone are looked at. Pure; any thread.
 */
#ifndef CLASSIFY_GUARD_H
#define CLASSIFY_GUARD_H

#include "classify/packet.h"
#include "classify/ruleset.h"

/* DROP_NONE, DROP_SOURCE_MAC, DROP_SOURCE_IP, DROP_SOURCE_MARTIAN or DROP_DESTINATION_MAC. */
enum drop_reason guard_check(const struct ruleset *ruleset, const struct packet *packet);

#endif
