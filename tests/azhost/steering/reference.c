/*
 * The plainest steering; see reference.h.
 */
#include "azhost/steering/reference.h"

#include <string.h>

void ref_widen(uint8_t *mask, unsigned int level)
{
	if (mask[P_L3_BITS] & 0x1e)
		mask[P_L3_BITS] |= 0x1e;
	if (!level)
		return;
	if (mask[P_L3_BITS] & 0xc0)
		mask[P_L3_BITS] |= 0xc0;
	if (mask[P_SECOND_BITS] & 0xa0)
		mask[P_SECOND_BITS] |= 0xa0;
}

static bool matches(const uint8_t *param, const uint8_t *mask, const uint8_t *value)
{
	for (unsigned int i = 0; i < PARAM_BYTES; i++) {
		if ((param[i] & mask[i]) != value[i])
			return false;
	}
	return true;
}

static bool earlier(const struct reference *reference, unsigned int a, unsigned int b)
{
	return reference->newest_first ? a > b : a < b;
}

static bool better(const struct reference *reference, const struct ref_rule *a,
		   const struct ref_rule *b)
{
	const struct ref_matcher *ma = &reference->matchers[a->matcher];
	const struct ref_matcher *mb = &reference->matchers[b->matcher];

	if (ma->priority != mb->priority)
		return ma->priority < mb->priority;
	if (ma->level == 0 && ma->layer != mb->layer)
		return ma->layer > mb->layer;
	if (ma != mb)
		return earlier(reference, ma->serial, mb->serial);
	return earlier(reference, a->serial, b->serial);
}

static const struct ref_rule *find(const struct reference *reference, unsigned int level,
				   const uint8_t *param)
{
	const struct ref_rule *best = NULL;

	for (unsigned int i = 0; i < REF_RULES; i++) {
		const struct ref_rule *rule = &reference->rules[i];
		const struct ref_matcher *matcher = &reference->matchers[rule->matcher];

		if (!rule->live || matcher->level != level ||
		    !matches(param, matcher->mask, rule->value))
			continue;
		if (!best || better(reference, rule, best))
			best = rule;
	}
	return best;
}

static void apply(struct reference *reference, const struct ref_rule *rule, size_t length,
		  uint8_t *param, struct ref_result *result)
{
	if (rule->tag >= 0)
		result->tag = (uint32_t)rule->tag;
	if (rule->counter >= 0) {
		reference->packets[rule->counter]++;
		reference->octets[rule->counter] += length;
	}
	if (rule->reg_c >= 0) {
		put32(param + P_REG_C0 - 4 * rule->reg_c, rule->reg_value);
		result->reg_c[rule->reg_c] = rule->reg_value;
	}
	if (rule->end == REF_TIR)
		result->tir = (int)rule->target;
}

void ref_walk(struct reference *reference, const struct frame_spec *spec, size_t length,
	      struct ref_result *ret_result)
{
	static const enum steer_verdict verdicts[] = {
		[REF_DROP] = STEER_DROP, [REF_MISS] = STEER_MISS,    [REF_TIR] = STEER_TIR,
		[REF_JUMP] = STEER_DROP, [REF_NOTHING] = STEER_DROP,
	};
	struct ref_result result = { .verdict = STEER_MISS, .tir = -1 };
	uint8_t param[PARAM_BYTES];
	unsigned int level = 0;

	frame_param(spec, param);
	for (;;) {
		const struct ref_rule *rule = find(reference, level, param);

		if (!rule)
			break;
		apply(reference, rule, length, param, &result);
		result.verdict = verdicts[rule->end];
		if (rule->end == REF_MISS && level > 0)
			result.verdict = STEER_DROP;
		if (rule->end != REF_JUMP)
			break;
		level = rule->target;
	}
	*ret_result = result;
}
