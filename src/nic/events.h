/*
 * What happened: a bounded log of events, and those who want to hear of them.
 *
 * An event is one JSON object: {"sequence","time","nic","event",...}. The newest EVENT_LOG_MAX are
 * kept. Thread: control.
 */
#ifndef NIC_EVENTS_H
#define NIC_EVENTS_H

#include "base/json.h"

#include <stdint.h>

#define EVENT_LOG_MAX 1024

struct event_log;

/* Called for every new event; `event` is borrowed for the call. */
typedef void (*event_listener)(void *context, const struct json *event);

struct event_log *event_log_new(void);
void event_log_free(struct event_log *log);

/*
 * Takes ownership of `details` (an object, or NULL), adds sequence, time, nic and event to it and
 * stores it. `nic` may be NULL for events of the daemon itself.
 */
void event_log_add(struct event_log *log, const char *nic, const char *event, struct json *details);

/* Events with a sequence above `after`, oldest first, as an array that the caller frees. */
struct json *event_log_since(const struct event_log *log, uint64_t after);

/* Returns a handle > 0, for event_log_unlisten(); -ENOSPC where there are too many already. */
int event_log_listen(struct event_log *log, event_listener listener, void *context);
void event_log_unlisten(struct event_log *log, int handle);

#endif
