/*
 * Inside of the judge and the table: the entry at a place that a connection mark names
 * (conn_mark.h) and whether it is the packet's. Thread: workers.
 */
#ifndef CLASSIFY_CONN_PLACE_H
#define CLASSIFY_CONN_PLACE_H

#include "classify/conn_mark.h"
#include "classify/conn_table.h"

static inline const struct conn_bucket *conn_bucket_of_place(const struct conn_table *table,
							     enum ip_family family, uint32_t place)
{
	size_t stride =
		family == IP_FAMILY_V4 ? sizeof(struct conn_bucket) : sizeof(struct conn_bucket6);

	return (const struct conn_bucket *)(table->side[family].buckets +
					    (place & ~CONN_SLOT_IP6) / CONN_SLOTS * stride);
}

static __attribute__((always_inline)) inline bool conn_place_holds(const struct conn_bucket *bucket,
								   unsigned slot,
								   const struct packet *packet)
{
	const struct conn_bucket6 *wide = (const struct conn_bucket6 *)bucket;
	struct conn_query query;

	if (packet->kind == PACKET_IP4) {
		conn_query4(&packet->key4, &query);
		return conn_lane_equal(&bucket->lane[slot], &query.lane);
	}
	conn_query6(&packet->key6, &query);
	return conn_lane_equal(&bucket->lane[slot], &query.lane) &&
	       conn_wide_equal(&wide->local[slot], &query.local) &&
	       conn_wide_equal(&wide->remote[slot], &query.remote);
}

/*
 * True where the entry at `place` has the packet's key and was last judged under `generation`; then
 * *ret is a hint as conn_find*() gives it, but without the hash. A place is never outside the
 * table, whatever has become of the entry.
 */
static __attribute__((always_inline)) inline bool conn_at(const struct conn_table *table,
							  uint32_t place,
							  const struct packet *packet,
							  uint64_t generation,
							  struct conn_hint *ret)
{
	const enum ip_family family = packet->kind == PACKET_IP4 ? IP_FAMILY_V4 : IP_FAMILY_V6;
	const struct conn_bucket *bucket = conn_bucket_of_place(table, family, place);
	const unsigned slot = place % CONN_SLOTS;
	const uint16_t version = conn_version(bucket);

	if (!(place & CONN_SLOT_IP6) != (family == IP_FAMILY_V4) || (version & 1) ||
	    !conn_place_holds(bucket, slot, packet) ||
	    __atomic_load_n(&bucket->state[slot].generation, __ATOMIC_ACQUIRE) !=
		    (uint16_t)generation ||
	    conn_version(bucket) != version)
		return false;
	ret->slot = place;
	ret->version = version;
	return true;
}

#endif
