/*
 * One direction and family of a program to a table set. Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_BUILD_H
#define CLASSIFY_CLASSIFIER_BUILD_H

#include "classify/classifier_arena.h"
#include "classify/classifier_tables.h"

/* 0, -ENOMEM, or -ENOSPC where a table would be too large. Pointers in `ret` are set by
 * arena_move(). */
int table_set_build(const struct program *program, enum direction direction, enum ip_family family,
		    struct pieces *pieces, struct table_set *ret);

#endif
