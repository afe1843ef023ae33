/*
 * What the offload thread does for a NIC: one call, or one look at its port, at a time.
 */
#define LOG_ROOM LOG_ROOM_OFFLOAD
#include "base/log.h"
#include "compile/plan_text.h"
#include "offload/offload_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_BACKOFF_MIN_MS 100
#define OPEN_BACKOFF_MAX_MS 5000
#define CHECK_INTERVAL_MS   1000
/* What a device refuses for the moment it may take soon; after so many times it is believed. */
#define DOUBTS_MAX 5
/* But one that took nothing at all is asked again, this often. */
#define PROBE_INTERVAL_MS 3000

void nic_bar(struct offload_nic *nic)
{
	nic->gone = true; /* first: the thread would have the barrier again sooner than who waits */
	(void)pthread_mutex_lock(&nic->barrier);
	(void)pthread_mutex_unlock(&nic->barrier);
}

bool nic_plan_fits(const struct offload_nic *nic)
{
	const struct plan *plan = nic->installer.layout.plan;

	return plan && nic->has_tier && plan->tier == nic->probe.device.tier &&
	       (plan->tier != TIER_T2 || plan->priorities <= nic->probe.device.priorities);
}

/* --- calls to the device, without the lock --- */

static int make_call(const struct flow_backend *backend, const struct flow_port *port,
		     struct flow_call *call, struct flow_error *error)
{
	switch (call->kind) {
	case FLOW_CREATE:
		return backend->create(backend->context, port, call->rule, call->mark,
				       call->counted, &call->handle, error);
	case FLOW_DESTROY:
		return backend->destroy(backend->context, port, call->handle, error);
	case FLOW_QUERY:
		return backend->query(backend->context, port, call->handle, &call->count, error);
	}
	return -EINVAL;
}

/* A port that was stopped has forgotten its handles, which must not be used any more. */
static int checked_call(const struct flow_backend *backend, const struct flow_port *port,
			struct flow_call *call, struct flow_error *error)
{
	int r = backend->check(backend->context, port);

	if (r == 0)
		r = make_call(backend, port, call, error);
	if (r == -ENODEV && backend->check(backend->context, port) == 0)
		r = -EIO; /* whatever it means, the port is as it was */
	return r;
}

static int guarded_call(void *context, const struct flow_port *port, struct flow_call *call,
			struct flow_error *error)
{
	struct offload_nic *nic = context;
	int r = -ENODEV;

	*error = (struct flow_error){ .number = ENODEV, .message = "the port is not started" };
	(void)pthread_mutex_lock(&nic->barrier);
	if (!nic->gone)
		r = checked_call(&nic->offload->backend, port, call, error);
	(void)pthread_mutex_unlock(&nic->barrier);
	return r;
}

static int guarded_open(struct offload_nic *nic, struct flow_port *port, struct flow_error *error)
{
	const struct flow_backend *backend = &nic->offload->backend;
	int r = -ENODEV;

	*error = (struct flow_error){ .number = ENODEV, .message = "the port is gone" };
	(void)pthread_mutex_lock(&nic->barrier);
	if (!nic->gone)
		r = backend->open(backend->context, port, error);
	(void)pthread_mutex_unlock(&nic->barrier);
	return r;
}

static int guarded_check(struct offload_nic *nic, const struct flow_port *port)
{
	const struct flow_backend *backend = &nic->offload->backend;
	int r = -ENODEV;

	(void)pthread_mutex_lock(&nic->barrier);
	if (!nic->gone)
		r = backend->check(backend->context, port);
	(void)pthread_mutex_unlock(&nic->barrier);
	return r;
}

static void leave_lock(struct offload_nic *nic)
{
	nic->busy = true;
	(void)pthread_mutex_unlock(&nic->offload->lock);
}

static void take_lock(struct offload_nic *nic)
{
	(void)pthread_mutex_lock(&nic->offload->lock);
	nic->busy = false;
	(void)pthread_cond_broadcast(&nic->offload->done);
}

/* --- the port's life --- */

static void forget_rules(struct offload_nic *nic)
{
	installer_forget(&nic->installer);
	connection_rules_forget(&nic->connections);
}

void nic_lose_port(struct offload_nic *nic)
{
	forget_rules(nic);
	nic->stage = PORT_ABSENT;
	nic->is_news = true;
	(void)pthread_mutex_lock(&nic->offload->ports);
	nic->port.id = UINT16_MAX;
	(void)pthread_mutex_unlock(&nic->offload->ports);
}

/* It was stopped: its rules are gone, and it is waited for. */
static void open_again(struct offload_nic *nic)
{
	log_notice("the port was stopped: its rules are gone", "nic=%s port=%u", nic->options.name,
		   nic->port.id);
	forget_rules(nic);
	nic->is_news = true;
	if (nic->stage == PORT_ABSENT)
		return;
	nic->stage = PORT_OPENING;
	nic->open_at = offload_clock() + OPEN_BACKOFF_MIN_MS;
}

static void open_in_vain(struct offload_nic *nic, const struct flow_error *error)
{
	uint64_t ms = (uint64_t)OPEN_BACKOFF_MIN_MS << (nic->opened < 8 ? nic->opened : 8);

	if (nic->opened++ == 0)
		log_info("the port takes no rules yet", "nic=%s port=%u error=\"%s\"",
			 nic->options.name, nic->port.id, error->message);
	nic->open_at = offload_clock() + (ms < OPEN_BACKOFF_MAX_MS ? ms : OPEN_BACKOFF_MAX_MS);
}

static void opened(struct offload_nic *nic, const struct flow_port *port, const struct probe *probe)
{
	(void)pthread_mutex_lock(&nic->offload->ports);
	nic->port = *port;
	(void)pthread_mutex_unlock(&nic->offload->ports);
	nic->probe = *probe;
	nic->has_tier = true;
	nic->stage = PORT_READY;
	nic->opened = nic->doubts = 0;
	nic->check_at = offload_clock() + CHECK_INTERVAL_MS;
	nic->probe_at = offload_clock() + PROBE_INTERVAL_MS;
	nic->is_news = true;
	nic->installer.counts = probe->counts;
	log_notice("the port was probed", "nic=%s port=%u tier=%s priorities=%u counters=%s%s%s%s",
		   nic->options.name, port->id, plan_tier_name(probe->device.tier),
		   probe->device.priorities, probe->counts ? "yes" : "no",
		   probe->why[0] ? " why=\"" : "", probe->why, probe->why[0] ? "\"" : "");
	if (nic_plan_fits(nic))
		installer_install(&nic->installer);
}

/* It could be for the moment only, or something else than the device. */
static bool is_doubtful(const struct offload_nic *nic, const struct probe *probe)
{
	bool is_worse = nic->has_tier && probe->device.tier < nic->probe.device.tier;

	return (probe->is_passing || is_worse) && nic->doubts < DOUBTS_MAX;
}

/* Without the lock meanwhile. */
static int probe_port(struct offload_nic *nic, struct flow_port *port, struct probe *probe,
		      struct flow_error *error)
{
	const struct probe_device device = { .call = guarded_call, .context = nic };
	int r;

	leave_lock(nic);
	r = guarded_open(nic, port, error);
	if (r == 0) {
		r = probe_run(&device, port, probe);
		*error = (struct flow_error){ .number = ENODEV, .message = "not started" };
	}
	take_lock(nic);
	return r;
}

static void try_open(struct offload_nic *nic)
{
	struct flow_port port = nic->port;
	struct flow_error error;
	struct probe probe = { .why = "" };
	int r = probe_port(nic, &port, &probe, &error);

	if (nic->gone || nic->stage != PORT_OPENING)
		return;
	if (r < 0)
		forget_rules(nic); /* not started: rules that had not gone have */
	if (r == 0 && is_doubtful(nic, &probe)) {
		nic->doubts++;
		(void)snprintf(error.message, sizeof(error.message), "%.120s", probe.why);
		r = -EAGAIN;
	}
	if (r < 0)
		open_in_vain(nic, &error);
	else
		opened(nic, &port, &probe);
}

/* For as long as nothing is in the device nothing is lost by that. True where it was done now. */
static bool probe_again(struct offload_nic *nic)
{
	struct flow_port port = nic->port;
	struct flow_error error;
	struct probe probe = { .why = "" };
	int r;

	if (nic->stage != PORT_READY || nic->probe.device.tier != TIER_T0 ||
	    !nic->probe.is_passing || nic->change || offload_clock() < nic->probe_at)
		return false;
	nic->probe_at = offload_clock() + PROBE_INTERVAL_MS;
	r = probe_port(nic, &port, &probe, &error);
	if (r == 0 && !nic->gone && nic->stage == PORT_READY && probe.device.tier > TIER_T0)
		opened(nic, &port, &probe);
	return true;
}

/* Once in a while; true where that was now. */
static bool look_at_port(struct offload_nic *nic)
{
	struct flow_port port = nic->port;
	int r;

	if (nic->stage != PORT_READY || offload_clock() < nic->check_at)
		return false;
	nic->check_at = offload_clock() + CHECK_INTERVAL_MS;
	leave_lock(nic);
	r = guarded_check(nic, &port);
	take_lock(nic);
	if (r < 0 && !nic->gone && nic->stage == PORT_READY)
		open_again(nic);
	return true;
}

/* --- rules --- */

static void log_refusal(const struct offload_nic *nic, const struct flow_call *call,
			const struct flow_error *error)
{
	const struct plan_text_options options = {
		.port = nic->port.id,
		.queues = nic->port.queues,
		.has_mac = true,
		.mac = nic->port.mac,
	};
	char line[PLAN_LINE_MAX];

	if (plan_rule_text(call->rule, &options, line, sizeof(line)) < 0)
		line[0] = '\0';
	log_warning(call->kind == FLOW_CREATE ? "a rule was refused" : "a rule does not go",
		    "nic=%s port=%u error=\"%s\" errno=%s rule=\"%s\"", nic->options.name,
		    nic->port.id, error->message, strerrorname_np(error->number), line);
}

int nic_call(struct offload_nic *nic, struct flow_call *call, struct flow_error *error)
{
	struct flow_port port = nic->port;
	int r;

	leave_lock(nic);
	r = guarded_call(nic, &port, call, error);
	take_lock(nic);
	if (!nic->gone && r == -ENODEV)
		open_again(nic);
	return nic->gone ? -ENODEV : r;
}

static void do_call(struct offload_nic *nic, struct flow_call *call)
{
	struct flow_error error;
	int r = nic_call(nic, call, &error);

	if (r == -ENODEV)
		return; /* its handle, if it has one, is void with the port */
	if (r < 0 && call->kind != FLOW_QUERY && !call->counted) {
		log_refusal(nic, call, &error);
		nic_make_room(nic, call, r);
	}
	installer_done(&nic->installer, call, r, &error, offload_clock());
	nic->is_news |= call->kind != FLOW_QUERY;
}

/* What was left in a port when it was detached may go as soon as it is attached again. */
static bool may_call(const struct offload_nic *nic)
{
	return nic->stage == PORT_READY || nic->retreating ||
	       (nic->stage == PORT_OPENING && nic->installer.task != TASK_INSTALL);
}

static bool install(struct offload_nic *nic)
{
	struct flow_call call;

	if (!may_call(nic))
		return false;
	if (nic->change && !nic->waited_for)
		return false; /* what a call is about would be another rule when it returns */
	nic->installer.is_wanted = nic_plan_fits(nic);
	if (!installer_next(&nic->installer, offload_clock(), &call))
		return false;
	do_call(nic, &call);
	return true;
}

/* All that would go has gone. A change that is open comes first: it may have to withdraw some. */
static bool end_retreat(struct offload_nic *nic)
{
	const struct connection_rules *connections = &nic->connections;
	struct installer_counts counts;
	size_t left;

	if (!nic->retreating || nic->change)
		return false;
	nic->retreating = false;
	installer_count(&nic->installer, &counts);
	left = counts.installed + counts.leaving + connections->count[CONNECTION_RULE_LEAVING];
	if (left > 0)
		log_error("rules stay behind in the device", "nic=%s port=%u rules=%zu",
			  nic->options.name, nic->port.id, left);
	installer_install(&nic->installer);
	nic->is_news = true;
	return true;
}

/* --- news --- */

/* There is a plan for the device, and the device is one. */
static bool takes_rules(const struct offload_nic *nic)
{
	return nic_plan_fits(nic) && nic->probe.device.tier != TIER_T0;
}

/* Rules of before have not all been tried. */
static bool is_leaving(const struct installer *installer)
{
	return installer->leaving_at > 0 ||
	       (installer->leaving_count > 0 && installer->leaving_failed == 0);
}

enum offload_state nic_state(const struct offload_nic *nic, const struct installer_counts *counts)
{
	const struct round *round = &nic->installer.round;

	if (nic->stage == PORT_ABSENT)
		return OFFLOAD_STATE_ABSENT;
	if (nic->stage == PORT_OPENING)
		return nic->retreating ? OFFLOAD_STATE_INSTALLING : OFFLOAD_STATE_WAITING;
	if (counts->leaving == 0 && !takes_rules(nic))
		return OFFLOAD_STATE_IDLE;
	if (counts->leaving == 0 && counts->installed == counts->planned)
		return OFFLOAD_STATE_COMPLETE;
	if (nic->change || nic->installer.task != TASK_INSTALL || is_leaving(&nic->installer) ||
	    (takes_rules(nic) && round->running && !round->is_retry))
		return OFFLOAD_STATE_INSTALLING;
	return OFFLOAD_STATE_DEGRADED;
}

/* What comes and goes in the middle of something is nobody's concern. */
static bool is_in_the_middle(const struct offload_nic *nic)
{
	const struct installer *installer = &nic->installer;

	if (nic->change || installer->task != TASK_INSTALL)
		return true;
	return nic->stage == PORT_READY &&
	       (is_leaving(installer) || (nic_plan_fits(nic) && installer->round.running));
}

static bool tell(struct offload_nic *nic)
{
	struct installer_counts counts;
	enum offload_state state;
	bool same;

	if (!nic->is_news || is_in_the_middle(nic))
		return false;
	nic->is_news = false;
	installer_count(&nic->installer, &counts);
	state = nic_state(nic, &counts);
	same = state == nic->told && nic->told_epoch == nic->installer.epoch &&
	       nic->told_tier == nic->probe.device.tier &&
	       nic->told_refused == counts.planned - counts.installed;
	nic->told = state;
	nic->told_epoch = nic->installer.epoch;
	nic->told_tier = nic->probe.device.tier;
	nic->told_refused = counts.planned - counts.installed;
	if (same)
		return false;
	log_info("hardware rules", "nic=%s state=%s planned=%zu installed=%zu", nic->options.name,
		 offload_state_name(state), counts.planned, counts.installed);
	leave_lock(nic);
	nic->options.changed(nic->options.context);
	take_lock(nic);
	return true;
}

bool nic_step(struct offload_nic *nic)
{
	if (nic->is_planning || nic->quiet_wanted > 0)
		return false;
	if (nic->gone && nic->port.id != UINT16_MAX)
		nic_lose_port(nic);
	if (nic->stage == PORT_OPENING && !nic->retreating && !nic->waited_for &&
	    offload_clock() >= nic->open_at) {
		try_open(nic);
		return true;
	}
	if (tell(nic) || look_at_port(nic) || probe_again(nic) || install(nic) ||
	    nic_step_connections(nic))
		return true;
	if (nic->waited_for) {
		nic->waited_for = false;
		(void)pthread_cond_broadcast(&nic->offload->done);
	}
	return end_retreat(nic) || tell(nic);
}

uint64_t nic_wakeup(const struct offload_nic *nic)
{
	uint64_t at;

	if (nic->is_planning || nic->quiet_wanted > 0 || nic->retreating ||
	    nic->stage == PORT_ABSENT)
		return UINT64_MAX;
	if (nic->stage == PORT_OPENING)
		return nic->open_at;
	at = nic->change ? UINT64_MAX : installer_wakeup(&nic->installer);
	if (!nic->change && connection_rules_wakeup(&nic->connections) < at)
		at = connection_rules_wakeup(&nic->connections);
	return at < nic->check_at ? at : nic->check_at;
}
