/*
 * Allocation that aborts where there is no memory: see alloc.h.
 */
#include "policy/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *or_abort(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void *alloc_zero(size_t count, size_t size)
{
	return or_abort(calloc(count ? count : 1, size));
}

char *alloc_string(const char *text)
{
	return text ? or_abort(strdup(text)) : NULL;
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *alloc_trimmed(const char *text, const char *end)
{
	while (text < end && is_blank(*text))
		text++;
	while (end > text && is_blank(end[-1]))
		end--;
	return or_abort(strndup(text, (size_t)(end - text)));
}

void *alloc_grow(void *items, size_t count, size_t size)
{
	if (count & (count - 1))
		return items;
	return or_abort(reallocarray(items, count ? count * 2 : 1, size));
}
