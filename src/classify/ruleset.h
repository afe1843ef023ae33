/*
 * What a NIC's packets are judged by, in one immutable object: a policy with everything made of it.
 *
 * Built by the control thread, published as one pointer, read by workers, freed by the control
 * thread when no worker can hold it any more.
 *
 * Where a policy differs from the one in force by a rule or two, program and classifier are patched
 * ones of what is in force, which is much faster. Such a rule set judges the same and a little
 * slower, until a classifier that was built anew is exchanged for the patched one.
 */
#ifndef CLASSIFY_RULESET_H
#define CLASSIFY_RULESET_H

#include "base/error.h"
#include "base/net.h"
#include "classify/classifier.h"
#include "compile/program.h"
#include "policy/edit.h"
#include "policy/policy.h"

#include <stdatomic.h>

struct ruleset_options {
	struct mac_addr mac;
	uint64_t generation; /* > 0 and above that of `previous`; 0 with no policy */
	bool vlan_pass;      /* "vlan": "pass" in the NIC's configuration */
	bool non_ip_pass;    /* "nonIp": "pass" */
	uint32_t longest;    /* conn_deadlines_longest() of the NIC's connections */
};

struct ruleset {
	uint64_t generation;
	/*
	 * False where no policy is in force and one is required: only platform traffic passes. Then
	 * policy, program and classifier are NULL.
	 */
	bool has_policy;
	struct policy *policy;   /* owned */
	struct program *program; /* owned; read by the control thread only */
	/* Owned. The one thing that changes: ruleset_exchange(). */
	_Atomic(struct classifier *) classifier;
	bool is_edited; /* made of `previous`, from which it differs by `edit` */
	struct policy_edit edit;

	struct mac_addr mac;
	bool source_guard;
	bool vlan_pass;
	bool non_ip_pass;
	bool audit; /* policy->mode == POLICY_AUDIT */
	bool icmp_errors_related;
	bool names_platform[PLATFORM_LKM + 1];
	bool has_acl[DIRECTIONS];

	/* context.addresses, network byte order; both empty where not given: then MAC only */
	bool has_addresses;
	uint32_t *addresses4;
	size_t address4_count;
	uint8_t (*addresses6)[16];
	size_t address6_count;

	/* flushConnection: connections last judged by an older generation are judged again. 0: none
	 */
	uint64_t rejudge_below;

	/*
	 * Until then settled marks do not count: connections may be left that these rules must
	 * judge again, by flushConnection or because only audit mode let them in. Each has met the
	 * rules once its longest timeout has passed, or is gone. Milliseconds of the workers'
	 * clock; 0: at once. `settles_after`: so long from ruleset_enter() on; 0: it stays as it
	 * is.
	 */
	uint64_t settles_from;
	uint32_t settles_after;

	/* Index of rule 0 of each chain in a worker's array of hits, and the length of that array.
	 */
	uint32_t hit_base[DIRECTIONS][STAGES];
	uint32_t hit_count;
};

/*
 * Takes ownership of `policy`, on failure too; NULL where none is in force and one is required (for
 * "allow everything" give policy_new_empty()). `previous` is what is in force now, or NULL: a
 * flushConnection of an earlier generation that has not reached every connection goes on.
 */
int ruleset_new(struct policy *policy, const struct ruleset_options *options,
		const struct ruleset *previous, struct ruleset **ret, struct accelnet_error *err);
void ruleset_free(struct ruleset *ruleset);

/* A program and a classifier of the same policy, built anew: what is to replace patched ones. */
struct ruleset_build {
	struct program *program;
	struct classifier *classifier;
};
/* True where that is worth while. */
bool ruleset_is_patched(const struct ruleset *ruleset);
int ruleset_rebuild(const struct ruleset *ruleset, struct ruleset_build *ret,
		    struct accelnet_error *err);
/*
 * Puts what was built into the rule set, which may be in force, and what was there into `build`: to
 * be freed once no worker can be reading it.
 */
void ruleset_exchange(struct ruleset *ruleset, struct ruleset_build *build);
void ruleset_build_fini(struct ruleset_build *build);

/* It is about to be published, at `now`, in ms of the workers' clock. More than once is fine. */
void ruleset_enter(struct ruleset *ruleset, uint64_t now);

/* Rule `index` of a chain; NULL for CLASSIFIER_NO_RULE. Borrowed. */
const struct rule *ruleset_rule(const struct ruleset *ruleset, enum direction direction,
				enum stage stage, uint16_t index);

#endif
