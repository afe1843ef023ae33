/*
 * Plans: making one, and what all forms share. See plan.h.
 */
#include "compile/plan.h"

#include "compile/plan_builder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const tier_names[PLAN_TIERS] = { "T0", "T1", "T2", "T3" };

/*
 * Most rules by tier where the caller names no limit: what a root table is known to take, less room
 * for the PMD's own, and what a software-steered table holds without effort.
 */
static const uint32_t default_limits[PLAN_TIERS] = {
	[TIER_T0] = 0,
	[TIER_T1] = 256,
	[TIER_T2] = 32768,
	[TIER_T3] = 262144,
};

const char *plan_tier_name(enum plan_tier tier)
{
	return tier_names[tier];
}

int plan_tier_parse(const char *text, enum plan_tier *ret)
{
	for (int t = 0; t < PLAN_TIERS; t++) {
		if (strcasecmp(text, tier_names[t]) == 0) {
			*ret = (enum plan_tier)t;
			return 0;
		}
	}
	return -EINVAL;
}

/* T3 has room for exceptions above everything else. */
static bool may_drop_always(const struct plan_builder *builder, const struct region *region)
{
	return builder->options.tier == TIER_T3 || !plan_platform_meets(region);
}

enum plan_action plan_region_action(const struct plan_builder *builder, const struct region *region)
{
	const struct entry *entry = &builder->entries.entries[region->entry];

	if (region->is_hull || region->is_hole)
		return PLAN_UNMARKED;
	switch (entry->outcome) {
	case ENTRY_MARK:
		return PLAN_MARK;
	case ENTRY_DENY_ALWAYS:
		return builder->options.drops && may_drop_always(builder, region) ? PLAN_DROP
										  : PLAN_UNMARKED;
	case ENTRY_DENY:
		/* what looks denied may be a reply; an opener never is */
		return builder->options.drops && region->kind == PLAN_TCP_OPENER ? PLAN_DROP
										 : PLAN_UNMARKED;
	}
	return PLAN_UNMARKED;
}

int plan_add(struct plan_builder *builder, const struct plan_rule *rule)
{
	struct plan *plan = builder->plan;

	if (plan->rule_count >= builder->options.rule_limit)
		return PLAN_IS_FULL;
	if (plan->rule_count == builder->rule_capacity) {
		size_t capacity = builder->rule_capacity ? builder->rule_capacity * 2 : 256;
		struct plan_rule *grown = reallocarray(plan->rules, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		plan->rules = grown;
		builder->rule_capacity = capacity;
	}
	plan->rules[plan->rule_count++] = *rule;
	return 0;
}

int plan_slot_of(struct plan_builder *builder, const struct region *region, uint32_t *ret)
{
	bool settled = region->kind == PLAN_TCP_SETTLED;
	uint32_t *known = &builder->slot_of[region->entry][settled];
	struct plan *plan = builder->plan;

	if (*known == NO_SLOT) {
		if (plan->slot_count == builder->slot_capacity) {
			size_t capacity = builder->slot_capacity ? builder->slot_capacity * 2 : 64;
			struct plan_slot *grown =
				reallocarray(plan->slots, capacity, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			plan->slots = grown;
			builder->slot_capacity = capacity;
		}
		*known = (uint32_t)plan->slot_count;
		plan->slots[plan->slot_count++] =
			(struct plan_slot){ .entry = region->entry, .settled = settled };
	}
	*ret = *known;
	return 0;
}

struct plan_rule plan_rule_for(const struct region *region, struct port_mask source,
			       struct port_mask destination)
{
	struct plan_rule rule = {
		.match = {
			.family = region->family,
			.source = region->source,
			.destination = region->destination,
			.has_kind = true,
			.kind = region->kind,
			.source_port = source.value,
			.source_port_mask = source.mask,
			.destination_port = destination.value,
			.destination_port_mask = destination.mask,
		},
		.cause = PLAN_FOR_RULE,
		.entry = region->entry,
	};

	memcpy(rule.match.tags, region->tags, sizeof(rule.match.tags));
	return rule;
}

void plan_spill(struct plan_builder *builder, uint32_t entry)
{
	if (!builder->is_spilled[entry])
		builder->plan->spilled++;
	builder->is_spilled[entry] = true;
}

static int builder_init(struct plan_builder *builder)
{
	size_t count;
	int r = entry_list_build(builder->program, &builder->entries);

	if (r < 0)
		return r;
	count = builder->entries.count;
	builder->slot_of = malloc((count + 1) * sizeof(*builder->slot_of));
	builder->is_spilled = calloc(count + 1, sizeof(*builder->is_spilled));
	builder->wanted = calloc(count + 1, sizeof(*builder->wanted));
	builder->decided = calloc(count + 1, sizeof(*builder->decided));
	builder->plan->entries = calloc(count + 1, sizeof(*builder->plan->entries));
	if (!builder->slot_of || !builder->is_spilled || !builder->wanted || !builder->decided ||
	    !builder->plan->entries)
		return -ENOMEM;
	memset(builder->slot_of, 0xff, (count + 1) * sizeof(*builder->slot_of));
	builder->plan->entry_count = count;
	for (size_t i = 0; i < count; i++)
		builder->plan->entries[i] = builder->entries.entries[i].plan;
	return 0;
}

static void builder_fini(struct plan_builder *builder)
{
	entry_list_fini(&builder->entries);
	free(builder->slot_of);
	free(builder->is_spilled);
	free(builder->wanted);
	free(builder->decided);
}

static int emit(struct plan_builder *builder)
{
	switch (builder->options.tier) {
	case TIER_T3:
		return plan_build_t3(builder);
	case TIER_T2:
		return plan_build_t2(builder);
	case TIER_T1:
		return plan_build_t1(builder);
	case TIER_T0:
		break;
	}
	(void)snprintf(builder->plan->form, sizeof(builder->plan->form),
		       "nothing: this device takes no rules");
	return 0;
}

static void note_decided(struct plan *plan, const struct plan_rule *rule)
{
	const uint16_t *of_stage = plan->entries[rule->entry].rule;

	for (int s = 0; s < STAGES; s++) {
		if (of_stage[s] != UINT16_MAX)
			plan->decided[s][of_stage[s] / 64] |= UINT64_C(1) << of_stage[s] % 64;
	}
}

/* What is asked of a plan when it is complete. */
static int complete(struct plan *plan, const struct program *program)
{
	for (int s = 0; s < STAGES; s++) {
		size_t count = program->chain[DIRECTION_INBOUND][s].count;

		plan->decided[s] = calloc(count / 64 + 1, sizeof(*plan->decided[s]));
		if (!plan->decided[s])
			return -ENOMEM;
	}
	for (size_t i = 0; i < plan->rule_count; i++) {
		if (plan->rules[i].cause == PLAN_FOR_RULE)
			note_decided(plan, &plan->rules[i]);
	}
	return plan_lookup_new(plan, &plan->lookup);
}

static int build(struct plan_builder *builder)
{
	int r = builder_init(builder);

	if (r == 0)
		r = emit(builder);
	if (r == 0)
		r = plan_drop_repeated(builder->plan);
	if (r == 0)
		r = plan_note_shares(builder);
	if (r == 0)
		r = complete(builder->plan, builder->program);
	builder_fini(builder);
	return r;
}

int plan_new(const struct policy *policy, const struct program *program,
	     const struct plan_options *options, struct plan **ret, struct accelnet_error *err)
{
	struct plan_builder builder = { .policy = policy, .program = program, .options = *options };
	int r = -ENOMEM;

	builder.plan = calloc(1, sizeof(*builder.plan));
	if (builder.plan) {
		builder.plan->tier = options->tier;
		if (builder.options.rule_limit == 0)
			builder.options.rule_limit = default_limits[options->tier];
		if (builder.options.priorities == 0)
			builder.options.priorities = 2;
		builder.plan->priorities = builder.options.priorities;
		builder.options.drops &= policy->mode == POLICY_ENFORCE;
		r = build(&builder);
	}
	if (r < 0) {
		plan_free(builder.plan);
		return fail(err, ACCELNET_E_MEMORY, NULL,
			    "no memory for the plan of a NIC's rules");
	}
	*ret = builder.plan;
	return 0;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->rules);
	free(plan->entries);
	free(plan->slots);
	free(plan->share);
	for (int s = 0; s < STAGES; s++)
		free(plan->decided[s]);
	plan_lookup_free(plan->lookup);
	free(plan);
}

bool plan_rule_is_in_hardware(const struct plan *plan, enum stage stage, uint16_t rule)
{
	return plan->decided[stage][rule / 64] >> (rule % 64) & 1;
}
