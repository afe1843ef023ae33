/*
 * Sides of rules: see side.h.
 */
#include "policy/side.h"

#include "policy/alloc.h"
#include "policy/tags.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void add_set(struct reader *reader, struct side *side, const struct json_at *at,
		    const struct address_set *set)
{
	for (size_t i = 0; i < side->set_count; i++) {
		if (side->sets[i] == set)
			return;
	}
	if (side->set_count == POLICY_SIDE_SETS_MAX) {
		side->bad = true;
		reader_error(reader, ACCELNET_E_LIMIT, at, NULL,
			     "more than %d tags and groups on one side", POLICY_SIDE_SETS_MAX);
		return;
	}
	side->sets = alloc_grow(side->sets, side->set_count, sizeof(*side->sets));
	side->sets[side->set_count++] = set;
}

static void add_prefix(struct reader *reader, struct side *side, const struct json_at *at,
		       const struct ip_prefix *prefix)
{
	struct ip_prefix masked = prefix_masked(prefix);
	char wide[IP_TEXT_MAX], text[IP_TEXT_MAX];

	if (ip_prefix_has_host_bits(prefix))
		reader_arm(reader, at, "SecurityRuleInvalidAddressPrefix",
			   "%s has bits behind its length; the prefix is %s",
			   ip_prefix_format(prefix, text), ip_prefix_format(&masked, wide));
	prefix_list_add(&side->prefixes, &masked);
}

/* Digits, dots, colons and slashes: meant as an address, never the name of a tag. */
static bool looks_like_address(const char *text)
{
	return isdigit((unsigned char)text[0]) || strpbrk(text, ":/") != NULL;
}

static enum side_item refuse(struct reader *reader, struct side *side, const struct json_at *at,
			     const char *text)
{
	side->bad = true;
	if (text[0] == '[')
		reader_error(reader, ACCELNET_E_EXPRESSION, at, NULL,
			     "\"%.120s\" is a template expression, which only a template can hold",
			     text);
	else
		reader_error(reader, ACCELNET_E_ADDRESS, at, "SecurityRuleInvalidAddressPrefix",
			     "\"%.80s\" is not an address: accepted are *, an IPv4 or IPv6 "
			     "address, a prefix such as 10.1.0.0/16, or a service tag",
			     text);
	return SIDE_ITEM_BAD;
}

enum side_item side_add_text(struct reader *reader, struct side *side, const struct json_at *at,
			     const char *text)
{
	struct ip_prefix prefix;

	side->items++;
	if (strcmp(text, "*") == 0) {
		side->any = true;
		return SIDE_ITEM_ANY;
	}
	if (ip_prefix_parse(text, &prefix) == 0) {
		add_prefix(reader, side, at, &prefix);
		return SIDE_ITEM_PREFIX;
	}
	if (text[0] == '[' || text[0] == '\0' || looks_like_address(text))
		return refuse(reader, side, at, text);
	add_set(reader, side, at, tag_resolve(reader, at, text));
	return SIDE_ITEM_TAG;
}

void side_add_group(struct reader *reader, struct side *side, const struct json_at *at,
		    const char *id)
{
	const char *slash = strrchr(id, '/'), *name = slash ? slash + 1 : id;
	struct address_set *set = context_group(reader, name);
	char names[160];
	size_t known;

	side->items++;
	if (!set) {
		known = context_group_names(&reader->context, names, sizeof(names));
		reader_unresolved(reader, ACCELNET_E_UNKNOWN_ASG, at, name,
				  "application security group \"%.80s\" is not defined. %s%s", name,
				  known ? "In context.applicationSecurityGroups: "
					: "context.applicationSecurityGroups defines none: list "
					  "its members' addresses there",
				  names);
		set = reader->undefined;
	}
	add_set(reader, side, at, set);
}

void side_check_prefixes(struct reader *reader, const struct side *side, const struct json_at *at)
{
	const struct prefix_list *list = &side->prefixes;
	char a[IP_TEXT_MAX], b[IP_TEXT_MAX];
	enum prefix_overlap overlap;
	size_t first, second;

	overlap = prefix_list_overlap(list, &first, &second);
	if (overlap)
		reader_arm(reader, at, "OverlappingSubnetsNotPermittedInSecurityRule", "%s %s %s",
			   ip_prefix_format(&list->items[first], a),
			   overlap == PREFIXES_REPEATED ? "is repeated:" : "already holds",
			   ip_prefix_format(&list->items[second], b));
	if (list->count > 4000)
		reader_arm(reader, at, NULL,
			   "%zu addresses and prefixes; Azure takes 4000 on one side", list->count);
}

static struct address_set *literal_set(struct reader *reader, struct prefix_list *list)
{
	struct address_set *set = alloc_zero(1, sizeof(*set));

	set->kind = ADDRESS_PREFIXES;
	set->prefixes = list->items;
	set->prefix_count = list->count;
	*list = (struct prefix_list){ 0 };
	return reader_own_set(reader, set);
}

static void append(struct rule_side *result, const struct address_set *set)
{
	result->sets = alloc_grow(result->sets, result->set_count, sizeof(*result->sets));
	result->sets[result->set_count++] = set;
}

struct rule_side side_finish(struct reader *reader, struct side *side)
{
	struct rule_side result = { .sets = side->sets, .set_count = side->set_count };

	if (side->any) {
		result.set_count = 0;
		append(&result, reader->any);
	} else if (side->prefixes.count) {
		append(&result, literal_set(reader, &side->prefixes));
	}
	free(side->prefixes.items);
	*side = (struct side){ 0 };
	return result;
}

unsigned rule_side_families(const struct rule_side *side)
{
	unsigned families = 0;

	for (size_t i = 0; i < side->set_count; i++)
		families |= side->sets[i]->families;
	return families;
}
