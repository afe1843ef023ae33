/*
 * Probes: see probe.h.
 */
#include "wire/probe.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROBES_MAX 60000
#define PAUSE_NS   100000
#define WRONG_MAX  10
#define VM_ADDRESS 0x0a010104U
#define SOURCES    0xcb000000U /* 203.0.0.0/8, and on */

struct sent {
	uint64_t at;
	uint32_t id;
	uint8_t port; /* index */
	bool is_segment;
};

struct probe {
	struct cable *cable;
	uint32_t number; /* of all probes ever */
	struct sent sent[PROBES_MAX];
	unsigned count;
};

static const struct {
	uint16_t number;
	bool allowed[2]; /* by the first policy, by the second */
} ports[] = {
	{ PROBE_PORT_BOTH, { true, true } },
	{ PROBE_PORT_FIRST, { true, false } },
	{ PROBE_PORT_SECOND, { false, true } },
	{ PROBE_PORT_NEITHER, { false, false } },
};
#define PORTS (sizeof(ports) / sizeof(ports[0]))

static uint64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct probe *probe_new(struct cable *cable)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		abort();
	probe->cable = cable;
	return probe;
}

void probe_free(struct probe *probe)
{
	free(probe);
}

/* Openers and segments in mid-stream by turns; no two are of one connection. */
static void send_one(struct probe *probe)
{
	const uint32_t number = probe->number++;
	const bool is_segment = number / PORTS % 2;
	const struct model_packet packet = {
		.direction = DIRECTION_INBOUND,
		.source = { IP_FAMILY_V4, SOURCES + number / 50000 },
		.destination = { IP_FAMILY_V4, VM_ADDRESS },
		.protocol = IP_PROTOCOL_TCP,
		.source_port = (uint16_t)(10000 + number % 50000),
		.destination_port = ports[number % PORTS].number,
		.tcp_flags = is_segment ? MODEL_ACK : MODEL_SYN,
		.acknowledge = is_segment,
	};
	const struct frame_spec spec = { .packet = &packet };
	struct sent *sent = &probe->sent[probe->count++];

	sent->at = clock_ns();
	sent->port = (uint8_t)(number % PORTS);
	sent->is_segment = is_segment;
	sent->id = cable_stream(probe->cable, &spec);
}

void probe_run(struct probe *probe, int told)
{
	struct pollfd polled = { .fd = told, .events = POLLIN };
	const struct timespec pause = { .tv_nsec = PAUSE_NS };

	cable_begin(probe->cable);
	probe->count = 0;
	while (probe->count < PROBES_MAX && poll(&polled, 1, 0) == 0) {
		send_one(probe);
		(void)nanosleep(&pause, NULL);
	}
	cable_wait(probe->cable);
}

/* --- what became of them --- */

static const char *const flavours[] = { "opener", "segment" };

static void complain(struct json *wrong, const struct sent *sent, bool passed,
		     const struct probe_change *change)
{
	json_add_format(wrong, NULL,
			"an %s to port %u, sent %.3f ms after the change began and %.3f ms after "
			"its answer, %s",
			flavours[sent->is_segment], ports[sent->port].number,
			((double)sent->at - (double)change->began) / 1e6,
			((double)sent->at - (double)change->answered) / 1e6,
			passed ? "passed" : "was dropped");
}

/* What was sent before something that came out before the change was judged before it, too. */
static unsigned judged_before(const struct probe *probe, const struct probe_change *change)
{
	unsigned certain = 0;

	for (unsigned i = 0; i < probe->count; i++) {
		const uint64_t at = cable_arrival(probe->cable, probe->sent[i].id);

		if (at && at < change->began)
			certain = i + 1;
	}
	return certain;
}

/* Whether what became of it is what a policy says that may have been in force. */
static bool is_right(const struct sent *sent, bool passed, const struct probe_change *change,
		     bool is_before)
{
	const bool *allowed = ports[sent->port].allowed;
	const bool old = allowed[change->to_first], new = allowed[!change->to_first];

	if (is_before)
		return passed == old;
	if (sent->at > change->answered)
		return passed == new;
	return passed == old || passed == new;
}

/* The longest time between two arrivals that overlaps the change, or does not. */
static double longest_gap(const struct probe *probe, const struct probe_change *change, bool during)
{
	uint64_t last = 0, longest = 0;

	for (unsigned i = 0; i < probe->count; i++) {
		const uint64_t at = cable_arrival(probe->cable, probe->sent[i].id);
		const bool overlaps = last < change->answered && at > change->began;

		if (probe->sent[i].port != 0 || at == 0)
			continue;
		if (last && at > last && overlaps == during && at - last > longest)
			longest = at - last;
		last = at;
	}
	return (double)longest / 1e6;
}

struct json *probe_result(struct probe *probe, const struct probe_change *change)
{
	const unsigned old = judged_before(probe, change);
	unsigned new = 0, wrong_count = 0;
	struct json *json = json_new_object(), *wrong;

	wrong = json_add_array(json, "wrong");
	for (unsigned i = 0; i < probe->count; i++) {
		const struct sent *sent = &probe->sent[i];
		const bool passed = cable_passed(probe->cable, sent->id);

		new += sent->at > change->answered;
		if (!is_right(sent, passed, change, i < old) && wrong_count++ < WRONG_MAX)
			complain(wrong, sent, passed, change);
	}
	json_add_unsigned(json, "sent", probe->count);
	json_add_unsigned(json, "old", old);
	json_add_unsigned(json, "new", new);
	json_add_unsigned(json, "wrongCount", wrong_count);
	json_add_unsigned(json, "strange", cable_strange(probe->cable));
	json_add_double(json, "gapMs", longest_gap(probe, change, true));
	json_add_double(json, "quietGapMs", longest_gap(probe, change, false));
	return json;
}
