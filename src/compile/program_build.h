/*
 * What a new program and an edited one are both built with. Private to program*.c.
 */
#ifndef COMPILE_PROGRAM_BUILD_H
#define COMPILE_PROGRAM_BUILD_H

#include "compile/groups.h"
#include "compile/program.h"

/* Numbers of groups are those of `groups`. 0 or -ENOMEM. */
int program_rule_init(struct program_rule *ret, struct group_table *groups,
		      const struct rule *rule);

/* 0, or LIMIT where a chain is too long. */
int program_check_size(const struct policy *policy, struct accelnet_error *err);

#endif
