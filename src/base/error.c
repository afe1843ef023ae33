/*
 * Making and collecting errors: see error.h.
 */
#include "base/error.h"

#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *symbol;
	int rpc;
	int number;
} codes[] = { [ACCELNET_OK] = { "ok", 0, 0 },
#define CODE(name, rpc_code, err, sym, text) \
	[ACCELNET_E_##name] = { .symbol = sym, .rpc = rpc_code, .number = err },
	      ACCELNET_ERRORS(CODE)
#undef CODE
};

#define CODE_COUNT (sizeof(codes) / sizeof(codes[0]))

static size_t known(enum accelnet_code code)
{
	return (size_t)code < CODE_COUNT ? (size_t)code : ACCELNET_E_INTERNAL;
}

const char *error_symbol(enum accelnet_code code)
{
	return codes[known(code)].symbol;
}

int error_rpc_code(enum accelnet_code code)
{
	return codes[known(code)].rpc;
}

int error_errno(enum accelnet_code code)
{
	return codes[known(code)].number;
}

/* Bytes of the UTF-8 sequence that `text` begins with (RFC 3629), 0 where it begins with none. */
static size_t sequence_length(const unsigned char *text)
{
	size_t length = text[0] < 0x80   ? 1
			: text[0] < 0xc2 ? 0
			: text[0] < 0xe0 ? 2
			: text[0] < 0xf0 ? 3
			: text[0] < 0xf5 ? 4
					 : 0;

	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

/* What users wrote is quoted, and cut at any byte: the halves of characters become question marks.
 */
static void mend_text(char *text)
{
	while (*text) {
		size_t length = sequence_length((const unsigned char *)text);

		if (length == 0) {
			*text = '?';
			length = 1;
		}
		text += length;
	}
}

static void fill(struct accelnet_error *err, enum accelnet_code code, const struct json_at *at,
		 const char *format, va_list args)
{
	err->code = code;
	err->pointer[0] = '\0';
	if (at)
		json_pointer(at, err->pointer, sizeof(err->pointer));
	(void)vsnprintf(err->detail, sizeof(err->detail), format, args); /* cut is fine */
	mend_text(err->pointer);
	mend_text(err->detail);
}

int fail(struct accelnet_error *err, enum accelnet_code code, const struct json_at *at,
	 const char *format, ...)
{
	if (err) {
		va_list args;

		va_start(args, format);
		fill(err, code, at, format, args);
		va_end(args);
	}
	return -error_errno(code);
}

void report_init(struct report *report)
{
	*report = (struct report){ 0 };
}

void report_fini(struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->problems[i].pointer);
		free(report->problems[i].detail);
	}
	free(report->problems);
	*report = (struct report){ 0 };
}

/* Room for one more problem of that kind, or NULL where there are enough. Grows by doubling. */
static struct problem *next_slot(struct report *report, bool is_warning)
{
	if ((is_warning ? report->warnings : report->errors) >= REPORT_MAX)
		return NULL;
	if ((report->count & (report->count - 1)) == 0) {
		size_t capacity = report->count ? report->count * 2 : 1;
		struct problem *grown = reallocarray(report->problems, capacity, sizeof(*grown));

		if (!grown)
			return NULL;
		report->problems = grown;
	}
	return &report->problems[report->count];
}

static void store(struct report *report, const struct accelnet_error *err, bool is_warning)
{
	struct problem *slot = next_slot(report, is_warning);

	if (is_warning)
		report->warnings++;
	else
		report->errors++;
	if (!slot) {
		report->suppressed++;
		return;
	}
	*slot = (struct problem){
		.code = err->code,
		.is_warning = is_warning,
		.pointer = strdup(err->pointer),
		.detail = strdup(err->detail),
	};
	if (!slot->pointer || !slot->detail) {
		free(slot->pointer);
		free(slot->detail);
		report->suppressed++;
		return;
	}
	report->count++;
}

void report_error(struct report *report, enum accelnet_code code, const struct json_at *at,
		  const char *format, ...)
{
	struct accelnet_error err;
	va_list args;

	va_start(args, format);
	fill(&err, code, at, format, args);
	va_end(args);
	store(report, &err, false);
}

void report_warning(struct report *report, enum accelnet_code code, const struct json_at *at,
		    const char *format, ...)
{
	struct accelnet_error err;
	va_list args;

	va_start(args, format);
	fill(&err, code, at, format, args);
	va_end(args);
	store(report, &err, true);
}

void report_add(struct report *report, const struct accelnet_error *err)
{
	store(report, err, false);
}

int report_result(const struct report *report, struct accelnet_error *err)
{
	if (report->errors == 0)
		return 0;
	for (size_t i = 0; i < report->count; i++) {
		const struct problem *problem = &report->problems[i];

		if (problem->is_warning)
			continue;
		if (err) {
			err->code = problem->code;
			(void)snprintf(err->pointer, sizeof(err->pointer), "%s", problem->pointer);
			(void)snprintf(err->detail, sizeof(err->detail), "%s", problem->detail);
		}
		return -error_errno(problem->code);
	}
	return fail(err, ACCELNET_E_LIMIT, NULL, "too many problems to list");
}
