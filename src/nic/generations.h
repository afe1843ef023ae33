/*
 * Which policy a rule set was made of.
 *
 * Rule sets are counted apart from policies: a change of context, or no policy at all, makes a new
 * one. A connection keeps the low 16 bits of the rule set's number that judged it last. Thread:
 * control.
 */
#ifndef NIC_GENERATIONS_H
#define NIC_GENERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GENERATIONS_MAX 64 /* policies; those before are forgotten */

/* All zero: no rule set was ever in force. */
struct generations {
	struct {
		uint64_t ruleset; /* the first that was made of the policy */
		uint64_t policy;  /* 0: of none */
	} spans[GENERATIONS_MAX];
	size_t count;    /* of spans that were ever begun */
	uint64_t newest; /* rule set */
};

/* A rule set of a policy comes in force; numbers of rule sets only grow. */
void generations_note(struct generations *generations, uint64_t ruleset, uint64_t policy);
/* False where the rule set is too old, or none ever had these low bits. */
bool generations_find(const struct generations *generations, uint16_t ruleset,
		      uint64_t *ret_policy);

#endif
