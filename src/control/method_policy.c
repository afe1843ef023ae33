/*
 * policy.*: apply, show, check, diff, history, rollback.
 */
#include "base/log.h"
#include "control/arm_form.h"
#include "control/call.h"
#include "control/check.h"
#include "control/diff.h"
#include "control/policy_change.h"
#include "policy/read.h"

#include <stdio.h>
#include <string.h>

#define LOG_ROOM LOG_ROOM_CONTROL

/* --- the document that a request means --- */

static enum stage wanted_level(const struct call *call)
{
	const char *level = call_string(call, "level");

	return level && strcmp(level, "subnet") == 0 ? STAGE_SUBNET : STAGE_NIC;
}

/*
 * Puts the given context over the document's own. What it does not have stays: the NSG of the other
 * level may need it, and without `addresses` isolation would let more pass.
 */
static void merge_context(struct json *document, const struct json_at *given)
{
	const struct json_at root = json_root(document);
	struct json *merged;
	struct json_at own;

	if (json_get(&root, "context", &own) && json_type(&own) == JSON_OBJECT)
		merged = policy_context_merge(given->value, own.value);
	else
		merged = json_copy(given->value);
	json_remove(document, "context");
	json_add(document, "context", merged);
}

static struct json *merge_nsg(const struct call *call, const struct nic *nic,
			      const struct json_at *nsg)
{
	struct json *document =
		policy_document_with_nsg(nic_policy_document(nic), wanted_level(call), nsg->value);
	struct json_at context;

	if (call_object(call, "context", &context))
		merge_context(document, &context);
	return document;
}

/* A whole document, or the one in force with another NSG in it. The caller frees *ret. */
static int read_document(struct call *call, const struct nic *nic, struct json **ret)
{
	struct json_at document, nsg, unused;
	const bool has_document = call_object(call, "document", &document);
	const bool has_nsg = call_object(call, "nsg", &nsg);

	if (has_document == has_nsg)
		return call_refuse(call, ACCELNET_E_PARAMS, "",
				   "give either document (a whole policy document) or nsg (an NSG "
				   "object for one level)");
	if (has_document && (call_object(call, "context", &unused) || call_string(call, "level")))
		return call_refuse(call, ACCELNET_E_PARAMS, "",
				   "level and context go with nsg; a document holds its own");
	*ret = has_document ? json_copy(document.value) : merge_nsg(call, nic, &nsg);
	return 0;
}

/* --- apply and rollback --- */

int handle_policy_apply(struct call *call, struct json **ret)
{
	struct nic_apply_options options = {
		.dry_run = call_flag(call, "dryRun"),
		.origin = call->origin,
	};
	JSON_CLEANUP struct json *document = NULL;
	struct nic *nic;
	int r;

	options.has_if_generation = call_number(call, "ifGeneration", &options.if_generation);
	r = call_nic(call, &nic);
	if (r == 0)
		r = read_document(call, nic, &document);
	return r < 0 ? r : policy_change(call, nic, document, &options, ret);
}

int handle_policy_rollback(struct call *call, struct json **ret)
{
	JSON_CLEANUP struct json *document = NULL;
	struct nic_apply_options options = { 0 };
	char origin[128];
	uint64_t to;
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r < 0)
		return r;
	if (!call_number(call, "to", &to))
		to = nic_policy_previous(nic);
	if (to == 0)
		return call_refuse(call, ACCELNET_E_NOT_FOUND, "to",
				   "%s has no generation before the one in force",
				   nic_get_config(nic)->name);
	r = nic_policy_load(nic, to, &document, &call->error.what);
	if (r < 0)
		return r;
	snprintf(origin, sizeof(origin), "%s, rollback to %llu", call->origin,
		 (unsigned long long)to);
	options.origin = origin;
	r = policy_change(call, nic, document, &options, ret);
	if (r == 0)
		json_add_unsigned(*ret, "restored", to);
	return r;
}

/* --- looking --- */

static int in_force(struct call *call, const struct nic *nic, const struct json **ret)
{
	*ret = nic_policy_document(nic);
	if (*ret)
		return 0;
	return call_refuse(call, ACCELNET_E_NOT_FOUND, "nic", "%s has no policy yet",
			   nic_get_config(nic)->name);
}

int handle_policy_show(struct call *call, struct json **ret)
{
	const char *form = call_string(call, "form");
	const bool arm = form && strcmp(form, "arm") == 0;
	const struct json *document;
	struct nic *nic;
	struct json *json;
	int r = call_nic(call, &nic);

	if (r == 0)
		r = in_force(call, nic, &document);
	if (r < 0)
		return r;
	json = json_new_object();
	json_add_string(json, "nic", nic_get_config(nic)->name);
	json_add_unsigned(json, "generation", nic_generation(nic));
	json_add_string(json, "form", arm ? "arm" : "document");
	json_add(json, "policy", arm ? arm_form(document) : json_copy(document));
	*ret = json;
	return 0;
}

int handle_policy_history(struct call *call, struct json **ret)
{
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r < 0)
		return r;
	*ret = json_new_object();
	json_add_string(*ret, "nic", nic_get_config(nic)->name);
	json_add(*ret, "generations", nic_policy_history(nic));
	return 0;
}

int handle_policy_check(struct call *call, struct json **ret)
{
	struct policy_read_options options = { .strict = call_flag(call, "strict") };
	struct policy_source *source = NULL;
	struct json_at policy, context;
	struct report report;

	if (call_object(call, "context", &context))
		options.context = context.value;
	(void)call_object(call, "policy", &policy); /* it is required, so it is there */
	report_init(&report);
	(void)policy_source_read(json_copy(policy.value), &options, &report, &source);
	*ret = policy_check_json(source, &options, NULL, false, &report);
	report_fini(&report);
	policy_source_free(source);
	return 0;
}

/* --- diff --- */

/* Builds with the NIC's own context behind it, as an apply does. */
static int build(struct call *call, const struct nic *nic, const struct json *document,
		 struct policy **ret)
{
	const struct policy_read_options options = {
		.context = nic_get_context(nic),
		.context_name = NIC_CONTEXT_NAME,
	};
	struct report problems;
	int r;

	report_init(&problems);
	r = policy_build(document, &options, &problems, ret);
	if (r < 0) {
		(void)report_result(&problems, &call->error.what);
		r = policy_change_refuse(call, document, &problems);
	}
	report_fini(&problems);
	return r;
}

/* *ret_document is NULL for generation 0, before which there was none. The caller frees both. */
static int build_generation(struct call *call, const struct nic *nic, uint64_t generation,
			    struct json **ret_document, struct policy **ret)
{
	int r;

	if (generation == 0) {
		*ret = policy_new_empty();
		return 0;
	}
	r = nic_policy_load(nic, generation, ret_document, &call->error.what);
	return r < 0 ? r : build(call, nic, *ret_document, ret);
}

/* What a client needs to compare packet by packet, which takes longer than this thread may. */
static void add_documents(struct json *to, const struct nic *nic, const struct json *before,
			  const struct json *after)
{
	struct json *json = json_add_object(to, "documents");
	const struct json *context = nic_get_context(nic);

	if (before)
		json_add(json, "before", json_copy(before));
	if (after)
		json_add(json, "after", json_copy(after));
	if (context)
		json_add(json, "context", json_copy(context));
}

static int diff_generations(struct call *call, const struct nic *nic, uint64_t from, uint64_t to,
			    struct json **ret)
{
	JSON_CLEANUP struct json *from_document = NULL, *to_document = NULL;
	POLICY_CLEANUP struct policy *before = NULL, *after = NULL;
	int r = build_generation(call, nic, from, &from_document, &before);

	if (r == 0)
		r = build_generation(call, nic, to, &to_document, &after);
	if (r < 0)
		return r;
	*ret = policy_diff_json(before, after);
	if (call_flag(call, "documents"))
		add_documents(*ret, nic, from_document, to_document);
	json_add_unsigned(*ret, "from", from);
	json_add_unsigned(*ret, "to", to);
	return 0;
}

static int diff_document(struct call *call, const struct nic *nic, struct json **ret)
{
	JSON_CLEANUP struct json *document = NULL;
	POLICY_CLEANUP struct policy *nothing = NULL, *after = NULL;
	const struct policy *before = nic_policy(nic);
	int r = read_document(call, nic, &document);

	if (r == 0)
		r = build(call, nic, document, &after);
	if (r < 0)
		return r;
	if (!before)
		before = nothing = policy_new_empty();
	*ret = policy_diff_json(before, after);
	if (call_flag(call, "documents"))
		add_documents(*ret, nic, nic_policy_document(nic), document);
	json_add_unsigned(*ret, "from", nic_generation(nic));
	json_add_null(*ret, "to");
	return 0;
}

int handle_policy_diff(struct call *call, struct json **ret)
{
	uint64_t from, to;
	const bool has_from = call_number(call, "from", &from);
	const bool has_to = call_number(call, "to", &to);
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r < 0)
		return r;
	if (has_from != has_to)
		return call_refuse(call, ACCELNET_E_PARAMS, has_from ? "from" : "to",
				   "from and to go together");
	r = has_from ? diff_generations(call, nic, from, to, ret) : diff_document(call, nic, ret);
	if (r == 0)
		json_add_string(*ret, "nic", nic_get_config(nic)->name);
	return r;
}
