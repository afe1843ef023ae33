/*
 * The synthetic NIC in the guest's sysfs: what drivers/bus/vmbus/linux/vmbus_bus.c:145-330 and
 * vmbus_uio.c:361-472 of DPDK 22.11 read. A channel's `ring` comes last, because its presence is
 * what the driver waits for.
 */
#include "azhost/vmbus/netvsc_private.h"

#include <stdio.h>

/* {f8615163-df3e-46c5-913f-f2d2f965ed0e}: network devices. */
#define CLASS_NETWORK "{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n"

#define PATH_TEXT 192

struct file {
	const char *name;
	const char *text;
};

static int write_files(struct netvsc *dev, const char *dir, const struct file *files,
		       unsigned count)
{
	int rc = tree_mkdir(dev->tree, dir);

	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = tree_write(dev->tree, dir, files[i].name, files[i].text);
	return rc;
}

static int write_maps(struct netvsc *dev)
{
	static const char *const names[NETVSC_REGIONS] = {
		"txrx_rings\n", "int_page\n", "monitor_page\n", "recv:101\n", "send:102\n",
	};

	for (unsigned i = 0; i < NETVSC_REGIONS; i++) {
		char dir[PATH_TEXT], size[32];

		snprintf(dir, sizeof(dir), "%.100s/uio/uio%u/maps/map%u", dev->sysfs,
			 dev->config.index, i);
		snprintf(size, sizeof(size), "0x%llx\n", (unsigned long long)dev->region[i].size);

		const struct file files[] = {
			{ "name", names[i] },
			{ "size", size },
			{ "addr", "0x0\n" },
			{ "offset", "0x0\n" },
		};
		int rc = write_files(dev, dir, files, sizeof(files) / sizeof(files[0]));

		if (rc < 0)
			return rc;
	}
	return 0;
}

int netvsc_sysfs_device(struct netvsc *dev)
{
	char guid[64], relid[16];
	int rc;

	snprintf(guid, sizeof(guid), "{%s}\n", dev->guid);
	snprintf(relid, sizeof(relid), "%u\n", dev->channels[0].relid);

	const struct file files[] = {
		{ "class_id", CLASS_NETWORK }, { "device_id", guid },  { "id", relid },
		{ "monitor_id", "3\n" },       { "numa_node", "0\n" },
	};

	rc = write_files(dev, dev->sysfs, files, sizeof(files) / sizeof(files[0]));
	return rc < 0 ? rc : write_maps(dev);
}

static void channel_directory(const struct netvsc *dev, unsigned index, char *dir)
{
	snprintf(dir, PATH_TEXT, "%.100s/channels/%u", dev->sysfs, dev->channels[index].relid);
}

int netvsc_sysfs_channel(struct netvsc *dev, unsigned index)
{
	char dir[PATH_TEXT], subchannel[16], monitor[16];

	channel_directory(dev, index, dir);
	snprintf(subchannel, sizeof(subchannel), "%u\n", index);
	snprintf(monitor, sizeof(monitor), "%u\n", 3 + index);

	const struct file files[] = {
		{ "subchannel_id", subchannel },
		{ "monitor_id", monitor },
		/* Only looked for: the rings come from the socket (uio_server.h). */
		{ "ring", "" },
	};

	return write_files(dev, dir, files, sizeof(files) / sizeof(files[0]));
}

void netvsc_sysfs_channel_remove(struct netvsc *dev, unsigned index)
{
	char dir[PATH_TEXT];

	channel_directory(dev, index, dir);
	(void)tree_prune(dev->tree, dir);
}
