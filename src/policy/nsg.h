/*
 * One NSG, ARM's object or flat as the Azure CLI prints it, to a rule table with its six defaults.
 *
 * Internal to the policy room.
 */
#ifndef POLICY_NSG_H
#define POLICY_NSG_H

#include "policy/reader.h"
#include "policy/rule.h"

/* Reads the NSG at `at` into reader->policy->stage[stage]. */
void nsg_read(struct reader *reader, enum stage stage, const struct json_at *at);

/*
 * Reports rules that share priority and direction, or a name, then moves all that are complete into
 * `table`, in order of priority; the rest are freed. Shared with acl.
 */
void rules_settle(struct reader *reader, struct rule_table *table, struct rule_reading *readings,
		  size_t count);

/* default_rules.c: the six, and a look at what an API answer says they are */
void default_rules_append(struct reader *reader, struct rule_table *table);
void default_rules_check(struct reader *reader, const struct json_at *list);
bool default_rule_named(const char *name);

#endif
