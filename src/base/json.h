/*
 * Strict JSON in, JSON out. The only room that knows cJSON, and json.c its only includer.
 *
 * What cJSON lets pass and this does not (each has a test): trailing text, \u0000 and raw control
 * characters in strings, invalid UTF-8 and lone surrogates, duplicate keys, look-up of keys without
 * regard to case, fractions read as integers, integers above 2^53, unlimited nesting.
 *
 * Values are read through cursors, `struct json_at`: a value together with the way that leads to
 * it, so that an error can name its place at no cost until there is one. Cursors live on the stack
 * and borrow both the document and the cursor above them.
 *
 * Thread: any; a document may be read by several threads, written by one.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Zero means the default. */
struct json_limits {
	size_t bytes;   /* of text; default 4 MiB */
	unsigned depth; /* of nesting; default 64 */
};

#define JSON_DEFAULT_BYTES (4U << 20)
#define JSON_DEFAULT_DEPTH 64

/*
 * Parses `length` bytes of UTF-8. `text` needs no NUL. On failure the detail names line and column
 * (1-based, in bytes). The caller owns *ret and frees it with json_free().
 */
int json_parse(const char *text, size_t length, const struct json_limits *limits, struct json **ret,
	       struct accelnet_error *err);
/* Reads all of `path` ("-": standard input), at most limits->bytes, into a NUL-terminated buffer.
 */
int json_slurp(const char *path, const struct json_limits *limits, char **ret_text,
	       size_t *ret_length, struct accelnet_error *err);
/* json_slurp() and json_parse() in one. */
int json_load(const char *path, const struct json_limits *limits, struct json **ret,
	      struct accelnet_error *err);
void json_free(struct json *json);
void json_freep(struct json **json);
#define JSON_CLEANUP __attribute__((cleanup(json_freep)))

/* --- reading --- */

struct json_at {
	const struct json_at *up;
	const struct json *value;
	const char *key; /* in an object; NULL in an array and at the root */
	size_t index;    /* in an array */
};

struct json_at json_root(const struct json *json);
enum json_type json_type(const struct json_at *at);
const char *json_type_name(enum json_type type);

/* False where `at` is not an object or has no such member; *ret is then untouched. */
bool json_get(const struct json_at *at, const char *key, struct json_at *ret);
/* The same, without regard to ASCII case: for Azure's property names only. */
bool json_get_fold(const struct json_at *at, const char *key, struct json_at *ret);
/* Members of an object, or elements of an array; 0 for anything else. */
size_t json_count(const struct json_at *at);

/* for each child of an array or object: struct json_at child; json_foreach(child, &at) { ... } */
bool json_first(const struct json_at *at, struct json_at *ret);
bool json_next(struct json_at *child);
#define json_foreach(child, at)                                        \
	for (bool json_more_ = json_first((at), &(child)); json_more_; \
	     json_more_ = json_next(&(child)))

/* NULL where it is not a string. Never contains NUL; borrowed from the document. */
const char *json_string(const struct json_at *at);
/* False where it is not a number without fraction of magnitude at most 2^53. */
bool json_integer(const struct json_at *at, int64_t *ret);
/* False where it is not true or false. */
bool json_bool(const struct json_at *at, bool *ret);
/* 0 where it is not a number. */
double json_double(const struct json_at *at);

/* The RFC 6901 pointer of `at`, cut with "..." in front where it is longer than the buffer. */
void json_pointer(const struct json_at *at, char *buffer, size_t size);

/*
 * Schemas for objects with fixed members: names, types and whether required, checked at once.
 * Unknown and missing members and wrong types are reported.
 */
struct json_member {
	const char *key;
	enum json_type type;
	bool required;
	bool nullable; /* null counts as absent */
};

/* Returns the number of errors reported. `at` must be an object (that is checked too). */
size_t json_check_members(const struct json_at *at, const struct json_member *members, size_t count,
			  struct report *report);

/* --- building: values are owned by what they are added to; memory exhaustion aborts --- */

struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *text);
struct json *json_new_integer(int64_t value);
struct json *json_copy(const struct json *json);

/* `key` is NULL for arrays. Each returns what it added. */
struct json *json_add(struct json *to, const char *key, struct json *value);
struct json *json_add_object(struct json *to, const char *key);
struct json *json_add_array(struct json *to, const char *key);
void json_add_string(struct json *to, const char *key, const char *text); /* NULL: null */
void json_add_format(struct json *to, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void json_add_integer(struct json *to, const char *key, int64_t value);
void json_add_unsigned(struct json *to, const char *key, uint64_t value); /* exact to 2^64-1 */
void json_add_double(struct json *to, const char *key, double value);
void json_add_bool(struct json *to, const char *key, bool value);
void json_add_null(struct json *to, const char *key);
void json_remove(struct json *from, const char *key);

/* Text of one line without line end, or indented; the caller frees it. */
char *json_print(const struct json *json);
char *json_print_pretty(const struct json *json);

#endif
