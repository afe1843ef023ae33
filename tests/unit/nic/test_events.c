/*
 * The event log: numbered, bounded, told to listeners.
 */
#include "nic/events.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t sequence_of(const struct json *event)
{
	struct json_at root = json_root(event), member;
	int64_t number = -1;

	assert_true(json_get(&root, "sequence", &member));
	assert_true(json_integer(&member, &number));
	return number;
}

static void remember_sequence(void *context, const struct json *event)
{
	*(int64_t *)context = sequence_of(event);
}

static void numbers_events_and_keeps_the_newest(void **state)
{
	struct event_log *log = event_log_new();
	struct json_at root, first;
	struct json *list;

	(void)state;
	for (int i = 0; i < EVENT_LOG_MAX + 10; i++)
		event_log_add(log, "eth1", "link.up", NULL);
	list = event_log_since(log, 0);
	root = json_root(list);
	assert_int_equal(json_count(&root), EVENT_LOG_MAX);
	assert_true(json_first(&root, &first));
	assert_int_equal(sequence_of(first.value), 11);
	json_free(list);
	list = event_log_since(log, EVENT_LOG_MAX + 8);
	root = json_root(list);
	assert_int_equal(json_count(&root), 2);
	json_free(list);
	event_log_free(log);
}

static void tells_listeners_until_they_leave(void **state)
{
	struct event_log *log = event_log_new();
	int64_t seen = 0;
	int handle = event_log_listen(log, remember_sequence, &seen);

	(void)state;
	assert_true(handle > 0);
	event_log_add(log, NULL, "daemon.started", NULL);
	assert_int_equal(seen, 1);
	event_log_unlisten(log, handle);
	event_log_add(log, NULL, "daemon.started", NULL);
	assert_int_equal(seen, 1);
	event_log_free(log);
}

static void refuses_too_many_listeners(void **state)
{
	struct event_log *log = event_log_new();
	int64_t seen;
	int handle;

	(void)state;
	do {
		handle = event_log_listen(log, remember_sequence, &seen);
	} while (handle > 0);
	assert_int_equal(handle, -ENOSPC);
	event_log_free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_events_and_keeps_the_newest),
		cmocka_unit_test(tells_listeners_until_they_leave),
		cmocka_unit_test(refuses_too_many_listeners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
