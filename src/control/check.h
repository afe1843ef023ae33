/*
 * `policy check`: everything that is wrong with a file, at once. Thread: any; pure.
 */
#ifndef CONTROL_CHECK_H
#define CONTROL_CHECK_H

#include "policy/read.h"

/*
 * {"form":"document|nsg|arm","nsgs":[{"name","level","rules"}],"errors":[{"pointer","code",
 *  "detail"}],"warnings":[...]}; `rules` counts the user's own. `form` is null where none was
 * recognised. Pointers are into the file. Takes ownership of `root`.
 *
 * In forms that bring no context, what only a context could resolve is a warning.
 */
void policy_check(struct json *root, const struct policy_read_options *options, struct json **ret,
		  size_t *ret_errors);

#endif
