/*
 * Any line to the control socket: it is answered by one line of strict JSON, or, if it is a
 * notification, by none, and nothing crashes. There is no NIC, so nothing can change either.
 */
#include "base/log.h"
#include "control/request.h"
#include "nic/events.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_response(char *response)
{
	const struct json_limits limits = { .bytes = 64U << 20, .depth = 128 };
	const size_t length = strlen(response);
	struct json *json = NULL;

	if (length == 0 || response[length - 1] != '\n' || memchr(response, '\n', length - 1))
		abort();
	if (json_parse(response, length - 1, &limits, &json, NULL) < 0)
		abort();
	json_free(json);
	free(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nic_set nics;
	const struct service service = { 0 };
	const struct request_scope scope = {
		.nics = &nics,
		.service = &service,
		.origin = "uid 0 pid 1",
		.response_bytes = 16U << 20,
	};
	struct subscription subscription;
	char *response;

	if (!nics.events) {
		nics.events = event_log_new();
		for (int i = 0; i < LOG_ROOM_COUNT; i++)
			log_set_level((enum log_room)i, LOG_LEVEL_ERROR);
	}
	request_answer(&scope, (const char *)data, size, &response, &subscription);
	if (response)
		check_response(response);
	return 0;
}
