/*
 * One security rule of an NSG, as ARM's object or flat as the Azure CLI prints it, to struct rule.
 *
 * Internal to the policy room. Fields and limits:
 * https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
 */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "policy/reader.h"

/*
 * What is known of a rule, whether or not all of it could be read. Holds cursors into itself: it
 * must not move. Owner of `rule`: whoever asked.
 */
struct rule_reading {
	struct json_at at; /* the rule */
	struct json_at properties_at;
	struct json_at priority_at; /* where to point to for a conflict; the rule where absent */
	struct json_at name_at;
	const char *name; /* NULL where it has none; borrowed from the document */
	bool has_priority;
	bool has_direction;
	bool ok; /* `rule` is complete */
	struct rule rule;
};

/* Reads the rule at reading->at. */
void rule_read(struct reader *reader, struct rule_reading *reading);

/* Checks a name or description; shared with acl. */
void rule_check_name(struct reader *reader, const struct json_at *at, const char *name);
/*
 * Settles what a rule means whose protocol has no ports but which names some, and warns where its
 * sides cannot meet. `at` is the rule.
 */
void rule_settle(struct reader *reader, const struct json_at *at, struct rule *rule);

#endif
