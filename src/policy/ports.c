/*
 * Port lists: see ports.h.
 */
#include "policy/ports.h"

#include "policy/alloc.h"
#include "policy/member.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535
#define ARM_PORT "SecurityRuleInvalidPortRange"

static void add_range(struct port_list *list, struct port_range range)
{
	list->any |= range.first == 0 && range.last == PORT_MAX;
	list->items = alloc_grow(list->items, list->count, sizeof(*list->items));
	list->items[list->count++] = range;
}

/* One to five digits with blanks around them, up to `end`; -1 where it is anything else. */
static int parse_port(const char *text, const char *end)
{
	long value = 0;
	int digits = 0;

	while (text < end && isspace((unsigned char)*text))
		text++;
	for (; text < end && isdigit((unsigned char)*text) && digits < 6; text++, digits++)
		value = value * 10 + (*text - '0');
	while (text < end && isspace((unsigned char)*text))
		text++;
	return text == end && digits > 0 && value <= PORT_MAX ? (int)value : -1;
}

static void refuse(struct reader *reader, struct port_list *list, const struct json_at *at,
		   const char *text, const char *why)
{
	list->bad = true;
	reader_error(reader, ACCELNET_E_PORT_RANGE, at, ARM_PORT,
		     "\"%.40s\" %s: accepted are *, a port from 0 to 65535, or a range such as "
		     "8080-8090",
		     text, why);
}

static void add_text(struct reader *reader, struct port_list *list, const struct json_at *at,
		     const char *text)
{
	const char *end = text + strlen(text), *dash = strchr(text, '-');
	int first, last;

	if (strcmp(text, "*") == 0) {
		list->any = true;
		return;
	}
	first = parse_port(text, dash ? dash : end);
	last = dash ? parse_port(dash + 1, end) : first;
	if (first < 0 || last < 0) {
		refuse(reader, list, at, text, "is not a port or port range");
	} else if (first > last) {
		refuse(reader, list, at, text, "is a reversed range");
	} else {
		add_range(list, (struct port_range){ (uint16_t)first, (uint16_t)last });
	}
}

static void add_integer(struct reader *reader, struct port_list *list, const struct json_at *at)
{
	int64_t port;

	if (!json_integer(at, &port) || port < 0 || port > PORT_MAX) {
		list->bad = true;
		reader_error(reader, ACCELNET_E_PORT_RANGE, at, ARM_PORT,
			     "this number is not a port from 0 to 65535");
		return;
	}
	add_range(list, (struct port_range){ (uint16_t)port, (uint16_t)port });
}

void port_list_add(struct reader *reader, struct port_list *list, const struct json_at *at)
{
	const char *text = json_string(at);
	char *trimmed;

	if (json_type(at) == JSON_NUMBER) {
		add_integer(reader, list, at);
		return;
	}
	if (!member_is(reader, at, JSON_STRING)) {
		list->bad = true;
		return;
	}
	trimmed = alloc_trimmed(text, text + strlen(text));
	add_text(reader, list, at, trimmed);
	free(trimmed);
}

void port_list_add_joined(struct reader *reader, struct port_list *list, const struct json_at *at)
{
	const char *text = json_string(at);

	if (!text || !strchr(text, ',')) {
		port_list_add(reader, list, at);
		return;
	}
	reader_arm(reader, at, ARM_PORT,
		   "\"%.40s\" is a list in a property for one range; it belongs in the plural one",
		   text);
	for (;;) {
		const char *comma = strchr(text, ',');
		char *item = alloc_trimmed(text, comma ? comma : text + strlen(text));

		add_text(reader, list, at, item);
		free(item);
		if (!comma)
			return;
		text = comma + 1;
	}
}

static int compare_ranges(const void *left, const void *right)
{
	const struct port_range *a = left, *b = right;

	return a->first != b->first ? (int)a->first - b->first : (int)a->last - b->last;
}

struct port_set port_list_finish(struct port_list *list)
{
	struct port_set set = { .any = list->any };
	size_t kept = 0;

	if (list->any || list->count == 0) {
		free(list->items);
		return set;
	}
	qsort(list->items, list->count, sizeof(*list->items), compare_ranges);
	for (size_t i = 1; i < list->count; i++) {
		struct port_range *last = &list->items[kept], next = list->items[i];

		if (next.first > last->last + 1)
			list->items[++kept] = next;
		else if (next.last > last->last)
			last->last = next.last;
	}
	set.ranges = list->items;
	set.range_count = kept + 1;
	return set;
}
