/*
 * stream: sends TCP segments into a VM's NIC, by azhost's cable, and takes them where accelnetd
 * hands them to the VM, by memif; says how many arrived and how long each was under way. Both ends
 * are in one thread of one process, so there is one clock.
 *
 *     stream [EAL OPTIONS] -- CABLE MEMIF PHASE...
 *
 * CABLE is azhost's uplink, `ring:PATH`; or `vf:PATH`: frames are put straight into the VF while
 * there is one, as by a NIC's switch in hardware, so that the host has no part in them. MEMIF is
 * the socket of accelnetd's app device `net_memif0,role=server,socket=MEMIF,socket-abstract=no`.
 * First FLOWS connections are opened, by SYN and SYN-ACK. Then the phases, one after the other:
 *
 *     SIZE:SECONDS:RATE   segments of SIZE bytes, RATE a second; RATE 0: as fast as they are taken;
 *                         SECONDS 0: until there is a line, or the end, on standard input
 *     deny:COUNT          openers to a port that no rule allows
 *
 * A line of JSON when a phase begins and one when it has ended. Times are nanoseconds.
 */
#include "azhost/wire/cable_end.h"
#include "azhost/wire/nimble.h"
#include "bench/frames.h"
#include "bench/sink.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FLOWS            SINK_FLOWS
#define OPEN_SECONDS     10
#define SETTLE_MS        300  /* so long after the last was sent none may come that should not */
#define PATIENCE_MS      5000 /* and so long what should is waited for, since the last came */
#define STDIN_LOOK_TURNS 64
#define NAP_NS           5000 /* and what the kernel adds */
#define BURST            32u

struct phase {
	unsigned size;
	double seconds;
	double rate;
	unsigned denied; /* openers; then the others are 0 */
};

struct stream {
	struct cable_end cable;
	struct sink sink;
	uint8_t frames[FLOWS][FRAME_MAX];
	unsigned size;
	uint64_t sent;
};

static uint64_t cycles(double seconds)
{
	return (uint64_t)(seconds * (double)rte_get_tsc_hz());
}

static double seconds_since(uint64_t tsc)
{
	return (double)(rte_rdtsc() - tsc) / (double)rte_get_tsc_hz();
}

static void make_frames(struct stream *stream, unsigned size, enum frame_kind kind)
{
	for (unsigned flow = 0; flow < FLOWS; flow++)
		frame_make(stream->frames[flow], size, kind, flow, 0);
	stream->size = size;
}

/* Takes what has come; false: nothing. */
static bool take_now(struct stream *stream)
{
	uint8_t frame[RING_FRAME_MAX];
	bool idle = sink_take(&stream->sink) == 0;
	uint32_t length;

	while (cable_get(&stream->cable, frame, &length) == RING_OK) {
		sink_see_answer(&stream->sink, frame, length);
		idle = false;
	}
	return !idle;
}

/* The same; where there is nothing, somebody else may have the processor. */
static void take(struct stream *stream)
{
	if (!take_now(stream))
		(void)nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

static void take_for(struct stream *stream, unsigned milliseconds)
{
	const uint64_t end = rte_rdtsc() + cycles(milliseconds / 1e3);

	while (rte_rdtsc() < end)
		take(stream);
}

/* 1, 0 where there is no room now, or -errno. */
static int send_frame(struct stream *stream, unsigned flow)
{
	int rc = cable_put(&stream->cable, stream->frames[flow], stream->size);

	if (rc == RING_OK)
		return 1;
	return rc == RING_FULL ? 0 : rc;
}

static int open_connections(struct stream *stream)
{
	const uint64_t start = rte_rdtsc();

	make_frames(stream, FRAME_MIN, FRAME_OPENER);
	while (stream->sink.open_count < FLOWS) {
		if (seconds_since(start) > OPEN_SECONDS)
			return -ETIMEDOUT;
		for (unsigned flow = 0; flow < FLOWS; flow++) {
			if (!stream->sink.is_open[flow] && send_frame(stream, flow) < 0)
				return -EPIPE;
		}
		cable_kick(&stream->cable);
		take_for(stream, 50);
	}
	return 0;
}

/* --- a phase --- */

static int send_burst(struct stream *stream, unsigned count)
{
	int sent = 1;

	for (unsigned i = 0; i < count && sent > 0; i++) {
		const unsigned flow = (unsigned)(stream->sent % FLOWS);

		frame_stamp(stream->frames[flow], rte_rdtsc());
		sent = send_frame(stream, flow);
		stream->sent += sent > 0;
	}
	cable_kick(&stream->cable);
	return sent;
}

static bool is_told_to_stop(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, 0) > 0;
}

static bool is_over(const struct phase *phase, uint64_t start, uint64_t turn)
{
	if (phase->seconds > 0)
		return rte_rdtsc() - start >= cycles(phase->seconds);
	return turn % STDIN_LOOK_TURNS == 0 && is_told_to_stop();
}

/* How many segments are due, of which no more are on their way than the sink takes at once. */
static unsigned due(const struct stream *stream, const struct phase *phase, uint64_t start)
{
	const uint64_t under_way = stream->sent - stream->sink.segments;
	const double room = under_way < SINK_WINDOW ? (double)(SINK_WINDOW - under_way) : 0;
	double wanted = BURST;

	if (phase->rate > 0)
		wanted = seconds_since(start) * phase->rate - (double)stream->sent;
	return (unsigned)fmax(0, fmin(fmin(wanted, room), BURST));
}

static int run_segments(struct stream *stream, const struct phase *phase, double *ret_seconds)
{
	const uint64_t start = rte_rdtsc();
	int sent = 0;

	make_frames(stream, phase->size, FRAME_SEGMENT);
	for (uint64_t turn = 1; sent >= 0 && !is_over(phase, start, turn); turn++) {
		unsigned count = due(stream, phase, start);

		sent = count ? send_burst(stream, count) : 0;
		if (sent == 0)
			take(stream);
		else
			(void)take_now(stream);
	}
	*ret_seconds = seconds_since(start);
	return sent < 0 ? sent : 0;
}

static int run_denied(struct stream *stream, const struct phase *phase, double *ret_seconds)
{
	const uint64_t start = rte_rdtsc();

	make_frames(stream, FRAME_MIN, FRAME_DENIED);
	while (stream->sent < phase->denied) {
		int sent = send_frame(stream, (unsigned)(stream->sent % FLOWS));

		if (sent < 0)
			return sent;
		stream->sent += (unsigned)sent;
		cable_kick(&stream->cable);
		take(stream);
	}
	*ret_seconds = seconds_since(start);
	return 0;
}

/* Until all are there; those that should not come get some time, too. */
static void settle(struct stream *stream, const struct phase *phase)
{
	const uint64_t patience = cycles(PATIENCE_MS / 1e3);
	uint64_t seen = 0, since = rte_rdtsc();

	while (phase->denied == 0 && stream->sink.segments < stream->sent &&
	       rte_rdtsc() - since < patience) {
		take(stream);
		if (stream->sink.segments != seen)
			since = rte_rdtsc();
		seen = stream->sink.segments;
	}
	take_for(stream, SETTLE_MS);
}

/* A phase's own samples are wanted where its segments did not queue behind each other. */
static void say_ended(const struct stream *stream, const struct phase *phase, double seconds,
		      uint64_t in_time)
{
	const struct sink *sink = &stream->sink;

	(void)printf("{\"ended\":true,\"seconds\":%.6f,\"sent\":%lu,\"inTime\":%lu,\"arrived\":%lu,"
		     "\"denied\":%lu,\"longestSilence\":%.0f,\"latency\":[",
		     seconds, stream->sent, in_time, sink->segments, sink->denied,
		     (double)sink->silence * 1e9 / (double)rte_get_tsc_hz());
	for (size_t i = 0; phase->rate > 0 && i < sink->sample_count; i++)
		(void)printf("%s%.0f", i ? "," : "",
			     (double)sink->samples[i] * 1e9 / (double)rte_get_tsc_hz());
	(void)printf("]}\n");
	(void)fflush(stdout);
}

static int run_phase(struct stream *stream, const struct phase *phase)
{
	uint64_t in_time;
	double seconds = 0;
	int r;

	stream->sent = 0;
	sink_reset(&stream->sink);
	(void)printf("{\"begun\":true,\"size\":%u,\"rate\":%.0f}\n", phase->size, phase->rate);
	(void)fflush(stdout);
	r = phase->denied ? run_denied(stream, phase, &seconds)
			  : run_segments(stream, phase, &seconds);
	in_time = stream->sink.segments;
	settle(stream, phase);
	if (r == 0)
		say_ended(stream, phase, seconds, in_time);
	return r;
}

/* --- */

static int parse_phase(const char *text, struct phase *ret)
{
	struct phase phase = { 0 };
	int length = 0;

	if (sscanf(text, "deny:%u%n", &phase.denied, &length) == 1 && !text[length]) {
		*ret = phase;
		return phase.denied > 0 ? 0 : -EINVAL;
	}
	if (sscanf(text, "%u:%lf:%lf%n", &phase.size, &phase.seconds, &phase.rate, &length) != 3 ||
	    text[length] || phase.size < FRAME_MIN || phase.size > FRAME_MAX)
		return -EINVAL;
	*ret = phase;
	return 0;
}

static int complain(const char *what, int r)
{
	(void)fprintf(stderr, "stream: %s: %s\n", what, strerror(-r));
	return EXIT_FAILURE;
}

static int plug(struct stream *stream, const char *cable)
{
	const char *path = strchr(cable, ':');

	if (!path)
		return -EINVAL;
	return cable_plug(&stream->cable, path + 1,
			  strncmp(cable, "vf:", strlen("vf:")) == 0 ? CABLE_FEEDS_VF : 0);
}

static int run(struct stream *stream, int count, char **words)
{
	int r = sink_init(&stream->sink, words[1]);

	if (r < 0)
		return complain(words[1], r);
	r = plug(stream, words[0]);
	if (r < 0)
		return complain(words[0], r);
	r = open_connections(stream);
	if (r < 0)
		return complain("the connections do not open", r);
	for (int i = 2; i < count; i++) {
		struct phase phase;

		r = parse_phase(words[i], &phase);
		if (r == 0)
			r = run_phase(stream, &phase);
		if (r < 0)
			return complain(words[i], r);
	}
	sink_fini(&stream->sink);
	cable_unplug(&stream->cable);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct stream stream;
	int taken = rte_eal_init(argc, argv);
	int status;

	nimble_thread();                   /* the device's thread is, and may have the same CPU */
	(void)prctl(PR_SET_TIMERSLACK, 1); /* naps are longer without */
	if (taken < 0)
		return EXIT_FAILURE;
	if (argc - taken < 4) {
		(void)fprintf(stderr, "usage: stream [EAL OPTIONS] -- CABLE MEMIF PHASE...\n");
		return 2;
	}
	status = run(&stream, argc - taken - 1, argv + taken + 1);
	(void)rte_eal_cleanup();
	return status;
}
