/*
 * Commands of send and receive queues, and of what send queues need: TIS and transport domain.
 */
#include "azhost/connectx/caps.h"
#include "azhost/connectx/devx.h"
#include "azhost/connectx/queue.h"
#include "azhost/connectx/tir.h"
#include "azhost/connectx/verbs.h"
#include "azhost/connectx/wqe.h"

#include <stdlib.h>

#define LOG_BASIC_BLOCK 6u
#define LOG_RECEIVE_MIN 4u /* one data segment */
#define LOG_RECEIVE_MAX 9u /* max_wqe_sz_rq */
#define LOG_STRIDING    5u
#define INLINE_MODE_L2  1u /* PRM, sqc.min_wqe_inline_mode */

/* The ring that a wq context describes; log_entries and log_stride are read here, too. */
static enum prm_status wq_attach(struct cx_device *device, struct cx_ring *ring, const uint8_t *wq)
{
	ring->log_entries = prm_get(wq, WQ_LOG_SIZE);
	ring->log_stride = prm_get(wq, WQ_LOG_STRIDE);
	if (ring->log_entries > cx_profile_cap(&device->profile, CX_CAP_GENERAL, CAP_LOG_MAX_WQ))
		return PRM_EXCEED_LIMIT;
	if (!prm_get(wq, WQ_UMEM_VALID) || !prm_get(wq, WQ_DBR_UMEM_VALID))
		return PRM_BAD_PARAMETER;
	if (prm_get(wq, WQ_SIGNATURE) || prm_get(wq, WQ_CD_SLAVE) || prm_get(wq, WQ_PAGE_OFFSET))
		return PRM_BAD_PARAMETER;
	return cx_ring_attach(device, ring, prm_get(wq, WQ_UMEM), prm_get64(wq, WQ_UMEM_OFFSET),
			      prm_get(wq, WQ_DBR_UMEM), prm_get64(wq, WQ_DBR_ADDRESS));
}

static void sq_release(struct mlx5dv_devx_obj *object)
{
	struct cx_sq *sq = (struct cx_sq *)object;

	if (cx_device_failed(object->device) || object->device->stopped)
		object->device->counters.unsent += cx_sq_unsent(sq);
	cx_device_remove_sq(object->device, sq);
	cx_ring_detach(&sq->ring);
	sq->cq->object.users--;
	sq->tis->users--;
}

/* What a send queue may be asked for, and what this device has not. */
static enum prm_status sq_check(const struct cx_device *device, const uint8_t *context)
{
	const uint8_t *wq = context + SQC_WQ;

	if (prm_get(context, SQC_STATE) != PRM_QUEUE_RESET || prm_get(context, SQC_TIS_COUNT) != 1)
		return PRM_BAD_PARAMETER;
	if (prm_get(context, SQC_HAIRPIN) || prm_get(context, SQC_NON_WIRE) ||
	    prm_get(context, SQC_STATIC) || prm_get(context, SQC_SWP) ||
	    prm_get(context, SQC_PACING))
		return PRM_BAD_PARAMETER;
	if (prm_get(context, SQC_MULTI_PACKET) && !device->profile.enhanced_mpw)
		return PRM_BAD_PARAMETER;
	if (device->profile.min_inline && prm_get(context, SQC_MIN_INLINE) < INLINE_MODE_L2)
		return PRM_BAD_PARAMETER;
	if (prm_get(wq, WQ_TYPE) != WQ_TYPE_CYCLIC || prm_get(wq, WQ_LOG_STRIDE) != LOG_BASIC_BLOCK)
		return PRM_BAD_PARAMETER;
	return prm_get(wq, WQ_UAR_PAGE) == CX_UAR_PAGE ? PRM_OK : PRM_BAD_RESOURCE;
}

static void sq_fill_capabilities(struct cx_sq *sq, const struct cx_profile *profile)
{
	sq->min_inline = (uint8_t)profile->min_inline;
	sq->max_bytes = (uint16_t)cx_profile_cap(profile, CX_CAP_GENERAL, CAP_MAX_WQE_SQ);
	sq->vlan_insert = cx_profile_cap(profile, CX_CAP_ETHERNET, CAP_VLAN_INSERT);
	if (cx_profile_cap(profile, CX_CAP_ETHERNET, CAP_CHECKSUM))
		sq->checksums = WQE_CHECKSUM_L3 | WQE_CHECKSUM_L4;
}

static enum prm_status sq_fill(struct cx_command *command, struct cx_sq *sq)
{
	struct cx_device *device = command->device;
	const uint8_t *context = command->in + QUEUE_IN_CONTEXT;
	enum prm_status status = sq_check(device, context);

	if (status != PRM_OK)
		return status;
	sq->cq = cx_object_find(&device->objects, CX_CQ, prm_get(context, SQC_CQN));
	sq->tis = cx_object_find(&device->objects, CX_TIS, prm_get(context, SQC_TISN));
	if (!sq->cq || !sq->tis)
		return PRM_BAD_RESOURCE;
	sq->user_index = prm_get(context, SQC_USER_INDEX);
	sq->flush_in_error = prm_get(context, SQC_FLUSH_IN_ERROR);
	sq->multi_packet = prm_get(context, SQC_MULTI_PACKET);
	sq_fill_capabilities(sq, &device->profile);
	status = wq_attach(device, &sq->ring, context + SQC_WQ);
	if (status != PRM_OK)
		return status;
	if (cx_device_add_sq(device, sq) < 0) {
		cx_ring_detach(&sq->ring);
		return PRM_NO_RESOURCES;
	}
	sq->cq->object.users++;
	sq->tis->users++;
	return PRM_OK;
}

enum prm_status cx_create_sq(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	struct cx_sq *sq = cx_object_new(command->device, CX_SQ, sizeof(*sq));
	enum prm_status status;

	if (!sq)
		return PRM_NO_RESOURCES;
	status = sq_fill(command, sq);
	if (status != PRM_OK) {
		free(sq);
		return status;
	}
	sq->object.release = sq_release;
	*ret_object = &sq->object;
	return PRM_OK;
}

static void rq_release(struct mlx5dv_devx_obj *object)
{
	struct cx_rq *rq = (struct cx_rq *)object;

	/* What the program has not consumed by now it never will. */
	object->device->counters.consumed += rq->cq->frames - cx_cq_unseen(rq->cq);
	cx_device_remove_rq(object->device, rq);
	cx_ring_detach(&rq->ring);
	rq->cq->object.users--;
	if (rq->counter)
		rq->counter->object.users--;
}

static enum prm_status rq_fill_wq(struct cx_rq *rq, const uint8_t *wq)
{
	uint32_t type = prm_get(wq, WQ_TYPE), log_stride = prm_get(wq, WQ_LOG_STRIDE);
	/* Four bits, two's complement. */
	int log_strides = (int)(prm_get(wq, WQ_STRIDES) ^ 8) - 8 + WQ_LOG_STRIDES_BIAS;

	if (prm_get(wq, WQ_TWO_BYTE_SHIFT))
		return PRM_BAD_PARAMETER;
	if (type == WQ_TYPE_CYCLIC)
		return log_stride >= LOG_RECEIVE_MIN && log_stride <= LOG_RECEIVE_MAX
			       ? PRM_OK
			       : PRM_BAD_PARAMETER;
	if (type != WQ_TYPE_STRIDING || log_stride != LOG_STRIDING)
		return PRM_BAD_PARAMETER;
	if (log_strides < CX_LOG_STRIDES_MIN || log_strides > CX_LOG_STRIDES_MAX)
		return PRM_BAD_PARAMETER;
	rq->striding = true;
	rq->log_strides = (uint8_t)log_strides;
	rq->log_stride_bytes = (uint8_t)(prm_get(wq, WQ_STRIDE_BYTES) + WQ_LOG_STRIDE_BYTES_BIAS);
	return PRM_OK;
}

static enum prm_status rq_check(const uint8_t *context)
{
	if (prm_get(context, RQC_STATE) != PRM_QUEUE_RESET ||
	    prm_get(context, RQC_MEMORY_TYPE) != 0)
		return PRM_BAD_PARAMETER;
	if (prm_get(context, RQC_DELAY_DROP) || prm_get(context, RQC_SCATTER_FCS) ||
	    prm_get(context, RQC_HAIRPIN) || prm_get(context, RQC_RESERVED_LKEY))
		return PRM_BAD_PARAMETER;
	return PRM_OK;
}

static enum prm_status rq_set_counter(struct cx_rq *rq, uint32_t id)
{
	struct cx_q_counter *counter = id ? cx_q_counter_by_id(rq->object.device, id) : NULL;

	if (id && !counter)
		return PRM_BAD_RESOURCE;
	if (rq->counter)
		rq->counter->object.users--;
	rq->counter = counter;
	if (counter)
		counter->object.users++;
	return PRM_OK;
}

static enum prm_status rq_fill(struct cx_command *command, struct cx_rq *rq)
{
	struct cx_device *device = command->device;
	const uint8_t *context = command->in + QUEUE_IN_CONTEXT;
	enum prm_status status = rq_check(context);

	if (status == PRM_OK)
		status = rq_fill_wq(rq, context + RQC_WQ);
	if (status != PRM_OK)
		return status;
	rq->cq = cx_object_find(&device->objects, CX_CQ, prm_get(context, RQC_CQN));
	if (!rq->cq)
		return PRM_BAD_RESOURCE;
	rq->user_index = prm_get(context, RQC_USER_INDEX);
	rq->flush_in_error = prm_get(context, RQC_FLUSH_IN_ERROR);
	rq->vlan_strip = !prm_get(context, RQC_VLAN_STRIP_OFF);
	if (rq->vlan_strip && !cx_profile_cap(&device->profile, CX_CAP_ETHERNET, CAP_VLAN))
		return PRM_BAD_PARAMETER;
	status = wq_attach(device, &rq->ring, context + RQC_WQ);
	if (status != PRM_OK)
		return status;
	status = rq_set_counter(rq, prm_get(context, RQC_COUNTER_SET));
	if (status == PRM_OK && cx_device_add_rq(device, rq) < 0) {
		(void)rq_set_counter(rq, 0); /* no counter is always possible */
		status = PRM_NO_RESOURCES;
	}
	if (status != PRM_OK)
		cx_ring_detach(&rq->ring);
	else
		rq->cq->object.users++;
	return status;
}

enum prm_status cx_create_rq(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	struct cx_rq *rq = cx_object_new(command->device, CX_RQ, sizeof(*rq));
	enum prm_status status;

	if (!rq)
		return PRM_NO_RESOURCES;
	status = rq_fill(command, rq);
	if (status != PRM_OK) {
		free(rq);
		return status;
	}
	rq->object.release = rq_release;
	*ret_object = &rq->object;
	return PRM_OK;
}

/*
 * Which states lead where (PRM, "SQ/RQ state transitions"): a queue goes from reset to ready, from
 * ready or error to reset, from anywhere to error, and stays where it is.
 */
static bool may_change(uint8_t from, uint32_t to)
{
	if (to == PRM_QUEUE_ERROR || from == to)
		return true;
	if (to == PRM_QUEUE_READY)
		return from == PRM_QUEUE_RESET;
	return to == PRM_QUEUE_RESET;
}

/* The program's idea of the present state may be one error behind the device's. */
static bool state_agrees(uint32_t believed, uint8_t state)
{
	return believed == state || (believed == PRM_QUEUE_READY && state == PRM_QUEUE_ERROR) ||
	       (believed == PRM_QUEUE_ERROR && state == PRM_QUEUE_READY);
}

static enum prm_status check_transition(struct cx_command *command, struct mlx5dv_devx_obj *object,
					uint8_t state, uint32_t to)
{
	if (prm_get(command->in, CMD_NUMBER) != object->number)
		return PRM_BAD_RESOURCE;
	if (!state_agrees(prm_get(command->in, MODIFY_IN_STATE), state) || !may_change(state, to))
		return PRM_BAD_RESOURCE_STATE;
	return PRM_OK;
}

enum prm_status cx_modify_sq(struct cx_command *command, struct mlx5dv_devx_obj *object)
{
	uint32_t to = prm_get(command->in + QUEUE_IN_CONTEXT, SQC_STATE);
	struct cx_sq *sq = (struct cx_sq *)object;
	enum prm_status status = check_transition(command, object, sq->state, to);

	if (status != PRM_OK)
		return status;
	if (prm_get64(command->in, MODIFY_IN_BITMASK))
		return PRM_BAD_PARAMETER; /* packet pacing */
	cx_sq_set_state(sq, (enum prm_queue_state)to);
	return PRM_OK;
}

enum prm_status cx_modify_rq(struct cx_command *command, struct mlx5dv_devx_obj *object)
{
	const uint8_t *context = command->in + QUEUE_IN_CONTEXT;
	uint64_t mask = prm_get64(command->in, MODIFY_IN_BITMASK);
	uint32_t to = prm_get(context, RQC_STATE);
	struct cx_rq *rq = (struct cx_rq *)object;
	enum prm_status status = check_transition(command, object, rq->state, to);

	if (status != PRM_OK)
		return status;
	if (mask & ~(uint64_t)(MODIFY_RQ_VLAN_STRIP | MODIFY_RQ_COUNTER_SET))
		return PRM_BAD_PARAMETER;
	if (mask & MODIFY_RQ_COUNTER_SET)
		status = rq_set_counter(rq, prm_get(context, RQC_COUNTER_SET));
	if (status != PRM_OK)
		return status;
	if (mask & MODIFY_RQ_VLAN_STRIP)
		rq->vlan_strip = !prm_get(context, RQC_VLAN_STRIP_OFF);
	cx_rq_set_state(rq, (enum prm_queue_state)to);
	return PRM_OK;
}

struct tis {
	struct mlx5dv_devx_obj object;
	struct mlx5dv_devx_obj *domain;
};

static void tis_release(struct mlx5dv_devx_obj *object)
{
	((struct tis *)object)->domain->users--;
}

enum prm_status cx_create_tis(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	const uint8_t *context = command->in + QUEUE_IN_CONTEXT;
	uint32_t number = prm_get(context, TISC_TRANSPORT_DOMAIN);
	struct mlx5dv_devx_obj *domain;
	struct tis *tis;

	domain = cx_object_find(&command->device->objects, CX_TRANSPORT_DOMAIN, number);
	if (!domain)
		return PRM_BAD_RESOURCE;
	tis = cx_object_new(command->device, CX_TIS, sizeof(*tis));
	if (!tis)
		return PRM_NO_RESOURCES;
	tis->domain = domain;
	tis->object.release = tis_release;
	domain->users++;
	*ret_object = &tis->object;
	return PRM_OK;
}

enum prm_status cx_alloc_transport_domain(struct cx_command *command,
					  struct mlx5dv_devx_obj **ret_object)
{
	*ret_object = cx_object_new(command->device, CX_TRANSPORT_DOMAIN, sizeof(**ret_object));
	return *ret_object ? PRM_OK : PRM_NO_RESOURCES;
}
