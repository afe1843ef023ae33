/*
 * The strict JSON decoder on any bytes: it never crashes, what it accepts it can print and read
 * again to the same text, and every value can be reached through cursors.
 */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const struct json_at *at)
{
	struct json_at child;
	char pointer[32];
	size_t count = 1;
	int64_t number;

	json_pointer(at, pointer, sizeof(pointer));
	(void)json_integer(at, &number);
	if (json_string(at) && json_type(at) != JSON_STRING)
		abort();
	if (json_type(at) == JSON_OBJECT || json_type(at) == JSON_ARRAY) {
		json_foreach(child, at)
			count += walk(&child);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *json = NULL, *again = NULL;
	struct json_at root;
	char *text, *second;

	if (json_parse((const char *)data, size, NULL, &json, NULL) < 0)
		return 0;
	root = json_root(json);
	if (walk(&root) == 0)
		abort();
	text = json_print(json);
	if (json_parse(text, strlen(text), &(struct json_limits){ .bytes = 64U << 20 }, &again,
		       NULL) < 0)
		abort();
	second = json_print(again);
	if (strcmp(text, second) != 0)
		abort();
	free(text);
	free(second);
	json_free(json);
	json_free(again);
	return 0;
}
