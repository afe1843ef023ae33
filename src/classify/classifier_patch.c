/*
 * Patches of a classifier: see classifier_patch.h. Made by the control thread, read by workers.
 */
#include "classify/classifier_patch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a stage has found: the rule's index, and above it what it does. Less comes first. */
#define FOUND(index, access) ((uint32_t)(index) | (uint32_t)(access) << 16)
#define FOUND_INDEX(found)   ((found)&0xffff)
#define FOUND_ACCESS(found)  ((found) >> 16)

#define GONE UINT32_MAX

struct patch_ranges {
	struct ip_range *ranges; /* owned; sorted, disjoint */
	size_t count;
};

/* A rule that came, seen from the NIC, as keys are. Owns what it points to. */
struct patch_rule {
	enum stage stage;
	uint32_t found;
	uint64_t protocols[IP_FAMILIES][4];
	struct port_set ports[SIDES];
	struct patch_ranges addresses[SIDES][IP_FAMILIES];
};

/* By the index that a rule of the tables had: what it is found as now, or GONE. */
struct moves {
	uint32_t *found;
	size_t count;
};

struct patch {
	struct patch_rule rules[PATCH_RULES_MAX];
	unsigned rule_count;
	struct moves moves[STAGES];
	unsigned removed_count;
	uint32_t none[STAGES]; /* what a stage has found where no rule matches */
	/* The stages that there are, in the order of evaluation; at least one. */
	enum stage order[STAGES];
	unsigned stage_count;
	/* Copies that differ from those of the tables; NULL where they do not. */
	uint64_t *live[IP_FAMILIES];
	struct sparse_rule *sparse[IP_FAMILIES];
};

/* --- judging --- */

static bool ports_hold(const struct port_set *ports, uint16_t port)
{
	if (ports->any)
		return true;
	for (size_t i = 0; i < ports->range_count; i++) {
		if (port >= ports->ranges[i].first && port <= ports->ranges[i].last)
			return true;
	}
	return false;
}

static bool ranges_hold(const struct patch_ranges *ranges, ip_number address)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address < ranges->ranges[middle].first)
			high = middle;
		else if (address > ranges->ranges[middle].last)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/*
 * A protocol without ports, whose port fields mean nothing, is none of the protocols of a rule with
 * ports. Ports are in network byte order.
 */
static bool transport_matches(const struct patch_rule *rule, enum ip_family family,
			      uint8_t protocol, uint16_t local, uint16_t remote)
{
	return (rule->protocols[family][protocol / 64] >> (protocol % 64) & 1) &&
	       ports_hold(&rule->ports[SIDE_LOCAL], __builtin_bswap16(local)) &&
	       ports_hold(&rule->ports[SIDE_REMOTE], __builtin_bswap16(remote));
}

static bool address_matches(const struct patch_rule *rule, enum side side, enum ip_family family,
			    const void *bytes)
{
	struct ip_addr address = ip_addr_from_bytes(family, bytes);

	return ranges_hold(&rule->addresses[side][family], address.number);
}

static bool matches4(const struct patch_rule *rule, const struct key4 *key)
{
	return transport_matches(rule, IP_FAMILY_V4, key->protocol, key->local_port,
				 key->remote_port) &&
	       address_matches(rule, SIDE_LOCAL, IP_FAMILY_V4, &key->local) &&
	       address_matches(rule, SIDE_REMOTE, IP_FAMILY_V4, &key->remote);
}

static bool matches6(const struct patch_rule *rule, const struct key6 *key)
{
	return transport_matches(rule, IP_FAMILY_V6, key->protocol, key->local_port,
				 key->remote_port) &&
	       address_matches(rule, SIDE_LOCAL, IP_FAMILY_V6, key->local) &&
	       address_matches(rule, SIDE_REMOTE, IP_FAMILY_V6, key->remote);
}

/* What each stage has found, of the rules that the tables know. */
static void find(const struct patch *patch, const struct verdict *verdict, uint32_t *found)
{
	for (int stage = 0; stage < STAGES; stage++) {
		uint16_t index = verdict->rule[stage];

		found[stage] = index == CLASSIFIER_NO_RULE ? patch->none[stage]
							   : patch->moves[stage].found[index];
	}
}

static void better(const struct patch_rule *rule, uint32_t *found)
{
	uint32_t *at = &found[rule->stage];

	if (FOUND_INDEX(rule->found) < FOUND_INDEX(*at))
		*at = rule->found;
}

/* As classifier.h says of a verdict: the first stage that does not simply allow, else the last. */
static void conclude(const struct patch *patch, const uint32_t *found, struct verdict *ret)
{
	enum stage stage = patch->order[0];

	for (unsigned i = 0; i < patch->stage_count; i++) {
		stage = patch->order[i];
		if (FOUND_ACCESS(found[stage]) != ACCESS_ALLOW)
			break;
	}
	for (int s = 0; s < STAGES; s++)
		ret->rule[s] = (uint16_t)FOUND_INDEX(found[s]);
	ret->access = (uint8_t)FOUND_ACCESS(found[stage]);
	ret->stage = (uint8_t)stage;
}

void patch_judge4(const struct patch *patch, const struct key4 *keys, unsigned count,
		  struct verdict *verdicts)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t found[STAGES];

		find(patch, &verdicts[i], found);
		for (unsigned k = 0; k < patch->rule_count; k++) {
			if (matches4(&patch->rules[k], &keys[i]))
				better(&patch->rules[k], found);
		}
		conclude(patch, found, &verdicts[i]);
	}
}

void patch_judge6(const struct patch *patch, const struct key6 *keys, unsigned count,
		  struct verdict *verdicts)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t found[STAGES];

		find(patch, &verdicts[i], found);
		for (unsigned k = 0; k < patch->rule_count; k++) {
			if (matches6(&patch->rules[k], &keys[i]))
				better(&patch->rules[k], found);
		}
		conclude(patch, found, &verdicts[i]);
	}
}

/* --- making: the numbers --- */

/* The part of an edit that is about one chain. */
struct chain_edit {
	size_t removed[POLICY_EDIT_MAX + 1]; /* ascending; a last one that no rule has */
	size_t added[POLICY_EDIT_MAX + 1];
};

static void chain_edit_part(const struct policy_edit_rule *list, size_t count, enum stage stage,
			    enum direction direction, size_t *ret)
{
	size_t part = 0;

	for (size_t i = 0; i < count; i++) {
		if (list[i].stage == stage && list[i].direction == direction)
			ret[part++] = list[i].index;
	}
	ret[part] = SIZE_MAX;
}

static struct chain_edit chain_edit_of(const struct patch_source *source, enum stage stage)
{
	const struct policy_edit *edit = source->edit;
	struct chain_edit part;

	chain_edit_part(edit->removed, edit->removed_count, stage, source->direction, part.removed);
	chain_edit_part(edit->added, edit->added_count, stage, source->direction, part.added);
	return part;
}

/* Walks the last rules and the present ones side by side. */
struct walk {
	const struct chain_edit *edit;
	size_t last;    /* the next of the last program's rules */
	size_t present; /* where that is now, if it has not gone */
	unsigned removed_at;
	unsigned added_at;
};

/* Where the last program's rule `index`, not below the one asked for before, is now, or GONE. */
static uint32_t walk_to(struct walk *walk, size_t index)
{
	for (;;) {
		bool gone = walk->edit->removed[walk->removed_at] == walk->last;

		while (walk->edit->added[walk->added_at] == walk->present) {
			walk->added_at++;
			walk->present++;
		}
		if (walk->last == index)
			return gone ? GONE : (uint32_t)walk->present;
		walk->removed_at += gone;
		walk->present += !gone;
		walk->last++;
	}
}

static size_t rules_of_base(const struct patch_source *source, enum stage stage,
			    const struct chain_edit *edit)
{
	size_t count = source->program->chain[source->direction][stage].count;

	if (source->patch)
		return source->patch->moves[stage].count;
	for (unsigned i = 0; edit->removed[i] != SIZE_MAX; i++)
		count++;
	for (unsigned i = 0; edit->added[i] != SIZE_MAX; i++)
		count--;
	return count;
}

static int move_chain(const struct patch_source *source, enum stage stage, struct patch *patch)
{
	const struct chain_edit edit = chain_edit_of(source, stage);
	struct moves *moves = &patch->moves[stage];
	struct walk walk = { .edit = &edit };

	moves->count = rules_of_base(source, stage, &edit);
	moves->found = malloc((moves->count + 1) * sizeof(*moves->found));
	if (!moves->found)
		return -ENOMEM;
	for (size_t i = 0; i < moves->count; i++) {
		uint32_t last = source->patch ? source->patch->moves[stage].found[i] : (uint32_t)i;
		uint32_t present = last == GONE ? GONE : walk_to(&walk, FOUND_INDEX(last));

		patch->removed_count += present == GONE;
		moves->found[i] = present == GONE ? GONE : FOUND(present, source->access[stage][i]);
	}
	return 0;
}

/* --- making: the rules that came --- */

static int copy_ranges(const struct address_group *group, enum ip_family family,
		       struct patch_ranges *ret)
{
	size_t count = group->range_count[family];

	if (count == 0)
		return 0;
	ret->ranges = malloc(count * sizeof(*ret->ranges));
	if (!ret->ranges)
		return -ENOMEM;
	memcpy(ret->ranges, group->ranges[family], count * sizeof(*ret->ranges));
	ret->count = count;
	return 0;
}

static int copy_ports(const struct port_set *ports, struct port_set *ret)
{
	ret->any = ports->any;
	if (ports->range_count == 0)
		return 0;
	ret->ranges = malloc(ports->range_count * sizeof(*ret->ranges));
	if (!ret->ranges)
		return -ENOMEM;
	memcpy(ret->ranges, ports->ranges, ports->range_count * sizeof(*ret->ranges));
	ret->range_count = ports->range_count;
	return 0;
}

static int copy_side(const struct program *program, uint32_t group, const struct port_set *ports,
		     enum side side, struct patch_rule *ret)
{
	int r = copy_ports(ports, &ret->ports[side]);

	for (int family = 0; family < IP_FAMILIES && r == 0; family++)
		r = copy_ranges(&program->groups[group], (enum ip_family)family,
				&ret->addresses[side][family]);
	return r;
}

/* What is made of it is the patch's at once, to be freed with it. */
static int add_rule(const struct patch_source *source, enum stage stage, size_t index,
		    struct patch *patch)
{
	const struct program_rule *rule =
		&source->program->chain[source->direction][stage].rules[index];
	bool inbound = source->direction == DIRECTION_INBOUND;
	struct patch_rule *came;
	int r;

	if (patch->rule_count == PATCH_RULES_MAX)
		return PATCH_TOO_LARGE;
	came = &patch->rules[patch->rule_count++];
	came->stage = stage;
	came->found = FOUND(index, rule->access);
	memcpy(came->protocols, rule->protocols, sizeof(came->protocols));
	r = copy_side(source->program, inbound ? rule->destination : rule->source,
		      inbound ? rule->destination_ports : rule->source_ports, SIDE_LOCAL, came);
	if (r == 0)
		r = copy_side(source->program, inbound ? rule->source : rule->destination,
			      inbound ? rule->source_ports : rule->destination_ports, SIDE_REMOTE,
			      came);
	return r;
}

/* Those that had come before, if they are still there, and those that come now. */
static int add_rules(const struct patch_source *source, struct patch *patch)
{
	const struct policy_edit *edit = source->edit;
	int r = PATCH_MADE;

	for (unsigned i = 0; source->patch && i < source->patch->rule_count && r == 0; i++) {
		const struct patch_rule *before = &source->patch->rules[i];
		const struct chain_edit part = chain_edit_of(source, before->stage);
		struct walk walk = { .edit = &part };
		uint32_t present = walk_to(&walk, FOUND_INDEX(before->found));

		if (present != GONE)
			r = add_rule(source, before->stage, present, patch);
	}
	for (size_t i = 0; i < edit->added_count && r == PATCH_MADE; i++) {
		if (edit->added[i].direction == source->direction)
			r = add_rule(source, edit->added[i].stage, edit->added[i].index, patch);
	}
	return r;
}

static void set_stages(const struct patch_source *source, struct patch *patch)
{
	for (int i = 0; i < STAGES; i++) {
		enum stage stage = program_order[source->direction][i];
		const struct program_chain *chain =
			&source->program->chain[source->direction][stage];
		bool denies = chain->present && stage != STAGE_ACL;

		patch->none[stage] = FOUND(CLASSIFIER_NO_RULE, denies ? ACCESS_DENY : ACCESS_ALLOW);
		if (chain->present && (stage != STAGE_ACL || chain->count > 0))
			patch->order[patch->stage_count++] = stage;
	}
	if (patch->stage_count == 0)
		patch->order[patch->stage_count++] = STAGE_ACL;
}

/* --- making: the rules that went --- */

/* Of an outcome of one rule, or of none. */
static bool outcome_has_gone(const struct patch *patch, uint64_t outcome)
{
	const struct moves *moves;
	struct verdict verdict;
	uint16_t index;

	memcpy(&verdict, &outcome, sizeof(verdict));
	moves = &patch->moves[verdict.stage];
	index = verdict.rule[verdict.stage];
	return index < moves->count && moves->found[index] == GONE;
}

static int mask_rows(struct patch *patch, enum ip_family family, struct table_set *set)
{
	size_t words = (size_t)set->line_count * LINE_WORDS;
	uint64_t *live = aligned_alloc(LINE_BYTES, words * sizeof(*live));

	if (!live)
		return -ENOMEM;
	memcpy(live, set->live, words * sizeof(*live));
	for (size_t bit = 0; bit < words * 64; bit++) {
		if (outcome_has_gone(patch, set->outcomes[bit]))
			live[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
	}
	patch->live[family] = live;
	set->live = live;
	return 0;
}

static int mask_sparse(struct patch *patch, enum ip_family family, struct table_set *set)
{
	size_t count = set->sparse.rule_count;
	struct sparse_rule *rules;

	if (!set->is_sparse)
		return 0;
	rules = malloc(count * sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	memcpy(rules, set->sparse.rules, count * sizeof(*rules));
	for (size_t i = 0; i < count; i++) {
		if (outcome_has_gone(patch, rules[i].outcome))
			rules[i].protocols = 0;
	}
	patch->sparse[family] = rules;
	set->sparse.rules = rules;
	return 0;
}

static int mask_removed(struct patch *patch, struct table_set sets[IP_FAMILIES])
{
	int r = 0;

	if (patch->removed_count == 0)
		return 0;
	if (patch->removed_count > PATCH_REMOVED_MAX)
		return PATCH_TOO_LARGE;
	for (int family = 0; family < IP_FAMILIES && r == 0; family++) {
		if (sets[family].segment_count == 0)
			continue;
		r = mask_rows(patch, (enum ip_family)family, &sets[family]);
		if (r == 0)
			r = mask_sparse(patch, (enum ip_family)family, &sets[family]);
	}
	return r;
}

/* --- life --- */

static void patch_rule_fini(struct patch_rule *rule)
{
	for (int side = 0; side < SIDES; side++) {
		free(rule->ports[side].ranges);
		for (int family = 0; family < IP_FAMILIES; family++)
			free(rule->addresses[side][family].ranges);
	}
}

void patch_free(struct patch *patch)
{
	if (!patch)
		return;
	for (unsigned i = 0; i < patch->rule_count; i++)
		patch_rule_fini(&patch->rules[i]);
	for (int stage = 0; stage < STAGES; stage++)
		free(patch->moves[stage].found);
	for (int family = 0; family < IP_FAMILIES; family++) {
		free(patch->live[family]);
		free(patch->sparse[family]);
	}
	free(patch);
}

static bool has_changed(const struct patch_source *source)
{
	const struct policy_edit *edit = source->edit;
	bool changed = source->patch != NULL;

	for (size_t i = 0; i < edit->removed_count; i++)
		changed = changed || edit->removed[i].direction == source->direction;
	for (size_t i = 0; i < edit->added_count; i++)
		changed = changed || edit->added[i].direction == source->direction;
	return changed;
}

int patch_new(const struct patch_source *source, struct patch **ret,
	      struct table_set ret_sets[IP_FAMILIES])
{
	struct patch *patch;
	int r = PATCH_MADE;

	memcpy(ret_sets, source->sets, IP_FAMILIES * sizeof(*ret_sets));
	if (!has_changed(source))
		return PATCH_MADE;
	patch = calloc(1, sizeof(*patch));
	if (!patch)
		return -ENOMEM;
	*ret = patch; /* freed with the classifier, half-built or not */
	set_stages(source, patch);
	for (int stage = 0; stage < STAGES && r == PATCH_MADE; stage++)
		r = move_chain(source, (enum stage)stage, patch);
	if (r == PATCH_MADE)
		r = add_rules(source, patch);
	if (r == PATCH_MADE)
		r = mask_removed(patch, ret_sets);
	return r;
}
