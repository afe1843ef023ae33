/*
 * Between the two worlds: tuples and judgements of the tools, keys and verdicts of the datapath.
 *
 * Thread: any; pure.
 */
#ifndef CLASSIFY_CLASSIFIER_TUPLE_H
#define CLASSIFY_CLASSIFIER_TUPLE_H

#include "classify/classifier.h"
#include "compile/tuple.h"

/* The key of the tuple's packet; its addresses must be of that family. `kind` is 0. */
struct key4 key4_from_tuple(const struct tuple *tuple);
struct key6 key6_from_tuple(const struct tuple *tuple);

/*
 * What a verdict says in terms of the policy's rules. Stages after the deciding one are not named
 * in matched[], as nothing was evaluated there.
 */
void judgement_from_verdict(const struct program *program, enum direction direction,
			    const struct verdict *verdict, struct judgement *ret);

/* Judges tuples of any directions and families mixed; ret[i] is for tuples[i]. */
void classifier_judge_tuples(const struct classifier *classifier, const struct program *program,
			     const struct tuple *tuples, size_t count, struct judgement *ret);

#endif
