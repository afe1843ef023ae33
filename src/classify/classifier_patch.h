/*
 * What has changed since a classifier's tables were built, in one direction: rules that went, rules
 * that came, and what became of the numbers of the others.
 *
 * The tables judge first, without the rules that went; what they say is then put into present
 * numbers and bettered by the rules that came. Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_PATCH_H
#define CLASSIFY_CLASSIFIER_PATCH_H

#include "classify/classifier_tables.h"
#include "policy/edit.h"

/* Rules that came and are compared one by one; rules of the tables that went. */
#define PATCH_RULES_MAX   8
#define PATCH_REMOVED_MAX 32

struct patch;

struct patch_source {
	const struct patch *patch;      /* what had changed already; may be NULL */
	const struct table_set *sets;   /* by family, as they were built */
	uint8_t *const *access;         /* by stage, of the rules that they were built of */
	const struct program *program;  /* the present one */
	const struct policy_edit *edit; /* from the last one to the present one */
	enum direction direction;
};

enum patch_answer { PATCH_MADE, PATCH_TOO_LARGE };

/*
 * *ret is NULL where nothing has changed in the direction. `ret_sets` gets the table sets to judge
 * with; they borrow from the patch and from source->sets. Borrows nothing of the program. -ENOMEM.
 */
int patch_new(const struct patch_source *source, struct patch **ret,
	      struct table_set ret_sets[IP_FAMILIES]);
void patch_free(struct patch *patch);

/* From what the sets of patch_new() say of the keys to what the present rules say. */
void patch_judge4(const struct patch *patch, const struct key4 *keys, unsigned count,
		  struct verdict *verdicts);
void patch_judge6(const struct patch *patch, const struct key6 *keys, unsigned count,
		  struct verdict *verdicts);

#endif
