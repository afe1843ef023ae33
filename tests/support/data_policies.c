/*
 * Policies from files: see data_policies.h.
 */
#include "support/data_policies.h"

#include "policy/read.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST_DATA ACCELNET_SOURCE_DIR "/tests/data"
#define AZURE     ACCELNET_SOURCE_DIR "/../shared/data/nsg"

#define PATH_MAX_HERE 512

struct walk {
	data_policy_visitor *visit;
	void *context;
	struct json *parameters; /* by file */
	struct json *nsg_context;
	unsigned count;
};

static struct json *load(const char *path)
{
	struct accelnet_error err;
	struct json *json;

	if (json_load(path, NULL, &json, &err) < 0)
		fail_msg("%s: %s", path, err.detail);
	return json;
}

static void complain(const char *name, const struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (!report->problems[i].is_warning)
			fail_msg("%s: %s: %s", name, report->problems[i].pointer,
				 report->problems[i].detail);
	}
	fail_msg("%s: cannot be built, and no problem was reported", name);
}

/* The context with the service tags that this NSG's rules name. */
static struct json *context_for(const struct walk *walk, const struct policy_source_nsg *nsg,
				struct report *report)
{
	struct json *document = policy_document_with_nsg(NULL, nsg->level, nsg->nsg);
	struct json *context = NULL;

	if (policy_context_inline_tags(walk->nsg_context, document, TEST_DATA, report, &context) <
	    0)
		complain(nsg->name, report);
	json_free(document);
	return context;
}

static void visit_nsg(struct walk *walk, const char *file, const struct policy_source *source,
		      const struct policy_source_nsg *nsg)
{
	struct policy_read_options options = { 0 };
	struct json *context = NULL;
	struct policy *policy;
	struct report report;
	char name[PATH_MAX_HERE];

	report_init(&report);
	(void)snprintf(name, sizeof(name), "%s%s%s", file, nsg && source->count > 1 ? "#" : "",
		       nsg && source->count > 1 ? nsg->name : "");
	if (nsg)
		context = context_for(walk, nsg, &report);
	options.context = context;
	if (policy_source_build(source, nsg, nsg ? nsg->level : STAGE_NIC, &options, &report,
				&policy) < 0)
		complain(name, &report);
	walk->visit(walk->context, name, policy);
	walk->count++;
	policy_free(policy);
	json_free(context);
	report_fini(&report);
}

/* The parameters of one template among those of all. The caller frees them. */
static struct json *parameters_for(const struct walk *walk, const char *file)
{
	struct json_at root = json_root(walk->parameters), found;

	return json_get(&root, file, &found) ? json_copy(found.value) : NULL;
}

static void visit_file(struct walk *walk, const char *folder, const char *file)
{
	struct policy_read_options options = { 0 };
	struct json *parameters = parameters_for(walk, file);
	struct policy_source *source;
	struct report report;
	char path[PATH_MAX_HERE];

	report_init(&report);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	options.parameters = parameters;
	if (policy_source_load(path, &options, &report, &source) < 0)
		complain(file, &report);
	if (source->document)
		visit_nsg(walk, file, source, NULL);
	for (size_t i = 0; !source->document && i < source->count; i++) {
		if (!source->nsgs[i].broken && source->missing.code == 0)
			visit_nsg(walk, file, source, &source->nsgs[i]);
	}
	policy_source_free(source);
	json_free(parameters);
	report_fini(&report);
}

static int is_json(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end && strcmp(end, ".json") == 0;
}

static unsigned visit_folder(const char *folder, data_policy_visitor *visit, void *context)
{
	struct walk walk = { .visit = visit, .context = context };
	struct dirent **entries;
	int count = scandir(folder, &entries, is_json, alphasort);

	if (count < 0)
		return 0;
	walk.parameters = load(TEST_DATA "/nsg-parameters.json");
	walk.nsg_context = load(TEST_DATA "/nsg-context.json");
	for (int i = 0; i < count; i++) {
		visit_file(&walk, folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	json_free(walk.parameters);
	json_free(walk.nsg_context);
	return walk.count;
}

unsigned data_policies_of_azure(data_policy_visitor *visit, void *context)
{
	return visit_folder(AZURE, visit, context);
}

unsigned data_policies_of_tests(data_policy_visitor *visit, void *context)
{
	return visit_folder(TEST_DATA "/policies", visit, context);
}
