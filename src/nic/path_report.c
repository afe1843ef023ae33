/*
 * What is told of a NIC's path: events, log lines, `nic show`.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "base/log.h"
#include "nic/events.h"
#include "nic/failover_private.h"

static const char *const kind_names[PATH_KINDS] = { "synthetic", "vf" };
static const char *const direction_names[DIRECTIONS] = {
	[DIRECTION_INBOUND] = "received",
	[DIRECTION_OUTBOUND] = "sent",
};

void path_report_init(struct failover *failover)
{
	failover->cause = "start";
	clock_gettime(CLOCK_REALTIME, &failover->since);
}

static bool has_two_paths(const struct failover *failover)
{
	return failover->options.config->uplink != UPLINK_PLAIN;
}

/* {"synthetic":{"received":N,"sent":N},"vf":{...}}, less those of `before`. */
static void add_packets(const struct path_packets *now, const struct path_packets *before,
			struct json *to)
{
	struct json *json = json_add_object(to, "packets");

	for (int k = 0; k < PATH_KINDS; k++) {
		struct json *of = json_add_object(json, kind_names[k]);

		for (int d = 0; d < DIRECTIONS; d++)
			json_add_unsigned(of, direction_names[d],
					  now->packets[k][d] - before->packets[k][d]);
	}
}

static void add_event(struct failover *failover, const struct path_step *step, const char *cause)
{
	const enum uplink_type uplink = failover->options.config->uplink;
	struct json *details = json_new_object();
	struct path_packets now;

	path_packets(failover, &now);
	json_add_string(details, "from", path_name(uplink, step->from));
	json_add_string(details, "to", path_name(uplink, step->to));
	json_add_string(details, "cause", cause);
	json_add_unsigned(details, "durationMs", step->lasted_ms);
	add_packets(&now, &failover->before, details);
	failover->before = now;
	if (failover->reading.vf.present)
		json_add_string(details, "vf", failover->reading.vf.device);
	event_log_add(failover->services.events, failover->options.config->name, "path.changed",
		      details);
}

void path_report_change(struct failover *failover, const struct path_step *step,
			enum path_event event)
{
	failover->cause = path_cause(failover->options.config->uplink, step, event);
	if (step->to != PATH_UNCLAIMED && step->to != PATH_SYNTHETIC &&
	    !(step->actions & PATH_ACTION_COMPLAIN))
		failover->complaint = NULL;
	clock_gettime(CLOCK_REALTIME, &failover->since);
	if (!has_two_paths(failover))
		return;
	add_event(failover, step, failover->cause);
	log_notice("path changed", "nic=%s from=%s to=%s cause=\"%s\" lasted_ms=%lu",
		   failover->options.config->name,
		   path_name(failover->options.config->uplink, step->from),
		   path_name(failover->options.config->uplink, step->to), failover->cause,
		   step->lasted_ms);
}

static const char *idle_complaint(const struct failover *failover)
{
	if (failover->options.config->uplink == UPLINK_BIFURCATED)
		return failover->withdrawn
			       ? "the VF's interface was set down, and the kernel has moved the data "
				 "path to the synthetic one; traffic goes back when it is up again"
			       : "the VF is there and cannot be taken up; it is tried again, and "
				 "uplinkPort.vf.problem of `nic show` has the reason";
	if (failover->withdrawn && failover->path.actuators & PATH_CAN_HOLD)
		return "the host took the VF's association back and left its device; netvsc of this "
		       "DPDK passes over a VF that is started when the host gives it again, so traffic "
		       "stays on the synthetic path until the device is removed and returns, or "
		       "accelnetd is started anew";
	if (failover->withdrawn)
		return "the host took the VF's association back and left its device; netvsc takes the "
		       "VF up when the host gives it again";
	if (failover->reading.vf.claimed)
		return "netvsc has the VF and has not started it, and does not try again by itself; the "
		       "log tells why. Where the VF was removed before it was started, netvsc has not "
		       "heard of that and takes up no other one: then a restart of accelnetd helps, "
		       "and nothing else";
	return "a VF with the NIC's MAC is there and netvsc has not taken it up: it waits for the "
	       "host's announcement, which may have come before the VF did";
}

static void report_idle(struct failover *failover)
{
	struct json *details = json_new_object();

	failover->complaint = idle_complaint(failover);
	json_add_string(details, "vf", failover->reading.vf.device);
	json_add_bool(details, "claimed", failover->reading.vf.claimed);
	json_add_string(details, "reason", failover->complaint);
	event_log_add(failover->services.events, failover->options.config->name, "path.unclaimed",
		      details);
	log_warning("the VF lies idle", "nic=%s vf=%s reason=\"%s\"",
		    failover->options.config->name, failover->reading.vf.device,
		    failover->complaint);
}

static void report_late_rules(struct failover *failover)
{
	const char *why =
		failover->path.rules == PATH_RULES_AWAITED
			? "the VF's device takes no rules; traffic goes over the VF and is "
			  "judged in software, and the device is tried again"
			: "the VF's rules are still going in; traffic stays on the synthetic "
			  "path until they are";
	struct json *details;

	if (failover->complaint == why)
		return;
	failover->complaint = why;
	details = json_new_object();
	json_add_string(details, "vf", failover->reading.vf.device);
	json_add_string(details, "reason", why);
	event_log_add(failover->services.events, failover->options.config->name, "path.unready",
		      details);
	log_warning("the VF waits for its rules", "nic=%s vf=%s reason=\"%s\"",
		    failover->options.config->name, failover->reading.vf.device, why);
}

void path_report_complaint(struct failover *failover)
{
	if (failover->path.state == PATH_UNCLAIMED)
		report_idle(failover);
	else
		report_late_rules(failover);
}

static void add_time(struct json *to, const char *key, const struct timespec *time)
{
	char text[32];
	struct tm utc;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&time->tv_sec, &utc));
	json_add_format(to, key, "%s.%03ldZ", text, time->tv_nsec / 1000000);
}

void failover_describe(const struct failover *failover, struct json *to)
{
	json_add_string(to, "path",
			path_name(failover->options.config->uplink, failover->path.state));
	add_time(to, "pathSince", &failover->since);
}

void failover_describe_fully(struct failover *failover, struct json *to)
{
	static const struct path_packets none;
	struct path_packets now;

	json_add_string(to, "pathCause", failover->cause);
	if (!has_two_paths(failover))
		return;
	json_add_bool(to, "held", failover->path.held);
	path_packets(failover, &now);
	add_packets(&now, &none, to);
	if (failover->complaint)
		json_add_string(to, "pathProblem", failover->complaint);
}
