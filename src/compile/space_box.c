/*
 * Boxes in spaces: see space_box.h.
 */
#include "compile/space_box.h"

#include "compile/space_classes.h"

#include <errno.h>
#include <stdlib.h>

static bool matches(const struct space_chain *chain, enum space_field field, size_t value,
		    size_t rule)
{
	return space_words(chain, field, value)[rule / 64] >> rule % 64 & 1;
}

int space_box_init(struct space_box *box, const struct space *space,
		   const struct space_chain *chain, size_t rule)
{
	*box = (struct space_box){ 0 };
	for (enum space_field f = 0; f < SPACE_FIELDS; f++) {
		box->at[f] = calloc(space->count[f], sizeof(size_t));
		if (!box->at[f]) {
			space_box_fini(box);
			return -ENOMEM;
		}
		for (size_t v = 0; v < space->count[f]; v++) {
			if (!chain || matches(chain, f, v, rule))
				box->at[f][box->count[f]++] = v;
		}
	}
	return 0;
}

void space_box_fini(struct space_box *box)
{
	for (size_t f = 0; f < SPACE_FIELDS; f++)
		free(box->at[f]);
	*box = (struct space_box){ 0 };
}

static uint64_t product(uint64_t a, uint64_t b)
{
	uint64_t result;

	return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

uint64_t space_box_size(const struct space_box *box, const struct space *space)
{
	uint64_t pairs = product(box->count[SPACE_SOURCE], box->count[SPACE_DESTINATION]);
	uint64_t ports = product(box->count[SPACE_SOURCE_PORT], box->count[SPACE_DESTINATION_PORT]);
	uint64_t kinds = 0, add;

	for (size_t i = 0; i < box->count[SPACE_PROTOCOL]; i++) {
		add = space_has_ports(space, box->at[SPACE_PROTOCOL][i]) ? ports : 1;
		if (__builtin_add_overflow(kinds, add, &kinds))
			return UINT64_MAX;
	}
	return product(pairs, kinds);
}

static bool is_empty(const struct space_box *box)
{
	for (size_t f = 0; f < SPACE_FIELDS; f++) {
		if (box->count[f] == 0)
			return true;
	}
	return false;
}

/* All ports of one choice of addresses and protocol. */
static bool walk_ports(const struct space_box *box, const struct space *space,
		       size_t at[SPACE_FIELDS], space_visit visit, void *context)
{
	bool ports = space_has_ports(space, at[SPACE_PROTOCOL]);
	size_t sources = ports ? box->count[SPACE_SOURCE_PORT] : 1;
	size_t destinations = ports ? box->count[SPACE_DESTINATION_PORT] : 1;

	for (size_t s = 0; s < sources; s++) {
		at[SPACE_SOURCE_PORT] = box->at[SPACE_SOURCE_PORT][s];
		for (size_t d = 0; d < destinations; d++) {
			at[SPACE_DESTINATION_PORT] = box->at[SPACE_DESTINATION_PORT][d];
			if (!visit(context, at))
				return false;
		}
	}
	return true;
}

bool space_box_walk(const struct space_box *box, const struct space *space, space_visit visit,
		    void *context)
{
	size_t at[SPACE_FIELDS];

	if (is_empty(box))
		return true;
	for (size_t s = 0; s < box->count[SPACE_SOURCE]; s++) {
		at[SPACE_SOURCE] = box->at[SPACE_SOURCE][s];
		for (size_t d = 0; d < box->count[SPACE_DESTINATION]; d++) {
			at[SPACE_DESTINATION] = box->at[SPACE_DESTINATION][d];
			for (size_t p = 0; p < box->count[SPACE_PROTOCOL]; p++) {
				at[SPACE_PROTOCOL] = box->at[SPACE_PROTOCOL][p];
				if (!walk_ports(box, space, at, visit, context))
					return false;
			}
		}
	}
	return true;
}

bool space_box_sample(const struct space_box *box, const struct space *space, uint64_t count,
		      space_visit visit, void *context)
{
	size_t at[SPACE_FIELDS];
	uint64_t draw = 0;

	(void)space;
	if (is_empty(box))
		return true;
	for (uint64_t i = 0; i < count; i++) {
		for (size_t f = 0; f < SPACE_FIELDS; f++)
			at[f] = box->at[f][class_key(draw++) % box->count[f]];
		if (!visit(context, at))
			return false;
	}
	return true;
}

size_t space_first_match(const struct space_chain *chain, const size_t at[SPACE_FIELDS],
			 size_t from)
{
	const uint64_t *words[SPACE_FIELDS];

	if (from >= chain->chain->count)
		return chain->chain->count;
	for (enum space_field f = 0; f < SPACE_FIELDS; f++)
		words[f] = space_words(chain, f, at[f]);
	for (size_t w = from / 64; w < chain->words; w++) {
		uint64_t all = words[0][w] & words[1][w] & words[2][w] & words[3][w] & words[4][w];

		if (w == from / 64)
			all &= ~(uint64_t)0 << from % 64;
		if (all)
			return w * 64 + (size_t)__builtin_ctzll(all);
	}
	return chain->chain->count;
}

static void decide(struct judgement *judgement, enum stage stage, const struct program_rule *rule)
{
	judgement->decided = true;
	judgement->stage = stage;
	judgement->rule = rule ? rule->rule : NULL;
	judgement->access = rule ? rule->access : ACCESS_DENY;
	judgement->matched[stage] = judgement->rule;
}

void space_judge(const struct space *space, size_t program, const size_t at[SPACE_FIELDS],
		 struct judgement *ret)
{
	*ret = (struct judgement){ .access = ACCESS_ALLOW, .stage = STAGE_ACL };
	for (size_t i = 0; i < STAGES; i++) {
		enum stage stage = program_order[space->direction][i];
		const struct space_chain *chain = &space->chain[program][stage];
		size_t match;

		if (!chain->chain->present)
			continue;
		match = space_first_match(chain, at, 0);
		if (match < chain->chain->count)
			decide(ret, stage, &chain->chain->rules[match]);
		else if (stage != STAGE_ACL)
			decide(ret, stage, NULL);
		if (ret->decided && ret->access != ACCESS_ALLOW)
			return;
	}
}
