/*
 * Policies of the repository and of the shared data, one after the other: every NSG of every file
 * that is one, with tests/data/nsg-parameters.json for templates that want parameters and
 * tests/data/nsg-context.json for the context; and the documents of tests/data/policies/.
 */
#ifndef TESTS_SUPPORT_DATA_POLICIES_H
#define TESTS_SUPPORT_DATA_POLICIES_H

#include "policy/policy.h"

/* `name` is the file's, with "#" and the NSG's where it holds several. Both are borrowed. */
typedef void data_policy_visitor(void *context, const char *name, const struct policy *policy);

/*
 * Both return how many policies were visited. NSGs that are broken whatever the parameters are left
 * out. The first returns 0 where the shared data is absent; errors end the test.
 */
unsigned data_policies_of_azure(data_policy_visitor *visit, void *context);
unsigned data_policies_of_tests(data_policy_visitor *visit, void *context);

#endif
