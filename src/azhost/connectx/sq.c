/*
 * Send queues: from descriptors to frames on the wire, completions and errors.
 *
 * A descriptor is finished when all its frames are out. Where the wire is full in the middle of
 * one, the queue stands still and remembers how many frames of it are out (sent_of_head): the
 * program then sees its ring fill up, as behind a paused link.
 */
#include "azhost/connectx/caps.h"
#include "azhost/connectx/device.h"
#include "azhost/connectx/queue.h"
#include "azhost/connectx/wqe.h"

#include <string.h>

#define ETHER_HEADER 14u

/* What became of a descriptor. Other values are enum cx_syndrome. */
enum {
	SENT = 0,
	HELD = -1,
};

/* A descriptor being worked on. */
struct job {
	struct cx_sq *sq;
	struct cx_device *device;
	struct wqe wqe;
	struct wqe_ethernet ethernet;
	uint32_t frames; /* of it, that are out */
};

static struct cx_frame scratch_frame(uint8_t *buffer)
{
	return (struct cx_frame){
		.data = buffer + CX_FRAME_HEADROOM,
		.headroom = CX_FRAME_HEADROOM,
	};
}

/* Append a data segment to the frame. 0 or a syndrome. */
static int append(const struct job *job, struct cx_frame *frame, const struct wqe_data *data,
		  uint32_t limit)
{
	const uint8_t *from = data->inline_bytes;

	if (frame->length > limit || data->length > limit - frame->length)
		return SYNDROME_LOCAL_LENGTH;
	if (!from)
		from = cx_memory_at(&job->device->memory, data->key, data->address, data->length,
				    false);
	if (!from)
		return SYNDROME_LOCAL_PROTECTION;
	memcpy(frame->data + frame->length, from, data->length);
	frame->length += data->length;
	job->device->counters.inline_segments += data->inline_bytes != NULL;
	return 0;
}

/* Send one frame, unless it is out already. */
static int emit(struct job *job, struct cx_frame *frame)
{
	if (job->frames >= job->sq->sent_of_head) {
		if (cx_device_take_fault(job->device, CX_FAULT_TX_ERROR))
			return SYNDROME_LOCAL_PROTECTION;
		if (cx_device_send(job->device, frame, job->ethernet.metadata,
				   job->sq->object.number) == CX_SEND_HELD)
			return HELD;
	}
	job->frames++;
	return SENT;
}

/* Offloads of a frame that is whole. */
static int finish_frame(struct job *job, struct cx_frame *frame)
{
	uint8_t checksums = job->ethernet.checksums;
	struct steer_headers headers;

	if (frame->length < ETHER_HEADER)
		return SYNDROME_LOCAL_LENGTH;
	if (job->ethernet.insert_vlan && !cx_frame_push_vlan(frame, job->ethernet.tci))
		return SYNDROME_LOCAL_QP_OPERATION;
	if (checksums & (WQE_CHECKSUM_L3 | WQE_CHECKSUM_L4)) {
		steer_parse(frame->data, frame->length, &headers);
		cx_frame_write_checksums(frame, &headers, checksums & WQE_CHECKSUM_L3,
					 checksums & WQE_CHECKSUM_L4);
	}
	return emit(job, frame);
}

static int send_segments(struct job *job, struct cx_frame *whole)
{
	uint32_t header_length = job->ethernet.inline_length, i = 0;
	struct cx_frame segment = scratch_frame(job->device->segment_buffer);
	struct steer_headers headers;
	int r;

	if (header_length + job->ethernet.mss > CX_FRAME_MAX)
		return SYNDROME_LOCAL_LENGTH;
	steer_parse(whole->data, whole->length, &headers);
	while (cx_frame_segment(whole, &headers, header_length, job->ethernet.mss, i, &segment)) {
		r = emit(job, &segment);
		if (r != SENT)
			return r;
		segment = scratch_frame(job->device->segment_buffer);
		i++;
	}
	return i > 0 ? SENT : SYNDROME_LOCAL_QP_OPERATION;
}

static bool inline_enough(const struct job *job, uint32_t inlined, uint32_t length)
{
	return inlined >= job->sq->min_inline || inlined == length;
}

static int run_send(struct job *job)
{
	bool tso = job->wqe.opcode == WQE_TSO;
	uint32_t limit = tso ? job->device->max_message : CX_FRAME_MAX, offset = job->ethernet.next;
	struct cx_frame frame = scratch_frame(job->device->message_buffer);
	struct cx_counters *counters = &job->device->counters;
	unsigned int segments = 0;
	struct wqe_data data;
	enum wqe_next next;
	int r;

	memcpy(frame.data, job->ethernet.inline_bytes, job->ethernet.inline_length);
	frame.length = job->ethernet.inline_length;
	counters->inline_headers += frame.length > 0;
	while ((next = wqe_read_data(&job->wqe, &offset, &data)) == WQE_DATA) {
		r = append(job, &frame, &data, limit);
		if (r)
			return r;
		segments++;
	}
	counters->gathered += segments > 1;
	if (next == WQE_MALFORMED || !inline_enough(job, job->ethernet.inline_length, frame.length))
		return SYNDROME_LOCAL_QP_OPERATION;
	return tso ? send_segments(job, &frame) : finish_frame(job, &frame);
}

/* The bytes of the next segment come from the CPU that wrote them: ask for them early. An address
 * that is not ours is not touched by asking. */
static void prefetch_segment(const struct job *job, uint32_t offset)
{
	struct wqe_data data;

	if (wqe_read_data(&job->wqe, &offset, &data) == WQE_DATA && !data.inline_bytes)
		__builtin_prefetch((const void *)(uintptr_t)data.address);
}

static int run_multi_packet(struct job *job)
{
	uint32_t offset = job->ethernet.next;
	struct wqe_data data;
	enum wqe_next next;
	int r;

	if (!job->sq->multi_packet || job->ethernet.inline_length || job->ethernet.insert_vlan)
		return SYNDROME_LOCAL_QP_OPERATION;
	while ((next = wqe_read_data(&job->wqe, &offset, &data)) == WQE_DATA) {
		struct cx_frame frame = scratch_frame(job->device->message_buffer);

		prefetch_segment(job, offset);
		r = append(job, &frame, &data, CX_FRAME_MAX);
		if (r)
			return r;
		r = finish_frame(job, &frame);
		if (r != SENT)
			return r;
	}
	return next == WQE_END ? SENT : SYNDROME_LOCAL_QP_OPERATION;
}

/* What no capability announces is an error, not a thing left undone. */
static bool asks_too_much(const struct job *job)
{
	const uint8_t known =
		WQE_CHECKSUM_L3_INNER | WQE_CHECKSUM_L4_INNER | WQE_CHECKSUM_L3 | WQE_CHECKSUM_L4;

	return job->wqe.length > job->sq->max_bytes || job->ethernet.software_parser ||
	       (job->ethernet.insert_vlan && !job->sq->vlan_insert) ||
	       job->ethernet.checksums & known & ~job->sq->checksums;
}

static int run(struct job *job)
{
	if (job->wqe.opcode == WQE_NOP)
		return SENT;
	if (!wqe_read_ethernet(&job->wqe, &job->ethernet))
		return SYNDROME_LOCAL_QP_OPERATION;
	if (asks_too_much(job))
		return SYNDROME_LOCAL_QP_OPERATION;
	switch (job->wqe.opcode) {
	case WQE_TSO:
		if (!job->device->max_message)
			return SYNDROME_LOCAL_QP_OPERATION;
		job->device->counters.segmentations++;
		return run_send(job);
	case WQE_SEND:
		job->device->counters.sends++;
		return run_send(job);
	case WQE_ENHANCED_MPW:
		job->device->counters.multi_packets++;
		return run_multi_packet(job);
	default:
		return SYNDROME_LOCAL_QP_OPERATION;
	}
}

/* The descriptor at the head, made contiguous where it wraps around the ring's end. False if it is
 * longer than what was posted, or not of this queue and place. */
static bool fetch(struct cx_sq *sq, uint16_t pending, struct wqe *ret_wqe)
{
	const uint8_t *head = cx_ring_entry(&sq->ring, sq->consumed);
	uint8_t *copy = sq->object.device->wqe_buffer;
	uint32_t to_end;

	wqe_read_control(head, ret_wqe);
	if (ret_wqe->blocks > pending || ret_wqe->index != sq->consumed ||
	    ret_wqe->sqn != sq->object.number)
		return false;
	to_end = (uint32_t)(sq->ring.memory + (WQE_BLOCK << sq->ring.log_entries) - head);
	if (ret_wqe->length > to_end) {
		memcpy(copy, head, to_end);
		memcpy(copy + to_end, sq->ring.memory, ret_wqe->length - to_end);
		ret_wqe->bytes = copy;
	}
	return true;
}

static uint32_t opcode_qpn(const struct cx_sq *sq, uint8_t opcode)
{
	return (uint32_t)opcode << 24 | sq->object.number;
}

/* Complete what is left with "flushed", where a completion was asked for. */
static void flush(struct cx_sq *sq, uint16_t producer)
{
	uint16_t pending;
	struct wqe wqe;

	while ((pending = (uint16_t)(producer - sq->consumed)) > 0 && fetch(sq, pending, &wqe)) {
		if (wqe.completion)
			cx_cq_post_error(sq->cq, CQE_SEND_ERROR, SYNDROME_FLUSHED,
					 opcode_qpn(sq, wqe.opcode), wqe.index, sq->user_index);
		sq->consumed = (uint16_t)(sq->consumed + wqe.blocks);
	}
	sq->consumed = producer;
}

static void fail(struct cx_sq *sq, const struct wqe *wqe, enum cx_syndrome syndrome,
		 uint16_t producer)
{
	cx_cq_post_error(sq->cq, CQE_SEND_ERROR, syndrome, opcode_qpn(sq, wqe->opcode),
			 sq->consumed, sq->user_index);
	sq->state = PRM_QUEUE_ERROR;
	sq->sent_of_head = 0;
	sq->consumed = (uint16_t)(sq->consumed + wqe->blocks);
	if (sq->flush_in_error && (uint16_t)(producer - sq->consumed) < 1u << sq->ring.log_entries)
		flush(sq, producer);
}

static void complete(struct cx_sq *sq, const struct wqe *wqe, struct cx_cqe *cqe)
{
	if (wqe->completion) {
		cqe->user_index = htobe32(sq->user_index);
		cqe->flow_tag = htobe32(opcode_qpn(sq, wqe->opcode));
		cqe->wqe_counter = htobe16(wqe->index);
		cx_cq_post(sq->cq, cqe, CQE_SEND, 0);
	}
	sq->sent_of_head = 0;
	sq->consumed = (uint16_t)(sq->consumed + wqe->blocks);
}

unsigned int cx_sq_poll(struct cx_sq *sq, unsigned int max_frames)
{
	uint16_t producer = (uint16_t)cx_ring_doorbell(&sq->ring, DOORBELL_SEND);
	unsigned int done = 0;

	while (sq->state == PRM_QUEUE_READY && sq->consumed != producer && done < max_frames) {
		uint16_t pending = (uint16_t)(producer - sq->consumed);
		struct job job; /* read from the descriptor: not worth clearing */
		struct cx_cqe *cqe;
		int r;

		job.sq = sq;
		job.device = sq->object.device;
		job.frames = 0;
		job.wqe.opcode = WQE_NOP; /* of one that cannot be read */
		if (pending > 1u << sq->ring.log_entries || !fetch(sq, pending, &job.wqe)) {
			job.wqe.blocks = 1;
			fail(sq, &job.wqe, SYNDROME_LOCAL_QP_OPERATION, producer);
			return done + 1;
		}
		cqe = job.wqe.completion ? cx_cq_reserve(sq->cq) : NULL;
		if (job.wqe.completion && !cqe)
			break; /* the completion would be lost: wait for the program */
		r = run(&job);
		if (job.frames > sq->sent_of_head)
			done += job.frames - sq->sent_of_head;
		if (r == HELD) {
			sq->sent_of_head = job.frames;
			break;
		}
		if (r != SENT) {
			fail(sq, &job.wqe, (enum cx_syndrome)r, producer);
			return done + 1;
		}
		done++;
		complete(sq, &job.wqe, cqe);
	}
	return done;
}

static uint64_t frames_of(const struct wqe *wqe)
{
	struct wqe_ethernet ethernet;
	struct wqe_data data;
	uint64_t n = 0;

	if (wqe->opcode == WQE_NOP || !wqe_read_ethernet(wqe, &ethernet))
		return 0;
	if (wqe->opcode != WQE_ENHANCED_MPW)
		return 1;
	while (wqe_read_data(wqe, &ethernet.next, &data) == WQE_DATA)
		n++;
	return n;
}

uint64_t cx_sq_unsent(struct cx_sq *sq)
{
	uint16_t producer = (uint16_t)cx_ring_doorbell(&sq->ring, DOORBELL_SEND);
	uint16_t consumed = sq->consumed, pending;
	uint64_t n = 0;
	struct wqe wqe;

	if ((uint16_t)(producer - consumed) > 1u << sq->ring.log_entries)
		return 0;
	while ((pending = (uint16_t)(producer - sq->consumed)) > 0 && fetch(sq, pending, &wqe)) {
		n += frames_of(&wqe);
		sq->consumed = (uint16_t)(sq->consumed + wqe.blocks);
	}
	sq->consumed = consumed;
	return n > sq->sent_of_head ? n - sq->sent_of_head : 0;
}

void cx_sq_set_state(struct cx_sq *sq, enum prm_queue_state state)
{
	if (state == PRM_QUEUE_RESET) {
		sq->consumed = 0;
		sq->sent_of_head = 0;
		__atomic_store_n(&sq->ring.doorbell[DOORBELL_SEND], 0, __ATOMIC_RELEASE);
	}
	sq->state = (uint8_t)state;
}
