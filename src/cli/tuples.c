/*
 * A stream of packets through an engine: see tuples.h.
 */
#include "cli/tuples.h"

#include "base/json.h"
#include "control/rpc_error.h"
#include "control/tuple_text.h"
#include "control/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64U << 10)
#define BATCH          64
#define BUFFER_BYTES   (256U << 10)

/* Lines wait here until there are enough for the engine, wrong ones in their place. */
struct batch {
	const struct engine *engine;
	FILE *out;
	bool explain;
	unsigned count;
	struct tuple tuples[BATCH]; /* of the right ones, without gaps */
	unsigned right;
	struct accelnet_error *errors[BATCH]; /* of each line; NULL: it is right */
	size_t wrong;
};

static int put(FILE *out, struct json *json)
{
	char *text = json_print(json);
	int r = 0;

	json_free(json);
	if (fputs(text, out) == EOF || fputc('\n', out) == EOF)
		r = -errno;
	free(text);
	return r;
}

static int put_error(FILE *out, const struct accelnet_error *err)
{
	const struct call_error error = { .what = *err };
	struct json *json = json_new_object();

	json_add(json, "error", rpc_error_json(&error));
	return put(out, json);
}

static int put_verdict(const struct batch *batch, const struct tuple *tuple,
		       const struct judgement *judgement)
{
	const struct policy *policy = engine_policy(batch->engine);
	struct json *json = verdict_json(policy, tuple, judgement);

	if (engine_tells_where(batch->engine))
		verdict_add_where(json, judgement);
	if (batch->explain)
		json_add(json, "explain", verdict_explain(policy, tuple, judgement));
	return put(batch->out, json);
}

static int flush(struct batch *batch)
{
	struct judgement judgements[BATCH];
	unsigned next = 0;
	int r = 0;

	if (batch->right)
		engine_judge(batch->engine, batch->tuples, batch->right, judgements);
	for (unsigned i = 0; i < batch->count; i++) {
		int put_result = 0;

		if (r == 0 && batch->errors[i])
			put_result = put_error(batch->out, batch->errors[i]);
		else if (r == 0)
			put_result = put_verdict(batch, &batch->tuples[next], &judgements[next]);
		next += batch->errors[i] == NULL;
		free(batch->errors[i]);
		r = r < 0 ? r : put_result;
	}
	batch->count = batch->right = 0;
	return r;
}

static void add_error(struct batch *batch, const struct accelnet_error *err)
{
	struct accelnet_error *copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	*copy = *err;
	batch->errors[batch->count++] = copy;
	batch->wrong++;
}

static bool is_blank(const char *line, size_t length)
{
	while (length &&
	       (line[length - 1] == ' ' || line[length - 1] == '\t' || line[length - 1] == '\r'))
		length--;
	return length == 0;
}

static int add_line(struct batch *batch, const char *line, size_t length)
{
	struct accelnet_error err;
	struct json *json;
	struct json_at root;

	if (is_blank(line, length)) {
		(void)fail(&err, ACCELNET_E_SYNTAX, NULL, "the line is blank");
		add_error(batch, &err);
	} else if (json_parse(line, length, NULL, &json, &err) < 0) {
		add_error(batch, &err);
	} else {
		root = json_root(json);
		if (tuple_from_json(&root, &batch->tuples[batch->right], &err) < 0) {
			add_error(batch, &err);
		} else {
			batch->errors[batch->count++] = NULL;
			batch->right++;
		}
		json_free(json);
	}
	return batch->count == BATCH ? flush(batch) : 0;
}

static int add_too_long(struct batch *batch)
{
	struct accelnet_error err;

	(void)fail(&err, ACCELNET_E_TOO_LARGE, NULL, "a line is longer than %u bytes",
		   LINE_MAX_BYTES);
	add_error(batch, &err);
	return batch->count == BATCH ? flush(batch) : 0;
}

/* Bytes that were read and are no whole line yet. */
struct input {
	char *buffer;
	size_t used;
	bool skipping; /* inside a line that is too long, which was answered */
};

/* Answers the whole lines, and the rest too `at_end`. */
static int take_lines(struct input *input, struct batch *batch, bool at_end)
{
	char *line = input->buffer, *end;
	size_t left = input->used;
	int r = 0;

	while (r == 0 && left && ((end = memchr(line, '\n', left)) || at_end)) {
		size_t length = end ? (size_t)(end - line) : left;

		if (!input->skipping)
			r = length > LINE_MAX_BYTES ? add_too_long(batch)
						    : add_line(batch, line, length);
		input->skipping = false;
		line += length + (end != NULL);
		left -= length + (end != NULL);
	}
	if (r == 0 && left > LINE_MAX_BYTES) {
		if (!input->skipping)
			r = add_too_long(batch);
		input->skipping = true;
		left = 0;
	}
	memmove(input->buffer, line, left);
	input->used = left;
	return r;
}

static int run(struct input *input, struct batch *batch, int fd)
{
	for (;;) {
		ssize_t n = read(fd, input->buffer + input->used, BUFFER_BYTES - input->used);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		input->used += (size_t)n;
		r = take_lines(input, batch, n == 0);
		if (r == 0)
			r = flush(batch);
		if (r == 0 && fflush(batch->out) == EOF)
			r = -errno;
		if (r < 0 || n == 0)
			return r;
	}
}

int tuples_run(const struct engine *engine, int fd, FILE *out, bool explain, size_t *ret_wrong)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	struct input input = { .buffer = malloc(BUFFER_BYTES) };
	int r = -ENOMEM;

	if (batch && input.buffer) {
		batch->engine = engine;
		batch->out = out;
		batch->explain = explain;
		r = run(&input, batch, fd);
		*ret_wrong = batch->wrong;
	}
	for (unsigned i = 0; batch && i < batch->count; i++)
		free(batch->errors[i]);
	free(batch);
	free(input.buffer);
	return r;
}
