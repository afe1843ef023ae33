/*
 * Dumps of what is in force on a NIC: the effective rules that the API and the CLI return
 * (networkInterfaces/effectiveNetworkSecurityGroups), and Network Watcher's security group view.
 *
 * Effective rules are for reading: they name rules "securityRules/X", say All for any protocol,
 * give each port as a range, and print * as 0.0.0.0/0. The last cannot be undone with certainty, so
 * the reading is the one that lets less through: 0.0.0.0/0 in a Deny is every address, in an Allow
 * IPv4.
 */
#include "policy/alloc.h"
#include "policy/source.h"
#include "policy/tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- effective rules --- */

bool source_is_effective(const struct json_at *at)
{
	struct json_at rules;

	return source_get(at, "effectiveSecurityRules", JSON_ARRAY, &rules);
}

static const char *string_of(const struct json_at *at, const char *key)
{
	struct json_at child;

	return source_get(at, key, JSON_STRING, &child) ? json_string(&child) : NULL;
}

static bool is_default(const char *name)
{
	return strncasecmp(name, "defaultSecurityRules/", 21) == 0 ||
	       strncasecmp(name, "DefaultRule_", 12) == 0 ||
	       strcasecmp(name, "DefaultOutboundDenyAll") == 0 ||
	       strcasecmp(name, "DefaultInboundDenyAll") == 0;
}

static const char *plain_name(const char *name)
{
	if (strncasecmp(name, "securityRules/", 14) == 0)
		return name + 14;
	return strncasecmp(name, "UserRule_", 9) == 0 ? name + 9 : name;
}

static const char *address_of(const char *text, bool deny)
{
	return deny && text && strcmp(text, "0.0.0.0/0") == 0 ? "*" : text;
}

/* The list where it holds several items; a single one is printed in the singular property too. */
static void copy_pair(const struct json_at *at, struct json *to, const char *single,
		      const char *plural, bool deny)
{
	struct json_at list, item;
	struct json *copied;

	if (!source_get(at, plural, JSON_ARRAY, &list) || json_count(&list) == 0) {
		json_add_string(to, single, address_of(string_of(at, single), deny));
		return;
	}
	if (json_count(&list) == 1 && json_first(&list, &item)) {
		json_add_string(to, single, address_of(json_string(&item), deny));
		return;
	}
	copied = json_add_array(to, plural);
	json_foreach(item, &list)
		json_add(copied, NULL, json_copy(item.value));
}

static struct json *rule_of(const struct json_at *at)
{
	static const char *const pairs[][2] = {
		{ "sourceAddressPrefix", "sourceAddressPrefixes" },
		{ "destinationAddressPrefix", "destinationAddressPrefixes" },
		{ "sourcePortRange", "sourcePortRanges" },
		{ "destinationPortRange", "destinationPortRanges" },
	};
	static const char *const kept[] = { "priority", "direction", "access" };
	const char *name = string_of(at, "name"), *protocol = string_of(at, "protocol");
	const char *access = string_of(at, "access");
	struct json *rule = json_new_object(), *properties;
	struct json_at child;

	if (name)
		json_add_string(rule, "name", plain_name(name));
	properties = json_add_object(rule, "properties");
	for (size_t i = 0; i < 3; i++) {
		if (json_get_fold(at, kept[i], &child))
			json_add(properties, kept[i], json_copy(child.value));
	}
	if (protocol)
		json_add_string(properties, "protocol",
				strcasecmp(protocol, "All") == 0 ? "*" : protocol);
	for (size_t i = 0; i < 4; i++)
		copy_pair(at, properties, pairs[i][0], pairs[i][1],
			  i < 2 && access && strcasecmp(access, "Deny") == 0);
	return rule;
}

static void take_tag(struct source_reader *reader, const struct json_at *tag)
{
	struct policy_source *source = reader->source;
	struct json_at root, known;
	enum builtin_tag builtin;
	bool is_builtin = tag_is_builtin(tag->key, &builtin);

	if (json_type(tag) != JSON_ARRAY || (is_builtin && builtin != TAG_VIRTUAL_NETWORK))
		return; /* those cannot be defined anew */
	if (!source->context) {
		source->context = json_new_object();
		reader->tags = json_add_object(source->context, "serviceTags");
	}
	if (is_builtin) {
		root = json_root(source->context);
		if (!json_get(&root, "virtualNetwork", &known))
			json_add(source->context, "virtualNetwork", json_copy(tag->value));
		return;
	}
	root = json_root(reader->tags);
	if (!json_get_fold(&root, tag->key, &known))
		json_add(reader->tags, tag->key, json_copy(tag->value));
}

static char *group_name(const struct json_at *at)
{
	struct json_at group;
	const char *id;

	if (!source_get(at, "networkSecurityGroup", JSON_OBJECT, &group))
		return NULL;
	id = string_of(&group, "id");
	return id ? source_id_part(id, "networkSecurityGroups") : NULL;
}

void source_read_effective(struct source_reader *reader, const struct json_at *at)
{
	struct json_at list, item, association, child;
	struct policy_source_nsg *added;
	char *name = group_name(at), from[60];
	struct json *rules, *nsg;

	nsg = source_make_nsg(reader, name, &rules);
	added = source_add(reader, at, name, nsg);
	free(name);
	if (source_get(at, "association", JSON_OBJECT, &association) &&
	    source_get(&association, "subnet", JSON_OBJECT, &child))
		added->level = STAGE_SUBNET;
	if (!source_get(at, "effectiveSecurityRules", JSON_ARRAY, &list))
		return;
	json_foreach(item, &list) {
		const char *rule = string_of(&item, "name");

		if (rule && is_default(rule))
			continue;
		json_add(rules, NULL, rule_of(&item));
		(void)snprintf(from, sizeof(from), "/properties/securityRules/%zu/properties",
			       added->user_rules++);
		source_map(added, from, &item);
		*strrchr(from, '/') = '\0';
		source_map(added, from, &item);
	}
	if (source_get(at, "tagMap", JSON_OBJECT, &list)) {
		json_foreach(item, &list)
			take_tag(reader, &item);
	}
}

/* --- Network Watcher's security group view --- */

bool source_is_group_view(const struct json_at *at)
{
	struct json_at interfaces, item, associations;

	return source_get(at, "networkInterfaces", JSON_ARRAY, &interfaces) &&
	       json_first(&interfaces, &item) &&
	       source_get(&item, "securityRuleAssociations", JSON_OBJECT, &associations);
}

/* The NSG that the association's first rule belongs to, by its id. */
static char *name_by_rule(const struct json_at *association)
{
	struct json_at rules, rule;
	const char *id;

	if (!source_get(association, "securityRules", JSON_ARRAY, &rules) ||
	    !json_first(&rules, &rule))
		return NULL;
	id = string_of(&rule, "id");
	return id ? source_id_part(id, "networkSecurityGroups") : NULL;
}

void source_read_group_view(struct source_reader *reader, const struct json_at *at)
{
	static const struct {
		const char *key;
		enum stage stage;
	} levels[] = { { "subnetAssociation", STAGE_SUBNET },
		       { "networkInterfaceAssociation", STAGE_NIC } };
	struct json_at interfaces, item, associations, association;

	if (!source_get(at, "networkInterfaces", JSON_ARRAY, &interfaces))
		return;
	json_foreach(item, &interfaces) {
		if (!source_get(&item, "securityRuleAssociations", JSON_OBJECT, &associations))
			continue;
		for (size_t i = 0; i < 2; i++) {
			char *name;

			if (!source_get(&associations, levels[i].key, JSON_OBJECT, &association))
				continue;
			name = name_by_rule(&association);
			source_add(reader, &association, name, association.value)->level =
				levels[i].stage;
			free(name);
		}
	}
}
