/* Path selection, see vmport.h. */
#include "azhost/vswitch/vmport.h"

#include "azhost/vswitch/parse.h"
#include "azhost/vswitch/policy.h"

#include <string.h>

const char *const vm_path_names[VM_PATHS] = { "synthetic", "vf" };

const char *const vm_drop_names[VM_DROPS_COUNT] = {
#define VM_DROP_NAME(id, name, help) [VM_DROP_##id] = name,
	VM_DROPS(VM_DROP_NAME)
#undef VM_DROP_NAME
};

static bool drop(struct vm_port *port, enum vm_drop reason)
{
	port->dropped[reason]++;
	return false;
}

static void count(struct vm_counter *counter, uint32_t length)
{
	counter->frames++;
	counter->bytes += length;
}

enum vm_path vm_port_path(const struct vm_port *port)
{
	return port->vf_only || (port->vf_asked && port->vf_usable) ? VM_PATH_VF
								    : VM_PATH_SYNTHETIC;
}

static enum vm_path choose(const struct vm_port *port, const uint8_t *frame, uint32_t length)
{
	enum vm_path path = vm_port_path(port);

	if (path == VM_PATH_SYNTHETIC || port->vf_only)
		return path;
	if (port->vf_fed)
		return VM_PATH_SYNTHETIC;
	if (port->multicast_synthetic && (frame[0] & 1) != 0)
		return VM_PATH_SYNTHETIC;
	if (port->openers_synthetic) {
		struct parsed_frame parsed;

		if (parse_frame(frame, length, &parsed) && parsed.tcp_opener)
			return VM_PATH_SYNTHETIC;
	}
	return path;
}

static bool policy_passes(struct vm_port *port, enum vm_path path, enum policy_direction direction,
			  const uint8_t *frame, uint32_t length)
{
	if (port->policy == NULL || (path == VM_PATH_VF && !port->policy_all_paths))
		return true;
	if (policy_allows(port->policy, direction, frame, length))
		return true;
	return drop(port, VM_DROP_POLICY);
}

static bool deliver(struct vm_port *port, const uint8_t *frame, uint32_t length)
{
	enum vm_path path = choose(port, frame, length);

	if (!port->link_up)
		return drop(port, VM_DROP_LINK);
	if (port->to_guest[path] == NULL || (path == VM_PATH_VF && !port->vf_usable))
		return drop(port, VM_DROP_NO_PATH);
	if (!policy_passes(port, path, POLICY_INBOUND, frame, length))
		return false;

	switch (port->to_guest[path](port->opaque, frame, length)) {
	case VM_FULL:
		return drop(port, VM_DROP_FULL);
	case VM_FILTERED:
		return drop(port, VM_DROP_FILTER);
	case VM_DELIVERED:
		break;
	}
	count(&port->received[path], length);
	return true;
}

static void output(void *opaque, const uint8_t *frame, uint32_t length)
{
	(void)deliver(opaque, frame, length);
}

/* On each way that a frame may take now. */
static bool has_room(void *opaque)
{
	const struct vm_port *port = opaque;
	const enum vm_path usual = port->vf_fed ? VM_PATH_SYNTHETIC : vm_port_path(port);

	for (unsigned path = 0; path < VM_PATHS; path++) {
		if (port->to_guest[path] == NULL || (path == VM_PATH_VF && usual != VM_PATH_VF))
			continue;
		if (!port->has_room[path](port->opaque))
			return false;
	}
	return true;
}

void vm_port_init(struct vm_port *port, const uint8_t *mac, void *opaque)
{
	*port = (struct vm_port){
		.port = { .output = output, .has_room = has_room, .opaque = port },
		.opaque = opaque,
		.link_up = true,
		.openers_synthetic = true,
		.multicast_synthetic = true,
	};
	memcpy(port->port.mac, mac, 6);
}

void vm_port_from_guest(struct vm_port *port, enum vm_path path, const uint8_t *frame,
			uint32_t length)
{
	count(&port->sent[path], length);
	if (!port->link_up) {
		(void)drop(port, VM_DROP_LINK);
		return;
	}
	if (!policy_passes(port, path, POLICY_OUTBOUND, frame, length))
		return;
	vswitch_input(&port->port, frame, length);
}
