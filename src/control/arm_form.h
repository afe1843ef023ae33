/*
 * The NSGs of a policy document as an ARM template, for `policy show --form arm`.
 *
 * What a template has no place for (acl, context, isolation, options) is left out. Pure.
 */
#ifndef CONTROL_ARM_FORM_H
#define CONTROL_ARM_FORM_H

#include "base/json.h"

/* The caller frees it. */
struct json *arm_form(const struct json *document);

#endif
