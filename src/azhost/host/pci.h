/*
 * The VF as the guest's kernel shows it: the entry below /sys/bus/pci, the RDMA device that belongs
 * to it, and the kernel's uevents. Facts: what mlx5_common reads (mlx5_common_os.c:34 and :159 of
 * DPDK 22.11), what EAL's PCI scan reads (drivers/bus/pci/linux/pci.c), and the uevent fields that
 * EAL parses (lib/eal/linux/eal_dev.c, dev_uev_parse()).
 */
#ifndef AZHOST_HOST_PCI_H
#define AZHOST_HOST_PCI_H

#include "azhost/host/tree.h"

struct pci_vf {
	const char *address; /* 0000:3b:00.2 */
	const char *ibname;
	const char *netdev;
	const char *profile;
	const char *view; /* directory of the NIC's view (tree.h): "nic0" */
};

/* "dddd:bb:dd.f" in hexadecimal, and nothing else. -EINVAL. */
int pci_address_check(const char *text);

/* The bus directories, without any device; once, before the first pci_add(). */
int pci_tree_init(const struct tree *tree);

int pci_add(const struct tree *tree, const struct pci_vf *vf);
void pci_remove(const struct tree *tree, const struct pci_vf *vf);

enum pci_uevent { PCI_UEVENT_ADD, PCI_UEVENT_REMOVE };

/*
 * A real uevent of the kernel: netlink hands what is sent to it to all listeners in this network
 * namespace, with a sequence number (needs CAP_SYS_ADMIN over the namespace; Linux 4.18).
 */
int pci_uevent(const struct pci_vf *vf, enum pci_uevent event);

#endif
