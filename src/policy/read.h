/*
 * From JSON that people have to a policy.
 *
 * Two steps, so that the client can do the first (files, templates, tag downloads) and the daemon
 * the second, and what travels and is stored between them is always a policy document (form 1 of
 * accelnet-policy(5)):
 *
 *     policy_source_read()   any form            -> the NSGs in it, or the document
 *     policy_build()         a policy document   -> struct policy
 *
 * Both report every problem, not only the first. Thread: any; no state.
 */
#ifndef POLICY_READ_H
#define POLICY_READ_H

#include "base/error.h"
#include "base/json.h"
#include "policy/policy.h"

#define POLICY_API_VERSION "accelnet/v1"

enum policy_form { POLICY_FORM_DOCUMENT, POLICY_FORM_NSG, POLICY_FORM_ARM };
const char *policy_form_name(enum policy_form form); /* "document", "nsg", "arm" */

struct policy_source_nsg {
	char *name;       /* after evaluation; repeated names got #2, #3; "" where it has none */
	enum stage level; /* of a document: where it stands; else STAGE_NIC */
	const struct json *nsg; /* {"name":..., "properties":{"securityRules":[...]}}; borrowed */
	size_t user_rules;
};

/* What a file holds. Owner: the caller, policy_source_free(). */
struct policy_source {
	enum policy_form form;
	struct json *root;           /* owned: the evaluated text */
	const struct json *document; /* form 1 only; borrowed from root */
	struct policy_source_nsg *nsgs;
	size_t count;
};

struct policy_read_options {
	bool strict; /* --strict; a document's options.strict counts too */
	const struct json
		*context; /* a `context` object for what the document leaves out, or NULL */
	const struct json *parameters; /* values for a template's parameters, or NULL */
};

/*
 * Finds the form of `root` by its shape and the NSGs in it. Takes ownership of `root`, on failure
 * too. Fails only where the form is unknown or a template cannot be evaluated; what is wrong inside
 * an NSG is found by policy_build().
 */
int policy_source_read(struct json *root, const struct policy_read_options *options,
		       struct report *report, struct policy_source **ret);
void policy_source_free(struct policy_source *source);

/*
 * The NSG to use: the one called `name`, or the only one where `name` is NULL. Fails with AMBIGUOUS
 * or NOT_FOUND and lists the names.
 */
int policy_source_pick(const struct policy_source *source, const char *name,
		       const struct policy_source_nsg **ret, struct accelnet_error *err);

/*
 * A policy document in which `nsg` stands at `level` (STAGE_SUBNET or STAGE_NIC) and everything
 * else is as in `base` (NULL: an empty document). The caller frees it.
 */
struct json *policy_document_with_nsg(const struct json *base, enum stage level,
				      const struct json *nsg);

/*
 * Reads a document's serviceTagsFile, relative to `directory`, and returns the document with the
 * tags that its rules name put into context.serviceTags, and without serviceTagsFile. Client side.
 */
int policy_document_inline_tags(const struct json *document, const char *directory,
				struct report *report, struct json **ret);

/*
 * Builds a policy. On failure `report` has at least one error. `*ret` borrows nothing. Pointers in
 * the report are relative to `document`.
 */
int policy_build(const struct json *document, const struct policy_read_options *options,
		 struct report *report, struct policy **ret);

/*
 * The document in canonical form: members in a fixed order, Azure's property names in canonical
 * case. Two documents that mean the same JSON compare equal as text. The caller frees it.
 */
struct json *policy_document_canonical(const struct json *document);

#endif
