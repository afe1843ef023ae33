/*
 * A compiled policy in print: see compiled.h.
 */
#include "cli/compiled.h"

#include <string.h>

/* --- what is left to software --- */

static const char *const tier_reasons[] = {
	[TIER_T0] = "a NIC of T0 takes no rules",
	[TIER_T1] = "T1 holds only drops of UDP that an acl denies and no other acl rule crosses",
	[TIER_T2] = "T2 names none of its packets within its rules and two priorities",
	[TIER_T3] = ("T3 names none of its packets within its rules, or rules before it take them "
		     "all"),
};

/* NULL: hardware decides for the rule, if not for all of its packets. */
static const char *why_software(const struct compiled *compiled, enum direction direction,
				enum stage stage, size_t index)
{
	const struct plan *plan = compiled->plan;
	const struct rule *rule = compiled->program->chain[direction][stage].rules[index].rule;

	if (!plan)
		return "compiled for software";
	if (rule->matches_nothing)
		return "it matches nothing";
	if (direction == DIRECTION_OUTBOUND)
		return "a NIC judges inbound packets only";
	if (plan_rule_is_in_hardware(plan, stage, (uint16_t)index))
		return NULL;
	if (compiled->policy->mode == POLICY_AUDIT && rule->access == ACCESS_DENY)
		return "audit mode drops nothing";
	return tier_reasons[plan->tier];
}

typedef void (*left_visitor)(void *context, enum direction direction, enum stage stage,
			     const struct rule *rule, const char *why);

/* Every rule of the user that is left to software, in the order in which packets meet them. */
static void each_left(const struct compiled *compiled, left_visitor visitor, void *context)
{
	for (int at = 0; at < DIRECTIONS * STAGES; at++) {
		const enum direction direction = (enum direction)(at / STAGES);
		const enum stage stage = program_order[direction][at % STAGES];
		const struct program_chain *chain = &compiled->program->chain[direction][stage];

		for (size_t i = 0; i < chain->count; i++) {
			const struct rule *rule = chain->rules[i].rule;
			const char *why = why_software(compiled, direction, stage, i);

			if (why && !rule->is_default)
				visitor(context, direction, stage, rule, why);
		}
	}
}

/* --- counts --- */

#define PLAN_ACTIONS (PLAN_NEXT + 1)

static void count_actions(const struct plan *plan, size_t ret[PLAN_ACTIONS])
{
	memset(ret, 0, PLAN_ACTIONS * sizeof(*ret));
	for (size_t i = 0; i < plan->rule_count; i++)
		ret[plan->rules[i].action]++;
}

/* --- as lines --- */

/* Names may hold anything: a line is a line. */
static void print_plain(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, out);
}

static void print_left(void *context, enum direction direction, enum stage stage,
		       const struct rule *rule, const char *why)
{
	FILE *out = context;

	fprintf(out, "# software: %s %s ", stage_name(stage), direction_name(direction));
	print_plain(out, rule->name);
	fprintf(out, ": %s\n", why);
}

static void print_head(const struct compiled *compiled, FILE *out)
{
	const struct plan *plan = compiled->plan;
	size_t counts[PLAN_ACTIONS];

	if (!plan) {
		fprintf(out, "# software: no commands, %zu address groups\n",
			compiled->program->group_count);
		return;
	}
	count_actions(plan, counts);
	fprintf(out, "# rte_flow, tier %s, port %u, queues %u\n# %s\n", plan_tier_name(plan->tier),
		compiled->text.port, compiled->text.queues, plan->form);
	fprintf(out, "# %zu commands: %zu mark, %zu drop, %zu unmarked, %zu next\n",
		plan->rule_count, counts[PLAN_MARK], counts[PLAN_DROP], counts[PLAN_UNMARKED],
		counts[PLAN_NEXT]);
	fprintf(out,
		"# %zu regions; %zu that the tier could name are left to software, wholly or in "
		"part\n",
		plan->entry_count, plan->spilled);
}

/* What the rule is for, where that is not what the one before it was for; keeps it in `last`. */
static void print_origin(const struct compiled *compiled, const struct plan_rule *rule, char *last,
			 FILE *out)
{
	char origin[PLAN_LINE_MAX];

	plan_rule_origin(compiled->plan, compiled->program, rule, origin, sizeof(origin));
	if (!*origin)
		strcpy(origin, plan_cause_name(rule->cause));
	if (strcmp(origin, last) == 0)
		return;
	strcpy(last, origin);
	fputs("# for ", out);
	print_plain(out, origin);
	fputc('\n', out);
}

int compiled_print(const struct compiled *compiled, FILE *out)
{
	const struct plan *plan = compiled->plan;
	char line[PLAN_LINE_MAX], last[PLAN_LINE_MAX] = "";

	print_head(compiled, out);
	for (size_t i = 0; plan && i < plan->rule_count; i++) {
		int r = plan_rule_text(&plan->rules[i], &compiled->text, line, sizeof(line));

		if (r < 0)
			return r;
		print_origin(compiled, &plan->rules[i], last, out);
		fprintf(out, "%s\n", line);
	}
	each_left(compiled, print_left, out);
	return 0;
}

/* --- as JSON --- */

static void add_left(void *context, enum direction direction, enum stage stage,
		     const struct rule *rule, const char *why)
{
	struct json *json = json_add_object(context, NULL);

	json_add_string(json, "rule", rule->name);
	json_add_string(json, "level", stage_name(stage));
	json_add_string(json, "direction", direction_name(direction));
	json_add_string(json, "reason", why);
}

static void add_port(struct json *to, const char *key, uint16_t value, uint16_t mask)
{
	if (mask == UINT16_MAX)
		json_add_unsigned(to, key, value);
	else if (mask)
		json_add_format(to, key, "%u/0x%x", value, mask);
}

static void add_match(struct json *to, const struct plan_match *match)
{
	static const char *const tags[] = { "sourceTags", "destinationTags" };
	struct json *json = json_add_object(to, "match");
	char text[IP_TEXT_MAX];

	json_add_string(json, "family", match->family == IP_FAMILY_V4 ? "ipv4" : "ipv6");
	if (match->has_kind)
		json_add_string(json, "kind", plan_kind_name(match->kind));
	if (match->source.length)
		json_add_string(json, "source", ip_prefix_format(&match->source, text));
	if (match->destination.length)
		json_add_string(json, "destination", ip_prefix_format(&match->destination, text));
	add_port(json, "sourcePort", match->source_port, match->source_port_mask);
	add_port(json, "destinationPort", match->destination_port, match->destination_port_mask);
	for (int t = 0; t < PLAN_TAGS; t++) {
		if (match->tags[t])
			json_add_format(json, tags[t], "0x%08x", match->tags[t]);
	}
}

static int add_rule(struct json *rules, const struct compiled *compiled,
		    const struct plan_rule *rule)
{
	char line[PLAN_LINE_MAX], origin[PLAN_LINE_MAX];
	int r = plan_rule_text(rule, &compiled->text, line, sizeof(line));
	struct json *json;

	if (r < 0)
		return r;
	plan_rule_origin(compiled->plan, compiled->program, rule, origin, sizeof(origin));
	json = json_add_object(rules, NULL);
	json_add_unsigned(json, "group", rule->group);
	json_add_unsigned(json, "priority", rule->priority);
	json_add_string(json, "action", plan_action_name(rule->action));
	if (rule->action == PLAN_MARK)
		json_add_unsigned(json, "mark", plan_mark_value(rule->slot));
	json_add_string(json, "cause", plan_cause_name(rule->cause));
	json_add_string(json, "for", *origin ? origin : NULL);
	add_match(json, &rule->match);
	json_add_string(json, "testpmd", line);
	return 0;
}

static int add_plan(struct json *to, const struct compiled *compiled)
{
	const struct plan *plan = compiled->plan;
	size_t counts[PLAN_ACTIONS];
	struct json *list;
	int r = 0;

	count_actions(plan, counts);
	json_add_string(to, "tier", plan_tier_name(plan->tier));
	json_add_string(to, "form", plan->form);
	list = json_add_object(to, "counts");
	json_add_unsigned(list, "rules", plan->rule_count);
	for (int action = 0; action < PLAN_ACTIONS; action++)
		json_add_unsigned(list, plan_action_name((enum plan_action)action), counts[action]);
	json_add_unsigned(to, "regions", plan->entry_count);
	json_add_unsigned(to, "regionsLeft", plan->spilled);
	list = json_add_array(to, "rules");
	for (size_t i = 0; i < plan->rule_count && r == 0; i++)
		r = add_rule(list, compiled, &plan->rules[i]);
	return r;
}

static void add_chains(struct json *to, const struct program *program)
{
	struct json *list = json_add_array(to, "chains");

	for (int at = 0; at < DIRECTIONS * STAGES; at++) {
		const enum direction direction = (enum direction)(at / STAGES);
		const enum stage stage = program_order[direction][at % STAGES];
		struct json *json;

		if (!program->chain[direction][stage].present)
			continue;
		json = json_add_object(list, NULL);
		json_add_string(json, "level", stage_name(stage));
		json_add_string(json, "direction", direction_name(direction));
		json_add_unsigned(json, "rules", program->chain[direction][stage].count);
	}
	json_add_unsigned(to, "addressGroups", program->group_count);
}

int compiled_json(const struct compiled *compiled, struct json **ret)
{
	struct json *json = json_new_object();
	int r = 0;

	json_add_string(json, "target", compiled->plan ? "rte_flow" : "software");
	add_chains(json, compiled->program);
	if (compiled->plan)
		r = add_plan(json, compiled);
	if (r < 0) {
		json_free(json);
		return r;
	}
	each_left(compiled, add_left, json_add_array(json, "software"));
	*ret = json;
	return 0;
}
