/*
 * Finding the NSGs in what people have: shared by the files that know one shape each.
 *
 * Internal to the policy room.
 */
#ifndef POLICY_SOURCE_H
#define POLICY_SOURCE_H

#include "policy/read.h"

#define ARM_NSG_TYPE        "Microsoft.Network/networkSecurityGroups"
#define ARM_RULE_TYPE       ARM_NSG_TYPE "/securityRules"
#define ARM_DEPLOYMENT_TYPE "Microsoft.Resources/deployments"

struct source_reader {
	struct policy_source *source;
	const struct policy_read_options *options;
	struct report *report;
	struct json *tags; /* source->context's serviceTags, once there is one */
};

/* Adds an NSG that stands at `at` in the file. `name` may be NULL. */
struct policy_source_nsg *source_add(struct source_reader *reader, const struct json_at *at,
				     const char *name, const struct json *nsg);
struct policy_source_nsg *source_add_at(struct source_reader *reader, const char *pointer,
					const char *name, const struct json *nsg);
/* What begins with `from` in the NSG stands at `to`. */
void source_map(struct policy_source_nsg *nsg, const char *from, const struct json_at *to);
/* A new, empty {"properties":{"securityRules":[]}}; *ret_rules is the list. Owned by the source. */
struct json *source_make_nsg(struct source_reader *reader, const char *name,
			     struct json **ret_rules);

bool source_get(const struct json_at *at, const char *key, enum json_type type,
		struct json_at *ret);
/* What stands behind `/kind/` in a resource id, up to the next slash, without regard to case. */
char *source_id_part(const char *id, const char *kind);

/* source_effective.c: `az network nic list-effective-nsg`, and Network Watcher's view. */
bool source_is_effective(const struct json_at *at);
void source_read_effective(struct source_reader *reader, const struct json_at *at);
bool source_is_group_view(const struct json_at *at);
void source_read_group_view(struct source_reader *reader, const struct json_at *at);

/* arm_template.c */
bool source_is_template(const struct json_at *at);
int source_read_template(struct source_reader *reader, const struct json_at *at);

#endif
