/*
 * Receive queues: scattering a frame over a descriptor's buffers, striding descriptors with many
 * frames each, completions and errors.
 */
#include "azhost/connectx/device.h"
#include "azhost/connectx/queue.h"

#include <string.h>

#define ETHER_ADDRESSES  12u
#define VLAN_TAG         4u
#define INVALID_KEY      0x100u /* ends a scatter list (PRM, "Receive WQE") */
#define STRIDING_SEGMENT 16u    /* a striding descriptor: 16 bytes of header, one data segment */

/* PRM, "Data segment" of a descriptor. */
struct data_segment {
	uint32_t byte_count;
	uint32_t key;
	uint64_t address;
};

/* The bytes to be written: a frame, possibly with the tag cut out of its middle. */
struct source {
	const uint8_t *data;
	uint32_t length;  /* bytes left */
	uint32_t skip_at; /* bytes until the cut; past the end if there is none */
	uint32_t skip;
};

static void source_copy(struct source *source, uint8_t *to, uint32_t length)
{
	uint32_t first = length < source->skip_at ? length : source->skip_at;

	memcpy(to, source->data, first);
	source->data += first;
	source->skip_at -= first;
	source->length -= length;
	if (length == first)
		return;
	source->data += source->skip;
	source->skip_at = UINT32_MAX;
	memcpy(to + first, source->data, length - first);
	source->data += length - first;
}

static uint16_t posted(const struct cx_rq *rq)
{
	return (uint16_t)(cx_ring_doorbell(&rq->ring, DOORBELL_RECEIVE) - rq->consumed);
}

bool cx_rq_serving(struct cx_rq *rq)
{
	if (rq->state != PRM_QUEUE_READY)
		return false;
	rq->fed = rq->fed || posted(rq) > 0;
	return rq->fed;
}

static void flush(struct cx_rq *rq)
{
	uint16_t left = posted(rq);

	if (left > 1u << rq->ring.log_entries)
		left = (uint16_t)(1u << rq->ring.log_entries);
	for (; left > 0; left--) {
		cx_cq_post_error(rq->cq, CQE_RECEIVE_ERROR, SYNDROME_FLUSHED, rq->object.number,
				 rq->consumed, rq->user_index);
		rq->consumed++;
	}
}

enum cx_receive_result cx_rq_fail(struct cx_rq *rq, enum cx_syndrome syndrome)
{
	if (rq->state != PRM_QUEUE_READY)
		return CX_QUEUE_CLOSED;
	cx_cq_post_error(rq->cq, CQE_RECEIVE_ERROR, syndrome, rq->object.number, rq->consumed,
			 rq->user_index);
	if (posted(rq) > 0)
		rq->consumed++;
	if (syndrome == SYNDROME_LOCAL_LENGTH)
		return CX_RECEIVE_FAILED; /* the queue goes on (mlx5_rx_err_handle()) */
	rq->state = PRM_QUEUE_ERROR;
	if (rq->flush_in_error)
		flush(rq);
	return CX_RECEIVE_FAILED;
}

void cx_rq_set_state(struct cx_rq *rq, enum prm_queue_state state)
{
	if (state == PRM_QUEUE_RESET) {
		rq->consumed = 0;
		rq->next_stride = 0;
		rq->fed = false;
		__atomic_store_n(&rq->ring.doorbell[DOORBELL_RECEIVE], 0, __ATOMIC_RELEASE);
	}
	rq->state = (uint8_t)state;
	if (state == PRM_QUEUE_ERROR && rq->flush_in_error)
		flush(rq);
}

static void fill_cqe(const struct cx_rq *rq, struct cx_cqe *cqe, const struct cx_frame *frame,
		     const struct cx_receive_info *info, uint32_t byte_count, uint16_t wqe_counter)
{
	uint16_t types = info->header_types;

	if (rq->vlan_strip && info->vlan_tagged) {
		types |= CQE_VLAN_STRIPPED;
		memcpy(&cqe->vlan_info, frame->data + ETHER_ADDRESSES + 2, sizeof(cqe->vlan_info));
	}
	cqe->wqe_id = htobe16(rq->consumed);
	cqe->rx_hash_result = htobe32(info->hash);
	cqe->rx_hash_type = info->hash_fields;
	cqe->header_types = htobe16(types);
	cqe->user_index = htobe32(rq->user_index);
	cqe->metadata = htobe32(info->metadata);
	cqe->byte_count = htobe32(byte_count);
	cqe->timestamp = htobe64(info->timestamp);
	cqe->flow_tag = htobe32(info->flow_tag);
	cqe->wqe_counter = htobe16(wqe_counter);
}

/* Fill the scatter list at the ring's head. */
static int scatter(struct cx_rq *rq, struct source *source)
{
	const uint8_t *wqe = cx_ring_entry(&rq->ring, rq->consumed);
	uint32_t n = (1u << rq->ring.log_stride) / sizeof(struct data_segment), used = 0;

	for (uint32_t i = 0; i < n && source->length > 0; i++) {
		struct data_segment segment;
		uint32_t length;
		uint8_t *to;

		memcpy(&segment, wqe + i * sizeof(segment), sizeof(segment));
		length = be32toh(segment.byte_count);
		if (be32toh(segment.key) == INVALID_KEY)
			break;
		if (length > source->length)
			length = source->length;
		if (length == 0)
			continue;
		to = cx_memory_at(&rq->object.device->memory, be32toh(segment.key),
				  be64toh(segment.address), length, true);
		if (!to)
			return SYNDROME_LOCAL_PROTECTION;
		source_copy(source, to, length);
		used++;
	}
	rq->object.device->counters.scattered += used > 1 && source->length == 0;
	return source->length > 0 ? SYNDROME_LOCAL_LENGTH : 0;
}

/* Where the next frame begins: see prefetch_segment() in sq.c. */
static void prefetch_buffer(const struct cx_rq *rq)
{
	struct data_segment segment;

	memcpy(&segment, cx_ring_entry(&rq->ring, rq->consumed), sizeof(segment));
	__builtin_prefetch((const void *)(uintptr_t)be64toh(segment.address), 1);
}

static enum cx_receive_result receive_plain(struct cx_rq *rq, const struct cx_frame *frame,
					    const struct cx_receive_info *info,
					    struct source *source)
{
	struct cx_cqe *cqe = cx_cq_reserve(rq->cq);
	uint32_t length = source->length;
	int syndrome;

	if (!cqe)
		return CX_NO_BUFFER;
	syndrome = scatter(rq, source);
	if (syndrome)
		return cx_rq_fail(rq, (enum cx_syndrome)syndrome);
	fill_cqe(rq, cqe, frame, info, length, rq->consumed);
	cx_cq_post(rq->cq, cqe, CQE_RECEIVE, 1);
	rq->consumed++;
	prefetch_buffer(rq);
	return CX_RECEIVED;
}

/* Close the descriptor at the head: its strides from next_stride on stay empty. */
static bool post_filler(struct cx_rq *rq, uint32_t left)
{
	struct cx_cqe *cqe = cx_cq_reserve(rq->cq);

	if (!cqe)
		return false;
	cqe->wqe_id = htobe16(rq->consumed);
	cqe->byte_count = htobe32(CQE_FILLER | left << CQE_STRIDES_SHIFT);
	cqe->wqe_counter = htobe16((uint16_t)rq->next_stride);
	cx_cq_post(rq->cq, cqe, CQE_RECEIVE, 0);
	rq->next_stride = 0;
	rq->consumed++;
	return true;
}

static enum cx_receive_result receive_striding(struct cx_rq *rq, const struct cx_frame *frame,
					       const struct cx_receive_info *info,
					       struct source *source)
{
	uint32_t strides =
		(source->length + (1u << rq->log_stride_bytes) - 1) >> rq->log_stride_bytes;
	uint32_t all = 1u << rq->log_strides, length = source->length;
	struct data_segment segment;
	struct cx_cqe *cqe;
	uint8_t *to;

	if (strides > all)
		return cx_rq_fail(rq, SYNDROME_LOCAL_LENGTH);
	if (rq->next_stride + strides > all && !post_filler(rq, all - rq->next_stride))
		return CX_NO_BUFFER;
	cqe = posted(rq) > 0 ? cx_cq_reserve(rq->cq) : NULL;
	if (!cqe)
		return CX_NO_BUFFER;
	memcpy(&segment, cx_ring_entry(&rq->ring, rq->consumed) + STRIDING_SEGMENT,
	       sizeof(segment));
	to = cx_memory_at(&rq->object.device->memory, be32toh(segment.key),
			  be64toh(segment.address) +
				  ((uint64_t)rq->next_stride << rq->log_stride_bytes),
			  length, true);
	if (!to)
		return cx_rq_fail(rq, SYNDROME_LOCAL_PROTECTION);
	source_copy(source, to, length);
	fill_cqe(rq, cqe, frame, info, length | strides << CQE_STRIDES_SHIFT,
		 (uint16_t)rq->next_stride);
	cx_cq_post(rq->cq, cqe, CQE_RECEIVE, 1);
	rq->object.device->counters.striding++;
	rq->next_stride += strides;
	if (rq->next_stride == all) {
		rq->next_stride = 0;
		rq->consumed++;
	}
	return CX_RECEIVED;
}

enum cx_receive_result cx_rq_receive(struct cx_rq *rq, const struct cx_frame *frame,
				     const struct cx_receive_info *info)
{
	struct source source = { frame->data, frame->length, UINT32_MAX, 0 };

	if (rq->state != PRM_QUEUE_READY)
		return CX_QUEUE_CLOSED;
	if (posted(rq) == 0)
		return CX_NO_BUFFER;
	if (rq->vlan_strip && info->vlan_tagged) {
		source.length -= VLAN_TAG;
		source.skip_at = ETHER_ADDRESSES;
		source.skip = VLAN_TAG;
	}
	if (rq->striding)
		return receive_striding(rq, frame, info, &source);
	return receive_plain(rq, frame, info, &source);
}
