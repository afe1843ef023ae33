/*
 * A VF's port that is ours: probed while the daemon runs, in isolated mode, started, and taken down
 * again when its device goes. The kernel's driver keeps the device's interface; what no rule of
 * ours takes is the kernel's. rte_eth_dev_set_link_down() is never called: it takes the interface
 * down, and hv_netvsc the data path with it (DPDK 22.11, drivers/net/mlx5/linux/
 * mlx5_ethdev_os.c:972).
 *
 * Thread: one at a time, and none that polls. EAL's lists of devices have no lock: opening and
 * closing are done in its interrupt thread, as netvsc does with its VFs.
 */
#ifndef NIC_VF_PORT_H
#define NIC_VF_PORT_H

#include "base/error.h"
#include "nic/port.h"

struct vf_port {
	struct port port;
	struct mac_addr mac;
	uint16_t queues;
	void *rest; /* the rule that takes what no other does; NULL: it is not in */
};

struct offload;

struct vf_port_setup {
	const char *device; /* PCI address */
	struct mac_addr mac;
	uint16_t queues;
	struct rte_mempool *pool;
};

/* DEVICE; then nothing is left behind, and it may be tried again. */
int vf_port_open(struct vf_port *port, const struct vf_port_setup *setup,
		 struct accelnet_error *err);
/*
 * EAL's interrupt thread is in such a call: what it probes now is ours to own, and no VF of netvsc.
 */
bool vf_port_is_opening(void);
/*
 * No worker polls it. Rules that are left go with it; `offload`, which makes them, is told. May be
 * NULL.
 */
void vf_port_close(struct vf_port *port, struct offload *offload);

/*
 * Whether what no rule takes comes to our queues, or stays with the kernel. DEVICE: it is as it
 * was, and may be tried again.
 */
int vf_port_take_rest(struct vf_port *port, struct accelnet_error *err);
int vf_port_leave_rest(struct vf_port *port, struct accelnet_error *err);

/* The driver says that the device is gone. */
bool vf_port_is_dead(const struct vf_port *port);

/* The PCI address behind an interface, in `ret`, of `size` bytes. -ENODEV: it is not on that bus.
 */
int vf_port_device(const char *interface, char *ret, size_t size);

#endif
