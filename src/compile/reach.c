/*
 * Rules that make no difference: see reach.h.
 */
#include "compile/reach.h"

#include "compile/space_box.h"

#include <stdlib.h>

#define PROBES 500 /* by chance, before a box is walked: most rules show themselves at once */

struct probe {
	const struct space_chain *chain;
	enum stage stage;
	size_t rule;
	bool decides;
	bool needed;
};

/* What becomes of a packet that no rule from `rule` on matches: acl lets it go on. */
static enum access access_from(const struct probe *probe, const size_t at[SPACE_FIELDS],
			       size_t rule)
{
	const struct program_chain *chain = probe->chain->chain;
	size_t next = space_first_match(probe->chain, at, rule);

	if (next < chain->count)
		return chain->rules[next].access;
	return probe->stage == STAGE_ACL ? ACCESS_ALLOW : ACCESS_DENY;
}

static bool visit(void *context, const size_t at[SPACE_FIELDS])
{
	struct probe *probe = context;

	if (space_first_match(probe->chain, at, 0) != probe->rule)
		return true;
	probe->decides = true;
	probe->needed = access_from(probe, at, probe->rule + 1) !=
			probe->chain->chain->rules[probe->rule].access;
	return !probe->needed;
}

/* True where all packets that the rule matches were looked at, or one that settles it was found. */
static int probe_rule(const struct space *space, struct probe *probe, uint64_t budget,
		      bool *ret_certain)
{
	struct space_box box;
	int r = space_box_init(&box, space, probe->chain, probe->rule);

	if (r < 0)
		return r;
	*ret_certain = true;
	if (space_box_sample(&box, space, PROBES, visit, probe)) {
		if (space_box_size(&box, space) <= budget) {
			(void)space_box_walk(&box, space, visit, probe); /* probe has the answer */
		} else {
			*ret_certain = !space_box_sample(&box, space, budget, visit, probe);
		}
	}
	space_box_fini(&box);
	return 0;
}

/* What is known of a rule from one family, put together with what was known before. */
static void settle(enum rule_reach *reach, const struct probe *probe, bool certain)
{
	if (probe->needed || *reach == REACH_NEEDED)
		*reach = REACH_NEEDED;
	else if (!certain || *reach == REACH_UNKNOWN)
		*reach = REACH_UNKNOWN;
	else if (probe->decides)
		*reach = REACH_REDUNDANT;
}

/* Rules of one chain, next to each other. */
struct rule_span {
	enum direction direction;
	enum stage stage;
	size_t first;
	size_t count;
};

static int probe_family(const struct program *program, const struct rule_span *span,
			enum ip_family family, uint64_t budget, enum rule_reach *reaches,
			struct accelnet_error *err)
{
	const struct program *const programs[] = { program };
	struct space *space = NULL;
	int r = space_new(programs, 1, span->direction, family, &space, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < span->count && r == 0; i++) {
		struct probe probe = {
			.chain = &space->chain[0][span->stage],
			.stage = span->stage,
			.rule = span->first + i,
		};
		bool certain = true;

		r = probe_rule(space, &probe, budget, &certain);
		if (r == 0)
			settle(&reaches[i], &probe, certain);
	}
	space_free(space);
	return r < 0 ? fail(err, ACCELNET_E_MEMORY, NULL, "out of memory") : 0;
}

static int probe_span(const struct program *program, const struct rule_span *span, uint64_t budget,
		      enum rule_reach *reaches, struct accelnet_error *err)
{
	int r = 0;

	for (size_t i = 0; i < span->count; i++)
		reaches[i] = REACH_NEVER;
	for (int family = 0; family < IP_FAMILIES && r == 0; family++)
		r = probe_family(program, span, (enum ip_family)family, budget, reaches, err);
	return r;
}

int reach_of_chain(const struct program *program, enum direction direction, enum stage stage,
		   uint64_t budget, enum rule_reach **ret, struct accelnet_error *err)
{
	const struct rule_span span = {
		.direction = direction,
		.stage = stage,
		.count = program->chain[direction][stage].count,
	};
	enum rule_reach *reaches = calloc(span.count + 1, sizeof(*reaches));
	int r;

	if (!reaches)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	r = probe_span(program, &span, budget, reaches, err);
	if (r < 0) {
		free(reaches);
		return r;
	}
	*ret = reaches;
	return 0;
}

int reach_of_rule(const struct program *program, enum direction direction, enum stage stage,
		  size_t rule, uint64_t budget, enum rule_reach *ret, struct accelnet_error *err)
{
	const struct rule_span span = {
		.direction = direction,
		.stage = stage,
		.first = rule,
		.count = 1,
	};
	enum rule_reach reach;
	int r = probe_span(program, &span, budget, &reach, err);

	if (r == 0)
		*ret = reach;
	return r;
}

const char *reach_name(enum rule_reach reach)
{
	static const char *const names[] = {
		[REACH_NEEDED] = "needed",
		[REACH_REDUNDANT] = "redundant",
		[REACH_NEVER] = "never",
		[REACH_UNKNOWN] = "unknown",
	};

	return names[reach];
}
