/*
 * What differs between two policies in terms of packets: an example for each verdict that changes.
 *
 * Takes up to some seconds with large policies: for the client, not for the control thread. Pure.
 */
#ifndef CONTROL_PACKET_DIFF_H
#define CONTROL_PACKET_DIFF_H

#include "base/error.h"
#include "base/json.h"
#include "policy/policy.h"

/*
 * Adds to `to`: "packets":[{"direction","protocol","source","sourcePort","destination",
 * "destinationPort","before":{"access","rule","nsg"},"after":{...}}], each a packet as
 * `verify --tuples` takes it, and "packetsComplete": no other packet's verdict changes, but for
 * those that the same rules decide. Fails with LIMIT where the policies are too large to compare.
 */
int packet_diff_add(struct json *to, const struct policy *before, const struct policy *after,
		    struct accelnet_error *err);

#endif
