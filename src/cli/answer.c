/*
 * Reading and printing the daemon's answers: see session.h.
 */
#include "cli/session.h"

#include <stdlib.h>

bool session_print_json(const struct session *session, const struct json *json)
{
	char *text;

	if (!session->arguments->json)
		return false;
	text = json_print(json);
	puts(text);
	free(text);
	return true;
}

static bool get(const struct json_at *at, const char *key, struct json_at *ret)
{
	return at->value && json_get(at, key, ret);
}

void part_of(const struct json_at *at, const char *key, struct json_at *ret)
{
	if (!get(at, key, ret))
		*ret = (struct json_at){ 0 };
}

size_t count_of(const struct json_at *at)
{
	return at->value ? json_count(at) : 0;
}

const char *text_of(const struct json_at *at, const char *key)
{
	struct json_at part;
	const char *text = get(at, key, &part) ? json_string(&part) : NULL;

	return text ? text : "";
}

int64_t number_of(const struct json_at *at, const char *key)
{
	struct json_at part;
	int64_t number = 0;

	if (get(at, key, &part) && !json_integer(&part, &number))
		number = (int64_t)json_double(&part);
	return number;
}

bool flag_of(const struct json_at *at, const char *key)
{
	struct json_at part;
	bool flag = false;

	if (get(at, key, &part))
		(void)json_bool(&part, &flag); /* anything else is false */
	return flag;
}

char *list_of(const struct json_at *at, const char *key)
{
	struct json_at list, item;
	const char *separator = "";
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		abort();
	part_of(at, key, &list);
	foreach_in(item, &list)
	{
		fprintf(file, "%s%s", separator, json_string(&item) ? json_string(&item) : "?");
		separator = ", ";
	}
	fclose(file);
	return text;
}
