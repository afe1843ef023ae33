/*
 * A random policy as a policy document: see random_policy.h. Sets whose name begins with "asg" are
 * application security groups, other named ones are service tags.
 */
#include "base/json.h"
#include "support/random_policy.h"
#include "testpmd/synthetic.h"

#include <stdio.h>
#include <string.h>

static bool is_asg(const struct address_set *set)
{
	return set->name && strncmp(set->name, "asg", 3) == 0;
}

static void add_prefix_array(struct json *to, const char *key, const struct address_set *set)
{
	struct json *array = json_add_array(to, key);
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < set->prefix_count; i++) {
		/* VirtualNetwork holds the platform's address without being told */
		if (set->prefixes[i].number == SYNTHETIC_PLATFORM_ADDRESS && set->name &&
		    strcmp(set->name, "VirtualNetwork") == 0)
			continue;
		json_add_string(array, NULL, ip_prefix_format(&set->prefixes[i], text));
	}
}

static void add_context(struct json *document, const struct policy *policy)
{
	struct json *context = json_add_object(document, "context");
	struct json *asgs = json_add_object(context, "applicationSecurityGroups");
	struct json *tags = json_add_object(context, "serviceTags");

	for (size_t i = 0; i < policy->set_count; i++) {
		const struct address_set *set = policy->sets[i];

		if (is_asg(set))
			add_prefix_array(asgs, set->name, set);
		else if (set->name && strncmp(set->name, "Tag", 3) == 0)
			add_prefix_array(tags, set->name, set);
		else if (set->name && strcmp(set->name, "VirtualNetwork") == 0)
			add_prefix_array(context, "virtualNetwork", set);
	}
}

static void add_nsg_side(struct json *to, const char *side, const struct rule_side *from)
{
	const struct address_set *set = from->sets[0];
	char key[64];

	if (is_asg(set)) {
		struct json *array, *entry;

		(void)snprintf(key, sizeof(key), "%sApplicationSecurityGroups", side);
		array = json_add_array(to, key);
		entry = json_add(array, NULL, json_new_object());
		json_add_format(entry, "id",
				"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/"
				"applicationSecurityGroups/%s",
				set->name);
	} else if (set->kind == ADDRESS_ANY || set->name) {
		(void)snprintf(key, sizeof(key), "%sAddressPrefix", side);
		json_add_string(to, key, set->name ? set->name : "*");
	} else {
		(void)snprintf(key, sizeof(key), "%sAddressPrefixes", side);
		add_prefix_array(to, key, set);
	}
}

static void add_acl_side(struct json *to, const char *side, const struct rule_side *from)
{
	const struct address_set *set = from->sets[0];

	if (set->kind == ADDRESS_ANY || set->name)
		json_add_string(to, side, set->name ? set->name : "*");
	else
		add_prefix_array(to, side, set);
}

/* `one` where any port will do, else the list under `many`. */
static void add_ports(struct json *to, const char *one, const char *many,
		      const struct port_set *ports)
{
	struct json *array;

	if (ports->any) {
		json_add_string(to, one, "*");
		return;
	}
	array = json_add_array(to, many);
	for (size_t i = 0; i < ports->range_count; i++) {
		const struct port_range *range = &ports->ranges[i];
		bool whole = range->first == 0 && range->last == 65535;

		/* "0-65535" as one item would mean any port */
		if (whole) {
			json_add_string(array, NULL, "0-32767");
			json_add_string(array, NULL, "32768-65535");
		} else if (range->first == range->last) {
			json_add_format(array, NULL, "%u", range->first);
		} else {
			json_add_format(array, NULL, "%u-%u", range->first, range->last);
		}
	}
}

static const char *protocol_text(int protocol)
{
	switch (protocol) {
	case RULE_PROTOCOL_ICMP:
		return "Icmp";
	case IP_PROTOCOL_TCP:
		return "Tcp";
	case IP_PROTOCOL_UDP:
		return "Udp";
	case IP_PROTOCOL_ESP:
		return "Esp";
	case IP_PROTOCOL_AH:
		return "Ah";
	default:
		return "*";
	}
}

static void add_nsg_rule(struct json *rules, const struct rule *rule)
{
	struct json *entry = json_add(rules, NULL, json_new_object());
	struct json *properties;

	json_add_string(entry, "name", rule->name);
	properties = json_add_object(entry, "properties");
	json_add_integer(properties, "priority", rule->priority);
	json_add_string(properties, "direction", direction_name(rule->direction));
	json_add_string(properties, "access", access_name(rule->access));
	json_add_string(properties, "protocol", protocol_text(rule->protocol));
	add_nsg_side(properties, "source", &rule->source);
	add_nsg_side(properties, "destination", &rule->destination);
	add_ports(properties, "sourcePortRange", "sourcePortRanges", &rule->source_ports);
	add_ports(properties, "destinationPortRange", "destinationPortRanges",
		  &rule->destination_ports);
}

static void add_acl_rule(struct json *rules, const struct rule *rule)
{
	static const char *const actions[] = {
		[ACCESS_DENY] = "deny",
		[ACCESS_ALLOW] = "allow",
		[ACCESS_ALWAYS_ALLOW] = "always-allow",
	};
	struct json *entry = json_add(rules, NULL, json_new_object());

	json_add_string(entry, "name", rule->name);
	json_add_integer(entry, "priority", rule->priority);
	json_add_string(entry, "direction", direction_name(rule->direction));
	json_add_string(entry, "action", actions[rule->access]);
	json_add_string(entry, "protocol", protocol_text(rule->protocol));
	add_acl_side(entry, "source", &rule->source);
	add_acl_side(entry, "destination", &rule->destination);
	add_ports(entry, "sourcePorts", "sourcePorts", &rule->source_ports);
	add_ports(entry, "destinationPorts", "destinationPorts", &rule->destination_ports);
}

static void add_rules(struct json *rules, const struct rule_table *table,
		      void (*add)(struct json *, const struct rule *))
{
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		const struct rule_list *list = &table->list[direction];

		for (size_t i = 0; i < list->count; i++) {
			if (!list->rules[i].is_default)
				add(rules, &list->rules[i]);
		}
	}
}

static void add_nsg(struct json *document, const char *key, const struct rule_table *table)
{
	struct json *nsg, *properties;

	if (!table->present) {
		json_add_null(document, key);
		return;
	}
	nsg = json_add_object(document, key);
	json_add_string(nsg, "name", key);
	properties = json_add_object(nsg, "properties");
	add_rules(json_add_array(properties, "securityRules"), table, add_nsg_rule);
}

char *random_policy_text(const struct policy *policy)
{
	JSON_CLEANUP struct json *document = json_new_object();

	json_add_string(document, "apiVersion", "accelnet/v1");
	add_nsg(document, "subnetNsg", &policy->stage[STAGE_SUBNET]);
	add_nsg(document, "nicNsg", &policy->stage[STAGE_NIC]);
	if (policy->stage[STAGE_ACL].present) {
		struct json *acl = json_add_object(document, "acl");

		add_rules(json_add_array(acl, "rules"), &policy->stage[STAGE_ACL], add_acl_rule);
	}
	add_context(document, policy);
	return json_print(document);
}
