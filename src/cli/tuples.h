/*
 * `verify --tuples`: packets as NDJSON in, verdicts as NDJSON out, in the same order.
 */
#ifndef CLI_TUPLES_H
#define CLI_TUPLES_H

#include "control/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Reads `fd` to its end, a line at most 64 KiB, and answers each line on `out`, a blank one too:
 * the answer to line N is line N. What has come is answered before it waits for more, so that it
 * serves in a pipe. *ret_wrong counts lines that were answered by {"error":{...}}. 0 or -errno of
 * reading or writing.
 */
int tuples_run(const struct engine *engine, int fd, FILE *out, bool explain, size_t *ret_wrong);

#endif
