/*
 * The JSON-RPC error object: {"code","message","data":{"symbol","pointer","nic","rule","pmd",
 * "retryable","problems"}}.
 *
 * `message` is the sentence for people, `symbol` what programs go by (accelnet/error.h). nic, rule
 * and pmd are null where they do not apply. `problems` is there where a policy was read.
 */
#ifndef CONTROL_RPC_ERROR_H
#define CONTROL_RPC_ERROR_H

#include "control/call.h"

/* The caller frees it. */
struct json *rpc_error_json(const struct call_error *error);

/* The problems of a report as `errors` or as `warnings`: [{"pointer","code","detail"}]. */
struct json *report_errors_json(const struct report *report);
struct json *report_warnings_json(const struct report *report);

#endif
