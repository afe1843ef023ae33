/*
 * The host's orders: removal, link, faults, and reports of what the device has done.
 */
#include "azhost/connectx/host_order.h"

#include "azhost/connectx/device.h"
#include "azhost/connectx/lock.h"
#include "azhost/wire/vfproto.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

static void order_fatal(struct cx_device *device, uint32_t value)
{
	if (value == 0)
		cx_device_raise(device, IBV_EVENT_DEVICE_FATAL);
	else
		device->stopped = true;
}

static void order_link(struct cx_device *device, uint32_t up)
{
	device->link_up = up;
	cx_device_raise(device, up ? IBV_EVENT_PORT_ACTIVE : IBV_EVENT_PORT_ERR);
}

static void order_fault(struct cx_device *device, uint32_t fault, uint64_t value)
{
	switch (fault) {
	case VF_FAULT_RX_ERROR:
		device->faults[CX_FAULT_RX_ERROR] = value;
		break;
	case VF_FAULT_TX_ERROR:
		device->faults[CX_FAULT_TX_ERROR] = value;
		break;
	case VF_FAULT_RULE_FAIL_AT:
		steer_fault_rule_create(device->steering, value, 1, EREMOTEIO);
		break;
	case VF_FAULT_RULE_LIMIT:
		steer_fault_rule_limit(device->steering, (uint32_t)value);
		break;
	case VF_FAULT_COUNTER_LIMIT:
		device->counters_limit = (uint32_t)value;
		break;
	default:
		break; /* of a newer host: nothing here can fail that way */
	}
}

struct report_item {
	const char *name;
	uint64_t value;
};

static void send_report(int socket, const struct report_item *items, uint32_t n, bool last)
{
	struct vf_message message = { .type = VF_REPORT, .report.count = n, .report.last = last };

	for (uint32_t i = 0; i < n; i++) {
		(void)snprintf(message.report.items[i].name, sizeof(message.report.items[i].name),
			       "%s", items[i].name);
		message.report.items[i].value = items[i].value;
	}
	(void)send(socket, &message, sizeof(message), MSG_NOSIGNAL); /* EOF is seen by recv() */
}

static void report(struct cx_device *device, int socket)
{
	struct cx_counters c = cx_device_counters(device);
	struct steer_stats s;

	steering_stats(device->steering, &s);

	const struct report_item items[] = {
		{ "delivered", c.delivered },
		{ "consumed", c.consumed },
		{ "no_buffer", c.no_buffer },
		{ "dropped", c.dropped },
		{ "to_kernel", c.to_kernel },
		{ "sent", c.sent },
		{ "kernel_sent", c.kernel_sent },
		{ "wire_full", c.wire_full },
		{ "unsent", c.unsent },
		{ "rules", s.rules },
		{ "root_rules", s.root_rules },
		{ "rules_created", s.rules_created },
		{ "rules_refused", s.rules_refused },
		{ "counters", device->counters_alive },
		{ "wqe_send", c.sends },
		{ "wqe_tso", c.segmentations },
		{ "wqe_multi_packet", c.multi_packets },
		{ "wqe_inline_segments", c.inline_segments },
		{ "wqe_inline_headers", c.inline_headers },
		{ "tx_gathered", c.gathered },
		{ "rx_scattered", c.scattered },
		{ "rx_striding", c.striding },
		{ "rx_compressed", c.compressed },
	};
	const uint32_t n = sizeof(items) / sizeof(items[0]);

	for (uint32_t i = 0; i < n; i += VF_REPORT_ITEMS) {
		uint32_t part = n - i < VF_REPORT_ITEMS ? n - i : VF_REPORT_ITEMS;

		send_report(socket, items + i, part, i + part == n);
	}
}

void cx_host_obey(struct cx_device *device, int socket, const struct vf_message *message)
{
	cx_lock();
	switch (message->type) {
	case VF_FATAL:
		order_fatal(device, message->value);
		break;
	case VF_LINK:
		order_link(device, message->value);
		break;
	case VF_FAULT:
		order_fault(device, message->fault.fault, message->fault.value);
		break;
	case VF_QUERY:
		report(device, socket);
		break;
	default:
		break; /* of a newer host */
	}
	cx_unlock();
}
