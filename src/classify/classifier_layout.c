/*
 * Bits for rules: see classifier_layout.h.
 */
#include "classify/classifier_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Rows of more lines than this are scanned line by line, so segments must not share lines. */
#define SHARED_LINES 4

static uint64_t outcome(enum stage stage, uint16_t rule, enum access access)
{
	struct verdict verdict = {
		.rule = { CLASSIFIER_NO_RULE, CLASSIFIER_NO_RULE, CLASSIFIER_NO_RULE },
		.access = (uint8_t)access,
		.stage = (uint8_t)stage,
	};
	uint64_t number;

	verdict.rule[stage] = rule;
	memcpy(&number, &verdict, sizeof(number));
	return number;
}

static bool is_live(const struct layout *layout, const struct program_rule *rule)
{
	const struct address_group *groups = layout->program->groups;
	const uint64_t *protocols = rule->protocols[layout->family];

	return groups[rule->source].range_count[layout->family] > 0 &&
	       groups[rule->destination].range_count[layout->family] > 0 &&
	       (protocols[0] | protocols[1] | protocols[2] | protocols[3]);
}

static struct live_rule seen_from_nic(const struct layout *layout, const struct program_rule *rule)
{
	bool inbound = layout->direction == DIRECTION_INBOUND;

	return (struct live_rule){
		.rule = rule,
		.group = { inbound ? rule->destination : rule->source,
			   inbound ? rule->source : rule->destination },
		.ports = { inbound ? rule->destination_ports : rule->source_ports,
			   inbound ? rule->source_ports : rule->destination_ports },
	};
}

/* An acl without rules is as good as none. */
static bool stage_counts(const struct program_chain *chain, enum stage stage)
{
	return chain->present && (stage != STAGE_ACL || chain->count > 0);
}

static size_t count_live(const struct layout *layout, const struct program_chain *chain)
{
	size_t count = 0;

	for (size_t i = 0; i < chain->count; i++)
		count += is_live(layout, &chain->rules[i]);
	return count;
}

static void place_chain(struct layout *layout, const struct program_chain *chain, enum stage stage,
			size_t first_word)
{
	uint32_t bit = (uint32_t)first_word * 64;

	for (size_t i = 0; i < chain->count; i++) {
		struct live_rule *live = &layout->rules[layout->count];

		if (!is_live(layout, &chain->rules[i]))
			continue;
		*live = seen_from_nic(layout, &chain->rules[i]);
		live->bit = bit;
		layout->outcomes[bit] = outcome(stage, (uint16_t)i, chain->rules[i].access);
		layout->count++;
		bit++;
	}
	/* what no rule matches goes on after an acl and ends at an NSG */
	layout->outcomes[bit] =
		outcome(stage, CLASSIFIER_NO_RULE, stage == STAGE_ACL ? ACCESS_ALLOW : ACCESS_DENY);
	layout->segment[layout->segment_count] = (struct segment){
		.first_word = (uint32_t)first_word,
		.words = (uint32_t)(bit / 64 + 1 - first_word),
	};
	layout->last_bit[layout->segment_count++] = bit;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Where each stage's segment begins, in words, `unit` apart; returns the words of a row. */
static size_t place_segments(const size_t bits[STAGES], size_t unit, size_t first_word[STAGES])
{
	size_t words = 0;

	for (int i = 0; i < STAGES; i++) {
		first_word[i] = words;
		words += round_up(round_up(bits[i], 64) / 64, unit);
	}
	return round_up(words, LINE_WORDS);
}

static int place_all(struct layout *layout, const struct program_chain *chains)
{
	const enum stage *order = program_order[layout->direction];
	size_t bits[STAGES], first_word[STAGES], total = 0;

	for (int i = 0; i < STAGES; i++) {
		const struct program_chain *chain = &chains[order[i]];

		bits[i] = stage_counts(chain, order[i]) ? count_live(layout, chain) + 1 : 0;
		total += bits[i];
	}
	layout->words = place_segments(bits, 1, first_word);
	if (layout->words > SHARED_LINES * LINE_WORDS)
		layout->words = place_segments(bits, LINE_WORDS, first_word);
	layout->rules = calloc(total ? total : 1, sizeof(*layout->rules));
	layout->outcomes = calloc(layout->words ? layout->words * 64 : 1, sizeof(uint64_t));
	if (!layout->rules || !layout->outcomes)
		return -ENOMEM;
	layout->outcomes[0] = outcome(STAGE_ACL, CLASSIFIER_NO_RULE, ACCESS_ALLOW);
	for (int i = 0; i < STAGES; i++) {
		if (bits[i] > 0)
			place_chain(layout, &chains[order[i]], order[i], first_word[i]);
	}
	return 0;
}

int layout_init(struct layout *layout, const struct program *program, enum direction direction,
		enum ip_family family)
{
	*layout = (struct layout){
		.program = program,
		.direction = direction,
		.family = family,
	};
	return place_all(layout, program->chain[direction]);
}

void layout_fini(struct layout *layout)
{
	free(layout->rules);
	free(layout->outcomes);
	*layout = (struct layout){ 0 };
}
