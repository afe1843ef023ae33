/*
 * Answers of `verify`: see verdict.h.
 */
#include "control/verdict.h"

#include "classify/classifier_tuple.h"
#include "classify/drop.h"
#include "classify/platform.h"
#include "compile/reference.h"

/* --- before the rules --- */

bool verdict_is_platform(const struct policy *policy, const struct tuple *tuple)
{
	struct key4 key4;
	struct key6 key6;

	if (tuple->direction != DIRECTION_OUTBOUND)
		return false;
	if (tuple->destination.family == IP_FAMILY_V4) {
		key4 = key4_from_tuple(tuple);
		return platform_key4(policy->names_platform, tuple->direction, &key4);
	}
	key6 = key6_from_tuple(tuple);
	return platform_key6(tuple->direction, &key6);
}

static bool is_own(const struct policy *policy, const struct ip_addr *addr)
{
	for (size_t i = 0; i < policy->address_count; i++) {
		if (ip_addr_equal(&policy->addresses[i], addr))
			return true;
	}
	return false;
}

/* Link-local, unspecified for DAD, and 0.0.0.0 for DHCP, leave although they are in no list. */
static bool may_leave(const struct policy *policy, const struct tuple *tuple)
{
	const struct ip_addr *source = &tuple->source;

	if (policy->address_count == 0 || is_own(policy, source))
		return true;
	if (source->family == IP_FAMILY_V6)
		return source->number == 0 || source->number >> 118 == 0x3fa;
	return source->number == 0 && tuple->protocol == IP_PROTOCOL_UDP &&
	       tuple->source_port == 68 && tuple->destination_port == 67;
}

static bool is_martian(const struct policy *policy, const struct ip_addr *source)
{
	if (is_own(policy, source))
		return true;
	if (source->family == IP_FAMILY_V6)
		return source->number <= 1 || source->number >> 120 == 0xff;
	return source->number >> 24 == 0 || source->number >> 24 == 127 ||
	       source->number >> 28 == 0xe;
}

const char *verdict_isolation(const struct policy *policy, const struct tuple *tuple)
{
	if (!policy->source_guard)
		return NULL;
	if (tuple->direction == DIRECTION_OUTBOUND)
		return may_leave(policy, tuple) ? NULL : drop_reason_name(DROP_SOURCE_IP);
	return is_martian(policy, &tuple->source) ? drop_reason_name(DROP_SOURCE_MARTIAN) : NULL;
}

/* --- the answer --- */

struct json *verdict_json(const struct policy *policy, const struct tuple *tuple,
			  const struct judgement *judgement)
{
	const bool allow = judgement->access != ACCESS_DENY;
	const char *isolation = verdict_isolation(policy, tuple);
	struct json *json = json_new_object();

	json_add_string(json, "access", access_name(allow ? ACCESS_ALLOW : ACCESS_DENY));
	json_add_string(json, "rule", judgement->rule ? judgement->rule->name : NULL);
	json_add_string(json, "nsg", judgement->decided ? stage_name(judgement->stage) : "none");
	if (allow && isolation)
		json_add_string(json, "isolation", isolation);
	if (!allow && !isolation && verdict_is_platform(policy, tuple))
		json_add_bool(json, "platform", true);
	return json;
}

void verdict_add_where(struct json *answer, const struct judgement *judgement)
{
	json_add_string(answer, "where", judgement->by_hardware ? "hardware" : "software");
}

static void add_rule(struct json *rules, const struct rule *rule, const struct tuple *tuple)
{
	const struct rule_match match = reference_rule_fields(rule, tuple);
	struct json *json = json_add_object(rules, NULL);

	json_add_string(json, "rule", rule->name);
	json_add_integer(json, "priority", rule->priority);
	json_add_string(json, "access", access_name(rule->access));
	json_add_bool(json, "protocolMatched", match.protocol);
	json_add_bool(json, "sourceMatched", match.source);
	json_add_bool(json, "sourcePortMatched", match.source_port);
	json_add_bool(json, "destinationMatched", match.destination);
	json_add_bool(json, "destinationPortMatched", match.destination_port);
	if (rule->matches_nothing)
		json_add_string(json, "note",
				"concrete ports on a protocol without ports: matches nothing");
}

static void add_stage(struct json *to, const struct policy *policy, enum stage stage,
		      const struct tuple *tuple, const struct rule *matched)
{
	const struct rule_table *table = &policy->stage[stage];
	const struct rule_list *list = &table->list[tuple->direction];
	struct json *json = json_add_object(to, NULL);
	struct json *rules;

	json_add_string(json, "nsg", stage_name(stage));
	json_add_string(json, "name", table->name);
	json_add_string(json, "access", matched ? access_name(matched->access) : "Allow");
	rules = json_add_array(json, "rules");
	for (size_t i = 0; i < list->count; i++) {
		add_rule(rules, &list->rules[i], tuple);
		if (&list->rules[i] == matched)
			return;
	}
}

struct json *verdict_explain(const struct policy *policy, const struct tuple *tuple,
			     const struct judgement *judgement)
{
	struct json *json = json_new_array();

	for (int i = 0; i < STAGES; i++) {
		enum stage stage = program_order[tuple->direction][i];

		if (policy->stage[stage].present)
			add_stage(json, policy, stage, tuple, judgement->matched[stage]);
		if (judgement->rule && stage == judgement->stage)
			break;
	}
	return json;
}

struct json *verdict_answer(const struct policy *policy, const struct tuple *tuple,
			    const struct judgement *judgement, bool assumed, bool explain)
{
	struct json *json = verdict_json(policy, tuple, judgement);

	if (judgement->rule)
		json_add_integer(json, "priority", judgement->rule->priority);
	if (assumed)
		json_add_integer(json_add_object(json, "assumed"), "sourcePort",
				 tuple->source_port);
	if (explain)
		json_add(json, "explain", verdict_explain(policy, tuple, judgement));
	return json;
}
