/*
 * What a port can do, found out by rules that are made and destroyed again: never assumed.
 *
 * The rules are for frames to another MAC and between addresses for documentation (RFC 5737), so
 * that they meet nothing; their mark means nothing in any table. Offload thread.
 */
#ifndef OFFLOAD_PROBE_H
#define OFFLOAD_PROBE_H

#include "compile/plan.h"
#include "offload/flow_backend.h"
#include "offload/installer.h"

struct probe {
	struct plan_options device; /* tier and priorities; how many rules it takes is not known */
	bool counts;                /* rules can have counters, where most of them stand */
	char why[160];              /* the refusal that kept it from a higher tier; "" at T3 */
	bool is_passing;            /* that refusal need not last: no memory, busy, an I/O error */
};

/* Makes FLOW_CREATE and FLOW_DESTROY calls: 0, or -errno with `error`; -ENODEV: port not there. */
struct probe_device {
	int (*call)(void *context, const struct flow_port *port, struct flow_call *call,
		    struct flow_error *error);
	void *context;
};

/* 0; -ENODEV where the port takes no rules yet, or no more. */
int probe_run(const struct probe_device *device, const struct flow_port *port, struct probe *ret);

#endif
