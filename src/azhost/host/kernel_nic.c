/* The guest kernel's synthetic NIC, see kernel_nic.h. */
#include "azhost/host/kernel_nic.h"

#include "azhost/host/loop.h"
#include "azhost/host/say.h"
#include "azhost/wire/intake.h"
#include "azhost/wire/netdev.h"
#include "azhost/wire/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct kernel_nic {
	struct kernel_nic_config config;
	struct loop *loop;
	const struct kernel_nic_callbacks *callbacks;
	void *opaque;

	int tap;
	struct intake intake;   /* of the TAP */
	struct loop_fd changes; /* interfaces that come, go and change */

	bool noted;   /* the VF is associated */
	bool vf_path; /* asked for */
	struct kernel_nic_stats stats;
};

static void tap_ready(void *opaque, uint32_t events)
{
	struct kernel_nic *nic = opaque;
	uint8_t frame[RING_FRAME_MAX];

	(void)events;
	for (unsigned i = 0; i < INTAKE_BURST && intake_may_read(&nic->intake); i++) {
		ssize_t n = read(nic->tap, frame, sizeof(frame));

		if (n <= 0) {
			/* The guest may delete the interface, being root there. */
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				intake_close(&nic->intake);
			return;
		}
		intake_take(&nic->intake, frame, (uint32_t)n);
	}
}

static void take(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct kernel_nic *nic = opaque;

	nic->callbacks->send(nic->opaque, nic->vf_path, frame, length);
}

static bool may_take(void *opaque)
{
	struct kernel_nic *nic = opaque;

	return nic->callbacks->may_send(nic->opaque);
}

/*
 * netvsc_vf_changed(): up waits for the association, down waits for nothing. A note that is taken
 * back changes nothing as long as the VF's interface stays.
 */
static void choose_path(struct kernel_nic *nic)
{
	const bool up = nic->config.vf != NULL && netdev_is_up(nic->config.vf);
	const bool vf = up && (nic->vf_path || nic->noted);

	if (vf == nic->vf_path)
		return;
	nic->vf_path = vf;
	nic->callbacks->datapath(nic->opaque, vf);
}

static void interfaces_changed(void *opaque, uint32_t events)
{
	struct kernel_nic *nic = opaque;

	(void)events;
	netdev_drain_changes(nic->changes.fd);
	choose_path(nic);
	if (netdev_is_up(nic->config.interface))
		nic->callbacks->receiving(nic->opaque);
}

static int make_interface(struct kernel_nic *nic)
{
	const char *name = nic->config.interface;
	int rc = netdev_tap(name, nic->config.mac, &nic->tap);

	if (rc == 0)
		rc = netdev_up(name, nic->config.mtu);
	return rc < 0 ? rc : intake_open(&nic->intake, nic->tap);
}

int kernel_nic_new(const struct kernel_nic_config *config, struct loop *loop,
		   const struct kernel_nic_callbacks *callbacks, void *opaque,
		   struct kernel_nic **ret)
{
	static const struct wire_callbacks intake_callbacks = { take, may_take };
	struct kernel_nic *nic = calloc(1, sizeof(*nic));
	int rc;

	if (nic == NULL)
		return -ENOMEM;
	*nic = (struct kernel_nic){
		.config = *config,
		.loop = loop,
		.callbacks = callbacks,
		.opaque = opaque,
		.tap = -1,
		.changes = { .fd = -1, .ready = interfaces_changed, .opaque = nic },
		.stats.interface = config->interface,
	};
	intake_init(&nic->intake, loop, &intake_callbacks, nic, tap_ready, nic);
	rc = netdev_watch_changes(&nic->changes.fd);
	if (rc == 0)
		rc = loop_fd_add(loop, &nic->changes, EPOLLIN);
	if (rc == 0)
		rc = make_interface(nic);
	if (rc < 0) {
		kernel_nic_free(nic);
		return rc;
	}
	*ret = nic;
	return 0;
}

void kernel_nic_free(struct kernel_nic *nic)
{
	if (nic == NULL)
		return;
	intake_close(&nic->intake);
	loop_fd_remove(nic->loop, &nic->changes);
	if (nic->changes.fd >= 0)
		close(nic->changes.fd);
	if (nic->tap >= 0)
		close(nic->tap);
	free(nic);
}

enum vm_delivery kernel_nic_receive(struct kernel_nic *nic, bool vf, const uint8_t *frame,
				    uint32_t length)
{
	/* EIO: the interface is down. */
	if (write(nic->tap, frame, length) != (ssize_t)length) {
		nic->stats.refused++;
		return VM_FILTERED;
	}
	nic->stats.from_vf += vf;
	return VM_DELIVERED;
}

void kernel_nic_note(struct kernel_nic *nic, bool allocated)
{
	nic->noted = allocated;
	say_detail("%s: VF association: %s", nic->config.interface,
		   allocated ? "allocated" : "removed");
	choose_path(nic);
}

void kernel_nic_set_link(struct kernel_nic *nic, bool up)
{
	/* A kernel without TUNSETCARRIER shows the link as always up. */
	(void)netdev_carrier(nic->tap, up);
}

struct kernel_nic_stats kernel_nic_get_stats(const struct kernel_nic *nic)
{
	return nic->stats;
}
