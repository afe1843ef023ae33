/*
 * One reading of one document: where problems go, how strict it is, what the context defines.
 *
 * Internal to the policy room. Lives on the stack of policy_build().
 */
#ifndef POLICY_READER_H
#define POLICY_READER_H

#include "base/error.h"
#include "base/json.h"
#include "policy/context.h"
#include "policy/policy.h"

struct reader {
	struct report *report;
	bool strict;
	bool unresolved_ok; /* what the context does not define is a warning */
	struct context context;
	struct policy *policy;         /* being built */
	const char *rule;              /* whose rule is being read, for messages; may be NULL */
	struct address_set *any;       /* every address, shared */
	struct address_set *undefined; /* no address: stands for what is not defined */
};

/* Puts `set` into the policy, which owns it from then on. */
struct address_set *reader_own_set(struct reader *reader, struct address_set *set);

/*
 * An error in either mode. `arm` is the name under which Azure Resource Manager refuses the same,
 * or NULL; strict mode says it.
 */
void reader_error(struct reader *reader, enum accelnet_code code, const struct json_at *at,
		  const char *arm, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* What Azure refuses but has one meaning: an error in strict mode, else a warning. */
void reader_arm(struct reader *reader, const struct json_at *at, const char *arm,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
void reader_warning(struct reader *reader, enum accelnet_code code, const struct json_at *at,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
/*
 * `name` is not defined: an error, or where unresolved references are let pass, a warning, once for
 * each name in the whole report; the text has to say: "NAME" is not ... That context is missing at
 * all (NO_CONTEXT) is told once anyway.
 */
void reader_unresolved(struct reader *reader, enum accelnet_code code, const struct json_at *at,
		       const char *name, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
