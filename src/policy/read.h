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

/* What begins with `from` in an NSG stands at `to` in the file. */
struct pointer_map {
	char *from;
	char *to;
};

struct policy_source_nsg {
	char *name;       /* after evaluation; repeated names got #2, #3; "" where it has none */
	enum stage level; /* of a document or an effective dump: where it stands; else STAGE_NIC */
	const struct json *nsg;  /* ARM's object, or flat as the CLI prints it; borrowed */
	const struct json *root; /* the file; borrowed */
	size_t user_rules;
	bool broken; /* of a template: something in it cannot be evaluated, and was reported */
	struct pointer_map *map; /* the longest `from` that fits counts; "" always stands in it */
	size_t map_count;
};

/* What a file holds. Owner: the caller, policy_source_free(). */
struct policy_source {
	enum policy_form form;
	struct json *root;           /* owned: the text as it was read */
	const struct json *document; /* form 1 only; borrowed from root */
	struct policy_source_nsg *nsgs;
	size_t count;
	struct json *made;    /* owned: NSGs that had to be put together */
	struct json *context; /* owned: the context that an effective dump brings along, or NULL */
	/*
	 * Of a template: the first error, where something is left out that may belong to any of the
	 * NSGs, so that none can be used; its code is 0 where nothing is.
	 */
	struct accelnet_error missing;
};

struct policy_read_options {
	/* --strict; a document's options.strict counts too */
	bool strict;
	/* A `context` object for what the document leaves out, or NULL. */
	const struct json *context;
	/* Whence it is, for messages: "the context of ..."; NULL: given beside the document. */
	const char *context_name;
	/* Values for a template's parameters, as a parameters file has them, or NULL. */
	const struct json *parameters;
	/*
	 * A tag, a group or a virtualNetwork that nothing defines is a warning: for `check` of a
	 * form that cannot hold context.
	 */
	bool unresolved_ok;
};

/* Of a file that holds policies; what goes to the daemon must fit its own limit besides. */
#define POLICY_SOURCE_BYTES (16U << 20)

/*
 * Finds the form of `root` by its shape and the NSGs in it. Takes ownership of `root`, on failure
 * too. Fails only where the form is unknown, of an item of a list too, or there is no NSG. What a
 * template has that cannot be evaluated is an error in `report`, but the rest is there, and the
 * NSGs concerned are `broken`; what is wrong inside an NSG is found by policy_build().
 */
int policy_source_read(struct json *root, const struct policy_read_options *options,
		       struct report *report, struct policy_source **ret);
/* The same from text: strict JSON, but for a template comments, trailing commas, raw newlines. */
int policy_source_parse(const char *text, size_t length, const struct policy_read_options *options,
			struct report *report, struct policy_source **ret);
/* The same from the file `path` ("-": standard input). */
int policy_source_load(const char *path, const struct policy_read_options *options,
		       struct report *report, struct policy_source **ret);
void policy_source_free(struct policy_source *source);

/*
 * The NSG to use: the one called `name`, or the only one where `name` is NULL. Fails with AMBIGUOUS
 * or NOT_FOUND and lists the names, or with EXPRESSION where it is broken or may lack rules.
 */
int policy_source_pick(const struct policy_source *source, const char *name,
		       const struct policy_source_nsg **ret, struct accelnet_error *err);

/*
 * Builds the policy of `nsg` alone at `level`, or of the document where `nsg` is NULL. Pointers in
 * the report are those of the file.
 */
int policy_source_build(const struct policy_source *source, const struct policy_source_nsg *nsg,
			enum stage level, const struct policy_read_options *options,
			struct report *report, struct policy **ret);
/*
 * What `policy check` does: builds the document, or each NSG alone, for the sake of the report.
 * What the context does not define is a warning for forms 2 and 3, told once for each name.
 */
int policy_source_check(const struct policy_source *source,
			const struct policy_read_options *options, struct report *report);

/*
 * Where `pointer`, which a report gives relative to a document that policy_document_with_nsg() made
 * from `nsg` at `level`, stands in the file; where the file has no such place, as with the result
 * of an expression, the nearest that it has. False where it is in another part of that document.
 */
bool policy_source_locate(const struct policy_source_nsg *nsg, enum stage level,
			  const char *pointer, char *buffer, size_t size);

/*
 * A policy document in which `nsg` stands at `level` (STAGE_SUBNET or STAGE_NIC) and everything
 * else is as in `base` (NULL: an empty document). The caller frees it.
 */
struct json *policy_document_with_nsg(const struct json *base, enum stage level,
				      const struct json *nsg);

/*
 * A context in which `first` counts and `second` fills in what that leaves out: `addresses` and
 * `virtualNetwork` as a whole, groups and tags name by name, without regard to case. null leaves a
 * member out; an empty list does not. Members of a wrong type are kept, for policy_build() to
 * report. The caller frees it.
 */
struct json *policy_context_merge(const struct json *first, const struct json *second);

/*
 * Reads a `context` that stands alone, for the sake of the report, which says all that
 * policy_build() would say of it. Returns the number of errors; pointers are those of `at`.
 */
size_t policy_context_check(const struct json_at *at, struct report *report);

/*
 * Reads a document's serviceTagsFile, relative to `directory`, and returns the document with the
 * tags that its rules name put into context.serviceTags, and without serviceTagsFile; a copy of the
 * document where it names no such file. Client side. The caller frees it.
 */
int policy_document_inline_tags(const struct json *document, const char *directory,
				struct report *report, struct json **ret);
/*
 * The same for a `context` object that stands in a file of its own; the rules are those of
 * `document`.
 */
int policy_context_inline_tags(const struct json *context, const struct json *document,
			       const char *directory, struct report *report, struct json **ret);
/*
 * `document` with the tags that its rules name taken from `tags`, a download of service tags
 * (service_tags_load()), over what it had; nothing else changes. *ret_count is their number. The
 * caller frees it.
 */
struct json *policy_document_with_tags(const struct json *document, const struct json *tags,
				       size_t *ret_count);
/*
 * Reads a download of service tags, in the shape of ServiceTags_Public_*.json or of the API. The
 * caller frees it.
 */
int service_tags_load(const char *path, struct json **ret, struct accelnet_error *err);

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
/*
 * What people wrote in it, as the text of its canonical form without Azure's book-keeping: etag,
 * provisioningState, the ids of the NSG and its rules, where it is attached. Equal for two answers
 * of Azure about an NSG that nobody has changed. Descriptions, names and resource tags stay. The
 * caller frees it.
 */
char *policy_document_content(const struct json *document);

#endif
