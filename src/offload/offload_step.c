/*
 * What the offload thread does for a NIC: one call, or one look at its port, at a time.
 */
#define LOG_ROOM LOG_ROOM_OFFLOAD
#include "base/log.h"
#include "compile/plan_text.h"
#include "offload/offload_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_BACKOFF_MIN_MS 100
#define OPEN_BACKOFF_MAX_MS 5000

void nic_bar(struct offload_nic *nic)
{
	(void)pthread_mutex_lock(&nic->barrier);
	nic->gone = true;
	(void)pthread_mutex_unlock(&nic->barrier);
}

bool nic_plan_fits(const struct offload_nic *nic)
{
	const struct plan *plan = nic->installer.layout.plan;

	return plan && nic->has_tier && plan->tier == nic->probe.device.tier;
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

static int guarded_call(void *context, const struct flow_port *port, struct flow_call *call,
			struct flow_error *error)
{
	struct offload_nic *nic = context;
	int r = -ENODEV;

	*error = (struct flow_error){ .number = ENODEV, .message = "the port is gone" };
	(void)pthread_mutex_lock(&nic->barrier);
	if (!nic->gone)
		r = make_call(&nic->offload->backend, port, call, error);
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

void nic_go_absent(struct offload_nic *nic)
{
	installer_forget(&nic->installer);
	nic->stage = PORT_ABSENT;
	nic->is_news = true;
}

/* From the beginning: its rules, if it had any, are gone. */
void nic_open_again(struct offload_nic *nic, uint64_t at)
{
	installer_forget(&nic->installer);
	nic->stage = PORT_OPENING;
	nic->open_at = at;
	nic->is_news = true;
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
	nic->port = *port;
	nic->probe = *probe;
	nic->has_tier = true;
	nic->stage = PORT_READY;
	nic->opened = 0;
	nic->is_news = true;
	nic->installer.counts = probe->counts;
	log_notice("the port was probed", "nic=%s port=%u tier=%s priorities=%u counters=%s%s%s%s",
		   nic->options.name, port->id, plan_tier_name(probe->device.tier),
		   probe->device.priorities, probe->counts ? "yes" : "no",
		   probe->why[0] ? " why=\"" : "", probe->why, probe->why[0] ? "\"" : "");
	if (nic_plan_fits(nic))
		installer_install(&nic->installer);
}

static void try_open(struct offload_nic *nic)
{
	const struct probe_device device = { .call = guarded_call, .context = nic };
	struct flow_port port = nic->port;
	struct flow_error error;
	struct probe probe = { .why = "" };
	int r;

	leave_lock(nic);
	r = guarded_open(nic, &port, &error);
	if (r == 0) {
		r = probe_run(&device, &port, &probe);
		error = (struct flow_error){ .number = ENODEV, .message = "not started" };
	}
	take_lock(nic);
	if (nic->gone || nic->stage != PORT_OPENING)
		return;
	if (r < 0)
		open_in_vain(nic, &error);
	else
		opened(nic, &port, &probe);
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

static void do_call(struct offload_nic *nic, struct flow_call *call)
{
	struct flow_port port = nic->port;
	struct flow_error error;
	int r;

	leave_lock(nic);
	r = guarded_call(nic, &port, call, &error);
	take_lock(nic);
	if (nic->gone || r == -ENODEV) {
		/* its handle, if it has one, is void with the port */
		if (!nic->gone)
			nic_open_again(nic, offload_clock() + OPEN_BACKOFF_MIN_MS);
		return;
	}
	if (r < 0 && call->kind != FLOW_QUERY && !call->counted)
		log_refusal(nic, call, &error);
	installer_done(&nic->installer, call, r, &error, offload_clock());
	nic->is_news |= call->kind != FLOW_QUERY;
}

static bool install(struct offload_nic *nic)
{
	struct flow_call call;

	if (nic->stage != PORT_READY)
		return false;
	if (nic->installer.task == TASK_INSTALL && nic->change)
		return false;
	nic->installer.is_wanted = nic_plan_fits(nic);
	if (!installer_next(&nic->installer, offload_clock(), &call))
		return false;
	do_call(nic, &call);
	return true;
}

/* --- news --- */

enum offload_state nic_state(const struct offload_nic *nic, const struct installer_counts *counts)
{
	const struct round *round = &nic->installer.round;

	if (nic->stage == PORT_ABSENT)
		return OFFLOAD_STATE_ABSENT;
	if (nic->stage == PORT_OPENING)
		return OFFLOAD_STATE_WAITING;
	if (!nic_plan_fits(nic))
		return OFFLOAD_STATE_IDLE;
	if (counts->installed == counts->planned && counts->leaving == 0)
		return OFFLOAD_STATE_COMPLETE;
	if (nic->change || nic->installer.task != TASK_INSTALL || nic->installer.leaving_at > 0 ||
	    (round->running && !round->is_retry))
		return OFFLOAD_STATE_INSTALLING;
	return OFFLOAD_STATE_DEGRADED;
}

/* What comes and goes in the middle of something is nobody's concern. */
static bool is_in_the_middle(const struct offload_nic *nic)
{
	const struct installer *installer = &nic->installer;

	return nic->change || installer->task != TASK_INSTALL ||
	       (installer->is_wanted && nic->stage == PORT_READY && installer->round.running) ||
	       installer->leaving_at > 0;
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
	if (nic->gone && nic->stage != PORT_ABSENT)
		nic_go_absent(nic);
	if (nic->stage == PORT_OPENING && offload_clock() >= nic->open_at && !nic->waited_for) {
		try_open(nic);
		return true;
	}
	if (tell(nic) || install(nic))
		return true;
	if (nic->waited_for) {
		nic->waited_for = false;
		(void)pthread_cond_broadcast(&nic->offload->done);
	}
	return tell(nic);
}

uint64_t nic_wakeup(const struct offload_nic *nic)
{
	if (nic->stage == PORT_OPENING)
		return nic->open_at;
	if (nic->stage == PORT_ABSENT || nic->change)
		return UINT64_MAX;
	return installer_wakeup(&nic->installer);
}
