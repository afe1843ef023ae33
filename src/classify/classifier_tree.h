/*
 * Borders to search trees: the layout that classifier_tables.h describes. Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_TREE_H
#define CLASSIFY_CLASSIFIER_TREE_H

#include "classify/classifier_arena.h"
#include "classify/classifier_sweep.h"

/*
 * `first_line` is where row 0 of the field stands, in lines, and `line_count` how many lines each
 * row has. 0, -ENOMEM, or -ENOSPC where the tree would be too deep.
 */
int tree4_build(const struct borders *borders, uint32_t first_line, uint32_t line_count,
		struct pieces *pieces, struct tree4 *ret);
int tree6_build(const struct borders *borders, uint32_t first_line, uint32_t line_count,
		struct pieces *pieces, struct tree6 *ret);

#endif
