/*
 * A steady stream of probes while a policy changes: first packets, each of a connection of its own,
 * to a port that both policies allow, one that the first alone allows, one that the second alone
 * allows, and one that neither does.
 *
 * What was sent before the change began is judged by the old policy, what was sent after it was
 * answered by the new one, and in between by either; but what both say of holds all the time.
 */
#ifndef TESTS_WIRE_PROBE_H
#define TESTS_WIRE_PROBE_H

#include "base/json.h"
#include "wire/cable.h"

#define PROBE_PORT_BOTH    443
#define PROBE_PORT_FIRST   80
#define PROBE_PORT_SECOND  8081
#define PROBE_PORT_NEITHER 8443

struct probe;

struct probe *probe_new(struct cable *cable);
void probe_free(struct probe *probe);

/* Sends until there is something to read from `told`. Forgets what was sent before. */
void probe_run(struct probe *probe, int told);

/* A change of policy, in nanoseconds of CLOCK_MONOTONIC. */
struct probe_change {
	uint64_t began;
	uint64_t answered;
	bool to_first; /* from the second; else the other way round */
};

/*
 * {"sent","old","new","wrongCount","wrong":[text],"strange","gapMs","quietGapMs"}: how
 * many were certain to be judged by which, and the longest time in which none of those that both
 * policies allow came out, during the change and outside it. The caller frees it.
 */
struct json *probe_result(struct probe *probe, const struct probe_change *change);

#endif
