/*
 * The check that text must pass before cJSON may see it: RFC 8259 grammar of tokens, UTF-8,
 * escapes, numbers, nesting depth. Pure.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/error.h"

#include <stddef.h>

/* 0, or the errno of SYNTAX, ENCODING or TOO_LARGE with line and column in the detail. */
int json_scan(const char *text, size_t length, unsigned max_depth, struct accelnet_error *err);

#endif
