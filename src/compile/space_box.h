/*
 * The part of a space that one rule matches: walked from end to end, or sampled. Thread: any.
 */
#ifndef COMPILE_SPACE_BOX_H
#define COMPILE_SPACE_BOX_H

#include "compile/space.h"

/* Places of the values that the rule matches, per field. Owner: the caller, space_box_fini(). */
struct space_box {
	size_t *at[SPACE_FIELDS];
	size_t count[SPACE_FIELDS];
};

/* The box of a rule, or where `chain` is NULL the whole space. 0 or -ENOMEM. */
int space_box_init(struct space_box *box, const struct space *space,
		   const struct space_chain *chain, size_t rule);
void space_box_fini(struct space_box *box);

/* How many tuples; saturates. A protocol without ports counts once for all ports. */
uint64_t space_box_size(const struct space_box *box, const struct space *space);

/* Returns false to end the walk. */
typedef bool (*space_visit)(void *context, const size_t at[SPACE_FIELDS]);
/* False where a visit ended it. */
bool space_box_walk(const struct space_box *box, const struct space *space, space_visit visit,
		    void *context);
/* `count` tuples by chance, the same ones each time. */
bool space_box_sample(const struct space_box *box, const struct space *space, uint64_t count,
		      space_visit visit, void *context);

/* The first rule from `from` on that matches all five values; the chain's count where none does. */
size_t space_first_match(const struct space_chain *chain, const size_t at[SPACE_FIELDS],
			 size_t from);
/* As reference_judge() has it, for program `program` of the space. */
void space_judge(const struct space *space, size_t program, const size_t at[SPACE_FIELDS],
		 struct judgement *ret);

#endif
