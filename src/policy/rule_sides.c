/*
 * Sides and ports of a security rule: one property for one value, another for a list.
 */
#include "policy/alloc.h"
#include "policy/ports.h"
#include "policy/rule_fields.h"
#include "policy/side.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS_ARM_MAX 10

/* "" and null count as absent. False where it is of another type, which is reported. */
static bool single_used(struct reader *reader, const struct member *member, bool *ret)
{
	const char *text;

	*ret = false;
	if (!member->present || json_type(&member->at) == JSON_NUMBER) {
		*ret = member->present;
		return true;
	}
	if (!member_is(reader, &member->at, JSON_STRING))
		return false;
	text = json_string(&member->at);
	*ret = text[strspn(text, " \t\r\n")] != '\0';
	return true;
}

/* [] and null count as absent. */
static bool list_used(struct reader *reader, const struct member *member, bool *ret)
{
	*ret = false;
	if (!member->present)
		return true;
	if (!member_is(reader, &member->at, JSON_ARRAY))
		return false;
	*ret = json_count(&member->at) > 0;
	return true;
}

/*
 * Exactly one of the properties may say what the side is: "all of it, and only these" has no
 * meaning that a reader could not mistake.
 */
static bool exactly_one(struct reader *reader, struct rule_properties *p,
			const enum rule_property *which, const bool *used, size_t count)
{
	int first = -1;

	for (size_t i = 0; i < count; i++) {
		if (!used[i])
			continue;
		if (first < 0) {
			first = (int)i;
			continue;
		}
		reader_error(reader, ACCELNET_E_SIDE, &p->member[which[i]].at, NULL,
			     "%s and %s are both given; a rule takes one of them",
			     rule_property_names[which[first]], rule_property_names[which[i]]);
		return false;
	}
	if (first < 0 && count == 2)
		reader_error(reader, ACCELNET_E_SIDE, p->at, NULL,
			     "nothing is given for %s: use it or %s", rule_property_names[which[0]],
			     rule_property_names[which[1]]);
	else if (first < 0)
		reader_error(reader, ACCELNET_E_SIDE, p->at, NULL,
			     "nothing is given for %s: use it, %s or %s",
			     rule_property_names[which[0]], rule_property_names[which[1]],
			     rule_property_names[which[2]]);
	return first >= 0;
}

static void add_single_prefix(struct reader *reader, struct side *side, const struct json_at *at)
{
	const char *text = json_string(at);

	if (!text) {
		side->bad = !member_is(reader, at, JSON_STRING);
		return;
	}
	if (strchr(text, ','))
		reader_arm(reader, at, "SecurityRuleInvalidAddressPrefix",
			   "\"%.80s\" is a list in a property for one prefix; it belongs in the "
			   "plural one",
			   text);
	for (;;) {
		const char *comma = strchr(text, ',');
		char *item = alloc_trimmed(text, comma ? comma : text + strlen(text));

		(void)side_add_text(reader, side, at, item); /* what it was does not matter here */
		free(item);
		if (!comma)
			return;
		text = comma + 1;
	}
}

static void add_prefix_list(struct reader *reader, struct side *side, const struct json_at *at)
{
	struct json_at item;

	json_foreach(item, at) {
		const char *text = json_string(&item);
		enum side_item kind;
		char *trimmed;

		if (!member_is(reader, &item, JSON_STRING)) {
			side->bad = true;
			continue;
		}
		trimmed = alloc_trimmed(text, text + strlen(text));
		kind = side_add_text(reader, side, &item, trimmed);
		free(trimmed);
		if (kind == SIDE_ITEM_ANY || kind == SIDE_ITEM_TAG)
			reader_arm(reader, &item, "SecurityRuleParameterContainsUnsupportedValue",
				   "\"%.80s\" in a list, which in Azure holds addresses and "
				   "prefixes only",
				   text);
	}
}

static void add_groups(struct reader *reader, struct side *side, const struct json_at *at)
{
	struct member id = { .name = "id" };
	struct json_at item;
	size_t count = 0;

	json_foreach(item, at) {
		id.at.value = NULL;
		id.present = false;
		count++;
		if (!member_is(reader, &item, JSON_OBJECT)) {
			side->bad = true;
			continue;
		}
		members_find(reader, &item, &id, 1);
		if (!id.present || !json_string(&id.at) || !*json_string(&id.at)) {
			side->bad = true;
			reader_error(reader, ACCELNET_E_MISSING, &item, NULL,
				     "an application security group is given as {\"id\": \"...\"}");
			continue;
		}
		side_add_group(reader, side, &id.at, json_string(&id.at));
	}
	if (count > GROUPS_ARM_MAX)
		reader_arm(reader, at, NULL,
			   "%zu application security groups; Azure takes %d on one side", count,
			   GROUPS_ARM_MAX);
}

/* `first` is the singular property; the list and the groups follow it in enum rule_property. */
struct rule_side rule_read_side(struct reader *reader, struct rule_properties *p,
				enum rule_property first)
{
	const enum rule_property which[] = { first, first + 1, first + 2 };
	struct side side = { 0 };
	bool used[3];

	if (!single_used(reader, &p->member[first], &used[0]) ||
	    !list_used(reader, &p->member[first + 1], &used[1]) ||
	    !list_used(reader, &p->member[first + 2], &used[2]) ||
	    !exactly_one(reader, p, which, used, 3)) {
		p->bad = true;
		return (struct rule_side){ 0 };
	}
	if (used[0])
		add_single_prefix(reader, &side, &p->member[first].at);
	else if (used[1])
		add_prefix_list(reader, &side, &p->member[first + 1].at);
	else
		add_groups(reader, &side, &p->member[first + 2].at);
	side_check_prefixes(reader, &side, &p->member[first + (used[0] ? 0 : 1)].at);
	p->bad |= side.bad;
	return side_finish(reader, &side);
}

struct port_set rule_read_ports(struct reader *reader, struct rule_properties *p,
				enum rule_property first)
{
	const enum rule_property which[] = { first, first + 1 };
	struct port_list list = { 0 };
	struct json_at item;
	bool used[2];

	if (!single_used(reader, &p->member[first], &used[0]) ||
	    !list_used(reader, &p->member[first + 1], &used[1]) ||
	    !exactly_one(reader, p, which, used, 2)) {
		p->bad = true;
		return (struct port_set){ 0 };
	}
	if (used[0]) {
		port_list_add_joined(reader, &list, &p->member[first].at);
	} else {
		json_foreach(item, &p->member[first + 1].at)
			port_list_add(reader, &list, &item);
	}
	p->bad |= list.bad;
	return port_list_finish(&list);
}
