/*
 * Flows by their packets: see long_flows.h.
 */
#include "nic/long_flows.h"

#include <string.h>

static size_t size_of(const struct conn_key *key)
{
	return key->family == IP_FAMILY_V4 ? sizeof(key->key4) : sizeof(key->key6);
}

int conn_key_compare(const struct conn_key *a, const struct conn_key *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(&a->key6, &b->key6, size_of(a));
}

bool conn_key_equal(const struct conn_key *a, const struct conn_key *b)
{
	return conn_key_compare(a, b) == 0;
}

/* FNV-1a. Who sends packets that collide hides long flows of his own, and nothing else. */
static uint32_t hash_of(const struct conn_key *key)
{
	const uint8_t *bytes = (const uint8_t *)&key->key6;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size_of(key); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash ^ hash >> 15;
}

void long_flows_reset(struct long_flows *flows)
{
	memset(flows, 0, sizeof(*flows));
}

void long_flows_add(struct long_flows *flows, const struct conn_key *key, uint32_t packets)
{
	struct long_flow *set = flows->flows[hash_of(key) % LONG_FLOWS_SETS];
	struct long_flow *least = &set[0];

	for (int way = 0; way < LONG_FLOWS_WAYS; way++) {
		if (set[way].packets > 0 && conn_key_equal(&set[way].key, key)) {
			set[way].packets += packets;
			set[way].samples++;
			return;
		}
		if (set[way].packets < least->packets)
			least = &set[way];
	}
	least->key = *key;
	least->packets += packets;
	least->samples = 1;
}

void long_flows_age(struct long_flows *flows)
{
	if (++flows->age % LONG_FLOWS_WINDOW != 0)
		return;
	for (size_t i = 0; i < LONG_FLOWS_SETS; i++) {
		for (size_t way = 0; way < LONG_FLOWS_WAYS; way++)
			flows->flows[i][way].packets /= 2;
	}
}

bool long_flows_take(struct long_flows *flows, uint64_t packets, size_t *cursor,
		     struct conn_key *ret)
{
	while (*cursor < (size_t)LONG_FLOWS_SETS * LONG_FLOWS_WAYS) {
		struct long_flow *flow =
			&flows->flows[*cursor / LONG_FLOWS_WAYS][*cursor % LONG_FLOWS_WAYS];

		(*cursor)++;
		if (flow->packets < packets || flow->samples < LONG_FLOW_SAMPLES)
			continue;
		*ret = flow->key;
		flow->packets = 0;
		flow->samples = 0;
		return true;
	}
	return false;
}
