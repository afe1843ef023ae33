/*
 * Stateless rules: see acl.h.
 */
#include "policy/acl.h"

#include "policy/alloc.h"
#include "policy/member.h"
#include "policy/nsg.h"
#include "policy/ports.h"
#include "policy/rule.h"
#include "policy/side.h"

#include <stdlib.h>
#include <string.h>

#define PRIORITY_MAX 65535

enum {
	NAME,
	DESCRIPTION,
	PRIORITY,
	DIRECTION,
	ACTION,
	PROTOCOL,
	SOURCE,
	DESTINATION,
	SOURCE_PORTS,
	DESTINATION_PORTS,
	ACL_PROPERTIES
};

/* For messages about what is absent. */
static const char *const accepted_values[ACL_PROPERTIES] = {
	[NAME] = "texts that are not empty",
	[PRIORITY] = "whole numbers from 0 to 65535",
	[DIRECTION] = "Inbound or Outbound",
	[ACTION] = "deny, allow or always-allow",
	[PROTOCOL] = "*, Tcp, Udp, Icmp, Esp, Ah, Icmpv6, Sctp or an IP protocol number",
	[SOURCE] = "*, addresses, prefixes, service tags or a list of these",
	[DESTINATION] = "*, addresses, prefixes, service tags or a list of these",
};

static const char *const property_names[ACL_PROPERTIES] = {
	[NAME] = "name",
	[DESCRIPTION] = "description",
	[PRIORITY] = "priority",
	[DIRECTION] = "direction",
	[ACTION] = "action",
	[PROTOCOL] = "protocol",
	[SOURCE] = "source",
	[DESTINATION] = "destination",
	[SOURCE_PORTS] = "sourcePorts",
	[DESTINATION_PORTS] = "destinationPorts",
};

#define OPTIONAL (1U << DESCRIPTION | 1U << SOURCE_PORTS | 1U << DESTINATION_PORTS)

struct acl_properties {
	struct json_at at[ACL_PROPERTIES];
	bool present[ACL_PROPERTIES];
	bool bad;
};

static const char *const directions[] = { "Inbound", "Outbound", NULL };
static const char *const actions[] = { "deny", "allow", "always-allow", NULL };
static const enum access accesses[] = { ACCESS_DENY, ACCESS_ALLOW, ACCESS_ALWAYS_ALLOW };
static const char *const protocols[] = { "*",  "Tcp",    "Udp",  "Icmp", "Esp",
					 "Ah", "Icmpv6", "Sctp", NULL };
static const int protocol_numbers[] = {
	RULE_PROTOCOL_ANY, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP,    RULE_PROTOCOL_ICMP,
	IP_PROTOCOL_ESP,   IP_PROTOCOL_AH,  IP_PROTOCOL_ICMPV6, IP_PROTOCOL_SCTP,
};

static int property_named(const char *key)
{
	for (int i = 0; i < ACL_PROPERTIES; i++) {
		if (strcmp(property_names[i], key) == 0)
			return i;
	}
	return -1;
}

static void find_properties(struct reader *reader, struct rule_reading *reading,
			    struct acl_properties *p)
{
	struct json_at child;

	json_foreach(child, &reading->at) {
		int which = property_named(child.key);

		if (which < 0) {
			p->bad = true;
			reader_error(reader, ACCELNET_E_UNKNOWN_KEY, &child, NULL,
				     "unknown property \"%.80s\"; known here: name, description, "
				     "priority, direction, action, protocol, source, destination, "
				     "sourcePorts, destinationPorts",
				     child.key);
			continue;
		}
		p->at[which] = child;
		p->present[which] = true;
	}
	for (int i = 0; i < ACL_PROPERTIES; i++) {
		if (p->present[i] || (OPTIONAL & 1U << i))
			continue;
		p->bad = true;
		reader_error(reader, ACCELNET_E_MISSING, &reading->at, NULL,
			     "\"%s\" is absent: accepted are %s", property_names[i],
			     accepted_values[i]);
	}
}

static int read_word(struct reader *reader, struct acl_properties *p, int which,
		     const char *const *words)
{
	char accepted[100];
	int found = -1;

	if (!p->present[which])
		return -1;
	if (member_is(reader, &p->at[which], JSON_STRING)) {
		found = word_find(words, json_string(&p->at[which]));
		if (found < 0)
			reader_error(reader, ACCELNET_E_VALUE, &p->at[which], NULL,
				     "\"%.40s\" is no %s: accepted are %s%s",
				     json_string(&p->at[which]), property_names[which],
				     word_list(words, accepted, sizeof(accepted)),
				     which == PROTOCOL ? ", or an IP protocol number" : "");
	}
	p->bad |= found < 0;
	return found;
}

static void read_protocol(struct reader *reader, struct acl_properties *p, struct rule *rule)
{
	int64_t number;
	int found;

	if (p->present[PROTOCOL] && json_type(&p->at[PROTOCOL]) == JSON_NUMBER) {
		if (json_integer(&p->at[PROTOCOL], &number) && number >= 0 && number <= 255) {
			rule->protocol = (int)number;
			return;
		}
		p->bad = true;
		reader_error(reader, ACCELNET_E_RANGE, &p->at[PROTOCOL], NULL,
			     "an IP protocol number is from 0 to 255");
		return;
	}
	found = read_word(reader, p, PROTOCOL, protocols);
	if (found < 0)
		return;
	rule->protocol = protocol_numbers[found];
}

static void read_priority(struct reader *reader, struct rule_reading *reading,
			  struct acl_properties *p)
{
	int64_t value;

	if (!p->present[PRIORITY])
		return;
	reading->priority_at = p->at[PRIORITY];
	if (!json_integer(&p->at[PRIORITY], &value) || value < 0 || value > PRIORITY_MAX) {
		p->bad = true;
		reader_error(reader, ACCELNET_E_RANGE, &p->at[PRIORITY], NULL,
			     "priority is a whole number from 0 to %d", PRIORITY_MAX);
		return;
	}
	reading->rule.priority = (uint16_t)value;
	reading->has_priority = true;
}

static void add_side_item(struct reader *reader, struct side *side, const struct json_at *at)
{
	const char *text = json_string(at);
	char *trimmed;

	if (!member_is(reader, at, JSON_STRING)) {
		side->bad = true;
		return;
	}
	trimmed = alloc_trimmed(text, text + strlen(text));
	(void)side_add_text(reader, side, at, trimmed); /* what it was does not matter here */
	free(trimmed);
}

/* True where `at` is a list; one without items is reported. */
static bool is_list(struct reader *reader, struct acl_properties *p, const struct json_at *at)
{
	if (json_type(at) != JSON_ARRAY)
		return false;
	if (json_count(at) == 0) {
		p->bad = true;
		reader_error(reader, ACCELNET_E_SIDE, at, NULL,
			     "an empty list would match nothing: give * for all");
	}
	return true;
}

static struct rule_side read_side(struct reader *reader, struct acl_properties *p, int which)
{
	const struct json_at *at = &p->at[which];
	struct side side = { 0 };
	struct json_at item;

	if (!p->present[which])
		return (struct rule_side){ 0 };
	if (is_list(reader, p, at)) {
		json_foreach(item, at)
			add_side_item(reader, &side, &item);
	} else {
		add_side_item(reader, &side, at);
	}
	p->bad |= side.bad;
	return side_finish(reader, &side);
}

static struct port_set read_ports(struct reader *reader, struct acl_properties *p, int which)
{
	const struct json_at *at = &p->at[which];
	struct port_list list = { .any = !p->present[which] };
	struct json_at item;

	if (p->present[which] && is_list(reader, p, at)) {
		json_foreach(item, at)
			port_list_add(reader, &list, &item);
	} else if (p->present[which]) {
		port_list_add(reader, &list, at);
	}
	p->bad |= list.bad;
	return port_list_finish(&list);
}

static void read_name(struct reader *reader, struct rule_reading *reading, struct acl_properties *p)
{
	const struct json_at *at = &p->at[NAME];

	if (!p->present[NAME])
		return;
	reading->name_at = *at;
	if (!member_is(reader, at, JSON_STRING) || !*json_string(at)) {
		p->bad = true;
		if (json_string(at))
			reader_error(reader, ACCELNET_E_MISSING, at, NULL, "a rule needs a name");
		return;
	}
	reading->name = json_string(at);
	reading->rule.name = alloc_string(reading->name);
	rule_check_name(reader, at, reading->name);
}

static void read_description(struct reader *reader, struct acl_properties *p, struct rule *rule)
{
	if (!p->present[DESCRIPTION])
		return;
	p->bad |= !member_is(reader, &p->at[DESCRIPTION], JSON_STRING);
	rule->description = alloc_string(json_string(&p->at[DESCRIPTION]));
}

static void read_rule(struct reader *reader, struct rule_reading *reading)
{
	struct rule *rule = &reading->rule;
	struct acl_properties p = { 0 };
	int direction, action;

	if (!member_is(reader, &reading->at, JSON_OBJECT))
		return;
	find_properties(reader, reading, &p);
	read_name(reader, reading, &p);
	reader->rule = reading->name;
	read_description(reader, &p, rule);
	read_priority(reader, reading, &p);
	direction = read_word(reader, &p, DIRECTION, directions);
	reading->has_direction = direction >= 0;
	rule->direction = direction > 0 ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
	action = read_word(reader, &p, ACTION, actions);
	rule->access = accesses[action < 0 ? 0 : action];
	read_protocol(reader, &p, rule);
	rule->source = read_side(reader, &p, SOURCE);
	rule->destination = read_side(reader, &p, DESTINATION);
	rule->source_ports = read_ports(reader, &p, SOURCE_PORTS);
	rule->destination_ports = read_ports(reader, &p, DESTINATION_PORTS);
	reading->ok = !p.bad;
	if (reading->ok)
		rule_settle(reader, &reading->at, rule);
	reader->rule = NULL;
}

static void read_rules(struct reader *reader, const struct json_at *at)
{
	size_t count = json_count(at), i = 0;
	struct rule_reading *readings;
	struct json_at item;

	if (count > POLICY_RULES_MAX) {
		reader_error(reader, ACCELNET_E_LIMIT, at, NULL,
			     "%zu rules; at most %d are accepted", count, POLICY_RULES_MAX);
		return;
	}
	readings = alloc_zero(count, sizeof(*readings));
	json_foreach(item, at) {
		struct rule_reading *reading = &readings[i++];

		reading->at = item;
		read_rule(reader, reading);
	}
	rules_settle(reader, &reader->policy->stage[STAGE_ACL], readings, count);
	free(readings);
}

void acl_read(struct reader *reader, const struct json_at *at)
{
	static const struct json_member members[] = { { "rules", JSON_ARRAY, .required = true } };
	struct json_at rules;

	reader->policy->stage[STAGE_ACL].present = true;
	if (json_check_members(at, members, 1, reader->report))
		return;
	if (json_get(at, "rules", &rules))
		read_rules(reader, &rules);
}
