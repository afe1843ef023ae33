/*
 * Borders to search trees: the layout that classifier_tables.h describes. Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_TREE_H
#define CLASSIFY_CLASSIFIER_TREE_H

#include "classify/classifier_arena.h"
#include "classify/classifier_sweep.h"

/* Both: 0, -ENOMEM, or -ENOSPC where the tree would be too deep. */
int tree4_build(const struct borders *borders, struct pieces *pieces, struct tree4 *ret);
int tree6_build(const struct borders *borders, struct pieces *pieces, struct tree6 *ret);

#endif
