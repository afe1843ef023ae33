/*
 * The six rules that every NSG ends with, three a direction.
 *
 * https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules
 * Names as the API returns them.
 */
#include "policy/alloc.h"
#include "policy/member.h"
#include "policy/nsg.h"
#include "policy/tags.h"

#include <string.h>
#include <strings.h>

#define ANYWHERE (-1)

struct default_rule {
	const char *name;
	enum direction direction;
	uint16_t priority;
	enum access access;
	int source; /* enum builtin_tag, or ANYWHERE */
	int destination;
};

static const struct default_rule defaults[] = {
	{ "AllowVnetInBound", DIRECTION_INBOUND, 65000, ACCESS_ALLOW, TAG_VIRTUAL_NETWORK,
	  TAG_VIRTUAL_NETWORK },
	{ "AllowAzureLoadBalancerInBound", DIRECTION_INBOUND, 65001, ACCESS_ALLOW,
	  TAG_LOAD_BALANCER, ANYWHERE },
	{ "DenyAllInBound", DIRECTION_INBOUND, 65500, ACCESS_DENY, ANYWHERE, ANYWHERE },
	{ "AllowVnetOutBound", DIRECTION_OUTBOUND, 65000, ACCESS_ALLOW, TAG_VIRTUAL_NETWORK,
	  TAG_VIRTUAL_NETWORK },
	{ "AllowInternetOutBound", DIRECTION_OUTBOUND, 65001, ACCESS_ALLOW, ANYWHERE,
	  TAG_INTERNET },
	{ "DenyAllOutBound", DIRECTION_OUTBOUND, 65500, ACCESS_DENY, ANYWHERE, ANYWHERE },
};

#define DEFAULT_COUNT (sizeof(defaults) / sizeof(defaults[0]))

static struct rule_side side_of(struct reader *reader, int tag)
{
	struct rule_side side = { .sets = alloc_zero(1, sizeof(struct address_set *)),
				  .set_count = 1 };

	side.sets[0] = tag == ANYWHERE ? reader->any : tag_builtin(reader, (enum builtin_tag)tag);
	return side;
}

void default_rules_append(struct reader *reader, struct rule_table *table)
{
	for (size_t i = 0; i < DEFAULT_COUNT; i++) {
		const struct default_rule *given = &defaults[i];
		struct rule_list *list = &table->list[given->direction];

		list->rules = alloc_grow(list->rules, list->count, sizeof(*list->rules));
		list->rules[list->count++] = (struct rule){
			.name = alloc_string(given->name),
			.priority = given->priority,
			.direction = given->direction,
			.access = given->access,
			.protocol = RULE_PROTOCOL_ANY,
			.source = side_of(reader, given->source),
			.destination = side_of(reader, given->destination),
			.source_ports.any = true,
			.destination_ports.any = true,
			.is_default = true,
		};
	}
}

static const struct default_rule *named(const char *name)
{
	for (size_t i = 0; i < DEFAULT_COUNT; i++) {
		if (strcasecmp(defaults[i].name, name) == 0)
			return &defaults[i];
	}
	return NULL;
}

bool default_rule_named(const char *name)
{
	return named(name) != NULL;
}

/* --- what an API answer says they are --- */

static bool word_is(const struct member *member, const char *expected)
{
	const char *text = member->present ? json_string(&member->at) : NULL;

	return text && strcasecmp(text, expected) == 0;
}

static const char *const tag_names[] = {
	[TAG_VIRTUAL_NETWORK] = "VirtualNetwork",
	[TAG_LOAD_BALANCER] = "AzureLoadBalancer",
	[TAG_INTERNET] = "Internet",
};

static const char *expected_side(int tag)
{
	return tag == ANYWHERE ? "*" : tag_names[tag];
}

/* The property that is not as it should be, or NULL. */
static const struct member *differing(struct reader *reader, const struct json_at *at,
				      const struct default_rule *rule, struct member m[7])
{
	int64_t priority;

	members_find(reader, at, m, 7);
	if (!m[0].present || !json_integer(&m[0].at, &priority) || priority != rule->priority)
		return &m[0];
	if (!word_is(&m[1], direction_name(rule->direction)))
		return &m[1];
	if (!word_is(&m[2], access_name(rule->access)))
		return &m[2];
	if (!word_is(&m[3], expected_side(rule->source)))
		return &m[3];
	if (!word_is(&m[4], expected_side(rule->destination)))
		return &m[4];
	if (m[5].present && !word_is(&m[5], "*"))
		return &m[5];
	return m[6].present && !word_is(&m[6], "*") ? &m[6] : NULL;
}

static void check_one(struct reader *reader, const struct json_at *at)
{
	struct member outer[] = { { .name = "name" }, { .name = "properties" } };
	struct member m[7] = {
		{ .name = "priority" },
		{ .name = "direction" },
		{ .name = "access" },
		{ .name = "sourceAddressPrefix" },
		{ .name = "destinationAddressPrefix" },
		{ .name = "protocol" },
		{ .name = "destinationPortRange" },
	};
	const struct default_rule *rule;
	const struct member *other;
	const char *name;

	if (!member_is(reader, at, JSON_OBJECT))
		return;
	members_find(reader, at, outer, 2);
	name = outer[0].present ? json_string(&outer[0].at) : NULL;
	rule = name ? named(name) : NULL;
	if (!rule) {
		reader_arm(reader, at, NULL,
			   "\"%.80s\" is not one of the six default rules; what stands in "
			   "defaultSecurityRules is read-only and has no effect",
			   name ? name : "");
		return;
	}
	other = differing(reader, outer[1].present ? &outer[1].at : at, rule, m);
	if (other)
		reader_arm(reader, other->present ? &other->at : at, NULL,
			   "\"%s\" of the default rule %s is not Azure's; default rules are "
			   "read-only and the edit has no effect",
			   other->name, rule->name);
}

void default_rules_check(struct reader *reader, const struct json_at *list)
{
	struct json_at item;

	json_foreach(item, list)
		check_one(reader, &item);
}
