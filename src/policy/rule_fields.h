/*
 * The properties of a security rule, found but not yet read.
 *
 * Internal to rule.c and rule_sides.c.
 */
#ifndef POLICY_RULE_FIELDS_H
#define POLICY_RULE_FIELDS_H

#include "policy/member.h"
#include "policy/reader.h"

enum rule_property {
	RULE_DESCRIPTION,
	RULE_PRIORITY,
	RULE_DIRECTION,
	RULE_ACCESS,
	RULE_PROTOCOL,
	RULE_SOURCE_PREFIX,
	RULE_SOURCE_PREFIXES,
	RULE_SOURCE_GROUPS,
	RULE_DESTINATION_PREFIX,
	RULE_DESTINATION_PREFIXES,
	RULE_DESTINATION_GROUPS,
	RULE_SOURCE_PORT,
	RULE_SOURCE_PORTS,
	RULE_DESTINATION_PORT,
	RULE_DESTINATION_PORTS,
	RULE_PROPERTIES
};

extern const char *const rule_property_names[RULE_PROPERTIES];

struct rule_properties {
	const struct json_at *at; /* the object that holds them */
	struct member member[RULE_PROPERTIES];
	bool bad; /* the rule cannot be used: something was reported */
};

/*
 * `first` is the singular property; the plural one, and for a side the groups, follow it in
 * enum rule_property. Exactly one of them must be in use: "", null and [] are not.
 */
struct rule_side rule_read_side(struct reader *reader, struct rule_properties *p,
				enum rule_property first);
struct port_set rule_read_ports(struct reader *reader, struct rule_properties *p,
				enum rule_property first);

#endif
