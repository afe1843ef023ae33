/*
 * The names of drop reasons. Thread: any; no state.
 */
#include "classify/drop.h"

#include <stddef.h>

static const struct {
	const char *name;
	const char *help;
} reasons[DROP_REASONS] = {
#define DROP_REASON_(reason, text, explanation) [DROP_##reason] = { text, explanation },
	DROP_REASONS_TABLE(DROP_REASON_)
#undef DROP_REASON_
};

const char *drop_reason_name(enum drop_reason reason)
{
	return (size_t)reason < DROP_REASONS ? reasons[reason].name : "unknown";
}

const char *drop_reason_help(enum drop_reason reason)
{
	return (size_t)reason < DROP_REASONS ? reasons[reason].help : "";
}
