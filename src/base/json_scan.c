/*
 * A validating scanner for JSON text: builds nothing, allocates nothing, never recurses.
 *
 * It exists because cJSON accepts more than RFC 8259 does; what passes here, cJSON reads as it was
 * meant. The grammar is walked with an explicit stack of one bit per level (object or array).
 */
#include "base/json_scan.h"

#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 1024

struct scan {
	const unsigned char *start;
	const unsigned char *at;
	const unsigned char *end;
	unsigned depth;
	unsigned max_depth;
	uint64_t is_object[DEPTH_MAX / 64];
	struct accelnet_error *err;
};

static int refuse(struct scan *s, enum accelnet_code code, const char *what)
{
	size_t line = 1, column = 1;

	for (const unsigned char *p = s->start; p < s->at; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}
	return fail(s->err, code, NULL, "line %zu, column %zu: %s", line, column, what);
}

static void skip_space(struct scan *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

/* Length of the UTF-8 sequence at s->at (RFC 3629), 0 where it is not one. */
static size_t utf8_length(const struct scan *s)
{
	const unsigned char *p = s->at;
	size_t left = (size_t)(s->end - p);
	size_t length;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		length = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		length = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (left < length)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	/* no overlong forms, no surrogates, nothing above U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return length;
}

/* Four hexadecimal digits at s->at, or -1. */
static int hex4(const struct scan *s)
{
	int value = 0;

	if (s->end - s->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = s->at[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* After "\u". */
static int scan_unicode_escape(struct scan *s)
{
	int unit = hex4(s);

	if (unit < 0)
		return refuse(s, ACCELNET_E_SYNTAX, "\\u needs four hexadecimal digits");
	if (unit == 0)
		return refuse(s, ACCELNET_E_ENCODING, "\\u0000 is not allowed in a string");
	s->at += 4;
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit > 0xdbff || s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u')
		return refuse(s, ACCELNET_E_ENCODING, "lone surrogate in a \\u escape");
	s->at += 2;
	unit = hex4(s);
	if (unit < 0xdc00 || unit > 0xdfff)
		return refuse(s, ACCELNET_E_ENCODING, "lone surrogate in a \\u escape");
	s->at += 4;
	return 0;
}

/* s->at is behind the opening quote. */
static int scan_string(struct scan *s)
{
	while (s->at < s->end) {
		unsigned char c = *s->at;
		size_t length;

		if (c == '"') {
			s->at++;
			return 0;
		}
		if (c < 0x20)
			return refuse(s, ACCELNET_E_SYNTAX, "raw control character in a string");
		if (c == '\\') {
			s->at++;
			if (s->at == s->end)
				break;
			c = *s->at++;
			if (c == 'u') {
				int r = scan_unicode_escape(s);

				if (r < 0)
					return r;
			} else if (c == '\0' || !strchr("\"\\/bfnrt", c)) {
				s->at--;
				return refuse(s, ACCELNET_E_SYNTAX, "unknown escape in a string");
			}
			continue;
		}
		length = utf8_length(s);
		if (length == 0)
			return refuse(s, ACCELNET_E_ENCODING, "not valid UTF-8");
		s->at += length;
	}
	return refuse(s, ACCELNET_E_SYNTAX, "string without closing quote");
}

static size_t skip_digits(struct scan *s)
{
	const unsigned char *from = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return (size_t)(s->at - from);
}

static int scan_number(struct scan *s)
{
	if (*s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0') {
		s->at++;
		if (s->at < s->end && *s->at >= '0' && *s->at <= '9')
			return refuse(s, ACCELNET_E_SYNTAX, "number with a leading zero");
	} else if (skip_digits(s) == 0) {
		return refuse(s, ACCELNET_E_SYNTAX, "expected a value");
	}
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (skip_digits(s) == 0)
			return refuse(s, ACCELNET_E_SYNTAX, "number ends with a point");
	}
	if (s->at < s->end && (*s->at | 0x20) == 'e') {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		if (skip_digits(s) == 0)
			return refuse(s, ACCELNET_E_SYNTAX,
				      "number without digits in its exponent");
	}
	return 0;
}

static int scan_word(struct scan *s, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length) != 0)
		return refuse(s, ACCELNET_E_SYNTAX, "expected a value");
	s->at += length;
	return 0;
}

static int push(struct scan *s, unsigned is_object)
{
	if (s->depth == s->max_depth)
		return refuse(s, ACCELNET_E_TOO_LARGE, "nested too deeply");
	if (is_object)
		s->is_object[s->depth / 64] |= 1ULL << (s->depth % 64);
	else
		s->is_object[s->depth / 64] &= ~(1ULL << (s->depth % 64));
	s->depth++;
	s->at++;
	return 0;
}

static int in_object(const struct scan *s)
{
	return s->depth > 0 && (s->is_object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1);
}

/* A member's name and colon. */
static int scan_name(struct scan *s)
{
	int r;

	if (s->at == s->end || *s->at != '"')
		return refuse(s, ACCELNET_E_SYNTAX, "expected a property name in quotes");
	s->at++;
	r = scan_string(s);
	if (r < 0)
		return r;
	skip_space(s);
	if (s->at == s->end || *s->at != ':')
		return refuse(s, ACCELNET_E_SYNTAX, "expected ':' after a property name");
	s->at++;
	skip_space(s);
	return 0;
}

static int scan_scalar(struct scan *s)
{
	switch (*s->at) {
	case '"':
		s->at++;
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

enum next { NEXT_VALUE = 1, NEXT_DONE = 2 };

/* Behind a complete value: closes what ends here and goes on to the next member or element. */
static int scan_after_value(struct scan *s)
{
	for (;;) {
		skip_space(s);
		if (s->depth == 0)
			return NEXT_DONE;
		if (s->at == s->end)
			return refuse(s, ACCELNET_E_SYNTAX,
				      "ends before the last bracket is closed");
		if (*s->at == (in_object(s) ? '}' : ']')) {
			s->depth--;
			s->at++;
			continue;
		}
		if (*s->at != ',')
			return refuse(s, ACCELNET_E_SYNTAX,
				      in_object(s) ? "expected ',' or '}'" : "expected ',' or ']'");
		s->at++;
		skip_space(s);
		if (in_object(s)) {
			int r = scan_name(s);

			if (r < 0)
				return r;
		}
		return NEXT_VALUE;
	}
}

/* At '{' or '['. Returns NEXT_VALUE where a value follows, NEXT_DONE where it was empty. */
static int scan_open(struct scan *s)
{
	unsigned is_object = *s->at == '{';
	int r = push(s, is_object);

	if (r < 0)
		return r;
	skip_space(s);
	if (s->at < s->end && *s->at == (is_object ? '}' : ']')) {
		s->at++;
		s->depth--;
		return NEXT_DONE;
	}
	if (is_object) {
		r = scan_name(s);
		if (r < 0)
			return r;
	}
	return NEXT_VALUE;
}

static int scan_document(struct scan *s)
{
	for (;;) {
		int r;

		if (s->at == s->end)
			return refuse(s, ACCELNET_E_SYNTAX, "ends where a value was expected");
		if (*s->at == '{' || *s->at == '[') {
			r = scan_open(s);
			if (r == NEXT_VALUE)
				continue;
		} else {
			r = scan_scalar(s);
		}
		if (r < 0)
			return r;
		r = scan_after_value(s);
		if (r < 0)
			return r;
		if (r == NEXT_DONE)
			break;
	}
	if (s->at != s->end)
		return refuse(s, ACCELNET_E_SYNTAX, "more text after the end of the value");
	return 0;
}

int json_scan(const char *text, size_t length, unsigned max_depth, struct accelnet_error *err)
{
	struct scan s = {
		.start = (const unsigned char *)text,
		.at = (const unsigned char *)text,
		.end = (const unsigned char *)text + length,
		.max_depth = max_depth < DEPTH_MAX ? max_depth : DEPTH_MAX,
		.err = err,
	};

	skip_space(&s);
	if (s.at == s.end)
		return refuse(&s, ACCELNET_E_SYNTAX, "no value: the text is empty");
	return scan_document(&s);
}
