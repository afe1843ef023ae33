/*
 * What a template deploys, while it is being read: NSGs, and rules that are resources of their own.
 *
 * Internal to arm_template.c, which walks through the resources, and the files named here.
 */
#ifndef POLICY_ARM_GATHER_H
#define POLICY_ARM_GATHER_H

#include "policy/arm_evaluate.h"
#include "policy/source.h"

/* An NSG while its rules are being gathered. */
struct arm_group {
	char *name;
	char *pointer; /* of the resource */
	struct json *nsg;
	struct json *rules; /* in `nsg`, once rules from elsewhere are put there */
	size_t rule_count;
	bool broken;
	bool unnamed; /* `name` is what the template says, not what it evaluates to */
	size_t written_rules;
	struct pointer_map *map; /* rules that stand elsewhere */
	size_t map_count;
};

/* A rule that is a resource of its own. */
struct arm_rule {
	char *group;
	struct json *rule;
	char *pointer; /* of the resource */
	bool broken;
};

struct arm_reader {
	struct source_reader *source;
	struct arm_machine machine;
	struct arm_group *groups;
	size_t group_count;
	struct arm_rule *rules;
	size_t rule_count;
	size_t resources;
	bool incomplete; /* something is left out, and was reported, that any NSG may need */
};

#define ARM_NESTING_MAX 16 /* deployments in deployments */

/*
 * arm_survey.c: reports resources that cannot be told apart, nested deployments too, and
 * deployments whose templates are elsewhere.
 */
void arm_survey(struct arm_reader *reader, const struct json_at *resources);

/*
 * arm_nsg.c: reads a rule that is a resource of its own. `group` is the name of the NSG where it
 * stands inside of one, else NULL: its own name says it then. `certain` is whether it is known that
 * it is deployed.
 */
void arm_read_rule(struct arm_reader *reader, const struct arm_env *env,
		   const struct json_at *resource, const char *group, bool certain);
/* The same for an NSG without its children. Its name, which the caller frees. */
char *arm_read_nsg(struct arm_reader *reader, const struct arm_env *env,
		   const struct json_at *resource, bool certain);
/* Reads neither: how many there are is not known. `group` is as above. */
void arm_read_unknown(struct arm_reader *reader, const struct json_at *resource, const char *group);

/* arm_gather.c: moves the rules into the NSGs that they belong to; one that is not in the template
 * is made. */
void arm_place_rules(struct arm_reader *reader);
/* Gives all NSGs to the source and frees what is left. */
void arm_hand_over(struct arm_reader *reader);

#endif
