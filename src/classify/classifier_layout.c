/*
 * Bits for rules: see classifier_layout.h.
 */
#include "classify/classifier_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Rows of more lines than this are scanned line by line, so segments must not share lines. */
#define SHARED_LINES 4

/* Above so many sparse rules that match both addresses of a packet, rows are better. */
#define SPARSE_MATCHES_MAX 8.0

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

static void add_chain(struct layout *layout, const struct program_chain *chain, enum stage stage)
{
	for (size_t i = 0; i < chain->count; i++) {
		struct live_rule *live = &layout->rules[layout->count];

		if (!is_live(layout, &chain->rules[i]))
			continue;
		*live = seen_from_nic(layout, &chain->rules[i]);
		live->outcome = outcome(stage, (uint16_t)i, chain->rules[i].access);
		live->segment = (uint8_t)layout->segment_count;
		layout->count++;
	}
	layout->stage[layout->segment_count++] = stage;
}

int classifier_layout_init(struct layout *layout, const struct program *program,
			   enum direction direction, enum ip_family family)
{
	const enum stage *order = program_order[direction];
	size_t most = 1;

	*layout = (struct layout){
		.program = program,
		.direction = direction,
		.family = family,
	};
	for (int i = 0; i < STAGES; i++)
		most += program->chain[direction][i].count;
	layout->rules = calloc(most, sizeof(*layout->rules));
	if (!layout->rules)
		return -ENOMEM;
	for (int i = 0; i < STAGES; i++) {
		const struct program_chain *chain = &program->chain[direction][order[i]];

		if (stage_counts(chain, order[i]))
			add_chain(layout, chain, order[i]);
	}
	return 0;
}

void classifier_layout_fini(struct layout *layout)
{
	free(layout->rules);
	free(layout->outcomes);
	*layout = (struct layout){ 0 };
}

int layout_events(const struct layout *layout, enum side side, struct events *ret)
{
	bool *used = calloc(layout->program->group_count, sizeof(*used));
	int r;

	if (!used)
		return -ENOMEM;
	for (size_t i = 0; i < layout->count; i++)
		used[layout->rules[i].group[side]] = true;
	r = events_init(ret, layout->program, layout->family, used);
	free(used);
	return r;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Where each segment of so many bits begins, in words, `unit` apart; returns the words of a row. */
static size_t place_segments(struct layout *layout, const size_t bits[STAGES], size_t unit)
{
	size_t words = 0;

	for (unsigned s = 0; s < layout->segment_count; s++) {
		layout->segment[s] = (struct segment){
			.first_word = (uint32_t)words,
			.words = (uint32_t)(round_up(bits[s], 64) / 64),
		};
		words += round_up(layout->segment[s].words, unit);
	}
	return round_up(words, LINE_WORDS);
}

/* Numbers the rules that are not sparse, segment by segment, and ends each segment. */
static void number_bits(struct layout *layout)
{
	uint32_t next[STAGES];

	for (unsigned s = 0; s < layout->segment_count; s++)
		next[s] = layout->segment[s].first_word * 64;
	for (size_t i = 0; i < layout->count; i++) {
		struct live_rule *live = &layout->rules[i];

		if (live->bit == NO_BIT)
			continue;
		live->bit = next[live->segment]++;
		layout->outcomes[live->bit] = live->outcome;
	}
	for (unsigned s = 0; s < layout->segment_count; s++) {
		enum stage stage = layout->stage[s];

		/* what no rule matches goes on after an acl and ends at an NSG */
		layout->last_bit[s] = next[s];
		layout->outcomes[next[s]] = outcome(
			stage, CLASSIFIER_NO_RULE, stage == STAGE_ACL ? ACCESS_ALLOW : ACCESS_DENY);
	}
}

static void count_bits(const struct layout *layout, size_t bits[STAGES])
{
	for (unsigned s = 0; s < STAGES; s++)
		bits[s] = 1;
	for (size_t i = 0; i < layout->count; i++)
		bits[layout->rules[i].segment] += layout->rules[i].bit != NO_BIT;
}

static int place(struct layout *layout)
{
	size_t bits[STAGES];

	count_bits(layout, bits);
	layout->words = place_segments(layout, bits, 1);
	if (layout->words > SHARED_LINES * LINE_WORDS)
		layout->words = place_segments(layout, bits, LINE_WORDS);
	free(layout->outcomes);
	layout->outcomes = calloc(layout->words ? layout->words * 64 : 1, sizeof(uint64_t));
	if (!layout->outcomes)
		return -ENOMEM;
	layout->outcomes[0] = outcome(STAGE_ACL, CLASSIFIER_NO_RULE, ACCESS_ALLOW);
	number_bits(layout);
	return 0;
}

int layout_place_all(struct layout *layout)
{
	for (size_t i = 0; i < layout->count; i++)
		layout->rules[i].bit = 0;
	layout->sparse_count[SIDE_LOCAL] = layout->sparse_count[SIDE_REMOTE] = 0;
	return place(layout);
}

/* How likely a rule's addresses match, taking the traffic to be spread over the borders. */
struct weight {
	double share[SIDES];
	size_t rule;
};

static double both(const struct weight *weight)
{
	return weight->share[SIDE_LOCAL] * weight->share[SIDE_REMOTE];
}

static int compare_weights(const void *a, const void *b)
{
	double x = both(a), y = both(b);

	return (x < y) - (x > y);
}

static struct weight *weigh(const struct layout *layout, const struct events events[SIDES])
{
	const struct address_group *groups = layout->program->groups;
	struct weight *weights = calloc(layout->count, sizeof(*weights));
	double *share[SIDES] = { NULL, NULL };

	for (int side = 0; side < SIDES; side++) {
		share[side] = calloc(layout->program->group_count, sizeof(**share));
		if (!share[side] || !weights)
			goto out;
	}
	for (size_t i = 0; i < layout->count; i++) {
		weights[i].rule = i;
		for (int side = 0; side < SIDES; side++) {
			uint32_t g = layout->rules[i].group[side];

			/* groups are shared by rules; no group that a rule names holds no event */
			if (share[side][g] == 0)
				share[side][g] = (double)events_within(&events[side], &groups[g],
								       layout->family) /
						 (double)events[side].count;
			weights[i].share[side] = share[side][g];
		}
	}
	qsort(weights, layout->count, sizeof(*weights), compare_weights);
out:
	if (!share[SIDE_LOCAL] || !share[SIDE_REMOTE]) {
		free(weights);
		weights = NULL;
	}
	free(share[SIDE_LOCAL]);
	free(share[SIDE_REMOTE]);
	return weights;
}

static void make_sparse(struct layout *layout, const struct weight *weight)
{
	struct live_rule *live = &layout->rules[weight->rule];

	live->bit = NO_BIT;
	live->list_side =
		weight->share[SIDE_LOCAL] <= weight->share[SIDE_REMOTE] ? SIDE_LOCAL : SIDE_REMOTE;
	live->list_bit = (uint32_t)layout->sparse_count[live->list_side]++;
}

int layout_place(struct layout *layout, const struct events events[SIDES])
{
	/* less what the segments' ends take */
	size_t dense = SPARSE_LINES * LINE_BITS - STAGES * 64;
	struct weight *weights;
	double matches = 0;
	int r;

	r = layout_place_all(layout);
	if (r < 0 || layout->words <= SHARED_LINES * LINE_WORDS)
		return r;
	weights = weigh(layout, events);
	if (!weights)
		return -ENOMEM;
	for (size_t i = dense; i < layout->count; i++)
		matches += both(&weights[i]);
	if (matches <= SPARSE_MATCHES_MAX) {
		for (size_t i = dense; i < layout->count; i++)
			make_sparse(layout, &weights[i]);
		r = place(layout);
	}
	free(weights);
	return r;
}
