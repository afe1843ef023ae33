/*
 * The seam to a device that takes rules: rte_flow (flow_rte.h), or a fake in tests.
 *
 * Every member but watch and unwatch is called on the offload thread, with the port's barrier held
 * (offload_step.c): never two at once on one port, and never once the port was reported gone.
 * Beside it isolated.c calls rte_flow's open and destroy, for its own rule. They may block for as
 * long as the device takes. Negative returns are -errno; then `error` has been filled. -ENODEV says
 * that the port is not there or not started, hence that every handle of it is void; it is believed
 * where check() says so, too.
 */
#ifndef OFFLOAD_FLOW_BACKEND_H
#define OFFLOAD_FLOW_BACKEND_H

#include "base/net.h"
#include "compile/plan.h"

#include <stdbool.h>
#include <stdint.h>

/* What all rules on a port share. */
struct flow_port {
	uint16_t id;
	uint16_t queues; /* 0..queues - 1 take what is not dropped */
	struct mac_addr mac;
	/* Filled in by open(): RTE_ETH_RSS_* that the port hashes by, and its key. */
	uint64_t hash;
	uint8_t key[64];
	uint8_t key_length; /* 0: the driver's own */
	bool tells_state;   /* whether it is started can be seen */
};

struct flow_error {
	int number;        /* a positive errno */
	char message[128]; /* what the device says, with the part of the rule that it is about */
};

struct flow_count {
	uint64_t packets;
};

struct flow_watcher {
	void (*gone)(void *argument, uint16_t port);
	void (*came)(void *argument, uint16_t port);
	void *argument;
};

struct flow_backend {
	void *context; /* the first argument of every member */

	/* Before the first rule after an attachment: reads what the port's rules depend on. */
	int (*open)(void *context, struct flow_port *port, struct flow_error *error);
	/* At once: 0, or -ENODEV where the port is not there or known not to be started. */
	int (*check)(void *context, const struct flow_port *port);
	/*
	 * One rule of the plan is one rule of the device. `mark` is the value that PLAN_MARK
	 * writes. `counted`: with a counter of its own. *ret_handle is never NULL on success and
	 * belongs to the port's present life.
	 */
	int (*create)(void *context, const struct flow_port *port, const struct plan_rule *rule,
		      uint32_t mark, bool counted, void **ret_handle, struct flow_error *error);
	/* After a failure the rule is taken to be in the device still. */
	int (*destroy)(void *context, const struct flow_port *port, void *handle,
		       struct flow_error *error);
	/* Of a rule that was created `counted`. */
	int (*query)(void *context, const struct flow_port *port, void *handle,
		     struct flow_count *ret, struct flow_error *error);
	/*
	 * The watcher is to be told, from any thread, when a port is about to disappear and before
	 * anything of it is freed; that blocks until no call runs on the port. And when there is a
	 * new one under its id. Once, by offload_new() and offload_free(); the watcher stays where
	 * it is in between. 0 or -errno.
	 */
	int (*watch)(void *context, const struct flow_watcher *watcher);
	void (*unwatch)(void *context, const struct flow_watcher *watcher);
};

#endif
