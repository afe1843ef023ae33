/*
 * rule.*: each rule, where it is enforced, why there, and how often it decided.
 */
#include "control/call.h"
#include "control/enforcement.h"
#include "control/rule_json.h"
#include "control/shadow.h"
#include "nic/lane.h"

#include <stdio.h>
#include <string.h>

/* testpmd lines of one rule: in a list, and where one rule is explained. */
#define LINES_LISTED    8
#define LINES_EXPLAINED 256

/* A rule in its place. */
struct place {
	const struct nic *nic;
	const struct ruleset *ruleset;
	enum stage stage;
	enum direction direction;
	size_t index;
	const struct rule *rule;
};

/* --- addresses behind names --- */

/* "Internet, 10.0.0.0/8": what `addresses` calls a side. */
static void side_key(const struct json *rule, const char *key, char *buffer, size_t size)
{
	const struct json_at root = json_root(rule);
	struct json_at side, name;
	size_t used = 0;

	buffer[0] = '\0';
	if (!json_get(&root, key, &side))
		return;
	json_foreach(name, &side) {
		if (used >= size)
			return;
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? ", " : "",
					 json_string(&name));
	}
}

/* Adds the prefixes of a side to `addresses`, once however many rules have the side. */
static void add_addresses(struct json *addresses, const struct json *rule, const char *key,
			  const struct address_group *group)
{
	const struct json_at root = json_root(addresses);
	struct json_at present;
	char name[512];

	side_key(rule, key, name, sizeof(name));
	if (strcmp(name, "*") != 0 && !json_get(&root, name, &present))
		json_add(addresses, name, rule_addresses_json(group));
}

static void add_both_sides(struct json *addresses, const struct json *rule,
			   const struct place *place)
{
	const struct program *program = place->ruleset->program;
	const struct program_rule *compiled =
		&program->chain[place->direction][place->stage].rules[place->index];

	add_addresses(addresses, rule, "source", &program->groups[compiled->source]);
	add_addresses(addresses, rule, "destination", &program->groups[compiled->destination]);
}

/* --- walking --- */

typedef void (*place_visitor)(void *context, const struct place *place);

/* Every rule in the order in which packets meet them. */
static void each_rule(const struct nic *nic, place_visitor visitor, void *context)
{
	struct place place = { .nic = nic, .ruleset = nic_snapshot(nic)->ruleset };

	for (int d = 0; d < DIRECTIONS && place.ruleset->has_policy; d++) {
		for (int i = 0; i < STAGES; i++) {
			const struct program_chain *chain;

			place.direction = (enum direction)d;
			place.stage = program_order[d][i];
			chain = &place.ruleset->program->chain[d][place.stage];
			for (place.index = 0; place.index < chain->count; place.index++) {
				place.rule = chain->rules[place.index].rule;
				visitor(context, &place);
			}
		}
	}
}

static struct json *describe(const struct place *place, const struct enforcement *enforcement)
{
	struct json *json = rule_json(place->ruleset->policy, place->stage, place->rule);

	enforcement_add(enforcement, place->direction, place->stage, place->index, json);
	return json;
}

struct listing {
	struct json *rules;
	struct json *addresses; /* NULL: not asked for */
	const char *name;       /* of the only rules wanted; NULL: all */
	struct enforcement enforcement;
};

static void list_rule(void *context, const struct place *place)
{
	struct listing *listing = context;
	struct json *json = describe(place, &listing->enforcement);

	if (listing->addresses)
		add_both_sides(listing->addresses, json, place);
	json_add(listing->rules, NULL, json);
}

static void explain_rule(void *context, const struct place *place)
{
	struct listing *listing = context;
	const struct program *program = place->ruleset->program;
	const struct program_chain *chain = &program->chain[place->direction][place->stage];
	const struct rule *shadow;
	struct json *json;

	if (strcmp(place->rule->name, listing->name) != 0)
		return;
	json = describe(place, &listing->enforcement);
	shadow = shadow_find(program, chain, place->index);
	json_add_unsigned(json, "position", place->index + 1);
	json_add_unsigned(json, "of", chain->count);
	json_add_string(json, "shadowedBy", shadow ? shadow->name : NULL);
	json_add_bool(json, "matchesNothing", place->rule->matches_nothing);
	add_both_sides(json_add_object(json, "addresses"), json, place);
	json_add(listing->rules, NULL, json);
}

static struct json *begin(const struct nic *nic, struct listing *listing)
{
	struct json *json = json_new_object();

	json_add_string(json, "nic", nic_get_config(nic)->name);
	json_add_unsigned(json, "generation", nic_generation(nic));
	listing->rules = json_add_array(json, "rules");
	return json;
}

int handle_rule_list(struct call *call, struct json **ret)
{
	struct listing listing = { 0 };
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r < 0)
		return r;
	*ret = begin(nic, &listing);
	if (call_flag(call, "effective"))
		listing.addresses = json_add_object(*ret, "addresses");
	enforcement_init(&listing.enforcement, nic, LINES_LISTED);
	each_rule(nic, list_rule, &listing);
	enforcement_fini(&listing.enforcement);
	return 0;
}

/* For the client to find out what the rules are good for, which takes longer than this thread may.
 */
static void add_documents(struct json *to, const struct nic *nic)
{
	struct json *json = json_add_object(to, "documents");
	const struct json *document = nic_policy_document(nic), *context = nic_get_context(nic);

	if (document)
		json_add(json, "document", json_copy(document));
	if (context)
		json_add(json, "context", json_copy(context));
}

int handle_rule_explain(struct call *call, struct json **ret)
{
	struct listing listing = { .name = call_string(call, "name") };
	struct json_at root;
	struct json *json;
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r < 0)
		return r;
	json = begin(nic, &listing);
	enforcement_init(&listing.enforcement, nic, LINES_EXPLAINED);
	each_rule(nic, explain_rule, &listing);
	enforcement_fini(&listing.enforcement);
	root = json_root(listing.rules);
	if (json_count(&root) > 0) {
		if (call_flag(call, "documents"))
			add_documents(json, nic);
		*ret = json;
		return 0;
	}
	json_free(json);
	snprintf(call->error.rule, sizeof(call->error.rule), "%s", listing.name);
	return call_refuse(call, ACCELNET_E_NOT_FOUND, "name",
			   "no rule \"%.80s\" on %s; rule list tells those in force", listing.name,
			   nic_get_config(nic)->name);
}
