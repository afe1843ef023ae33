/*
 * The libibverbs.so.1 entry points that the mlx5 PMD uses when it runs its queues by DevX: devices,
 * protection domains, memory regions, asynchronous events, attributes. Queues by Verbs are not
 * there: see refused.c.
 */
#include "azhost/connectx/verbs.h"

#include "azhost/connectx/caps.h"
#include "azhost/connectx/device.h"
#include "azhost/connectx/export.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/pd.h"
#include "azhost/connectx/vf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Declared by macros of the header, which stand for these symbols. */
#undef ibv_query_port
#undef ibv_reg_mr

#define VENDOR_MELLANOX 0x2c9 /* IEEE OUI */

struct memory_region {
	struct ibv_mr mr; /* what the PMD sees */
	struct cx_mkey key;
};

static void fill_attributes(struct cx_device *device, struct ibv_device_attr *attributes)
{
	const struct cx_profile *profile = &device->profile;

	memset(attributes, 0, sizeof(*attributes));
	(void)snprintf(attributes->fw_ver, sizeof(attributes->fw_ver), "%s", profile->firmware);
	attributes->max_mr_size = UINT64_MAX;
	attributes->page_size_cap = ~UINT64_C(0xfff);
	attributes->vendor_id = VENDOR_MELLANOX;
	attributes->vendor_part_id = profile->device_id;
	attributes->max_qp = (int)profile->max_queues;
	attributes->max_qp_wr = 1 << cx_profile_cap(profile, CX_CAP_GENERAL, CAP_LOG_MAX_WQ);
	attributes->max_sge = 30;
	attributes->max_cq = 2 * (int)profile->max_queues;
	attributes->max_cqe =
		(1 << cx_profile_cap(profile, CX_CAP_GENERAL, CAP_LOG_MAX_CQ_SIZE)) - 1;
	attributes->max_mr = 1 << 22;
	attributes->max_pd = 1 << 23;
	attributes->phys_port_cnt = 1;
	attributes->max_pkeys = 1;
	attributes->device_cap_flags = IBV_DEVICE_RAW_IP_CSUM;
}

/* A device that is gone answers EIO, by which the PMD tells (mlx5_is_removed()). */
CX_EXPORT int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attributes)
{
	struct cx_device *device = cx_device_from(context);

	if (cx_device_failed(device))
		return EIO;
	fill_attributes(device, attributes);
	return 0;
}

static int query_device_ex(struct ibv_context *context,
			   const struct ibv_query_device_ex_input *input,
			   struct ibv_device_attr_ex *attributes, size_t size)
{
	struct cx_device *device = cx_device_from(context);
	const struct cx_profile *profile = &device->profile;
	struct ibv_device_attr_ex all = {
		.completion_timestamp_mask = UINT64_MAX,
		.hca_core_clock = 1000000, /* kHz: cx_device_clock() counts nanoseconds */
		.max_wq_type_rq = profile->max_queues,
	};

	(void)input;
	if (cx_device_failed(device))
		return EIO;
	fill_attributes(device, &all.orig_attr);
	if (cx_profile_cap(profile, CX_CAP_ETHERNET, CAP_CHECKSUM)) {
		all.device_cap_flags_ex |= IBV_DEVICE_RAW_IP_CSUM;
		all.raw_packet_caps |= IBV_RAW_PACKET_CAP_IP_CSUM;
	}
	if (cx_profile_cap(profile, CX_CAP_ETHERNET, CAP_VLAN))
		all.raw_packet_caps |= IBV_RAW_PACKET_CAP_CVLAN_STRIPPING;
	all.rss_caps.supported_qpts = 1 << IBV_QPT_RAW_PACKET;
	all.rss_caps.max_rwq_indirection_tables = profile->max_queues;
	all.rss_caps.max_rwq_indirection_table_size =
		1u << cx_profile_cap(profile, CX_CAP_GENERAL, CAP_LOG_MAX_RQT_SIZE);
	all.rss_caps.rx_hash_function = IBV_RX_HASH_FUNC_TOEPLITZ;
	all.rss_caps.rx_hash_fields_mask = IBV_RX_HASH_SRC_IPV4 | IBV_RX_HASH_DST_IPV4 |
					   IBV_RX_HASH_SRC_IPV6 | IBV_RX_HASH_DST_IPV6 |
					   IBV_RX_HASH_SRC_PORT_TCP | IBV_RX_HASH_DST_PORT_TCP |
					   IBV_RX_HASH_SRC_PORT_UDP | IBV_RX_HASH_DST_PORT_UDP;
	if (device->max_message) {
		all.tso_caps.max_tso = device->max_message;
		all.tso_caps.supported_qpts = 1 << IBV_QPT_RAW_PACKET;
	}
	memcpy(attributes, &all, size < sizeof(all) ? size : sizeof(all));
	return 0;
}

static int query_port(struct ibv_context *context, uint8_t port, struct ibv_port_attr *attributes,
		      size_t size)
{
	struct cx_device *device = cx_device_from(context);
	struct ibv_port_attr all = {
		.max_mtu = IBV_MTU_4096,
		.active_mtu = IBV_MTU_1024,
		.active_width = 2, /* 4x, at 25 Gbit/s each: IBTA, PortInfo */
		.active_speed = 32,
		.link_layer = IBV_LINK_LAYER_ETHERNET,
	};

	if (cx_device_failed(device))
		return EIO;
	if (port != 1)
		return EINVAL;
	cx_lock();
	all.state = device->link_up ? IBV_PORT_ACTIVE : IBV_PORT_DOWN;
	all.phys_state = device->link_up ? 5 : 3; /* LinkUp, Disabled */
	cx_unlock();
	memcpy(attributes, &all, size < sizeof(all) ? size : sizeof(all));
	return 0;
}

/* Bytes of the struct before it grew: what a caller of the symbol has. */
#define COMPAT_PORT_ATTRIBUTES offsetof(struct ibv_port_attr, flags)

CX_EXPORT int ibv_query_port(struct ibv_context *context, uint8_t port,
			     struct _compat_ibv_port_attr *attributes)
{
	return query_port(context, port, (struct ibv_port_attr *)attributes,
			  COMPAT_PORT_ATTRIBUTES);
}

/* The PMD reads tv_nsec as the device's clock (mlx5_read_clock()). */
static int query_clock(struct ibv_context *context, struct ibv_values_ex *values)
{
	(void)context;
	values->raw_clock.tv_sec = 0;
	values->raw_clock.tv_nsec = (long)cx_device_clock();
	values->comp_mask = IBV_VALUES_MASK_RAW_CLOCK;
	return 0;
}

void cx_verbs_init(struct verbs_context *verbs, struct ibv_device *device)
{
	verbs->sz = sizeof(*verbs);
	verbs->query_device_ex = query_device_ex;
	verbs->query_port = query_port;
	verbs->query_rt_values = query_clock;
	verbs->context.device = device;
	verbs->context.num_comp_vectors = 1;
	verbs->context.abi_compat = __VERBS_ABI_IS_EXTENDED;
	(void)pthread_mutex_init(&verbs->context.mutex, NULL); /* default attributes: cannot fail */
}

CX_EXPORT struct ibv_context *ibv_open_device(struct ibv_device *ibv)
{
	struct cx_device *device;
	int r = cx_device_open((struct cx_vf *)ibv, &device);

	if (r < 0) {
		errno = -r;
		return NULL;
	}
	return &device->contexts->verbs.context;
}

CX_EXPORT int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event)
{
	return read(context->async_fd, event, sizeof(*event)) == sizeof(*event) ? 0 : -1;
}

CX_EXPORT void ibv_ack_async_event(struct ibv_async_event *event)
{
	(void)event; /* events name no object that could go before it is acknowledged */
}

CX_EXPORT int ibv_fork_init(void)
{
	return 0;
}

/* A child that forks shares no device memory by copy: nothing to protect. */
CX_EXPORT enum ibv_fork_status ibv_is_fork_initialized(void)
{
	return IBV_FORK_UNNEEDED;
}

CX_EXPORT const char *ibv_port_state_str(enum ibv_port_state state)
{
	switch (state) {
	case IBV_PORT_DOWN:
		return "PORT_DOWN";
	case IBV_PORT_ACTIVE:
		return "PORT_ACTIVE";
	default:
		return "invalid state";
	}
}

CX_EXPORT struct ibv_pd *ibv_alloc_pd(struct ibv_context *context)
{
	struct cx_device *device = cx_device_from(context);
	struct ibv_pd *pd;

	if (cx_device_failed(device)) {
		errno = EIO;
		return NULL;
	}
	pd = calloc(1, sizeof(*pd));
	if (!pd)
		return NULL;
	pd->context = context;
	pd->handle = CX_PD;
	return pd;
}

CX_EXPORT int ibv_dealloc_pd(struct ibv_pd *pd)
{
	free(pd);
	return 0;
}

static struct ibv_mr *register_memory(struct ibv_pd *pd, void *address, size_t length,
				      uint64_t iova, unsigned int access)
{
	struct cx_device *device = cx_device_from(pd->context);
	struct memory_region *region;
	int r;

	if (cx_device_failed(device)) {
		errno = EIO;
		return NULL;
	}
	region = calloc(1, sizeof(*region));
	if (!region)
		return NULL;
	region->key.start = iova;
	region->key.length = length;
	region->key.memory = address;
	region->key.writable = access & IBV_ACCESS_LOCAL_WRITE;
	cx_lock();
	/* Keys of one index differ in their low byte, so that an old one is not taken for a new. */
	region->key.key = device->memory.variant++;
	r = cx_mkey_add(&device->memory, &region->key);
	cx_unlock();
	if (r < 0) {
		free(region);
		errno = -r;
		return NULL;
	}
	region->mr.context = pd->context;
	region->mr.pd = pd;
	region->mr.addr = address;
	region->mr.length = length;
	region->mr.lkey = region->key.key;
	region->mr.rkey = region->key.key;
	return &region->mr;
}

CX_EXPORT struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *address, size_t length,
					  uint64_t iova, unsigned int access)
{
	return register_memory(pd, address, length, iova, access);
}

CX_EXPORT struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *address, size_t length, int access)
{
	return register_memory(pd, address, length, (uintptr_t)address, (unsigned int)access);
}

CX_EXPORT int ibv_dereg_mr(struct ibv_mr *mr)
{
	struct memory_region *region = (struct memory_region *)mr;
	struct cx_device *device = cx_device_from(mr->context);

	cx_lock();
	cx_mkey_remove(&device->memory, &region->key);
	cx_unlock();
	free(region);
	return 0;
}
