/*
 * verify --tuples: an answer for each line, in order, whatever the lines are and however they come.
 */
#include "../policy/build.h"
#include "cli/tuples.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define POLICY                                                                                    \
	"{'apiVersion':'accelnet/v1','context':{'virtualNetwork':['10.1.0.0/16']},'nicNsg':"      \
	"{'properties':{'securityRules':[{'name':'web','properties':{'priority':100,'direction':" \
	"'Inbound','access':'Allow','protocol':'Tcp','sourceAddressPrefix':'*',"                  \
	"'destinationAddressPrefix':'*','sourcePortRange':'*','destinationPortRange':'443'}}]}}}"
#define LINE(port)                                                                               \
	"{\"direction\":\"Inbound\",\"protocol\":6,\"source\":\"203.0.113.9\",\"sourcePort\":1," \
	"\"destination\":\"10.1.0.4\",\"destinationPort\":" port "}"
#define ALLOW "{\"access\":\"Allow\",\"rule\":\"web\",\"nsg\":\"nic\"}\n"
#define DENY  "{\"access\":\"Deny\",\"rule\":\"DenyAllInBound\",\"nsg\":\"nic\"}\n"

struct feed {
	int fd;
	const char *text;
	size_t length;
	size_t chunk;
};

static void *write_chunks(void *context)
{
	const struct feed *feed = context;
	size_t at = 0;

	while (at < feed->length) {
		size_t left = feed->length - at;
		ssize_t n =
			write(feed->fd, feed->text + at, left < feed->chunk ? left : feed->chunk);

		if (n <= 0)
			abort();
		at += (size_t)n;
	}
	close(feed->fd);
	return NULL;
}

/* Runs the stream with `text` coming in pieces of `chunk` bytes. The caller frees the answer. */
static char *run(const char *text, size_t length, size_t chunk, enum engine_kind kind,
		 size_t *ret_wrong)
{
	struct built built = build(POLICY, NULL);
	struct engine *engine = NULL;
	struct feed feed = { .text = text, .length = length, .chunk = chunk };
	char *answer = NULL;
	pthread_t thread;
	size_t size;
	FILE *out = open_memstream(&answer, &size);
	int ends[2];

	assert_int_equal(engine_new(built.policy, kind, &engine, NULL), 0);
	assert_int_equal(pipe(ends), 0);
	feed.fd = ends[1];
	assert_int_equal(pthread_create(&thread, NULL, write_chunks, &feed), 0);
	assert_int_equal(tuples_run(engine, ends[0], out, false, ret_wrong), 0);
	pthread_join(thread, NULL);
	close(ends[0]);
	fclose(out);
	engine_free(engine);
	built_fini(&built);
	return answer;
}

static void answers_in_order_however_it_comes(void **state)
{
	static const size_t chunks[] = { 1, 7, 64, 4096, 1 << 20 };
	char *text = calloc(1, 200 * 160), *expected = calloc(1, 200 * 80);

	(void)state;
	for (int i = 0; i < 200; i++) {
		strcat(text, i % 3 ? LINE("443") : LINE("444"));
		strcat(text, i % 5 ? "\n" : "\r\n");
		strcat(expected, i % 3 ? ALLOW : DENY);
	}
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		for (int kind = ENGINE_REFERENCE; kind <= ENGINE_SOFTWARE; kind++) {
			size_t wrong = 77;
			char *answer =
				run(text, strlen(text), chunks[i], (enum engine_kind)kind, &wrong);

			assert_string_equal(answer, expected);
			assert_int_equal(wrong, 0);
			free(answer);
		}
	}
	free(text);
	free(expected);
}

static void answers_a_last_line_without_end(void **state)
{
	size_t wrong;
	char *answer = run(LINE("443"), strlen(LINE("443")), 10, ENGINE_SOFTWARE, &wrong);

	(void)state;
	assert_string_equal(answer, ALLOW);
	free(answer);
}

static void puts_errors_in_their_place(void **state)
{
	const char *text = LINE("443") "\n{}\nnonsense\n" LINE("444") "\n";
	size_t wrong;
	char *answer = run(text, strlen(text), 5, ENGINE_SOFTWARE, &wrong), *at = answer;

	(void)state;
	assert_int_equal(wrong, 2);
	assert_memory_equal(at, ALLOW, strlen(ALLOW));
	at += strlen(ALLOW);
	assert_memory_equal(at, "{\"error\":{", 10);
	assert_non_null(strstr(at, "\"symbol\":\"missing\""));
	at = strchr(at, '\n') + 1;
	assert_memory_equal(at, "{\"error\":{", 10);
	assert_non_null(strstr(at, "\"symbol\":\"syntax\""));
	at = strchr(at, '\n') + 1;
	assert_string_equal(at, DENY);
	free(answer);
}

/* The answer to line N is line N, so that both can be read side by side. */
static void answers_blank_lines_too(void **state)
{
	const char *text = "\n" LINE("443") "\n \t\r\n" LINE("444") "\n\n";
	const char *expected[] = { NULL, ALLOW, NULL, DENY, NULL };
	size_t wrong, count = 0;
	char *answer = run(text, strlen(text), 3, ENGINE_SOFTWARE, &wrong), *at = answer;

	(void)state;
	assert_int_equal(wrong, 3);
	for (; *at; at = strchr(at, '\n') + 1) {
		assert_true(count < 5);
		if (count % 2)
			assert_memory_equal(at, expected[count], strlen(expected[count]));
		else
			assert_memory_equal(at, "{\"error\":{", 10);
		count++;
	}
	assert_int_equal(count, 5);
	free(answer);
}

static void passes_over_a_line_without_end_in_sight(void **state)
{
	const size_t junk = 1 << 20, rest = strlen("\n" LINE("443") "\n");
	char *text = malloc(junk + rest + 1), *answer;
	size_t wrong;

	(void)state;
	memset(text, 'x', junk);
	strcpy(text + junk, "\n" LINE("443") "\n");
	answer = run(text, junk + rest, 4096, ENGINE_SOFTWARE, &wrong);
	assert_int_equal(wrong, 1);
	assert_non_null(strstr(answer, "\"too-large\""));
	assert_string_equal(strchr(answer, '\n') + 1, ALLOW);
	free(answer);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_in_order_however_it_comes),
		cmocka_unit_test(answers_a_last_line_without_end),
		cmocka_unit_test(puts_errors_in_their_place),
		cmocka_unit_test(answers_blank_lines_too),
		cmocka_unit_test(passes_over_a_line_without_end_in_sight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
