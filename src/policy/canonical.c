/*
 * The canonical form of a policy document: policy_document_canonical(), policy_document_content().
 *
 * Members stand in a fixed order, those that are not in a table behind the others by name; Azure's
 * property names have their canonical case, and rules given flat are nested as ARM has them. Values
 * stay as they were written.
 */
#include "policy/alloc.h"
#include "policy/member.h"
#include "policy/read.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum naming { EXACT, FOLDED };

struct layout {
	const char *key;
	const struct shape *shape; /* of the value, or of each item of a list; NULL: as it is */
	bool is_azures; /* Azure's book-keeping: nobody writes it, and it changes alone */
};

struct shape {
	enum naming naming;
	const struct layout *members;
	size_t count;
	/* For objects that some tools print flat; NULL for others. */
	const char *nested;         /* the member that most of its members belong into */
	const char *marker;         /* a member by which a flat object is known */
	const char *const *outside; /* those that do not belong into it */
};

#define SHAPE(name, how, ...)                                                                  \
	static const struct shape name = { how, name##_members,                                \
					   sizeof(name##_members) / sizeof(name##_members[0]), \
					   __VA_ARGS__ }

static const struct layout group_id_members[] = { { "id", NULL } };
SHAPE(group_id, FOLDED, NULL);

static const struct layout rule_properties_members[] = {
	{ "description", NULL },
	{ "protocol", NULL },
	{ "sourcePortRange", NULL },
	{ "sourcePortRanges", NULL },
	{ "destinationPortRange", NULL },
	{ "destinationPortRanges", NULL },
	{ "sourceAddressPrefix", NULL },
	{ "sourceAddressPrefixes", NULL },
	{ "sourceApplicationSecurityGroups", &group_id },
	{ "destinationAddressPrefix", NULL },
	{ "destinationAddressPrefixes", NULL },
	{ "destinationApplicationSecurityGroups", &group_id },
	{ "access", NULL },
	{ "priority", NULL },
	{ "direction", NULL },
	{ "provisioningState", NULL, true },
	{ "systemData", NULL, true },
};
SHAPE(rule_properties, FOLDED, NULL);

static const struct layout rule_members[] = {
	{ "name", NULL },
	{ "id", NULL, true },
	{ "etag", NULL, true },
	{ "type", NULL, true },
	{ "properties", &rule_properties },
	{ "resourceGroup", NULL, true },
	{ "systemData", NULL, true },
};
static const char *const rule_outside[] = { "name", "id", "etag", "type", "resourceGroup", NULL };
SHAPE(rule, FOLDED, "properties", "priority", rule_outside);

static const struct layout nsg_properties_members[] = {
	{ "flushConnection", NULL },         { "securityRules", &rule },
	{ "defaultSecurityRules", &rule },   { "provisioningState", NULL, true },
	{ "resourceGuid", NULL, true },      { "subnets", NULL, true },
	{ "networkInterfaces", NULL, true }, { "flowLogs", NULL, true },
};
SHAPE(nsg_properties, FOLDED, NULL);

static const struct layout nsg_members[] = {
	{ "name", NULL },
	{ "id", NULL, true },
	{ "etag", NULL, true },
	{ "type", NULL, true },
	{ "location", NULL },
	{ "tags", NULL },
	{ "properties", &nsg_properties },
	{ "resourceGroup", NULL, true },
};
static const char *const nsg_outside[] = { "name",     "id",   "etag",          "type",
					   "location", "tags", "resourceGroup", NULL };
SHAPE(nsg, FOLDED, "properties", "securityRules", nsg_outside);

static const struct layout acl_rule_members[] = {
	{ "name", NULL },        { "description", NULL },
	{ "priority", NULL },    { "direction", NULL },
	{ "action", NULL },      { "protocol", NULL },
	{ "source", NULL },      { "sourcePorts", NULL },
	{ "destination", NULL }, { "destinationPorts", NULL },
};
SHAPE(acl_rule, EXACT, NULL);

static const struct layout acl_members[] = { { "rules", &acl_rule } };
SHAPE(acl, EXACT, NULL);

static const struct layout by_name_members[] = { { NULL, NULL } };
static const struct shape by_name = { EXACT, by_name_members, 0, NULL, NULL, NULL };

static const struct layout context_members[] = {
	{ "addresses", NULL },
	{ "virtualNetwork", NULL },
	{ "applicationSecurityGroups", &by_name },
	{ "serviceTags", &by_name },
	{ "serviceTagsFile", NULL },
};
SHAPE(context, EXACT, NULL);

static const struct layout isolation_members[] = { { "sourceGuard", NULL } };
SHAPE(isolation, EXACT, NULL);

static const struct layout options_members[] = {
	{ "mode", NULL },
	{ "strict", NULL },
	{ "icmpErrors", NULL },
	{ "offload", NULL },
};
SHAPE(options, EXACT, NULL);

static const struct layout whole_members[] = {
	{ "apiVersion", NULL },  { "subnetNsg", &nsg },   { "nicNsg", &nsg },
	{ "acl", &acl },         { "context", &context }, { "isolation", &isolation },
	{ "options", &options },
};
SHAPE(whole, EXACT, NULL);

struct slot {
	const char *key; /* as it is written out */
	size_t place;    /* in the table; the table's size for those that are not in it */
	const struct shape *shape;
	bool is_azures;
	struct json_at at;
};

enum extent { WHOLE, CONTENT };

static struct json *shaped(const struct json_at *at, const struct shape *shape, enum extent extent);

static void place_slot(struct slot *slot, const struct shape *shape)
{
	slot->key = slot->at.key;
	slot->place = shape->count;
	for (size_t i = 0; i < shape->count; i++) {
		const struct layout *layout = &shape->members[i];

		if (shape->naming == FOLDED ? strcasecmp(layout->key, slot->key) != 0
					    : strcmp(layout->key, slot->key) != 0)
			continue;
		slot->key = layout->key;
		slot->place = i;
		slot->shape = layout->shape;
		slot->is_azures = layout->is_azures;
		return;
	}
}

static int compare_slots(const void *left, const void *right)
{
	const struct slot *a = left, *b = right;

	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	return strcmp(a->key, b->key);
}

enum portion { ALL, OUTSIDE, INSIDE };

static bool belongs(const char *key, enum portion portion, const char *const *outside)
{
	return portion == ALL || (word_find(outside, key) >= 0) == (portion == OUTSIDE);
}

/* Copies those members of `at` into `to` that belong to `portion`. */
static void copy_members(struct json *to, const struct json_at *at, const struct shape *shape,
			 enum portion portion, const char *const *outside, enum extent extent)
{
	struct slot *slots = alloc_zero(json_count(at), sizeof(*slots));
	struct json_at child;
	size_t count = 0;

	json_foreach(child, at) {
		if (!belongs(child.key, portion, outside))
			continue;
		slots[count].at = child;
		place_slot(&slots[count++], shape);
	}
	qsort(slots, count, sizeof(*slots), compare_slots);
	for (size_t i = 0; i < count; i++) {
		if (extent == CONTENT && slots[i].is_azures)
			continue;
		json_add(to, slots[i].key, shaped(&slots[i].at, slots[i].shape, extent));
	}
	free(slots);
}

static const struct shape *inner_shape(const struct shape *shape)
{
	for (size_t i = 0; i < shape->count; i++) {
		if (strcmp(shape->members[i].key, shape->nested) == 0)
			return shape->members[i].shape;
	}
	return NULL;
}

static bool is_flat(const struct json_at *at, const struct shape *shape)
{
	struct json_at child;

	return shape->nested && !json_get_fold(at, shape->nested, &child) &&
	       json_get_fold(at, shape->marker, &child);
}

static struct json *shaped_object(const struct json_at *at, const struct shape *shape,
				  enum extent extent)
{
	struct json *object = json_new_object(), *inner;

	if (!is_flat(at, shape)) {
		copy_members(object, at, shape, ALL, NULL, extent);
		return object;
	}
	copy_members(object, at, shape, OUTSIDE, shape->outside, extent);
	inner = json_add_object(object, shape->nested);
	copy_members(inner, at, inner_shape(shape), INSIDE, shape->outside, extent);
	return object;
}

static struct json *shaped(const struct json_at *at, const struct shape *shape, enum extent extent)
{
	struct json_at item;
	struct json *list;

	if (!shape)
		return json_copy(at->value);
	if (json_type(at) == JSON_OBJECT)
		return shaped_object(at, shape, extent);
	if (json_type(at) != JSON_ARRAY)
		return json_copy(at->value);
	list = json_new_array();
	json_foreach(item, at)
		json_add(list, NULL, shaped(&item, shape, extent));
	return list;
}

struct json *policy_document_canonical(const struct json *document)
{
	struct json_at root = json_root(document);

	return shaped(&root, &whole, WHOLE);
}

char *policy_document_content(const struct json *document)
{
	struct json_at root = json_root(document);
	struct json *content = shaped(&root, &whole, CONTENT);
	char *text = json_print(content);

	json_free(content);
	return text;
}
