/*
 * Rules as JSON: what they say, and the addresses behind their names. Thread: any; pure.
 */
#ifndef CONTROL_RULE_JSON_H
#define CONTROL_RULE_JSON_H

#include "base/json.h"
#include "compile/program.h"

/*
 * {"name","level","nsg","direction","priority","access","protocol","source","sourcePorts",
 *  "destination","destinationPorts","default","description"}. Sides and ports are lists of text;
 * `nsg` is the NSG's own name, null where it has none. The caller frees it.
 */
struct json *rule_json(const struct policy *policy, enum stage stage, const struct rule *rule);

/* Members of rule_json() that say what a rule does; NULL ends. For comparing two rules. */
extern const char *const rule_json_meaning[];

/* The addresses of a side, as prefixes in a list, tags and groups resolved. The caller frees it. */
struct json *rule_addresses_json(const struct address_group *group);

/* True where both sides name the same sets, and these hold the same prefixes as written. */
bool rule_sides_equal(const struct rule_side *a, const struct rule_side *b);

#endif
