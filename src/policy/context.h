/*
 * The context of a policy: addresses, the virtual network, application security groups, tags.
 *
 * Up to two `context` objects are read, the document's own and one that was given beside it for
 * what the document leaves out. Internal to the policy room; lives with the reader.
 */
#ifndef POLICY_CONTEXT_H
#define POLICY_CONTEXT_H

#include "base/json.h"
#include "base/suggest.h"
#include "policy/policy.h"

struct policy_read_options;
struct reader;

struct context_entry {
	const char *name; /* as written; borrowed from the document */
	struct json_at at;
	struct address_set *set; /* owned until `used`, then by the policy */
	bool used;
};

/* By name without regard to case, for qsort() and bsearch(). */
int context_compare_entries(const void *a, const void *b);

/* In that order; names are unique. */
struct context_map {
	struct json_at at;
	struct context_entry *entries;
	size_t count;
};

struct context_part {
	struct json_at at;
	bool has_virtual_network;
	struct ip_prefix *virtual_network;
	size_t virtual_network_count;
	bool has_addresses;
	struct ip_addr *addresses;
	size_t address_count;
	struct context_map groups;
	struct context_map tags;
};

struct context {
	struct context_part part[2]; /* the document's, then the given one */
	size_t prefix_total;
	struct address_set
		*builtin[6]; /* by their place in tags.c's table; made when first named */
};

/*
 * Reads the document's context (`at` may be NULL) and the given one (`options->context`) into the
 * reader's.
 */
void context_read(struct reader *reader, const struct json_at *at,
		  const struct policy_read_options *options);
void context_fini(struct context *context);

bool context_has_virtual_network(const struct context *context);
/* VirtualNetwork's prefixes, 168.63.129.16/32 included; the caller frees them. */
struct ip_prefix *context_virtual_network(const struct context *context, size_t *ret_count);

/* The set of a group or a tag, now owned by the policy; NULL where nothing defines it. */
struct address_set *context_group(struct reader *reader, const char *name);
struct address_set *context_tag(struct reader *reader, const char *name);
/* How many groups there are, and up to `size` bytes of their names, for messages. */
size_t context_group_names(const struct context *context, char *buffer, size_t size);
/* Offers the names of all tags. */
void context_offer_tags(const struct context *context, struct suggestion *best);

#endif
