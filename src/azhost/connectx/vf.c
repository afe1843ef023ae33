/*
 * The list of VFs: reading it, and the entry points that show it.
 */
#include "azhost/connectx/vf.h"

#include "azhost/connectx/export.h"
#include "azhost/connectx/lock.h"
#include "azhost/wire/vfproto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX_BYTES 4096

enum field {
	FIELD_NAME,
	FIELD_PCI,
	FIELD_NETDEV,
	FIELD_PROFILE,
	FIELD_WIRE,
	FIELDS,
};

static struct cx_vf *vfs; /* under cx_lock() */

struct cx_vf *cx_vf_all(void)
{
	return vfs;
}

/* The list as text: the host's file, else the environment. False if there is neither. */
static bool read_list(char text[LIST_MAX_BYTES])
{
	const char *directory = getenv("AZHOST_DIR"), *fallback = getenv("AZHOST_VFS");
	char path[LIST_MAX_BYTES];
	FILE *file = NULL;
	size_t n;

	if (directory) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, VF_LIST_NAME);
		file = fopen(path, "re");
	}
	if (!file) {
		(void)snprintf(text, LIST_MAX_BYTES, "%s", fallback ? fallback : "");
		return fallback;
	}
	n = fread(text, 1, LIST_MAX_BYTES - 1, file);
	text[n] = '\0';
	(void)fclose(file); /* opened for reading */
	return true;
}

static struct cx_vf *find_or_add(const char *name)
{
	struct cx_vf **at = &vfs, *vf;

	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->ibv.name, name) == 0)
			return *at;
	}
	vf = calloc(1, sizeof(*vf));
	if (!vf)
		return NULL;
	*at = vf;
	vf->ibv.node_type = IBV_NODE_CA;
	vf->ibv.transport_type = IBV_TRANSPORT_IB;
	(void)snprintf(vf->ibv.name, sizeof(vf->ibv.name), "%s", name);
	return vf;
}

static void fill(struct cx_vf *vf, const char *const fields[FIELDS], unsigned int index)
{
	const char *sysfs = getenv("AZHOST_SYSFS");

	if (!sysfs)
		sysfs = "/sys";
	(void)snprintf(vf->ibv.dev_name, sizeof(vf->ibv.dev_name), "uverbs%u", index);
	(void)snprintf(vf->ibv.dev_path, sizeof(vf->ibv.dev_path),
		       "%s/class/infiniband_verbs/uverbs%u", sysfs, index);
	(void)snprintf(vf->ibv.ibdev_path, sizeof(vf->ibv.ibdev_path), "%s/class/infiniband/%s",
		       sysfs, fields[FIELD_NAME]);
	(void)snprintf(vf->pci, sizeof(vf->pci), "%s", fields[FIELD_PCI]);
	(void)snprintf(vf->netdev, sizeof(vf->netdev), "%s", fields[FIELD_NETDEV]);
	(void)snprintf(vf->profile, sizeof(vf->profile), "%s", fields[FIELD_PROFILE]);
	vf->present = true;
}

static void read_entry(char *entry, unsigned int index, struct cx_vf **unpaired)
{
	const char *fields[FIELDS];
	struct cx_vf *vf;

	for (unsigned int i = 0; i < FIELDS; i++) {
		fields[i] = strsep(&entry, ",");
		if (!fields[i] || !*fields[i])
			return; /* half an entry is none */
	}
	vf = find_or_add(fields[FIELD_NAME]);
	if (!vf)
		return;
	fill(vf, fields, index);
	if (strcmp(fields[FIELD_WIRE], "pair") != 0)
		return;
	if (!*unpaired) {
		*unpaired = vf;
		return;
	}
	vf->peer = *unpaired;
	(*unpaired)->peer = vf;
	*unpaired = NULL;
}

static void refresh(void)
{
	char text[LIST_MAX_BYTES], *rest = text, *entry;
	struct cx_vf *unpaired = NULL;
	unsigned int index = 0;

	for (struct cx_vf *vf = vfs; vf; vf = vf->next) {
		vf->present = false;
		vf->peer = NULL;
	}
	if (!read_list(text))
		return;
	while ((entry = strsep(&rest, ";\n")))
		read_entry(entry, index++, &unpaired);
}

CX_EXPORT struct ibv_device **ibv_get_device_list(int *ret_n)
{
	struct ibv_device **list;
	unsigned int n = 0;

	cx_lock();
	refresh();
	for (struct cx_vf *vf = vfs; vf; vf = vf->next)
		n++;
	list = calloc(n + 1, sizeof(struct ibv_device *));
	n = 0;
	for (struct cx_vf *vf = vfs; list && vf; vf = vf->next) {
		if (vf->present)
			list[n++] = &vf->ibv;
	}
	cx_unlock();
	if (ret_n)
		*ret_n = (int)n;
	return list;
}

CX_EXPORT void ibv_free_device_list(struct ibv_device **list)
{
	free(list);
}

CX_EXPORT const char *ibv_get_device_name(struct ibv_device *device)
{
	return device->name;
}

/* Records are never freed while the program runs: the PMD may keep a pointer. */
__attribute__((destructor)) static void forget_all(void)
{
	while (vfs && !vfs->device) {
		struct cx_vf *next = vfs->next;

		free(vfs);
		vfs = next;
	}
}
