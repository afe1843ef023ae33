/*
 * Rules that can never decide, because one before them matches all that they match. Pure.
 */
#ifndef CONTROL_SHADOW_H
#define CONTROL_SHADOW_H

#include "compile/program.h"

/*
 * The first rule of the chain that covers all of rule `index`; NULL where no single one does (rules
 * before it may cover it together).
 */
const struct rule *shadow_find(const struct program *program, const struct program_chain *chain,
			       size_t index);

#endif
