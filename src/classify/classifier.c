/*
 * Making a classifier and choosing its SIMD path: see classifier.h.
 */
#include "classify/classifier.h"

#include "classify/classifier_build.h"
#include "classify/classifier_patch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_vect.h>

struct simd_path {
	const char *name;
	unsigned bitwidth;
	bool (*supported)(void);
	judge4_fn *judge4;
	judge6_fn *judge6;
};

static bool scalar_supported(void)
{
	return true;
}

static bool avx2_supported(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("popcnt");
}

static bool avx512_supported(void)
{
	return avx2_supported() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vl");
}

static const struct simd_path paths[] = {
	[CLASSIFIER_SCALAR] = { "scalar", 64, scalar_supported, classifier_judge4_scalar,
				classifier_judge6_scalar },
	[CLASSIFIER_AVX2] = { "avx2", 256, avx2_supported, classifier_judge4_avx2,
			      classifier_judge6_avx2 },
	[CLASSIFIER_AVX512] = { "avx512", 512, avx512_supported, classifier_judge4_avx512,
				classifier_judge6_avx512 },
};

/* The widest path that the processor has and EAL allows; without EAL (0) all are allowed. */
static enum classifier_simd best_path(void)
{
	unsigned allowed = rte_vect_get_max_simd_bitwidth();
	int simd = CLASSIFIER_AVX512;

	while (simd > CLASSIFIER_SCALAR &&
	       (!paths[simd].supported() || (allowed != 0 && paths[simd].bitwidth > allowed)))
		simd--;
	return (enum classifier_simd)simd;
}

static int build(const struct program *program, struct tables *tables)
{
	struct pieces pieces = { 0 };
	int r = 0;

	for (int direction = 0; direction < DIRECTIONS && r == 0; direction++) {
		for (int family = 0; family < IP_FAMILIES && r == 0; family++)
			r = table_set_build(program, (enum direction)direction,
					    (enum ip_family)family, &pieces,
					    &tables->set[direction][family]);
	}
	if (r == 0)
		r = arena_move(&pieces, &tables->arena, &tables->arena_size);
	pieces_fini(&pieces);
	return r;
}

static int list_access(const struct program *program, struct tables *tables)
{
	for (int i = 0; i < DIRECTIONS * STAGES; i++) {
		const struct program_chain *chain = &program->chain[i / STAGES][i % STAGES];
		uint8_t *access = malloc(chain->count + 1);

		if (!access)
			return -ENOMEM;
		for (size_t k = 0; k < chain->count; k++)
			access[k] = (uint8_t)chain->rules[k].access;
		tables->access[i / STAGES][i % STAGES] = access;
	}
	return 0;
}

static int add_tables(const struct program *program, struct classifier *classifier)
{
	struct tables *tables = calloc(1, sizeof(*tables));
	int r;

	if (!tables)
		return -ENOMEM;
	tables->users = 1;
	classifier->tables = tables;
	r = list_access(program, tables);
	if (r == 0)
		r = build(program, tables);
	memcpy(classifier->set, tables->set, sizeof(classifier->set));
	return r;
}

static void set_has_acl(const struct program *program, struct classifier *classifier)
{
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		const struct program_chain *acl = &program->chain[direction][STAGE_ACL];

		classifier->has_acl[direction] = acl->present && acl->count > 0;
	}
}

int classifier_new(const struct program *program, enum classifier_simd simd,
		   struct classifier **ret, struct accelnet_error *err)
{
	struct classifier *classifier;
	int r;

	if (simd == CLASSIFIER_BEST)
		simd = best_path();
	if (!paths[simd].supported())
		return fail(err, ACCELNET_E_UNSUPPORTED, NULL, "this processor has no %s",
			    paths[simd].name);
	classifier = calloc(1, sizeof(*classifier));
	r = classifier ? add_tables(program, classifier) : -ENOMEM;
	if (r < 0) {
		classifier_free(classifier);
		if (r == -ENOSPC)
			return fail(err, ACCELNET_E_LIMIT, NULL,
				    "so many ranges that cut across each other make tables of "
				    "gigabytes");
		return fail(err, ACCELNET_E_MEMORY, NULL, "no memory for the classifier's tables");
	}
	set_has_acl(program, classifier);
	classifier->judge4 = paths[simd].judge4;
	classifier->judge6 = paths[simd].judge6;
	classifier->simd_name = paths[simd].name;
	*ret = classifier;
	return 0;
}

static int patch_all(const struct classifier *base, const struct program *program,
		     const struct policy_edit *edit, struct classifier *classifier)
{
	int r = PATCH_MADE;

	for (int d = 0; d < DIRECTIONS && r == PATCH_MADE; d++) {
		const struct patch_source source = {
			.patch = base->patch[d],
			.sets = base->tables->set[d],
			.access = base->tables->access[d],
			.program = program,
			.direction = (enum direction)d,
			.edit = edit,
		};

		r = patch_new(&source, &classifier->patch[d], classifier->set[d]);
	}
	return r;
}

int classifier_new_patched(struct classifier *base, const struct program *program,
			   const struct policy_edit *edit, struct classifier **ret,
			   struct accelnet_error *err)
{
	struct classifier *classifier = calloc(1, sizeof(*classifier));
	int r = -ENOMEM;

	if (classifier) {
		classifier->tables = base->tables;
		classifier->tables->users++;
		classifier->judge4 = base->judge4;
		classifier->judge6 = base->judge6;
		classifier->simd_name = base->simd_name;
		set_has_acl(program, classifier);
		r = patch_all(base, program, edit, classifier);
	}
	if (r == PATCH_MADE) {
		*ret = classifier;
		return CLASSIFIER_PATCHED;
	}
	classifier_free(classifier);
	if (r == PATCH_TOO_LARGE)
		return CLASSIFIER_TOO_MANY_EDITS;
	return fail(err, ACCELNET_E_MEMORY, NULL, "no memory for the classifier's tables");
}

bool classifier_is_patched(const struct classifier *classifier)
{
	return classifier->patch[DIRECTION_INBOUND] || classifier->patch[DIRECTION_OUTBOUND];
}

static void tables_free(struct tables *tables)
{
	if (!tables || --tables->users > 0)
		return;
	for (int i = 0; i < DIRECTIONS * STAGES; i++)
		free(tables->access[i / STAGES][i % STAGES]);
	arena_free(tables->arena, tables->arena_size);
	free(tables);
}

void classifier_free(struct classifier *classifier)
{
	if (!classifier)
		return;
	for (int d = 0; d < DIRECTIONS; d++)
		patch_free(classifier->patch[d]);
	tables_free(classifier->tables);
	free(classifier);
}

void classifier_judge4(const struct classifier *classifier, enum direction direction,
		       const struct key4 *keys, unsigned count, struct verdict *ret)
{
	assert(count <= CLASSIFIER_BURST_MAX);
	classifier->judge4(&classifier->set[direction][IP_FAMILY_V4], keys, count, ret);
	if (classifier->patch[direction])
		patch_judge4(classifier->patch[direction], keys, count, ret);
}

void classifier_judge6(const struct classifier *classifier, enum direction direction,
		       const struct key6 *keys, unsigned count, struct verdict *ret)
{
	assert(count <= CLASSIFIER_BURST_MAX);
	classifier->judge6(&classifier->set[direction][IP_FAMILY_V6], keys, count, ret);
	if (classifier->patch[direction])
		patch_judge6(classifier->patch[direction], keys, count, ret);
}

bool classifier_has_acl(const struct classifier *classifier, enum direction direction)
{
	return classifier->has_acl[direction];
}

size_t classifier_memory(const struct classifier *classifier)
{
	return sizeof(*classifier) + classifier->tables->arena_size;
}

const char *classifier_simd_name(const struct classifier *classifier)
{
	return classifier->simd_name;
}
