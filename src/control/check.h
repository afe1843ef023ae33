/*
 * `policy check`: everything that is wrong with a file, at once. Thread: any.
 */
#ifndef CONTROL_CHECK_H
#define CONTROL_CHECK_H

#include "policy/read.h"

/* What a serviceTagsFile is relative to, in the file itself and in the context given beside it. */
struct check_directories {
	const char *document;
	const char *context;
};

/*
 * {"form":"document|nsg|arm","nsgs":[{"name","level","rules"}],"errors":[{"pointer","code",
 *  "detail"}],"warnings":[...]}; `rules` counts the user's own. Pointers are into the file.
 *
 * `source` is NULL where policy_source_load() and the like failed: `form` is then null, and
 * `report` has the reason. What else is found is added to `report`. `directories` NULL: no file is
 * read. The caller frees the answer.
 *
 * With `wants_analysis`, which may take seconds: "analysis" as analysis_add() has it, "undecided"
 * and "notAnalysed":[{"nsg","reason"}].
 */
struct json *policy_check_json(const struct policy_source *source,
			       const struct policy_read_options *options,
			       const struct check_directories *directories, bool wants_analysis,
			       struct report *report);

#endif
