/*
 * A second, slow model of connections: packets and a clock in, verdicts out.
 *
 * Written from docs/policy.md, "Connections", alone, and shares no code with the classify room.
 * Lists instead of a table, no limits, no bursts. Where the text leaves something open (is an entry
 * refreshed by a packet that it does not mention?) the model answers MODEL_EITHER rather than
 * guess, and knows nothing more about that tuple until its longest timeout has passed.
 *
 * Left out: everything before the rules (isolation, fragments, platform traffic), acl, limits and
 * rates. Not thread-safe.
 */
#ifndef TESTS_PROPERTY_MODEL_H
#define TESTS_PROPERTY_MODEL_H

#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_verdict { MODEL_PASS, MODEL_DROP, MODEL_EITHER };

enum model_icmp {
	MODEL_NOT_ICMP,
	MODEL_ICMP_REQUEST, /* echo, by identifier */
	MODEL_ICMP_REPLY,
	MODEL_ICMP_ERROR, /* destination unreachable */
};

enum model_tcp_flag { MODEL_FIN = 1, MODEL_SYN = 2, MODEL_RST = 4, MODEL_ACK = 16 };

struct model_packet {
	enum direction direction;
	struct ip_addr source;
	struct ip_addr destination;
	uint8_t protocol;
	uint16_t source_port; /* 0 where the protocol has none */
	uint16_t destination_port;
	uint8_t tcp_flags;
	uint32_t sequence;
	uint32_t acknowledge;
	enum model_icmp icmp;
	uint16_t icmp_id;
	const struct model_packet *quoted; /* by an ICMP error; as it was sent */
};

/* Times in milliseconds. */
struct model;

/* `start`: when the grace window begins. */
struct model *model_new(uint64_t start);
void model_free(struct model *model);

/*
 * What arrives may pass the judge unseen, by settled marks; so a leaving segment in mid-stream may
 * be one of an established connection (docs/offload.md).
 */
void model_set_unseen(struct model *model);

/* Puts a policy in force; borrowed until the next one. */
void model_set_policy(struct model *model, const struct policy *policy);

enum model_verdict model_judge(struct model *model, const struct model_packet *packet,
			       uint64_t now);

/* Whether it is, or may be, a packet of a connection. */
bool model_has(struct model *model, const struct model_packet *packet, uint64_t now);

#endif
