/*
 * Tuples aimed at the borders of a policy: the first and last address and port of every range, and
 * their neighbours outside. That is where engines differ, if they do.
 */
#ifndef TESTS_SUPPORT_BORDER_H
#define TESTS_SUPPORT_BORDER_H

#include "compile/tuple.h"
#include "testpmd/random.h"

/*
 * Most tuples are aimed at one rule: each field at a border of that rule; the others mix borders of
 * all rules. `policy` is only read.
 */
struct tuple border_tuple(const struct policy *policy, struct random *random);

/* One line for a failure message; returns `buffer`, of at least TUPLE_TEXT_MAX bytes. */
#define TUPLE_TEXT_MAX 192
char *tuple_text(const struct tuple *tuple, char *buffer);

#endif
