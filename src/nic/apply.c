/*
 * Changing a NIC's policy: build beside the old one, store, swap one pointer, reclaim.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "base/log.h"
#include "nic/delta.h"
#include "nic/events.h"
#include "nic/nic.h"
#include "nic/nic_private.h"
#include "policy/read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int build_policy(const struct nic *nic, const struct json *document, struct report *report,
			struct policy **ret, struct accelnet_error *err)
{
	const struct policy_read_options options = {
		.context = nic->context,
		.context_name = NIC_CONTEXT_NAME,
	};
	int r = policy_build(document, &options, report, ret);

	if (r == 0)
		return 0;
	if (report_result(report, err) == 0)
		return fail(err, ACCELNET_E_INTERNAL, NULL, "the policy cannot be built: %s",
			    strerror(-r));
	return r;
}

static size_t user_rules(const struct policy *policy)
{
	size_t count = 0;

	for (int s = 0; policy && s < STAGES; s++)
		count += policy->stage[s].user_rules;
	return count;
}

/* Where the rule set was made by an edit of the one in force, that has compared them already. */
static bool count_by_edit(const struct nic *nic, const struct ruleset *ruleset,
			  struct nic_apply_result *result)
{
	if (!ruleset->is_edited || !nic_policy(nic))
		return false;
	result->rules_kept = ruleset->edit.kept;
	result->rules_added = user_rules(ruleset->policy) - ruleset->edit.kept;
	result->rules_removed = user_rules(nic_policy(nic)) - ruleset->edit.kept;
	return true;
}

static void count_rules(const struct nic *nic, const struct policy *policy,
			struct nic_apply_result *result)
{
	struct policy_delta delta = { 0 };

	if (policy_delta(nic_policy(nic), policy, &delta) < 0)
		log_warning("rules are not compared: out of memory", "nic=%s", nic->config->name);
	result->rules_added = delta.added;
	result->rules_kept = delta.kept;
	result->rules_removed = delta.removed;
}

static void set_split(const struct hardware_split *split, struct nic_apply_result *result)
{
	result->in_hardware = split->hardware;
	result->in_software = split->software;
	result->refused = split->refused;
}

static void tell(const struct nic *nic, const struct nic_apply_result *result)
{
	struct json *details = json_new_object();

	json_add_unsigned(details, "generation", result->generation);
	json_add_unsigned(details, "added", result->rules_added);
	json_add_unsigned(details, "kept", result->rules_kept);
	json_add_unsigned(details, "removed", result->rules_removed);
	event_log_add(nic->services.events, nic->config->name, "policy.applied", details);
	log_info("policy applied", "nic=%s generation=%" PRIu64 " added=%zu kept=%zu removed=%zu",
		 nic->config->name, result->generation, result->rules_added, result->rules_kept,
		 result->rules_removed);
}

/* Everything that can fail but this has been done: on disk first, then in force. */
static int commit(struct nic *nic, struct json *canonical, char *content, struct snapshot *snapshot,
		  const struct nic_apply_options *options, struct accelnet_error *err)
{
	struct hardware_change change;
	size_t rules = 0;
	int r = hardware_prepare(nic, snapshot, &change, err);

	if (r < 0)
		return r;
	for (int s = 0; s < STAGES; s++)
		rules += snapshot->ruleset->policy->stage[s].user_rules;
	r = policy_store_save(nic->store, snapshot->generation, canonical, rules, options->origin,
			      err);
	if (r < 0) {
		hardware_abort(&change);
		return r;
	}
	nic->generation = snapshot->generation;
	hardware_publish(nic, &change, snapshot);
	json_free(nic->document);
	free(nic->content);
	nic->document = canonical;
	nic->content = content;
	return 0;
}

static int check_generation(const struct nic *nic, const struct nic_apply_options *options,
			    struct accelnet_error *err)
{
	if (!options->has_if_generation || options->if_generation == nic->generation)
		return 0;
	return fail(err, ACCELNET_E_GENERATION_MISMATCH, NULL,
		    "generation %" PRIu64 " was expected, %" PRIu64 " is in force",
		    options->if_generation, nic->generation);
}

static int apply_changed(struct nic *nic, struct json *canonical, char *content,
			 const struct nic_apply_options *options, struct nic_apply_result *result,
			 struct accelnet_error *err)
{
	uint64_t newest = policy_store_newest(nic->store);
	struct hardware_split split = { 0 };
	struct snapshot *snapshot = NULL;
	struct policy *policy = NULL;
	int r = build_policy(nic, canonical, &result->report, &policy, err);

	if (r < 0)
		return r;
	r = snapshot_new(nic, policy, (newest > nic->generation ? newest : nic->generation) + 1,
			 &snapshot, err);
	if (r < 0)
		return r;
	if (!count_by_edit(nic, snapshot->ruleset, result))
		count_rules(nic, snapshot->ruleset->policy, result);
	if (options->dry_run) {
		result->generation = nic->generation;
		r = hardware_preview(nic, snapshot->ruleset, &split, err);
		set_split(&split, result);
		snapshot_free(snapshot);
		return r;
	}
	result->generation = snapshot->generation;
	r = commit(nic, canonical, content, snapshot, options, err);
	if (r < 0) {
		snapshot_free(snapshot);
		return r;
	}
	if (hardware_planned(nic, &split) == 0)
		set_split(&split, result);
	tell(nic, result);
	return 0;
}

int nic_policy_apply(struct nic *nic, const struct json *document,
		     const struct nic_apply_options *options, struct nic_apply_result *ret,
		     struct accelnet_error *err)
{
	struct hardware_split split;
	struct json *canonical = NULL;
	char *content = NULL;
	int r;

	*ret = (struct nic_apply_result){ .generation = nic->generation };
	report_init(&ret->report);
	r = check_generation(nic, options, err);
	if (r < 0)
		return r;
	canonical = policy_document_canonical(document);
	content = policy_document_content(canonical);
	if (nic->content && strcmp(content, nic->content) == 0) {
		ret->unchanged = true;
		count_rules(nic, nic_policy(nic), ret);
		hardware_now(nic, &split);
		set_split(&split, ret);
	} else {
		r = apply_changed(nic, canonical, content, options, ret, err);
		if (r == 0 && !options->dry_run)
			return 0; /* the NIC owns both now */
	}
	json_free(canonical);
	free(content);
	return r;
}

void nic_apply_result_fini(struct nic_apply_result *result)
{
	report_fini(&result->report);
}

/* A rule set that need not be stored, in force. Takes the snapshot over, on failure too. */
static int put_in_force(struct nic *nic, struct snapshot *snapshot, struct accelnet_error *err)
{
	struct hardware_change change;
	int r = hardware_prepare(nic, snapshot, &change, err);

	if (r < 0)
		snapshot_free(snapshot);
	else
		hardware_publish(nic, &change, snapshot);
	return r;
}

/* Without a policy: drop all but platform traffic where one is required, else allow all. */
static int enforce_none(struct nic *nic, bool required, struct accelnet_error *err)
{
	struct policy *policy = required ? NULL : policy_new_empty();
	struct snapshot *snapshot;
	int r;

	if (!required && !policy)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	r = snapshot_new(nic, policy, 0, &snapshot, err);
	return r < 0 ? r : put_in_force(nic, snapshot, err);
}

static int restore_stored(struct nic *nic, uint64_t generation, struct accelnet_error *err)
{
	JSON_CLEANUP struct json *document = NULL;
	struct snapshot *snapshot = NULL;
	struct policy *policy = NULL;
	struct report report;
	int r = policy_store_load(nic->store, generation, &document, err);

	if (r < 0)
		return r;
	report_init(&report);
	r = build_policy(nic, document, &report, &policy, err);
	report_fini(&report);
	if (r == 0)
		r = snapshot_new(nic, policy, generation, &snapshot, err);
	if (r == 0)
		r = put_in_force(nic, snapshot, err);
	if (r < 0)
		return r;
	nic->generation = generation;
	nic->document = policy_document_canonical(document);
	nic->content = policy_document_content(nic->document);
	return 0;
}

int nic_restore(struct nic *nic, struct accelnet_error *err)
{
	uint64_t newest = policy_store_newest(nic->store);
	bool required = nic->config->has_require_policy ? nic->config->require_policy : newest != 0;
	struct accelnet_error why = { 0 };
	char text[ERROR_DETAIL_MAX];

	if (newest == 0)
		return enforce_none(nic, required, err);
	if (restore_stored(nic, newest, &why) == 0) {
		log_notice("policy restored", "nic=%s generation=%" PRIu64, nic->config->name,
			   newest);
		return 0;
	}
	log_error(
		"the stored policy is not usable: everything but platform traffic is dropped until "
		"a policy is applied",
		"nic=%s generation=%" PRIu64 " error=\"%s\"", nic->config->name, newest,
		log_quotable(why.detail, text, sizeof(text)));
	event_log_add(nic->services.events, nic->config->name, "policy.unusable", NULL);
	return enforce_none(nic, true, err);
}

int nic_set_context(struct nic *nic, const struct json *context, struct accelnet_error *err)
{
	struct json *before = nic->context;
	struct snapshot *snapshot = NULL;
	struct policy *policy = NULL;
	struct report report;
	int r = 0;

	nic->context = context ? json_copy(context) : NULL;
	report_init(&report);
	if (nic->document) {
		r = build_policy(nic, nic->document, &report, &policy, err);
		if (r == 0)
			r = snapshot_new(nic, policy, nic->generation, &snapshot, err);
		if (r == 0)
			r = put_in_force(nic, snapshot, err);
	}
	report_fini(&report);
	if (r < 0) {
		json_free(nic->context);
		nic->context = before;
		return r;
	}
	json_free(before);
	return 0;
}
