/*
 * Where a rule is enforced: see enforcement.h.
 */
#include "control/enforcement.h"

#include "compile/plan_text.h"
#include "datapath/stats.h"
#include "nic/lane.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define REASON_MAX 320

void enforcement_init(struct enforcement *enforcement, const struct nic *nic, size_t lines_max)
{
	*enforcement = (struct enforcement){
		.nic = nic,
		.ruleset = nic_snapshot(nic)->ruleset,
		.lines_max = lines_max,
	};
	enforcement->has_status = hardware_status(nic, &enforcement->status);
	(void)hardware_rules_new(nic, &enforcement->rules); /* NULL then, too */
}

void enforcement_fini(struct enforcement *enforcement)
{
	hardware_rules_free(enforcement->rules);
}

/* --- reasons --- */

/* Why nothing at all is in hardware; NULL where a plan is. */
static const char *why_nothing(const struct enforcement *enforcement)
{
	const struct offload_status *status = &enforcement->status;

	if (!enforcement->has_status)
		return hardware_why_none(enforcement->nic);
	if (enforcement->ruleset->policy->offload == OFFLOAD_OFF)
		return "options.offload is off";
	if (status->state == OFFLOAD_STATE_ABSENT)
		return "no device that takes rules is there";
	if (!status->has_tier)
		return "the device takes no rules yet";
	return enforcement->rules ? NULL : "the plan for the device is being made";
}

/* Why the plan decides nothing by this rule. */
static void why_left_out(const struct enforcement *enforcement, const struct rule *rule,
			 enum stage stage, char *buffer, size_t size)
{
	const struct offload_status *status = &enforcement->status;
	const bool denies = rule->access == ACCESS_DENY;
	const char *reason = NULL;

	if (rule->matches_nothing)
		reason = "it matches nothing";
	else if (denies && enforcement->ruleset->audit)
		reason = "audit mode: nothing is dropped in hardware";
	else if (denies && stage != STAGE_ACL && rule->protocol != RULE_PROTOCOL_ANY &&
		 rule->protocol != IP_PROTOCOL_TCP)
		reason = "what it denies may be a reply: hardware drops TCP openers only";
	if (reason)
		(void)snprintf(buffer, size, "%s", reason);
	else if (status->device.tier == TIER_T0)
		(void)snprintf(buffer, size, "the device takes no rules%s%s",
			       status->why_tier[0] ? ": " : "", status->why_tier);
	else
		(void)snprintf(buffer, size, "the plan for %s leaves it to software (%s)",
			       plan_tier_name(status->device.tier), enforcement->rules->plan->form);
}

static void why(const struct enforcement *enforcement, enum direction direction, enum stage stage,
		const struct rule *rule, const struct hardware_rule *hardware, char *buffer,
		size_t size)
{
	const char *nothing = why_nothing(enforcement);

	if (nothing)
		(void)snprintf(buffer, size, "%s", nothing);
	else if (direction == DIRECTION_OUTBOUND)
		(void)snprintf(buffer, size, "outbound: the NIC judges only what arrives");
	else if (hardware->planned == 0)
		why_left_out(enforcement, rule, stage, buffer, size);
	else if (hardware->refused > 0)
		(void)snprintf(buffer, size,
			       "%u of %u device rules are refused: software decides there",
			       hardware->refused, hardware->planned);
	else if (hardware->installed < hardware->planned)
		(void)snprintf(buffer, size, "%u of %u device rules are in so far",
			       hardware->installed, hardware->planned);
	else
		(void)snprintf(buffer, size, "device rules: %u; what they leave, software decides",
			       hardware->planned);
}

static const char *where(const struct hardware_rule *rule)
{
	static const char *const names[] = {
		[HARDWARE_NOT] = "software",
		[HARDWARE_IN] = "hardware",
		[HARDWARE_COMING] = "software",
		[HARDWARE_REFUSED] = "refused",
	};

	return names[hardware_rule_where(rule)];
}

/* --- the parts of the answer --- */

static void add_pmd(const struct hardware_rule *rule, struct json *to)
{
	struct json *pmd;

	if (!rule->refusal) {
		json_add_null(to, "pmd");
		return;
	}
	pmd = json_add_object(to, "pmd");
	if (!rule->refusal->pmd_error) {
		json_add_null(pmd, "type");
		json_add_string(pmd, "message", "waits for a rule above it that was refused");
		return;
	}
	json_add_string(pmd, "type", strerrorname_np(rule->refusal->pmd_error));
	json_add_string(pmd, "message", rule->refusal->pmd_message);
}

static void add_time(struct json *to, const char *key, uint64_t seconds)
{
	time_t time = (time_t)seconds;
	char text[32];
	struct tm tm;

	if (!seconds) {
		json_add_null(to, key);
		return;
	}
	gmtime_r(&time, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_add_string(to, key, text);
}

static void add_hits(const struct enforcement *enforcement, enum direction direction,
		     enum stage stage, size_t index, const struct hardware_rule *hardware,
		     struct json *to)
{
	struct rule_hits hits;

	nic_rule_hits(enforcement->nic, direction, stage, (uint16_t)index, &hits);
	if (hardware->uncounted > 0)
		json_add_null(to, "hits");
	else
		json_add_unsigned(to, "hits", hits.packets + hardware->dropped);
	json_add_unsigned(to, "settled", hits.settled);
	add_time(to, "lastHit",
		 hits.last_hit > hardware->last_drop ? hits.last_hit : hardware->last_drop);
}

static void add_counts(const struct hardware_rule *rule, struct json *to)
{
	struct json *json = json_add_object(to, "deviceRules");

	json_add_unsigned(json, "planned", rule->planned);
	json_add_unsigned(json, "installed", rule->installed);
	json_add_unsigned(json, "refused", rule->refused);
}

/* As stock dpdk-testpmd would be told, marks as they are in the device. */
static void add_lines(const struct enforcement *enforcement, enum stage stage,
		      const struct hardware_rule *hardware, struct json *to)
{
	const struct hardware_rules *rules = enforcement->rules;
	const struct plan_text_options options = {
		.port = enforcement->status.port,
		.queues = nic_get_config(enforcement->nic)->queues,
		.has_mac = true,
		.mac = enforcement->ruleset->mac,
	};
	struct json *lines = json_add_array(to, "testpmd");
	uint32_t at = hardware->first;

	for (size_t i = 0; i < hardware->planned && i < enforcement->lines_max; i++) {
		struct plan_rule rule = rules->plan->rules[at];
		char line[PLAN_LINE_MAX];

		rule.slot = (rules->device[at].mark >> 1) - 1;
		if (plan_rule_text(&rule, &options, line, sizeof(line)) == 0)
			json_add_string(lines, NULL, line);
		at = rules->next[stage][at];
	}
}

void enforcement_add(const struct enforcement *enforcement, enum direction direction,
		     enum stage stage, size_t index, struct json *to)
{
	const struct rule *rule =
		ruleset_rule(enforcement->ruleset, direction, stage, (uint16_t)index);
	struct hardware_rule hardware = { 0 };
	char reason[REASON_MAX];

	if (enforcement->rules && direction == DIRECTION_INBOUND)
		hardware = enforcement->rules->of[stage][index];
	why(enforcement, direction, stage, rule, &hardware, reason, sizeof(reason));
	json_add_string(to, "where", where(&hardware));
	json_add_string(to, "reason", reason);
	add_pmd(&hardware, to);
	add_hits(enforcement, direction, stage, index, &hardware, to);
	add_counts(&hardware, to);
	add_lines(enforcement, stage, &hardware, to);
}
