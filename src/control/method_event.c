/*
 * events and events.subscribe.
 */
#include "control/call.h"
#include "nic/events.h"

#include <stdio.h>
#include <string.h>

static bool is_of_nic(const struct json_at *event, const char *nic)
{
	struct json_at name;

	return !nic || (json_get(event, "nic", &name) && json_string(&name) &&
			strcmp(json_string(&name), nic) == 0);
}

int handle_events(struct call *call, struct json **ret)
{
	const char *nic = call_string(call, "nic");
	uint64_t after = 0;
	JSON_CLEANUP struct json *all = NULL;
	struct json_at root, event;
	struct json *events;
	int r = call_nic_exists(call);

	if (r < 0)
		return r;
	(void)call_number(call, "after", &after); /* 0: all that are kept */
	all = event_log_since(call->nics->events, after);
	root = json_root(all);
	*ret = json_new_object();
	events = json_add_array(*ret, "events");
	json_foreach(event, &root) {
		if (is_of_nic(&event, nic))
			json_add(events, NULL, json_copy(event.value));
	}
	return 0;
}

int handle_events_subscribe(struct call *call, struct json **ret)
{
	struct subscription *subscription = &call->subscription;
	const char *nic = call_string(call, "nic");
	int r = call_nic_exists(call);

	if (r < 0)
		return r;
	subscription->wanted = true;
	subscription->has_after = call_number(call, "after", &subscription->after);
	if (nic)
		snprintf(subscription->nic, sizeof(subscription->nic), "%s", nic);
	*ret = json_new_object();
	json_add_bool(*ret, "subscribed", true);
	return 0;
}
