/*
 * The bounded event log: a ring of JSON objects and a short list of listeners. See events.h.
 */
#include "nic/events.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define LISTENERS_MAX 64

struct listener {
	event_listener call; /* NULL: free */
	void *context;
};

struct event_log {
	struct json *events[EVENT_LOG_MAX]; /* event with sequence s stands at s % EVENT_LOG_MAX */
	uint64_t next;                      /* sequence of the next event; the first is 1 */
	struct listener listeners[LISTENERS_MAX];
};

struct event_log *event_log_new(void)
{
	struct event_log *log = calloc(1, sizeof(*log));

	if (log)
		log->next = 1;
	return log;
}

void event_log_free(struct event_log *log)
{
	if (!log)
		return;
	for (size_t i = 0; i < EVENT_LOG_MAX; i++)
		json_free(log->events[i]);
	free(log);
}

/* RFC 3339 in UTC with milliseconds. */
static void format_time(char *buffer, size_t size)
{
	struct timespec now;
	struct tm utc;
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	length = strftime(buffer, size, "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(buffer + length, size - length, ".%03ldZ", now.tv_nsec / 1000000);
}

void event_log_add(struct event_log *log, const char *nic, const char *name, struct json *details)
{
	struct json *event = details ? details : json_new_object();
	struct json **slot = &log->events[log->next % EVENT_LOG_MAX];
	char now[40];

	format_time(now, sizeof(now));
	json_add_unsigned(event, "sequence", log->next);
	json_add_string(event, "time", now);
	json_add_string(event, "event", name);
	if (nic)
		json_add_string(event, "nic", nic);
	json_free(*slot);
	*slot = event;
	log->next++;
	for (size_t i = 0; i < LISTENERS_MAX; i++) {
		if (log->listeners[i].call)
			log->listeners[i].call(log->listeners[i].context, event);
	}
}

struct json *event_log_since(const struct event_log *log, uint64_t after)
{
	struct json *list = json_new_array();
	uint64_t oldest = log->next > EVENT_LOG_MAX ? log->next - EVENT_LOG_MAX : 1;

	for (uint64_t s = after + 1 > oldest ? after + 1 : oldest; s < log->next; s++)
		json_add(list, NULL, json_copy(log->events[s % EVENT_LOG_MAX]));
	return list;
}

int event_log_listen(struct event_log *log, event_listener listener, void *context)
{
	for (int i = 0; i < LISTENERS_MAX; i++) {
		if (log->listeners[i].call)
			continue;
		log->listeners[i] = (struct listener){ .call = listener, .context = context };
		return i + 1;
	}
	return -ENOSPC;
}

void event_log_unlisten(struct event_log *log, int handle)
{
	if (handle >= 1 && handle <= LISTENERS_MAX)
		log->listeners[handle - 1].call = NULL;
}
