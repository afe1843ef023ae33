/*
 * Security rules: see rule.h.
 */
#include "policy/rule.h"

#include "policy/alloc.h"
#include "policy/rule_fields.h"
#include "policy/side.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTION_ARM_MAX 140
#define PRIORITY_ARM_MIN    100
#define PRIORITY_ARM_MAX    4096
#define PRIORITY_MAX        64999 /* the default rules begin at 65000 */

const char *const rule_property_names[RULE_PROPERTIES] = {
	[RULE_DESCRIPTION] = "description",
	[RULE_PRIORITY] = "priority",
	[RULE_DIRECTION] = "direction",
	[RULE_ACCESS] = "access",
	[RULE_PROTOCOL] = "protocol",
	[RULE_SOURCE_PREFIX] = "sourceAddressPrefix",
	[RULE_SOURCE_PREFIXES] = "sourceAddressPrefixes",
	[RULE_SOURCE_GROUPS] = "sourceApplicationSecurityGroups",
	[RULE_DESTINATION_PREFIX] = "destinationAddressPrefix",
	[RULE_DESTINATION_PREFIXES] = "destinationAddressPrefixes",
	[RULE_DESTINATION_GROUPS] = "destinationApplicationSecurityGroups",
	[RULE_SOURCE_PORT] = "sourcePortRange",
	[RULE_SOURCE_PORTS] = "sourcePortRanges",
	[RULE_DESTINATION_PORT] = "destinationPortRange",
	[RULE_DESTINATION_PORTS] = "destinationPortRanges",
};

static const char *const directions[] = { "Inbound", "Outbound", NULL };
static const char *const accesses[] = { "Deny", "Allow", NULL };
static const char *const protocols[] = { "*", "Tcp", "Udp", "Icmp", "Esp", "Ah", "Icmpv6", NULL };
static const int protocol_numbers[] = {
	RULE_PROTOCOL_ANY, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP,    RULE_PROTOCOL_ICMP,
	IP_PROTOCOL_ESP,   IP_PROTOCOL_AH,  IP_PROTOCOL_ICMPV6,
};

/* --- words --- */

/* `accepted` says what may stand there. */
static struct member *required(struct reader *reader, struct rule_properties *p,
			       enum rule_property which, const char *accepted)
{
	struct member *member = &p->member[which];

	if (member->present)
		return member;
	p->bad = true;
	reader_error(reader, ACCELNET_E_MISSING, p->at, NULL, "\"%s\" is absent: accepted are %s",
		     rule_property_names[which], accepted);
	return NULL;
}

static int read_word(struct reader *reader, struct rule_properties *p, enum rule_property which,
		     const char *const *words)
{
	char accepted[100];
	const struct member *member =
		required(reader, p, which, word_list(words, accepted, sizeof(accepted)));
	int found = -1;

	if (!member)
		return -1;
	if (member_is(reader, &member->at, JSON_STRING)) {
		const char *text = json_string(&member->at);
		char *trimmed = alloc_trimmed(text, text + strlen(text));

		found = word_find(words, trimmed);
		free(trimmed);
		if (found < 0)
			reader_error(reader, ACCELNET_E_VALUE, &member->at, NULL,
				     "\"%.40s\" is no %s: accepted are %s", text,
				     rule_property_names[which], accepted);
	}
	p->bad |= found < 0;
	return found;
}

static void read_protocol(struct reader *reader, struct rule_properties *p, struct rule *rule)
{
	int found = read_word(reader, p, RULE_PROTOCOL, protocols);

	if (found < 0)
		return;
	rule->protocol = protocol_numbers[found];
	if (rule->protocol == IP_PROTOCOL_ICMPV6)
		reader_arm(reader, &p->member[RULE_PROTOCOL].at, NULL,
			   "Azure does not document the protocol Icmpv6; Icmp covers it in IPv6");
}

/* A JSON integer, or a string of digits, which some tools write. */
static bool read_number(struct reader *reader, const struct json_at *at, int64_t *ret)
{
	const char *text = json_string(at);
	char *end;

	if (json_integer(at, ret))
		return true;
	if (!text || !isdigit((unsigned char)text[0]))
		return false;
	*ret = strtol(text, &end, 10);
	if (*end != '\0')
		return false;
	reader_arm(reader, at, NULL, "\"%.20s\" is a string where a number belongs", text);
	return true;
}

static bool read_priority(struct reader *reader, struct rule_properties *p, struct rule *rule)
{
	const struct member *member =
		required(reader, p, RULE_PRIORITY, "whole numbers from 100 to 4096");
	int64_t value = 0;

	if (!member)
		return false;
	if (!read_number(reader, &member->at, &value)) {
		p->bad = true;
		reader_error(reader, ACCELNET_E_TYPE, &member->at, NULL,
			     "expected a whole number from %d to %d", PRIORITY_ARM_MIN,
			     PRIORITY_ARM_MAX);
		return false;
	}
	if (value < 1 || value > PRIORITY_MAX) {
		p->bad = true;
		reader_error(reader, ACCELNET_E_RANGE, &member->at, "SecurityRuleInvalidPriority",
			     "priority %lld is outside 1 to %d (Azure: %d to %d); the default "
			     "rules begin at 65000",
			     (long long)value, PRIORITY_MAX, PRIORITY_ARM_MIN, PRIORITY_ARM_MAX);
		return false;
	}
	if (value < PRIORITY_ARM_MIN || value > PRIORITY_ARM_MAX)
		reader_arm(reader, &member->at, "SecurityRuleInvalidPriority",
			   "priority %lld is outside Azure's %d to %d", (long long)value,
			   PRIORITY_ARM_MIN, PRIORITY_ARM_MAX);
	rule->priority = (uint16_t)value;
	return true;
}

static void read_description(struct reader *reader, struct rule_properties *p, struct rule *rule)
{
	const struct member *member = &p->member[RULE_DESCRIPTION];

	if (!member->present)
		return;
	if (!member_is(reader, &member->at, JSON_STRING)) {
		p->bad = true;
		return;
	}
	rule->description = alloc_string(json_string(&member->at));
	if (strlen(rule->description) > DESCRIPTION_ARM_MAX)
		reader_arm(reader, &member->at, NULL,
			   "the description is longer than Azure's %d characters",
			   DESCRIPTION_ARM_MAX);
}

/* --- the whole rule --- */

static void read_name(struct reader *reader, struct rule_reading *reading)
{
	struct member name = { .name = "name" };

	members_find(reader, &reading->at, &name, 1);
	reading->name_at = name.present ? name.at : reading->at;
	if (!name.present || (json_string(&name.at) && !*json_string(&name.at))) {
		reader_error(reader, ACCELNET_E_MISSING, &reading->name_at, NULL,
			     "a rule needs a \"name\"");
		return;
	}
	if (!member_is(reader, &name.at, JSON_STRING))
		return;
	reading->name = json_string(&name.at);
	rule_check_name(reader, &name.at, reading->name);
}

static bool has_concrete_ports(const struct rule *rule)
{
	return !rule->source_ports.any || !rule->destination_ports.any;
}

static bool portless(int protocol)
{
	return protocol == RULE_PROTOCOL_ICMP ||
	       (protocol >= 0 && !ip_protocol_has_ports((uint8_t)protocol));
}

static void drop_ports(struct port_set *ports)
{
	free(ports->ranges);
	*ports = (struct port_set){ .any = true };
}

void rule_settle(struct reader *reader, const struct json_at *at, struct rule *rule)
{
	unsigned source = rule_side_families(&rule->source);
	unsigned destination = rule_side_families(&rule->destination);

	if (portless(rule->protocol) && has_concrete_ports(rule)) {
		if (rule->access == ACCESS_DENY) {
			reader_arm(reader, at, NULL,
				   "its protocol has no ports: they are ignored, so that it denies "
				   "all of that protocol");
			drop_ports(&rule->source_ports);
			drop_ports(&rule->destination_ports);
		} else {
			reader_arm(reader, at, NULL,
				   "its protocol has no ports, so that it matches nothing: give * "
				   "for both ports");
			rule->matches_nothing = true;
		}
	}
	if (!source || !destination)
		return; /* an empty tag or group: reported where it stands, or meant */
	if (source != destination && (source & destination) == 0)
		reader_arm(reader, at,
			   "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies",
			   "one side is IPv4 and the other IPv6, so that it matches nothing");
}

static bool mixes_families(const struct rule_side *side)
{
	unsigned families = 0;

	for (size_t i = 0; i < side->set_count; i++) {
		if (side->sets[i]->kind == ADDRESS_PREFIXES && !side->sets[i]->name)
			families |= side->sets[i]->families;
	}
	return families == (1U << IP_FAMILY_V4 | 1U << IP_FAMILY_V6);
}

/* Tags and groups hold both families; lists of prefixes may not, in Azure. */
static void check_families(struct reader *reader, const struct json_at *at, const struct rule *rule)
{
	if (mixes_families(&rule->source) || mixes_families(&rule->destination))
		reader_arm(reader, at,
			   "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies",
			   "one side lists both IPv4 and IPv6 prefixes");
}

/* What Azure's answers have besides; not read. */
static const char *const beside_properties[] = { "name",       "id",         "etag",
						 "type",       "properties", "resourceGroup",
						 "systemData", NULL };
static const char *const among_properties[] = { "provisioningState", NULL };
static const char *const flat_rule[] = {
	"name", "id", "etag", "type", "resourceGroup", "systemData", "provisioningState", NULL
};

static void find_properties(struct reader *reader, struct rule_reading *reading,
			    struct rule_properties *p)
{
	struct member nested = { .name = "properties" };

	members_find(reader, &reading->at, &nested, 1);
	reading->properties_at = nested.present ? nested.at : reading->at;
	p->at = &reading->properties_at;
	p->bad = !member_is(reader, p->at, JSON_OBJECT);
	for (size_t i = 0; i < RULE_PROPERTIES; i++)
		p->member[i].name = rule_property_names[i];
	if (p->bad)
		return;
	members_find(reader, p->at, p->member, RULE_PROPERTIES);
	members_unknown(reader, p->at, rule_property_names, RULE_PROPERTIES,
			nested.present ? among_properties : flat_rule);
	if (!nested.present)
		return;
	p->bad = !members_none(reader, &reading->at, rule_property_names, RULE_PROPERTIES);
	if (!p->bad)
		members_unknown(reader, &reading->at, rule_property_names, RULE_PROPERTIES,
				beside_properties);
}

static void read_fields(struct reader *reader, struct rule_reading *reading,
			struct rule_properties *p)
{
	struct rule *rule = &reading->rule;
	int direction = read_word(reader, p, RULE_DIRECTION, directions);
	int access = read_word(reader, p, RULE_ACCESS, accesses);

	reading->has_direction = direction >= 0;
	rule->direction = direction > 0 ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
	rule->access = access > 0 ? ACCESS_ALLOW : ACCESS_DENY;
	reading->has_priority = read_priority(reader, p, rule);
	reading->priority_at =
		p->member[RULE_PRIORITY].present ? p->member[RULE_PRIORITY].at : reading->at;
	read_protocol(reader, p, rule);
	read_description(reader, p, rule);
	rule->source = rule_read_side(reader, p, RULE_SOURCE_PREFIX);
	rule->destination = rule_read_side(reader, p, RULE_DESTINATION_PREFIX);
	rule->source_ports = rule_read_ports(reader, p, RULE_SOURCE_PORT);
	rule->destination_ports = rule_read_ports(reader, p, RULE_DESTINATION_PORT);
}

void rule_read(struct reader *reader, struct rule_reading *reading)
{
	struct rule_properties p = { 0 };

	if (!member_is(reader, &reading->at, JSON_OBJECT))
		return;
	read_name(reader, reading);
	reader->rule = reading->name;
	find_properties(reader, reading, &p);
	if (json_type(p.at) == JSON_OBJECT) {
		read_fields(reader, reading, &p);
		reading->rule.name = alloc_string(reading->name);
		reading->ok = !p.bad && reading->name;
	}
	if (reading->ok) {
		rule_settle(reader, &reading->at, &reading->rule);
		check_families(reader, &reading->at, &reading->rule);
	}
	reader->rule = NULL;
}
