/* Fake PCI sysfs and uevents, see pci.h. */
#include "azhost/host/pci.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define DEVICES    "sys/bus/pci/devices"
#define DRIVER     "sys/bus/pci/drivers/mlx5_core"
#define INFINIBAND "sys/class/infiniband"
#define IOMMU      "sys/kernel/iommu_groups/0" /* why: vmbus/shim.c */

/* Type of a message to the kernel that is not control: NLMSG_MIN_TYPE. */
#define UEVENT_MESSAGE NLMSG_MIN_TYPE

struct pci_model {
	const char *profile_prefix;
	unsigned device;
	unsigned subsystem;
};

/* Device ids of virtual functions, from the PCI ID repository; Azure's Lx comes first in time. */
static const struct pci_model models[] = {
	{ "cx4lx", 0x1016, 0x0190 },
	{ "cx5", 0x1018, 0x0091 },
};

static const struct pci_model *model_of(const char *profile)
{
	for (unsigned i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (strncmp(profile, models[i].profile_prefix, strlen(models[i].profile_prefix)) ==
		    0)
			return &models[i];
	return &models[1];
}

int pci_address_check(const char *text)
{
	unsigned domain, bus, device, function;
	char again[16];

	if (sscanf(text, "%4x:%2x:%2x.%1x", &domain, &bus, &device, &function) != 4)
		return -EINVAL;
	snprintf(again, sizeof(again), "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff,
		 device & 0x1f, function & 7);
	return strcasecmp(again, text) == 0 ? 0 : -EINVAL;
}

int pci_tree_init(const struct tree *tree)
{
	int rc = tree_mkdir(tree, DEVICES);

	if (rc == 0)
		rc = tree_mkdir(tree, DRIVER);
	if (rc == 0)
		rc = tree_mkdir(tree, INFINIBAND);
	if (rc == 0)
		rc = tree_mkdir(tree, IOMMU);
	return rc;
}

static int write_device(const struct tree *tree, const struct pci_vf *vf, const char *dir)
{
	const struct pci_model *model = model_of(vf->profile);
	char device[16], subsystem[16], uevent[256];
	char resource[512] = "0x00000000e0000000 0x00000000e01fffff 0x000000000014220c\n";

	for (unsigned i = 0; i < 6; i++)
		strcat(resource, "0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
	snprintf(device, sizeof(device), "0x%04x\n", model->device);
	snprintf(subsystem, sizeof(subsystem), "0x%04x\n", model->subsystem);
	snprintf(uevent, sizeof(uevent),
		 "DRIVER=mlx5_core\nPCI_CLASS=20000\nPCI_ID=15B3:%04X\n"
		 "PCI_SUBSYS_ID=15B3:%04X\nPCI_SLOT_NAME=%s\n",
		 model->device, model->subsystem, vf->address);

	const struct {
		const char *name;
		const char *text;
	} files[] = {
		{ "vendor", "0x15b3\n" },  { "device", device },
		{ "class", "0x020000\n" }, { "subsystem_vendor", "0x15b3\n" },
		{ "max_vfs", "0\n" },      { "subsystem_device", subsystem },
		{ "numa_node", "0\n" },    { "resource", resource },
		{ "uevent", uevent },
	};

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int rc = tree_write(tree, dir, files[i].name, files[i].text);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int link_to(const struct tree *tree, const char *dir, const char *name, const char *target)
{
	char path[TREE_PATH];
	int rc = tree_path(tree, path, "%s/%s", dir, name);

	if (rc < 0)
		return rc;
	return symlink(target, path) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_netdev(const struct tree *tree, const struct pci_vf *vf)
{
	char dir[TREE_PATH];
	int rc;

	snprintf(dir, sizeof(dir), DEVICES "/%s/net/%s", vf->address, vf->netdev);
	rc = tree_mkdir(tree, dir);
	if (rc == 0)
		rc = tree_write(tree, dir, "dev_port", "0\n");
	if (rc == 0)
		rc = tree_write(tree, dir, "dev_id", "0x0\n");
	return rc;
}

static int write_infiniband(const struct tree *tree, const struct pci_vf *vf)
{
	char dir[TREE_PATH], counters[TREE_PATH], target[TREE_PATH];
	int rc;

	snprintf(dir, sizeof(dir), INFINIBAND "/%s", vf->ibname);
	snprintf(counters, sizeof(counters), INFINIBAND "/%s/ports/1/hw_counters", vf->ibname);
	snprintf(target, sizeof(target), "../../../bus/pci/devices/%s", vf->address);
	rc = tree_mkdir(tree, counters);
	if (rc == 0)
		rc = tree_write(tree, counters, "out_of_buffer", "0\n");
	if (rc == 0)
		rc = link_to(tree, dir, "device", target);
	return rc;
}

int pci_add(const struct tree *tree, const struct pci_vf *vf)
{
	char dir[TREE_PATH];
	int rc;

	snprintf(dir, sizeof(dir), DEVICES "/%s", vf->address);
	rc = tree_mkdir(tree, dir);
	if (rc == 0)
		rc = write_device(tree, vf, dir);
	if (rc == 0)
		rc = link_to(tree, dir, "driver", "../../drivers/mlx5_core");
	if (rc == 0)
		rc = write_netdev(tree, vf);
	if (rc == 0)
		rc = write_infiniband(tree, vf);
	if (rc == 0)
		rc = tree_view_show(tree, vf->view, "pci", vf->address);
	if (rc < 0)
		pci_remove(tree, vf);
	return rc;
}

void pci_remove(const struct tree *tree, const struct pci_vf *vf)
{
	char dir[TREE_PATH];

	tree_view_hide(tree, vf->view, "pci", vf->address);
	snprintf(dir, sizeof(dir), INFINIBAND "/%s", vf->ibname);
	(void)tree_prune(tree, dir);
	snprintf(dir, sizeof(dir), DEVICES "/%s", vf->address);
	(void)tree_prune(tree, dir);
}

/* Appends a string with its NUL; what does not fit is left out whole. */
static size_t append(char *buffer, size_t size, size_t used, const char *key, const char *value)
{
	int n = snprintf(buffer + used, size - used, "%s%s", key, value);

	return n < 0 || (size_t)n >= size - used ? used : used + (size_t)n + 1;
}

int pci_uevent(const struct pci_vf *vf, enum pci_uevent event)
{
	const char *action = event == PCI_UEVENT_ADD ? "add" : "remove";
	char path[96], head[112], body[512];
	size_t used = 0;
	int fd, rc = 0;

	snprintf(path, sizeof(path), "/devices/pci%.7s/%s", vf->address, vf->address);
	snprintf(head, sizeof(head), "%s@%s", action, path);
	used = append(body, sizeof(body), used, head, "");
	used = append(body, sizeof(body), used, "ACTION=", action);
	used = append(body, sizeof(body), used, "DEVPATH=", path);
	used = append(body, sizeof(body), used, "SUBSYSTEM=", "pci");
	used = append(body, sizeof(body), used, "PCI_SLOT_NAME=", vf->address);

	struct nlmsghdr header = {
		.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + used),
		.nlmsg_type = UEVENT_MESSAGE,
		.nlmsg_flags = NLM_F_REQUEST,
	};
	struct iovec parts[] = { { &header, sizeof(header) }, { body, used } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -errno;
	if (sendmsg(fd, &message, 0) < 0)
		rc = -errno;
	close(fd);
	return rc;
}
