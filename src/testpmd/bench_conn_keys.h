/*
 * The connections of the connection bench: UDP keys, and a table that has them.
 *
 * A table refuses a key whose two buckets are full, one in millions, and its hash has a new seed
 * each time: which key it will be cannot be known before. Thread: the main lcore.
 */
#ifndef TESTPMD_BENCH_CONN_KEYS_H
#define TESTPMD_BENCH_CONN_KEYS_H

#include "classify/conn.h"
#include "testpmd/random.h"

/* Unlike one another where `count` is at most 65,536, and nearly always above. */
void bench_conn_make_keys(struct random *random, struct key4 *keys, uint32_t count);

/* An opener and its reply: what a connection costs to come to rest. -ENOSPC: not taken in. */
int bench_conn_insert(struct conn_table *table, const struct key4 *key);

/*
 * Inserts the keys and moves those that are not taken in behind the others. Returns how many were:
 * keys[0] to keys[that - 1] are found from now on.
 */
uint32_t bench_conn_load(struct conn_table *table, struct key4 *keys, uint32_t count);

#endif
