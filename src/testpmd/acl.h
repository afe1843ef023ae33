/*
 * rte_acl over the same rules: the yardstick of the classify and compile benches.
 *
 * The rules of one stage, inbound, IPv4, as rte_acl takes them: prefixes and port ranges multiplied
 * out, the first rule with the highest priority. Needs EAL.
 */
#ifndef TESTPMD_ACL_H
#define TESTPMD_ACL_H

#include "compile/program.h"

#include <stdint.h>

struct acl_yardstick;

/* The key that rte_acl reads, in network byte order. */
struct acl_key {
	uint8_t protocol;
	uint8_t zero[3];
	uint32_t source;
	uint32_t destination;
	uint16_t source_port;
	uint16_t destination_port;
};

/*
 * Adds and builds. 0, or a negative errno of rte_acl. `program` must have an inbound chain at
 * `stage` with fewer than 2^24 prefixes in its product.
 */
int acl_yardstick_new(const struct program *program, enum stage stage, struct acl_yardstick **ret);
void acl_yardstick_free(struct acl_yardstick *acl);

struct acl_key acl_key_from_tuple(const struct tuple *tuple);

/* The SIMD variants of rte_acl that this machine has, best last; NULL ends the list. */
struct acl_method {
	const char *name;
	int algorithm; /* enum rte_acl_classify_alg */
};
extern const struct acl_method acl_methods[];

/* 0, or negative where the machine does not have it. */
int acl_yardstick_use(struct acl_yardstick *acl, const struct acl_method *method);

/* rule[i] is the index of the first rule that matches keys[i], plus 1; 0: none. */
void acl_yardstick_judge(const struct acl_yardstick *acl, const struct acl_key *const *keys,
			 unsigned count, uint32_t *ret);

#endif
