/*
 * Parsing, reading and printing JSON on top of cJSON: see json.h. The only file that includes it.
 */
#include "base/json.h"

#include "base/json_scan.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* `struct json` is never completed: it is cJSON's node under a name that does not need its header.
 */
static const cJSON *node(const struct json *json)
{
	return (const cJSON *)json;
}

static cJSON *node_rw(struct json *json)
{
	return (cJSON *)json;
}

static struct json *wrap(cJSON *item)
{
	if (!item)
		abort(); /* json.h: memory exhaustion aborts */
	return (struct json *)item;
}

/* --- parsing --- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The name that stands twice in an object, or NULL. */
static const char *duplicate_name(const cJSON *object)
{
	const char *few[16], **names = few, *found = NULL;
	size_t count = 0, i = 0;

	for (const cJSON *child = object->child; child; child = child->next)
		count++;
	if (count > sizeof(few) / sizeof(few[0])) {
		names = malloc(count * sizeof(*names));
		if (!names)
			abort();
	}
	for (const cJSON *child = object->child; child; child = child->next)
		names[i++] = child->string;
	qsort(names, count, sizeof(*names), compare_names);
	for (i = 1; i < count && !found; i++) {
		if (strcmp(names[i - 1], names[i]) == 0)
			found = names[i];
	}
	if (names != few)
		free(names);
	return found;
}

static int refuse_duplicates(const struct json_at *at, struct accelnet_error *err)
{
	struct json_at child;

	if (json_type(at) == JSON_OBJECT) {
		const char *name = duplicate_name(node(at->value));

		if (name)
			return fail(err, ACCELNET_E_DUPLICATE_KEY, at,
				    "property \"%.100s\" stands twice in this object", name);
	}
	json_foreach(child, at) {
		enum json_type type = json_type(&child);
		int r = 0;

		if (type == JSON_OBJECT || type == JSON_ARRAY)
			r = refuse_duplicates(&child, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Makes large integers text, so that what was read is printed as it was: cJSON prints doubles with
 * 15 digits where it finds that near enough.
 */
static void keep_integers(cJSON *item)
{
	const double exact = 9007199254740992.0; /* 2^53 */
	const double value = item->valuedouble;
	char digits[24];

	for (cJSON *child = item->child; child; child = child->next)
		keep_integers(child);
	if (!cJSON_IsNumber(item) || value != floor(value) || fabs(value) > exact ||
	    fabs(value) <= INT32_MAX)
		return;
	(void)snprintf(digits, sizeof(digits), "%lld", (long long)value);
	item->valuestring = strdup(digits);
	if (!item->valuestring)
		abort(); /* json.h: memory exhaustion aborts */
	item->type = cJSON_Raw;
}

static size_t limit_bytes(const struct json_limits *limits)
{
	return limits && limits->bytes ? limits->bytes : JSON_DEFAULT_BYTES;
}

int json_parse(const char *text, size_t length, const struct json_limits *limits, struct json **ret,
	       struct accelnet_error *err)
{
	unsigned depth = limits && limits->depth ? limits->depth : JSON_DEFAULT_DEPTH;
	struct json_at root;
	cJSON *item;
	int r;

	if (length > limit_bytes(limits))
		return fail(err, ACCELNET_E_TOO_LARGE, NULL, "%zu bytes; at most %zu are accepted",
			    length, limit_bytes(limits));
	r = json_scan(text, length, depth, err);
	if (r < 0)
		return r;
	item = cJSON_ParseWithLength(text, length);
	if (!item)
		return fail(err, ACCELNET_E_SYNTAX, NULL, "the JSON library cannot read this text");
	root = json_root((struct json *)item);
	r = refuse_duplicates(&root, err);
	if (r < 0) {
		cJSON_Delete(item);
		return r;
	}
	keep_integers(item);
	*ret = (struct json *)item;
	return 0;
}

/* Reads until end of file or one byte over `limit`. */
static int read_all(int fd, size_t limit, char **ret_text, size_t *ret_length)
{
	size_t capacity = 65536, length = 0;
	char *text = malloc(capacity);

	while (text) {
		ssize_t got;

		if (length + 1 == capacity) {
			char *grown = realloc(text, capacity * 2);

			if (!grown)
				break;
			text = grown;
			capacity *= 2;
		}
		got = read(fd, text + length, capacity - length - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int r = -errno;

			free(text);
			return r;
		}
		length += (size_t)got;
		if (got == 0 || length > limit) {
			text[length] = '\0';
			*ret_text = text;
			*ret_length = length;
			return 0;
		}
	}
	free(text);
	return -ENOMEM;
}

int json_slurp(const char *path, const struct json_limits *limits, char **ret_text,
	       size_t *ret_length, struct accelnet_error *err)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	char *text = NULL;
	int r;

	if (fd < 0)
		return fail(err, ACCELNET_E_IO, NULL, "cannot open %s: %s", path, strerror(errno));
	r = read_all(fd, limit_bytes(limits), &text, &length);
	if (!standard_input)
		close(fd);
	if (r < 0)
		return fail(err, ACCELNET_E_IO, NULL, "cannot read %s: %s", path, strerror(-r));
	if (length > limit_bytes(limits)) {
		free(text);
		return fail(err, ACCELNET_E_TOO_LARGE, NULL,
			    "%s has more than %zu bytes, the most accepted",
			    standard_input ? "standard input" : path, limit_bytes(limits));
	}
	*ret_text = text;
	*ret_length = length;
	return 0;
}

int json_load(const char *path, const struct json_limits *limits, struct json **ret,
	      struct accelnet_error *err)
{
	size_t length;
	char *text;
	int r;

	r = json_slurp(path, limits, &text, &length, err);
	if (r < 0)
		return r;
	r = json_parse(text, length, limits, ret, err);
	free(text);
	return r;
}

void json_free(struct json *json)
{
	cJSON_Delete(node_rw(json));
}

void json_freep(struct json **json)
{
	json_free(*json);
}

/* --- reading --- */

struct json_at json_root(const struct json *json)
{
	return (struct json_at){ .value = json };
}

enum json_type json_type(const struct json_at *at)
{
	switch (node(at->value)->type & 0xff) {
	case cJSON_True:
	case cJSON_False:
		return JSON_BOOL;
	case cJSON_Number:
	case cJSON_Raw: /* integer_node() and keep_integers() make these */
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string", [JSON_ARRAY] = "a list",   [JSON_OBJECT] = "an object",
	};

	return names[type];
}

static bool find(const struct json_at *at, const char *key,
		 int (*compare)(const char *, const char *), struct json_at *ret)
{
	if (json_type(at) != JSON_OBJECT)
		return false;
	for (const cJSON *child = node(at->value)->child; child; child = child->next) {
		if (compare(child->string, key) == 0) {
			*ret = (struct json_at){
				.up = at,
				.value = (const struct json *)child,
				.key = child->string,
			};
			return true;
		}
	}
	return false;
}

bool json_get(const struct json_at *at, const char *key, struct json_at *ret)
{
	return find(at, key, strcmp, ret);
}

bool json_get_fold(const struct json_at *at, const char *key, struct json_at *ret)
{
	return find(at, key, strcasecmp, ret);
}

size_t json_count(const struct json_at *at)
{
	size_t count = 0;

	for (const cJSON *child = node(at->value)->child; child; child = child->next)
		count++;
	return count;
}

bool json_first(const struct json_at *at, struct json_at *ret)
{
	const cJSON *child = node(at->value)->child;

	if (!child)
		return false;
	*ret = (struct json_at){
		.up = at,
		.value = (const struct json *)child,
		.key = json_type(at) == JSON_OBJECT ? child->string : NULL,
	};
	return true;
}

bool json_next(struct json_at *child)
{
	const cJSON *next = node(child->value)->next;

	if (!next)
		return false;
	child->value = (const struct json *)next;
	child->index++;
	if (child->key)
		child->key = next->string;
	return true;
}

const char *json_string(const struct json_at *at)
{
	return json_type(at) == JSON_STRING ? node(at->value)->valuestring : NULL;
}

bool json_integer(const struct json_at *at, int64_t *ret)
{
	const double exact = 9007199254740992.0; /* 2^53 */
	double value;

	if (json_type(at) != JSON_NUMBER)
		return false;
	value = json_double(at);
	if (value != floor(value) || value > exact || value < -exact)
		return false;
	*ret = (int64_t)value;
	return true;
}

bool json_bool(const struct json_at *at, bool *ret)
{
	if (json_type(at) != JSON_BOOL)
		return false;
	*ret = cJSON_IsTrue(node(at->value));
	return true;
}

double json_double(const struct json_at *at)
{
	const cJSON *item = node(at->value);

	if (cJSON_IsRaw(item))
		return strtod(item->valuestring, NULL);
	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* Puts `text` in front of what stands at buffer[*from], as far as there is room. */
static bool prepend(char *buffer, size_t *from, const char *text, size_t length)
{
	if (*from < length)
		return false;
	*from -= length;
	memcpy(buffer + *from, text, length);
	return true;
}

/* A key with ~ and / escaped (RFC 6901 section 3), in front of what is there. */
static bool prepend_key(char *buffer, size_t *from, const char *key)
{
	for (size_t i = strlen(key); i > 0; i--) {
		bool ok;

		if (key[i - 1] == '~')
			ok = prepend(buffer, from, "~0", 2);
		else if (key[i - 1] == '/')
			ok = prepend(buffer, from, "~1", 2);
		else
			ok = prepend(buffer, from, &key[i - 1], 1);
		if (!ok)
			return false;
	}
	return true;
}

void json_pointer(const struct json_at *at, char *buffer, size_t size)
{
	size_t from = size - 1;
	bool ok = true;

	buffer[from] = '\0';
	for (; at->up && ok; at = at->up) {
		char digits[24];

		if (at->key) {
			ok = prepend_key(buffer, &from, at->key);
		} else {
			int length = snprintf(digits, sizeof(digits), "%zu", at->index);

			ok = prepend(buffer, &from, digits, (size_t)length);
		}
		ok = ok && prepend(buffer, &from, "/", 1);
	}
	memmove(buffer, buffer + from, size - from);
	if (!ok && size > 4)
		memcpy(buffer, "...", 3);
}

static const struct json_member *member_named(const struct json_member *members, size_t count,
					      const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(members[i].key, key) == 0)
			return &members[i];
	}
	return NULL;
}

/* "a", "b" and "c": what would have been accepted. */
static void list_members(const struct json_member *members, size_t count, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++) {
		const char *glue = i == 0 ? "" : i + 1 == count ? " and " : ", ";

		used += (size_t)snprintf(buffer + used, size - used, "%s\"%s\"", glue,
					 members[i].key);
	}
}

static size_t check_member(const struct json_at *child, const struct json_member *members,
			   size_t count, struct report *report)
{
	const struct json_member *member = member_named(members, count, child->key);
	enum json_type type = json_type(child);
	char known[300];

	if (!member) {
		list_members(members, count, known, sizeof(known));
		report_error(report, ACCELNET_E_UNKNOWN_KEY, child,
			     "unknown property \"%.80s\"; known here: %s", child->key, known);
		return 1;
	}
	if (type == member->type || (type == JSON_NULL && member->nullable))
		return 0;
	report_error(report, ACCELNET_E_TYPE, child, "expected %s, found %s",
		     json_type_name(member->type), json_type_name(type));
	return 1;
}

size_t json_check_members(const struct json_at *at, const struct json_member *members, size_t count,
			  struct report *report)
{
	struct json_at child;
	size_t errors = 0;

	if (json_type(at) != JSON_OBJECT) {
		report_error(report, ACCELNET_E_TYPE, at, "expected an object, found %s",
			     json_type_name(json_type(at)));
		return 1;
	}
	json_foreach(child, at)
		errors += check_member(&child, members, count, report);
	for (size_t i = 0; i < count; i++) {
		if (members[i].required && !json_get(at, members[i].key, &child)) {
			report_error(report, ACCELNET_E_MISSING, at,
				     "required property \"%s\" is absent", members[i].key);
			errors++;
		}
	}
	return errors;
}

/* --- building --- */

struct json *json_new_object(void)
{
	return wrap(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
	return wrap(cJSON_CreateArray());
}

struct json *json_new_string(const char *text)
{
	return wrap(text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* cJSON prints doubles with 15 or 17 digits, in exponent form where it likes: text stays exact. */
static cJSON *integer_node(const char *digits)
{
	return node_rw(wrap(cJSON_CreateRaw(digits)));
}

struct json *json_new_integer(int64_t value)
{
	char digits[24];

	if (value >= INT32_MIN && value <= INT32_MAX)
		return wrap(cJSON_CreateNumber((double)value));
	(void)snprintf(digits, sizeof(digits), "%lld", (long long)value);
	return wrap(integer_node(digits));
}

struct json *json_copy(const struct json *json)
{
	return wrap(cJSON_Duplicate(node(json), true));
}

struct json *json_add(struct json *to, const char *key, struct json *value)
{
	cJSON_bool ok;

	if (key)
		ok = cJSON_AddItemToObject(node_rw(to), key, node_rw(value));
	else
		ok = cJSON_AddItemToArray(node_rw(to), node_rw(value));
	if (!ok)
		abort();
	return value;
}

struct json *json_add_object(struct json *to, const char *key)
{
	return json_add(to, key, json_new_object());
}

struct json *json_add_array(struct json *to, const char *key)
{
	return json_add(to, key, json_new_array());
}

void json_add_string(struct json *to, const char *key, const char *text)
{
	json_add(to, key, json_new_string(text));
}

void json_add_format(struct json *to, const char *key, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		abort();
	json_add_string(to, key, text);
	free(text);
}

void json_add_integer(struct json *to, const char *key, int64_t value)
{
	json_add(to, key, json_new_integer(value));
}

void json_add_unsigned(struct json *to, const char *key, uint64_t value)
{
	char digits[24];

	if (value <= INT32_MAX) {
		json_add_integer(to, key, (int64_t)value);
		return;
	}
	(void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	json_add(to, key, wrap(integer_node(digits)));
}

void json_add_double(struct json *to, const char *key, double value)
{
	json_add(to, key, wrap(cJSON_CreateNumber(value)));
}

void json_add_bool(struct json *to, const char *key, bool value)
{
	json_add(to, key, wrap(cJSON_CreateBool(value)));
}

void json_add_null(struct json *to, const char *key)
{
	json_add(to, key, wrap(cJSON_CreateNull()));
}

void json_remove(struct json *from, const char *key)
{
	cJSON_DeleteItemFromObjectCaseSensitive(node_rw(from), key);
}

char *json_print(const struct json *json)
{
	char *text = cJSON_PrintUnformatted(node(json));

	if (!text)
		abort();
	return text;
}

char *json_print_pretty(const struct json *json)
{
	char *text = cJSON_Print(node(json));

	if (!text)
		abort();
	return text;
}
