/*
 * From text to a source: strict JSON first, and what templates may hold besides.
 *
 * Templates are not plain JSON: they may have comments, a comma behind the last item and line ends
 * inside strings (https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax). These
 * are rewritten to strict JSON, line for line, so that one decoder reads everything.
 */
#include "policy/source.h"

#include "policy/alloc.h"

#include <stdlib.h>
#include <string.h>

struct rewriter {
	const char *in;
	const char *end;
	char *out;
	size_t length;
};

static void put(struct rewriter *r, char c)
{
	r->out[r->length++] = c;
}

/* Behind a comment that begins at `p`, or `p` where none does. */
static const char *skip_comment(const char *p, const char *end)
{
	const char *stop;

	if (end - p < 2 || p[0] != '/')
		return p;
	if (p[1] == '/') {
		stop = memchr(p, '\n', (size_t)(end - p));
		return stop ? stop : end;
	}
	if (p[1] != '*')
		return p;
	stop = memmem(p + 2, (size_t)(end - p) - 2, "*/", 2);
	return stop ? stop + 2 : end;
}

static bool closes_next(const char *p, const char *end)
{
	while (p < end) {
		const char *behind = skip_comment(p, end);

		if (behind != p)
			p = behind;
		else if (strchr(" \t\r\n", *p))
			p++;
		else
			return *p == '}' || *p == ']';
	}
	return false;
}

static void rewrite_string(struct rewriter *r)
{
	put(r, *r->in++);
	while (r->in < r->end) {
		char c = *r->in++;

		if (c == '\n' || c == '\r' || c == '\t') {
			put(r, '\\');
			put(r, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
			continue;
		}
		put(r, c);
		if (c == '"')
			return;
		if (c == '\\' && r->in < r->end)
			put(r, *r->in++);
	}
}

static void rewrite_comment(struct rewriter *r, const char *behind)
{
	for (; r->in < behind; r->in++)
		put(r, *r->in == '\n' ? '\n' : ' ');
}

/* The caller frees the result. */
static char *rewrite(const char *text, size_t length, size_t *ret_length)
{
	struct rewriter r = {
		.in = text,
		.end = text + length,
		.out = alloc_zero(2 * length + 1, 1), /* a line end in a string becomes two */
	};

	while (r.in < r.end) {
		const char *behind = skip_comment(r.in, r.end);

		if (behind != r.in) {
			rewrite_comment(&r, behind);
		} else if (*r.in == '"') {
			rewrite_string(&r);
		} else if (*r.in == ',' && closes_next(r.in + 1, r.end)) {
			put(&r, ' ');
			r.in++;
		} else {
			put(&r, *r.in++);
		}
	}
	*ret_length = r.length;
	return r.out;
}

static int parse_as_template(const char *text, size_t length, struct json **ret)
{
	const struct json_limits limits = { .bytes = 2 * (size_t)POLICY_SOURCE_BYTES };
	size_t rewritten_length;
	char *rewritten = rewrite(text, length, &rewritten_length);
	struct json *root = NULL;
	struct json_at at;
	int r = json_parse(rewritten, rewritten_length, &limits, &root, NULL);

	free(rewritten);
	if (r < 0)
		return r;
	at = json_root(root);
	if (!source_is_template(&at)) {
		json_free(root);
		return -error_errno(ACCELNET_E_SYNTAX);
	}
	*ret = root;
	return 0;
}

int policy_source_parse(const char *text, size_t length, const struct policy_read_options *options,
			struct report *report, struct policy_source **ret)
{
	const struct json_limits limits = { .bytes = POLICY_SOURCE_BYTES };
	struct accelnet_error err;
	struct json *root = NULL;
	int r;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; /* a byte order mark, as Windows editors write it (RFC 8259 section 8.1)
			    */
		length -= 3;
	}
	r = json_parse(text, length, &limits, &root, &err);
	if (r < 0 && err.code == ACCELNET_E_SYNTAX && parse_as_template(text, length, &root) == 0)
		r = 0;
	if (r < 0) {
		report_add(report, &err);
		return r;
	}
	return policy_source_read(root, options, report, ret);
}

int policy_source_load(const char *path, const struct policy_read_options *options,
		       struct report *report, struct policy_source **ret)
{
	const struct json_limits limits = { .bytes = POLICY_SOURCE_BYTES };
	struct accelnet_error err;
	size_t length;
	char *text;
	int r;

	r = json_slurp(path, &limits, &text, &length, &err);
	if (r < 0) {
		report_add(report, &err);
		return r;
	}
	r = policy_source_parse(text, length, options, report, ret);
	free(text);
	return r;
}
