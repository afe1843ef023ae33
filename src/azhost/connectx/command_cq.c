/*
 * Commands of completion queues, and how any queue's ring is found in the program's memory.
 */
#include "azhost/connectx/caps.h"
#include "azhost/connectx/compress.h"
#include "azhost/connectx/devx.h"
#include "azhost/connectx/queue.h"

#include <stdlib.h>

#define LOG_CQE_BYTES  6u
#define RING_ALIGNMENT 64u

enum prm_status cx_ring_attach(struct cx_device *device, struct cx_ring *ring, uint32_t umem,
			       uint64_t offset, uint32_t dbr_umem, uint64_t dbr_offset)
{
	uint64_t bytes = (uint64_t)1 << (ring->log_entries + ring->log_stride);

	if (offset % RING_ALIGNMENT || dbr_offset % CX_DOORBELL_BYTES)
		return PRM_BAD_PARAMETER;
	ring->umem = cx_umem_find(&device->memory, umem, offset, bytes);
	ring->doorbell_umem =
		cx_umem_find(&device->memory, dbr_umem, dbr_offset, CX_DOORBELL_BYTES);
	if (!ring->umem || !ring->doorbell_umem)
		return PRM_BAD_PARAMETER;
	ring->memory = ring->umem->address + offset;
	ring->doorbell = (uint32_t *)(ring->doorbell_umem->address + dbr_offset);
	if ((uintptr_t)ring->memory % RING_ALIGNMENT ||
	    (uintptr_t)ring->doorbell % CX_DOORBELL_BYTES)
		return PRM_BAD_PARAMETER;
	ring->umem->users++;
	ring->doorbell_umem->users++;
	return PRM_OK;
}

void cx_ring_detach(struct cx_ring *ring)
{
	ring->umem->users--;
	ring->doorbell_umem->users--;
}

static void cq_release(struct mlx5dv_devx_obj *object)
{
	struct cx_cq *cq = (struct cx_cq *)object;

	cx_session_free(cq->session);
	cx_ring_detach(&cq->ring);
}

/* Compression is the program's permission; whether the device makes use of it is the profile's. */
static enum prm_status read_compression(const struct cx_profile *profile, const uint8_t *context,
					struct cx_cq *cq)
{
	uint32_t format = prm_get(context, CQC_MINI_FORMAT);

	if (!prm_get(context, CQC_COMPRESSION))
		return PRM_OK;
	if ((format != CX_MINI_HASH && format != CX_MINI_STRIDE) ||
	    prm_get(context, CQC_MINI_FORMAT_EXT) || prm_get(context, CQC_COMPRESSION_LAYOUT))
		return PRM_BAD_PARAMETER;
	if (!profile->compress)
		return PRM_OK;
	cq->session = cx_session_new((enum cx_mini_format)format);
	return cq->session ? PRM_OK : PRM_NO_RESOURCES;
}

enum prm_status cx_create_cq(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	const uint8_t *context = command->in + CREATE_CQ_IN_CQC;
	const struct cx_profile *profile = &command->device->profile;
	enum prm_status status;
	struct cx_cq *cq;

	if (!prm_get(command->in, CREATE_CQ_IN_UMEM_VALID) || !prm_get(context, CQC_DBR_UMEM_VALID))
		return PRM_BAD_PARAMETER;
	if (prm_get(context, CQC_CQE_SIZE) != CQC_CQE_SIZE_64)
		return PRM_BAD_PARAMETER;
	if (prm_get(context, CQC_UAR_PAGE) != CX_UAR_PAGE || prm_get(context, CQC_EQN) != CX_EQN)
		return PRM_BAD_RESOURCE;
	if (prm_get(context, CQC_LOG_SIZE) >
	    cx_profile_cap(profile, CX_CAP_GENERAL, CAP_LOG_MAX_CQ_SIZE))
		return PRM_EXCEED_LIMIT;
	if (command->device->objects.alive[CX_CQ] >= 2 * profile->max_queues)
		return PRM_NO_RESOURCES;
	cq = cx_object_new(command->device, CX_CQ, sizeof(*cq));
	if (!cq)
		return PRM_NO_RESOURCES;
	cq->object.release = cq_release;
	cq->ring.log_entries = prm_get(context, CQC_LOG_SIZE);
	cq->ring.log_stride = LOG_CQE_BYTES;
	status = read_compression(profile, context, cq);
	if (status == PRM_OK)
		status = cx_ring_attach(
			command->device, &cq->ring, prm_get(command->in, CREATE_CQ_IN_UMEM),
			prm_get64(command->in, CREATE_CQ_IN_UMEM_OFFSET),
			prm_get(context, CQC_DBR_UMEM), prm_get64(context, CQC_DBR_ADDRESS));
	if (status != PRM_OK) {
		cx_session_free(cq->session);
		free(cq);
		return status;
	}
	*ret_object = &cq->object;
	return PRM_OK;
}
