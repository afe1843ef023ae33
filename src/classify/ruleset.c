/*
 * Building a ruleset. Thread: control.
 */
#include "classify/ruleset.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Connections keep 16 bits of their generation, so an older one is told from a younger one within
 * half of that. Nothing lives through so many changes without a packet that re-judges it.
 */
#define REJUDGE_REACH 16384

static int copy_addresses(struct ruleset *ruleset, const struct policy *policy)
{
	size_t room = policy->address_count ? policy->address_count : 1;

	ruleset->addresses4 = calloc(room, sizeof(*ruleset->addresses4));
	ruleset->addresses6 = calloc(room, sizeof(*ruleset->addresses6));
	if (!ruleset->addresses4 || !ruleset->addresses6)
		return -ENOMEM;
	for (size_t i = 0; i < policy->address_count; i++) {
		const struct ip_addr *addr = &policy->addresses[i];

		if (addr->family == IP_FAMILY_V4)
			ip_addr_to_bytes(addr, &ruleset->addresses4[ruleset->address4_count++]);
		else
			ip_addr_to_bytes(addr, ruleset->addresses6[ruleset->address6_count++]);
	}
	ruleset->has_addresses = policy->address_count > 0;
	return 0;
}

static void number_hits(struct ruleset *ruleset)
{
	for (unsigned d = 0; d < DIRECTIONS; d++) {
		for (unsigned s = 0; s < STAGES; s++) {
			ruleset->hit_base[d][s] = ruleset->hit_count;
			ruleset->hit_count += ruleset->program->chain[d][s].count;
		}
	}
}

static uint64_t rejudge_below(const struct policy *policy, uint64_t generation,
			      const struct ruleset *previous)
{
	for (unsigned s = 0; s < STAGES; s++) {
		if (policy->stage[s].present && policy->stage[s].flush_connection)
			return generation;
	}
	if (previous && generation - previous->rejudge_below < REJUDGE_REACH)
		return previous->rejudge_below;
	return 0;
}

/* Bursts that began before a rule set was published may still let connections live on. */
#define BURST_MS 1000

static void settle(struct ruleset *ruleset, const struct ruleset_options *options,
		   const struct ruleset *previous)
{
	if (!previous)
		return; /* no connection is older */
	ruleset->settles_from = previous->settles_from;
	if ((ruleset->rejudge_below && ruleset->rejudge_below == ruleset->generation) ||
	    (previous->audit && !ruleset->audit)) {
		ruleset->settles_from = UINT64_MAX;
		ruleset->settles_after = options->longest + BURST_MS;
	}
}

void ruleset_enter(struct ruleset *ruleset, uint64_t now)
{
	if (ruleset->settles_after > 0)
		ruleset->settles_from = now + ruleset->settles_after;
	ruleset->settles_after = 0;
}

/* What is not patched is built. */
enum patching { PATCHED, NOT_PATCHED };

static int patch(struct ruleset *ruleset, const struct ruleset *previous,
		 struct accelnet_error *err)
{
	struct program *program = NULL;
	struct classifier *classifier;
	int r;

	if (!previous || !previous->has_policy ||
	    policy_edit_find(previous->policy, ruleset->policy, &ruleset->edit) == POLICY_EDIT_MANY)
		return NOT_PATCHED;
	r = program_new_edited(previous->program, ruleset->policy, &ruleset->edit, &program, err);
	if (r != PROGRAM_EDITED)
		return r < 0 ? r : NOT_PATCHED;
	r = classifier_new_patched(atomic_load(&previous->classifier), program, &ruleset->edit,
				   &classifier, err);
	if (r != CLASSIFIER_PATCHED) {
		program_free(program);
		return r < 0 ? r : NOT_PATCHED;
	}
	ruleset->program = program;
	atomic_init(&ruleset->classifier, classifier);
	ruleset->is_edited = true;
	return PATCHED;
}

int ruleset_rebuild(const struct ruleset *ruleset, struct ruleset_build *ret,
		    struct accelnet_error *err)
{
	struct ruleset_build build = { 0 };
	int r = program_new(ruleset->policy, &build.program, err);

	if (r == 0)
		r = classifier_new(build.program, CLASSIFIER_BEST, &build.classifier, err);
	if (r < 0)
		ruleset_build_fini(&build);
	else
		*ret = build;
	return r;
}

void ruleset_build_fini(struct ruleset_build *build)
{
	classifier_free(build->classifier);
	program_free(build->program);
	*build = (struct ruleset_build){ 0 };
}

void ruleset_exchange(struct ruleset *ruleset, struct ruleset_build *build)
{
	struct program *program = ruleset->program;

	ruleset->program = build->program;
	build->program = program;
	build->classifier = atomic_exchange(&ruleset->classifier, build->classifier);
}

bool ruleset_is_patched(const struct ruleset *ruleset)
{
	return ruleset->has_policy && (ruleset->program->edits > 0 ||
				       classifier_is_patched(atomic_load(&ruleset->classifier)));
}

static int compile(struct ruleset *ruleset, const struct ruleset *previous,
		   struct accelnet_error *err)
{
	struct ruleset_build build;
	int r = patch(ruleset, previous, err);

	if (r != NOT_PATCHED)
		return r;
	r = ruleset_rebuild(ruleset, &build, err);
	if (r < 0)
		return r;
	ruleset->program = build.program;
	atomic_init(&ruleset->classifier, build.classifier);
	return 0;
}

static int take_policy(struct ruleset *ruleset, const struct ruleset *previous,
		       struct accelnet_error *err)
{
	const struct policy *policy = ruleset->policy;
	int r = compile(ruleset, previous, err);

	if (r < 0)
		return r;
	if (copy_addresses(ruleset, policy) < 0)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	ruleset->has_policy = true;
	ruleset->source_guard = policy->source_guard;
	ruleset->audit = policy->mode == POLICY_AUDIT;
	ruleset->icmp_errors_related = policy->icmp_errors == ICMP_ERRORS_RELATED;
	for (unsigned i = 0; i <= PLATFORM_LKM; i++)
		ruleset->names_platform[i] = policy->names_platform[i];
	for (unsigned d = 0; d < DIRECTIONS; d++)
		ruleset->has_acl[d] = classifier_has_acl(ruleset->classifier, d);
	ruleset->rejudge_below = rejudge_below(policy, ruleset->generation, previous);
	number_hits(ruleset);
	return 0;
}

int ruleset_new(struct policy *policy, const struct ruleset_options *options,
		const struct ruleset *previous, struct ruleset **ret, struct accelnet_error *err)
{
	struct ruleset *ruleset = calloc(1, sizeof(*ruleset));
	int r;

	if (!ruleset) {
		policy_free(policy);
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	ruleset->generation = options->generation;
	ruleset->policy = policy;
	ruleset->mac = options->mac;
	ruleset->vlan_pass = options->vlan_pass;
	ruleset->non_ip_pass = options->non_ip_pass;
	ruleset->source_guard = true;
	r = policy ? take_policy(ruleset, previous, err) : 0;
	if (r < 0) {
		ruleset_free(ruleset);
		return r;
	}
	settle(ruleset, options, previous);
	*ret = ruleset;
	return 0;
}

void ruleset_free(struct ruleset *ruleset)
{
	if (!ruleset)
		return;
	free(ruleset->addresses6);
	free(ruleset->addresses4);
	classifier_free(ruleset->classifier);
	program_free(ruleset->program);
	policy_free(ruleset->policy);
	free(ruleset);
}

const struct rule *ruleset_rule(const struct ruleset *ruleset, enum direction direction,
				enum stage stage, uint16_t index)
{
	const struct program_chain *chain;

	if (!ruleset->program || index == CLASSIFIER_NO_RULE)
		return NULL;
	chain = &ruleset->program->chain[direction][stage];
	return index < chain->count ? chain->rules[index].rule : NULL;
}
