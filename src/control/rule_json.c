/*
 * Rules as JSON: see rule_json.h.
 */
#include "control/rule_json.h"

#include "control/tuple_text.h"

#include <string.h>

const char *const rule_json_meaning[] = {
	"priority",    "access",      "protocol",         "source",
	"sourcePorts", "destination", "destinationPorts", NULL,
};

static void add_protocol(struct json *json, int protocol)
{
	char number[8];

	if (protocol == RULE_PROTOCOL_ANY)
		json_add_string(json, "protocol", "*");
	else if (protocol == RULE_PROTOCOL_ICMP)
		json_add_string(json, "protocol", "icmp");
	else
		json_add_string(json, "protocol", protocol_text((uint8_t)protocol, number));
}

static void add_prefixes(struct json *array, const struct address_set *set)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < set->prefix_count; i++)
		json_add_string(array, NULL, ip_prefix_format(&set->prefixes[i], text));
}

static void add_side(struct json *json, const char *key, const struct rule_side *side)
{
	struct json *array = json_add_array(json, key);

	for (size_t i = 0; i < side->set_count; i++) {
		const struct address_set *set = side->sets[i];

		if (set->name)
			json_add_string(array, NULL, set->name);
		else if (set->kind == ADDRESS_ANY)
			json_add_string(array, NULL, "*");
		else
			add_prefixes(array, set);
	}
}

static void add_ports(struct json *json, const char *key, const struct port_set *ports)
{
	struct json *array = json_add_array(json, key);

	if (ports->any)
		json_add_string(array, NULL, "*");
	for (size_t i = 0; i < ports->range_count; i++) {
		const struct port_range *range = &ports->ranges[i];

		if (range->first == range->last)
			json_add_format(array, NULL, "%u", range->first);
		else
			json_add_format(array, NULL, "%u-%u", range->first, range->last);
	}
}

struct json *rule_json(const struct policy *policy, enum stage stage, const struct rule *rule)
{
	struct json *json = json_new_object();

	json_add_string(json, "name", rule->name);
	json_add_string(json, "level", stage_name(stage));
	json_add_string(json, "nsg", policy->stage[stage].name);
	json_add_string(json, "direction", direction_name(rule->direction));
	json_add_integer(json, "priority", rule->priority);
	json_add_string(json, "access", access_name(rule->access));
	add_protocol(json, rule->protocol);
	add_side(json, "source", &rule->source);
	add_ports(json, "sourcePorts", &rule->source_ports);
	add_side(json, "destination", &rule->destination);
	add_ports(json, "destinationPorts", &rule->destination_ports);
	json_add_bool(json, "default", rule->is_default);
	if (rule->description)
		json_add_string(json, "description", rule->description);
	return json;
}

/* --- addresses --- */

/* The longest prefix that begins at `first` and does not go beyond `last`. */
static struct ip_prefix widest_prefix(enum ip_family family, ip_number first, ip_number last)
{
	const unsigned bits = ip_family_bits(family);
	unsigned host = 0;

	while (host < bits && (first & ip_low_mask(host + 1)) == 0 &&
	       (first | ip_low_mask(host + 1)) <= last)
		host++;
	return (struct ip_prefix){ .family = family,
				   .length = (uint8_t)(bits - host),
				   .number = first };
}

static void add_range(struct json *array, enum ip_family family, struct ip_range range)
{
	char text[IP_TEXT_MAX];

	for (;;) {
		struct ip_prefix prefix = widest_prefix(family, range.first, range.last);
		ip_number end = prefix.number | ip_low_mask(ip_family_bits(family) - prefix.length);

		json_add_string(array, NULL, ip_prefix_format(&prefix, text));
		if (end >= range.last)
			return;
		range.first = end + 1;
	}
}

struct json *rule_addresses_json(const struct address_group *group)
{
	struct json *array = json_new_array();

	for (int family = 0; family < IP_FAMILIES; family++) {
		for (size_t i = 0; i < group->range_count[family]; i++)
			add_range(array, (enum ip_family)family, group->ranges[family][i]);
	}
	return array;
}

static bool sets_equal(const struct address_set *a, const struct address_set *b)
{
	if (a->kind != b->kind || a->prefix_count != b->prefix_count)
		return false;
	if ((a->name == NULL) != (b->name == NULL) || (a->name && strcmp(a->name, b->name) != 0))
		return false;
	for (size_t i = 0; i < a->prefix_count; i++) {
		if (a->prefixes[i].family != b->prefixes[i].family ||
		    a->prefixes[i].length != b->prefixes[i].length ||
		    a->prefixes[i].number != b->prefixes[i].number)
			return false;
	}
	return true;
}

bool rule_sides_equal(const struct rule_side *a, const struct rule_side *b)
{
	if (a->set_count != b->set_count)
		return false;
	for (size_t i = 0; i < a->set_count; i++) {
		if (!sets_equal(a->sets[i], b->sets[i]))
			return false;
	}
	return true;
}
