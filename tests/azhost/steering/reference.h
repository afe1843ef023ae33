/*
 * The plainest steering there can be: lists of matchers and rules, compared byte by byte over the
 * whole of the match parameters, the best by (priority, layer, tie) taken. What the engine is
 * measured against; it shares no code with it.
 */
#ifndef TESTS_AZHOST_STEERING_REFERENCE_H
#define TESTS_AZHOST_STEERING_REFERENCE_H

#include "azhost/connectx/steering/steering.h"
#include "azhost/steering/frames.h"

#define REF_LEVELS   4
#define REF_MATCHERS 64
#define REF_RULES    512
#define REF_TIRS     4
#define REF_COUNTERS 8

struct ref_matcher {
	bool live;
	unsigned int level;
	unsigned int priority;
	unsigned int layer;  /* 2, 3 or 4 */
	unsigned int serial; /* the higher, the newer */
	uint8_t mask[PARAM_BYTES];
};

struct ref_rule {
	bool live;
	unsigned int matcher;
	unsigned int serial;
	uint8_t value[PARAM_BYTES];
	/* what it does; -1: does not */
	int tag, counter, reg_c;
	uint32_t reg_value;
	enum { REF_DROP, REF_MISS, REF_TIR, REF_JUMP, REF_NOTHING } end;
	unsigned int target; /* TIR, or level */
};

struct reference {
	bool newest_first;
	struct ref_matcher matchers[REF_MATCHERS];
	struct ref_rule rules[REF_RULES];
	uint64_t packets[REF_COUNTERS], octets[REF_COUNTERS];
};

struct ref_result {
	enum steer_verdict verdict;
	int tir; /* or -1 */
	uint32_t tag;
	uint32_t reg_c[8];
};

/* What hardware makes of a mask: bits that stand for a type are compared as a whole. */
void ref_widen(uint8_t *mask, unsigned int level);

void ref_walk(struct reference *reference, const struct frame_spec *spec, size_t length,
	      struct ref_result *ret_result);

#endif
