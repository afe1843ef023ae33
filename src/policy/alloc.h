/*
 * Memory for policies. What a document may hold is limited before anything is allocated for it, so
 * exhaustion is a fault of the machine, not of the input: these abort, as building JSON does.
 */
#ifndef POLICY_ALLOC_H
#define POLICY_ALLOC_H

#include <stddef.h>

void *alloc_zero(size_t count, size_t size);
char *alloc_string(const char *text); /* NULL: NULL */
/* The text from `text` to `end`, without blanks on either side. */
char *alloc_trimmed(const char *text, const char *end);
/* `items` with room for one more than `count` of `size` bytes; grows by doubling. */
void *alloc_grow(void *items, size_t count, size_t size);

#endif
