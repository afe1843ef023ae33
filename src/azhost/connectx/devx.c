/*
 * The mlx5dv_devx_* entry points for commands, umems and the UAR, and the tables that lead to the
 * handlers. Called by any thread of the program.
 */
#include "azhost/connectx/devx.h"

#include "azhost/connectx/export.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/vf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUT_LEAST 16u
#define NO_KIND   CX_KINDS

/* A command: its least lengths, and one of the three kinds of handlers. */
struct entry {
	enum prm_opcode opcode;
	uint32_t in_least;
	uint32_t out_least;
	cx_create_fn *create;
	enum cx_kind kind; /* of the object that object_fn works on */
	cx_object_fn *object_fn;
	cx_general_fn *general;
};

static const struct entry entries[] = {
	{ PRM_QUERY_HCA_CAP, 16, OUT_LEAST, NULL, NO_KIND, NULL, cx_query_hca_cap },
	{ PRM_QUERY_NIC_VPORT_CONTEXT, 16, 272, NULL, NO_KIND, NULL, cx_query_nic_vport_context },
	{ PRM_CREATE_MKEY, CREATE_CONTEXT_BYTES, OUT_LEAST, cx_create_mkey },
	{ PRM_CREATE_CQ, CREATE_CONTEXT_BYTES, OUT_LEAST, cx_create_cq },
	{ PRM_CREATE_SQ, CREATE_CONTEXT_BYTES, OUT_LEAST, cx_create_sq },
	{ PRM_CREATE_RQ, CREATE_CONTEXT_BYTES, OUT_LEAST, cx_create_rq },
	{ PRM_CREATE_TIS, 192, OUT_LEAST, cx_create_tis },
	{ PRM_ALLOC_TRANSPORT_DOMAIN, 16, OUT_LEAST, cx_alloc_transport_domain },
	{ PRM_CREATE_RQT, CREATE_CONTEXT_BYTES, OUT_LEAST, cx_create_rqt },
	{ PRM_CREATE_TIR, CREATE_CONTEXT_BYTES, OUT_LEAST, cx_create_tir },
	{ PRM_ALLOC_FLOW_COUNTER, 16, OUT_LEAST, cx_alloc_flow_counter },
	{ PRM_ALLOC_Q_COUNTER, 16, OUT_LEAST, cx_alloc_q_counter },
	{ PRM_MODIFY_SQ, CREATE_CONTEXT_BYTES, OUT_LEAST, NULL, CX_SQ, cx_modify_sq },
	{ PRM_MODIFY_RQ, CREATE_CONTEXT_BYTES, OUT_LEAST, NULL, CX_RQ, cx_modify_rq },
	{ PRM_MODIFY_RQT, CREATE_CONTEXT_BYTES, OUT_LEAST, NULL, CX_RQT, cx_modify_rqt },
	{ PRM_MODIFY_TIR, CREATE_CONTEXT_BYTES, OUT_LEAST, NULL, CX_TIR, cx_modify_tir },
	{ PRM_QUERY_FLOW_COUNTER, 32, OUT_LEAST, NULL, CX_FLOW_COUNTER, cx_query_flow_counter },
	{ PRM_QUERY_Q_COUNTER, 32, 256, NULL, CX_Q_COUNTER, cx_query_q_counter },
};

static const struct entry *entry_find(uint32_t opcode)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		if (entries[i].opcode == opcode)
			return &entries[i];
	}
	return NULL;
}

/* Checks that come before any handler, in the firmware's order. */
static enum prm_status check(const struct cx_command *command, const struct entry **ret_entry)
{
	const struct entry *entry;

	if (command->in_bytes < OUT_LEAST)
		return PRM_BAD_INPUT_LENGTH;
	entry = entry_find(prm_get(command->in, CMD_OPCODE));
	if (!entry)
		return PRM_BAD_OPERATION;
	if (command->in_bytes < entry->in_least)
		return PRM_BAD_INPUT_LENGTH;
	if (command->out_bytes < entry->out_least)
		return PRM_BAD_OUTPUT_LENGTH;
	*ret_entry = entry;
	return PRM_OK;
}

static int answer(struct cx_command *command, enum prm_status status)
{
	if (status == PRM_OK)
		return 0;
	if (command->out_bytes > 0)
		memset(command->out, 0, command->out_bytes);
	if (command->out_bytes >= OUT_LEAST)
		prm_set(command->out, CMD_STATUS, status);
	return -EREMOTEIO;
}

static enum prm_status run_object_command(struct cx_command *command,
					  struct mlx5dv_devx_obj *object)
{
	const struct entry *entry;
	enum prm_status status = check(command, &entry);

	if (status != PRM_OK)
		return status;
	if (!entry->object_fn)
		return PRM_BAD_OPERATION;
	if (entry->kind != object->kind)
		return PRM_BAD_RESOURCE;
	return entry->object_fn(command, object);
}

static int object_command(struct mlx5dv_devx_obj *object, const void *in, size_t in_bytes,
			  void *out, size_t out_bytes)
{
	struct cx_command command = { object->device, in, in_bytes, out, out_bytes };
	int r;

	if (cx_device_failed(object->device))
		return -EIO;
	memset(out, 0, out_bytes);
	cx_lock();
	r = answer(&command, run_object_command(&command, object));
	cx_unlock();
	return r;
}

int cx_devx_query(struct mlx5dv_devx_obj *object, const void *in, size_t in_bytes, void *out,
		  size_t out_bytes)
{
	return object_command(object, in, in_bytes, out, out_bytes);
}

static int set_errno(int r)
{
	if (r < 0)
		errno = -r;
	return -r;
}

CX_EXPORT int mlx5dv_devx_general_cmd(struct ibv_context *context, const void *in, size_t in_bytes,
				      void *out, size_t out_bytes)
{
	struct cx_command command = { cx_device_from(context), in, in_bytes, out, out_bytes };
	const struct entry *entry;
	enum prm_status status;
	int r;

	if (cx_device_failed(command.device))
		return set_errno(-EIO);
	memset(out, 0, out_bytes);
	cx_lock();
	status = check(&command, &entry);
	if (status == PRM_OK)
		status = entry->general ? entry->general(&command) : PRM_BAD_OPERATION;
	r = answer(&command, status);
	cx_unlock();
	return set_errno(r);
}

static enum prm_status run_create(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	struct cx_object_table *objects = &command->device->objects;
	const struct entry *entry;
	struct mlx5dv_devx_obj *object;
	enum prm_status status = check(command, &entry);

	if (status != PRM_OK)
		return status;
	if (!entry->create)
		return PRM_BAD_OPERATION;
	status = entry->create(command, &object);
	if (status != PRM_OK)
		return status;
	if (cx_object_publish(objects, object) < 0) {
		if (object->release)
			object->release(object);
		free(object);
		return PRM_NO_RESOURCES;
	}
	if (prm_get(command->out, CMD_NUMBER) ==
	    0) /* keys and counters have numbers of their own */
		prm_set(command->out, CMD_NUMBER, object->number);
	*ret_object = object;
	return PRM_OK;
}

/* What takes firmware long, for those who want it to: without the lock, as others go on. */
static void dawdle(const struct cx_command *command)
{
	if (command->device->queue_ms != 0 && command->in_bytes >= OUT_LEAST &&
	    prm_get(command->in, CMD_OPCODE) == PRM_CREATE_RQ)
		usleep(command->device->queue_ms * 1000);
}

CX_EXPORT struct mlx5dv_devx_obj *mlx5dv_devx_obj_create(struct ibv_context *context,
							 const void *in, size_t in_bytes, void *out,
							 size_t out_bytes)
{
	struct cx_command command = { cx_device_from(context), in, in_bytes, out, out_bytes };
	struct mlx5dv_devx_obj *object = NULL;
	int r;

	if (cx_device_failed(command.device)) {
		errno = EIO;
		return NULL;
	}
	memset(out, 0, out_bytes);
	dawdle(&command);
	cx_lock();
	r = answer(&command, run_create(&command, &object));
	cx_unlock();
	if (r < 0)
		errno = -r;
	return object;
}

CX_EXPORT int mlx5dv_devx_obj_modify(struct mlx5dv_devx_obj *object, const void *in,
				     size_t in_bytes, void *out, size_t out_bytes)
{
	return set_errno(object_command(object, in, in_bytes, out, out_bytes));
}

CX_EXPORT int mlx5dv_devx_obj_query(struct mlx5dv_devx_obj *object, const void *in, size_t in_bytes,
				    void *out, size_t out_bytes)
{
	return set_errno(object_command(object, in, in_bytes, out, out_bytes));
}

/* Works on a device that is gone, too: the kernel then answers for the firmware
 * (mlx5_internal_err_ret_value() in its cmd.c). */
CX_EXPORT int mlx5dv_devx_obj_destroy(struct mlx5dv_devx_obj *object)
{
	struct cx_device *device = object->device;
	int r;

	cx_lock();
	r = cx_object_destroy(&device->objects, object, false);
	cx_unlock();
	return set_errno(r == -EBUSY ? -EREMOTEIO : r);
}

CX_EXPORT struct mlx5dv_devx_umem *mlx5dv_devx_umem_reg(struct ibv_context *context, void *address,
							size_t size, uint32_t access)
{
	struct cx_device *device = cx_device_from(context);
	struct cx_umem *umem;

	(void)access;
	cx_lock();
	umem = cx_umem_add(&device->memory, address, size);
	if (umem)
		umem->device = device;
	cx_unlock();
	return umem ? &umem->handle : NULL;
}

CX_EXPORT int mlx5dv_devx_umem_dereg(struct mlx5dv_devx_umem *handle)
{
	struct cx_umem *umem = (struct cx_umem *)handle;
	int r;

	cx_lock();
	r = cx_umem_remove(&umem->device->memory, umem);
	cx_unlock();
	return set_errno(r);
}

/* The UAR page is shared memory that nobody reads (queue.h says why). A secondary process maps it
 * by the context's cmd_fd and mmap_off. */
CX_EXPORT struct mlx5dv_devx_uar *mlx5dv_devx_alloc_uar(struct ibv_context *context, uint32_t flags)
{
	struct mlx5dv_devx_uar *uar = calloc(1, sizeof(*uar));
	const size_t blue_flame = 0x800; /* first doorbell register of a UAR page */

	(void)flags; /* write-combining or not: the same memory */
	if (!uar)
		return NULL;
	uar->base_addr = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, context->cmd_fd, 0);
	if (uar->base_addr == MAP_FAILED) {
		free(uar);
		return NULL;
	}
	uar->reg_addr = (uint8_t *)uar->base_addr + blue_flame;
	uar->page_id = CX_UAR_PAGE;
	return uar;
}

CX_EXPORT void mlx5dv_devx_free_uar(struct mlx5dv_devx_uar *uar)
{
	(void)munmap(uar->base_addr, 4096);
	free(uar);
}

CX_EXPORT int mlx5dv_devx_query_eqn(struct ibv_context *context, uint32_t vector, uint32_t *eqn)
{
	(void)context;
	(void)vector;
	*eqn = CX_EQN;
	return 0;
}
