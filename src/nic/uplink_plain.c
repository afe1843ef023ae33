/*
 * The plain uplink: one DPDK device and no second path. The device itself stands for the VF: it can
 * go, and a driver can reset it (RTE_ETH_EVENT_ERR_RECOVERING), after which it is another one as
 * far as rules go. One that has gone is not probed again.
 *
 * The uplink keeps its own MAC: on a TAP that is the far side's. Where the NIC's is another one,
 * the port must be promiscuous to hear it.
 */
#include "nic/uplink_kind.h"
#include "offload/flow_rte.h"
#include "offload/port_callback.h"

#include <rte_ethdev.h>
#include <stdatomic.h>
#include <stdlib.h>

struct plain {
	uint16_t port;
	/* Odd: the device is going, gone or recovering. It counts what befell it. */
	_Atomic uint64_t incarnation;
	void (*wake)(void *context);
	void *context;
};

static bool is_well(uint64_t incarnation)
{
	return incarnation % 2 == 0;
}

/* EAL's interrupt thread, or the driver's. */
static int on_event(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	const bool recovered = event == RTE_ETH_EVENT_RECOVERY_SUCCESS;
	struct plain *plain = argument;

	(void)ret;
	if (port != plain->port || is_well(atomic_load(&plain->incarnation)) == recovered)
		return 0;
	atomic_fetch_add(&plain->incarnation, 1);
	plain->wake(plain->context);
	return 0;
}

static const enum rte_eth_event_type events[] = {
	RTE_ETH_EVENT_INTR_RMV,
	RTE_ETH_EVENT_ERR_RECOVERING,
	RTE_ETH_EVENT_RECOVERY_SUCCESS,
	RTE_ETH_EVENT_RECOVERY_FAILED,
};

#define EVENTS (sizeof(events) / sizeof(events[0]))

static void plain_free(struct plain *plain, size_t registered)
{
	for (size_t i = registered; i > 0; i--)
		port_callback_remove(events[i - 1], on_event, plain);
	free(plain);
}

static int plain_new(uint16_t port, const struct uplink_options *options, struct plain **ret)
{
	struct plain *plain = calloc(1, sizeof(*plain));

	if (!plain)
		return -ENOMEM;
	plain->port = port;
	plain->wake = options->wake_soon;
	plain->context = options->context;
	for (size_t i = 0; i < EVENTS; i++) {
		int r = rte_eth_dev_callback_register(RTE_ETH_ALL, events[i], on_event, plain);

		if (r < 0) {
			plain_free(plain, i);
			return r;
		}
	}
	*ret = plain;
	return 0;
}

static int plain_open(struct uplink *uplink, const struct uplink_options *options,
		      struct accelnet_error *err)
{
	const struct port_setup setup = {
		.device = options->config->uplink_device,
		.queues = options->config->queues,
		.pool = options->pool,
		.promiscuous = options->config->has_mac,
	};
	int r = port_init(&uplink->port, &setup, err);

	if (r == 0 && plain_new(uplink->port.id, options, &uplink->plain) < 0)
		r = fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	return r;
}

/* A port that EAL has brought stays open until EAL ends, and not every driver forgets at a stop. */
static void plain_close(struct uplink *uplink)
{
	if (uplink->plain)
		plain_free(uplink->plain, EVENTS);
	if (uplink->port.started && !uplink->port.probed)
		flow_rte_flush(uplink->port.id);
}

static unsigned plain_actuators(void)
{
	return 0;
}

static void plain_look(struct uplink *uplink, const struct rte_eth_stats *stats,
		       struct uplink_reading *reading)
{
	const uint64_t incarnation = atomic_load(&uplink->plain->incarnation);
	const bool well = is_well(incarnation);

	(void)stats;
	reading->vf.present = reading->vf.claimed = reading->vf.carries = well;
	reading->vf.incarnation = incarnation;
	reading->vf.port = uplink->port.id;
}

static bool plain_is_there(const struct uplink *uplink, const struct vf_sight *vf)
{
	return vf->incarnation == atomic_load(&uplink->plain->incarnation);
}

const struct uplink_kind uplink_plain = {
	.open = plain_open,
	.close = plain_close,
	.actuators = plain_actuators,
	.look = plain_look,
	.is_there = plain_is_there,
};
