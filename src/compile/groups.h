/*
 * The address groups of a program while it is built: each distinct set of addresses gets a number.
 *
 * A rule side is the union of address sets that many rules share, so what a single set comes to is
 * remembered by its pointer, and what any side comes to is looked up by its merged ranges.
 * Private to the compile room. Not thread-safe.
 */
#ifndef COMPILE_GROUPS_H
#define COMPILE_GROUPS_H

#include "compile/program.h"

struct group_table;

/* Owner: the caller. NULL for want of memory. Group PROGRAM_GROUP_ANY is in it. */
struct group_table *group_table_new(void);
void group_table_free(struct group_table *table);

/* The number of the group that holds what `side` holds. 0 or -ENOMEM. */
int group_table_side(struct group_table *table, const struct rule_side *side, uint32_t *ret);

/* Hands the groups over, with everything in them. */
struct address_group *group_table_take(struct group_table *table, size_t *ret_count);

void address_group_fini(struct address_group *group);

#endif
