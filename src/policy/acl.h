/*
 * The `acl` of a policy document: stateless rules that stand before the NSGs.
 *
 * Internal to the policy room. The object is ours: unknown members are errors.
 */
#ifndef POLICY_ACL_H
#define POLICY_ACL_H

#include "policy/reader.h"

void acl_read(struct reader *reader, const struct json_at *at);

#endif
