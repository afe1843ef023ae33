/*
 * What is told of a NIC's rules in hardware: events, the log, `nic show`. Thread: control.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/hardware.h"

#include "base/log.h"
#include "nic/clock.h"
#include "nic/events.h"
#include "nic/nic_private.h"

#include <inttypes.h>
#include <string.h>

/* --- events --- */

static void tell(const struct nic *nic, const struct offload_status *status, const char *event)
{
	struct json *details = json_new_object();

	json_add_string(details, "tier", plan_tier_name(status->device.tier));
	json_add_unsigned(details, "generation", nic->generation);
	json_add_unsigned(details, "planned", status->planned);
	json_add_unsigned(details, "installed", status->installed);
	json_add_unsigned(details, "refused", status->refused);
	if (nic->hardware.cause[0])
		json_add_string(details, "cause", nic->hardware.cause);
	event_log_add(nic->services.events, nic->config->name, event, details);
}

static void note_cause(struct nic *nic, const struct offload_status *status)
{
	(void)snprintf(nic->hardware.cause, sizeof(nic->hardware.cause), "%.126s",
		       status->pmd_message[0] ? status->pmd_message : strerror(status->pmd_error));
}

static void tell_degraded(struct nic *nic, const struct offload_status *status)
{
	note_cause(nic, status);
	nic->hardware.told_generation = nic->generation;
	tell(nic, status, "offload.degraded");
	log_warning("rules are not in hardware: software decides there",
		    "nic=%s installed=%zu refused=%zu error=\"%s\"", nic->config->name,
		    status->installed, status->refused, nic->hardware.cause);
}

static void tell_complete(struct nic *nic, const struct offload_status *status)
{
	const bool recovered = nic->hardware.told == OFFLOAD_STATE_DEGRADED;

	if (!recovered)
		nic->hardware.cause[0] = '\0'; /* the device that refused is gone */
	tell(nic, status, recovered ? "offload.recovered" : "offload.complete");
	nic->hardware.cause[0] = '\0';
	nic->hardware.told_epoch = status->epoch;
	nic->hardware.told_generation = nic->generation;
	log_info("rules are in hardware", "nic=%s tier=%s installed=%zu generation=%" PRIu64,
		 nic->config->name, plan_tier_name(status->device.tier), status->installed,
		 nic->generation);
}

void hardware_tell(struct nic *nic, const struct offload_status *status)
{
	struct hardware *hardware = &nic->hardware;
	const bool is_new = status->state != hardware->told;

	if (status->state == OFFLOAD_STATE_DEGRADED &&
	    (is_new || hardware->told_generation != nic->generation))
		tell_degraded(nic, status);
	else if (status->state == OFFLOAD_STATE_COMPLETE &&
		 (hardware->told == OFFLOAD_STATE_DEGRADED ||
		  hardware->told_epoch != status->epoch ||
		  hardware->told_generation != nic->generation))
		tell_complete(nic, status);
	else if (status->state == OFFLOAD_STATE_INSTALLING)
		return; /* degraded until everything is in */
	hardware->told = status->state;
}

/* --- describing --- */

const char *hardware_why_none(const struct nic *nic)
{
	if (!nic->services.offload)
		return "the daemon runs without rules in hardware";
	return "\"offload\" is \"off\" in the NIC's configuration";
}

static void describe_device(const struct offload_status *status, struct json *to)
{
	struct json *json = json_add_object(to, "device");

	json_add_string(json, "tier", plan_tier_name(status->device.tier));
	json_add_string(json, "why", status->why_tier);
	json_add_unsigned(json, "port", status->port);
	json_add_unsigned(json, "priorities", status->device.priorities);
	json_add_unsigned(json, "ruleLimit", status->device.rule_limit);
	json_add_bool(json, "counters", status->counts);
}

static void describe_plan(const struct nic *nic, const struct offload_status *status,
			  struct json *to)
{
	const struct plan *plan = offload_plan(nic->hardware.offload);
	struct json *json = json_add_object(to, "plan");
	unsigned share;

	json_add_string(json, "form", plan ? plan->form : "none");
	json_add_unsigned(json, "planned", status->planned);
	json_add_unsigned(json, "installed", status->installed);
	json_add_unsigned(json, "refused", status->refused);
	json_add_unsigned(json, "epoch", status->epoch);
	if (hardware_share_lately(nic, clock_ms(), &share))
		json_add_double(json, "share", (double)share / PLAN_SHARE_ALL);
	else
		json_add_null(json, "share");
}

void hardware_describe(const struct nic *nic, struct json *to)
{
	struct json *json = json_add_object(to, "offload");
	struct offload_status status;

	if (!nic->hardware.offload) {
		json_add_string(json, "state", "off");
		json_add_string(json, "why", hardware_why_none(nic));
		return;
	}
	offload_status(nic->hardware.offload, &status);
	json_add_string(json, "state", offload_state_name(status.state));
	if (nic_policy(nic) && nic_policy(nic)->offload == OFFLOAD_OFF)
		json_add_string(json, "why", "options.offload is off");
	if (status.has_tier)
		describe_device(&status, json);
	if (offload_plan(nic->hardware.offload))
		describe_plan(nic, &status, json);
	connection_marks_describe(nic, json);
	if (status.pmd_error) {
		struct json *pmd = json_add_object(json, "pmd");

		json_add_string(pmd, "type", strerrorname_np(status.pmd_error));
		json_add_string(pmd, "message", status.pmd_message);
	}
}
