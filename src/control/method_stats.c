/*
 * stats, stats.clear and drops: the datapath's counters.
 */
#include "control/call.h"
#include "datapath/stats.h"
#include "nic/hardware.h"

#include <time.h>

static const char *const direction_keys[DIRECTIONS] = {
	[DIRECTION_INBOUND] = "inbound",
	[DIRECTION_OUTBOUND] = "outbound",
};

static void add_traffic(struct json *to, const char *key, const struct traffic *traffic)
{
	struct json *json = json_add_object(to, key);

	json_add_unsigned(json, "packets", traffic->packets);
	json_add_unsigned(json, "bytes", traffic->bytes);
}

static void add_nic_stats(struct json *nics, const struct nic *nic)
{
	struct json *json = json_add_object(nics, NULL), *judged;
	struct nic_stats stats;

	nic_stats_read(nic, &stats);
	json_add_string(json, "nic", nic_get_config(nic)->name);
	for (int i = 0; i < DIRECTIONS; i++) {
		struct json *direction = json_add_object(json, direction_keys[i]);

		add_traffic(direction, "received", &stats.received[i]);
		add_traffic(direction, "forwarded", &stats.forwarded[i]);
		add_traffic(direction, "dropped", &stats.dropped[i]);
	}
	judged = json_add_object(json, "judged");
	json_add_unsigned(judged, "byRules", stats.judged_by_rules);
	json_add_unsigned(judged, "byConnection", stats.judged_by_connection);
	json_add_unsigned(judged, "platform", stats.platform);
	json_add_unsigned(judged, "byHardware", stats.judged_by_hardware);
	json_add_unsigned(judged, "withMarks", stats.classified_by_mark);
	json_add_unsigned(judged, "withConnectionMarks", stats.placed_by_mark);
}

/* RFC 3339 in UTC, with microseconds: rates are made from it. */
static void add_time(struct json *to)
{
	struct timespec now;
	char text[32];
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &utc));
	json_add_format(to, "time", "%s.%06ldZ", text, now.tv_nsec / 1000);
}

int handle_stats(struct call *call, struct json **ret)
{
	int r = call_answer_nics(call, add_nic_stats, ret);

	if (r == 0)
		add_time(*ret);
	return r;
}

int handle_stats_clear(struct call *call, struct json **ret)
{
	struct json *cleared;
	struct nic *nic;
	size_t at = 0;
	int r = call_nic_exists(call);

	if (r < 0)
		return r;
	*ret = json_new_object();
	cleared = json_add_array(*ret, "cleared");
	while (call_each_nic(call, &at, &nic)) {
		nic_stats_clear(nic);
		hardware_clear_drops(nic);
		json_add_string(cleared, NULL, nic_get_config(nic)->name);
	}
	return 0;
}

/* Null where the device drops and does not count. */
static void add_hardware_drops(struct json *to, const struct nic *nic)
{
	uint64_t drops;

	if (hardware_drops(nic, &drops))
		json_add_unsigned(to, "hardware", drops);
	else
		json_add_null(to, "hardware");
}

/* Every reason, zeros too: a reason that is missing and one that never happened must not look
 * alike. */
static void add_drops(struct json *nics, const struct nic *nic)
{
	struct json *json = json_add_object(nics, NULL), *drops;
	struct nic_stats stats;

	nic_stats_read(nic, &stats);
	json_add_string(json, "nic", nic_get_config(nic)->name);
	add_hardware_drops(json, nic);
	drops = json_add_array(json, "drops");
	for (int reason = DROP_NONE + 1; reason < DROP_REASONS; reason++) {
		struct json *entry = json_add_object(drops, NULL);

		json_add_string(entry, "reason", drop_reason_name((enum drop_reason)reason));
		json_add_unsigned(entry, "inbound", stats.drops[DIRECTION_INBOUND][reason]);
		json_add_unsigned(entry, "outbound", stats.drops[DIRECTION_OUTBOUND][reason]);
		json_add_string(entry, "help", drop_reason_help((enum drop_reason)reason));
	}
}

int handle_drops(struct call *call, struct json **ret)
{
	return call_answer_nics(call, add_drops, ret);
}
