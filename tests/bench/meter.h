/*
 * What the meter tells, in the file $ACCELNET_METER: this struct, in the machine's byte order, and
 * nothing else. Whoever maps the file reads it at any time: a number is written whole, and an
 * interval before `interval_count` counts it. scripts/lib/meter.py is its other reader.
 *
 * Times of intervals are CLOCK_MONOTONIC nanoseconds, all others TSC cycles.
 */
#ifndef TESTS_BENCH_METER_H
#define TESTS_BENCH_METER_H

#include <stdint.h>

#define METER_INTERVALS 65536 /* a ring: the newest stay */

enum meter_kind {
	METER_GAP = 1,  /* between two bursts from the uplink that had packets: long ones */
	METER_CALLBACK, /* one of the program's own for ethdev's events; what: enum
			 * rte_eth_event_type
			 */
	METER_CALL,     /* the program asks the driver for something about a port; what: port */
	METER_RULE,     /* rte_flow_create or _destroy; what: port */
	METER_START,    /* a VF is started, by netvsc or by the program; what: port */
	METER_MARK,     /* the first marked packet since then */
};

struct meter_interval {
	uint64_t kind; /* enum meter_kind */
	uint64_t what;
	uint64_t thread; /* kernel id */
	uint64_t begin;
	uint64_t end;
	uint64_t cpu;          /* processor time of the thread in between, nanoseconds */
	uint64_t cpu_end;      /* of the thread since it began, at the end; not of gaps and marks */
	uint64_t main_cpu_end; /* of the program's first thread; 0: it was not read */

	uint64_t preempted; /* involuntary context switches of the thread; not of rules, marks */
	uint64_t waited;    /* voluntary ones */

	/* Of gaps: */
	uint64_t driver;  /* nanoseconds in calls of the two ports' drivers */
	uint64_t longest; /* nanoseconds: the longest from one poll to the next outside of drivers,
			   * in which the thread did not lose the processor */
	uint64_t longest_before; /* likewise, in as long a time just before; 0: less than 10 us */
	/*
	 * Nanoseconds of those of these rounds that held something up: that ended in a poll with
	 * packets, or in one in which the driver was busy for 10 us and more. Where a poll and the
	 * one before it found nothing, nothing had waited for what was between them.
	 */
	uint64_t held_up;
	uint64_t polls;   /* that found nothing */
	uint64_t stalled; /* nanoseconds: the longest call of the uplink's driver, likewise; */
	uint64_t stalled_end;
};

struct meter {
	uint64_t tsc_hz;
	uint64_t worker; /* kernel id of the thread that polls the uplink */

	/* Poll rounds that had packets from the uplink, and what they were spent on. */
	uint64_t packets;
	uint64_t rounds;
	uint64_t cycles;    /* from one poll of the uplink to the next */
	uint64_t in_uplink; /* of those, in the uplink's driver */
	uint64_t in_app;    /* in the app port's driver */
	/* Rounds that took so long that another program had the processor are not among them. */
	uint64_t left_out;
	uint64_t interval_cost; /* nanoseconds of processor time that an interval takes of its
				 * thread, outside of what it measures */

	uint64_t interval_count; /* ever; the newest is at (interval_count - 1) % METER_INTERVALS */
	struct meter_interval intervals[METER_INTERVALS];
};

#endif
