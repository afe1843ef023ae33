/*
 * The data path between queues, steering, wire and kernel interface. Device thread, under the lock.
 */
#include "azhost/connectx/device.h"
#include "azhost/connectx/host.h"
#include "azhost/connectx/queue.h"
#include "azhost/connectx/tir.h"
#include "azhost/connectx/vf.h"

#include <string.h>

#define WIRE_BURST         64u
#define SEND_BURST         64u
#define KERNEL_BURST       32u
#define KERNEL_INTERVAL_NS 50000u /* a system call each time: not in every round */

#define TPID_8021Q      0x8100
#define TCP_ACK         0x10
#define TCP_FLAGS_AT    13
#define TCP_DATA_OFFSET 12

static struct cx_frame receive_frame(struct cx_device *device)
{
	return (struct cx_frame){
		.data = device->receive_buffer + CX_FRAME_HEADROOM,
		.headroom = CX_FRAME_HEADROOM,
	};
}

static void to_kernel(struct cx_device *device, const struct cx_frame *frame)
{
	if (device->host && cx_host_to_kernel(device->host, frame))
		device->counters.to_kernel++;
	else
		device->counters.dropped++;
}

/* Whether the wire would take a frame of any length now. */
static bool wire_has_room(struct cx_device *device)
{
	struct cx_vf *peer = device->vf->peer;

	if (peer)
		return !peer->device || !cx_device_waits(peer->device);
	return !device->host || cx_host_has_room(device->host);
}

/* False if the wire is full. A wire that leads nowhere swallows the frame. */
static bool to_wire(struct cx_device *device, struct cx_frame *frame)
{
	struct cx_vf *peer = device->vf->peer;

	if (!device->link_up) {
		device->counters.dropped++;
		return true;
	}
	if (peer) {
		if (peer->device && cx_device_waits(peer->device))
			return false;
		if (peer->device)
			cx_device_receive(peer->device, frame);
		return true;
	}
	return !device->host || cx_host_send(device->host, frame);
}

enum cx_send_result cx_device_send(struct cx_device *device, struct cx_frame *frame,
				   uint32_t metadata, uint32_t sqn)
{
	if (steer_active(device->steering, STEER_TX)) {
		/* Asked first, so that rules do not count a frame twice that has to wait. */
		if (!wire_has_room(device))
			return CX_SEND_HELD;

		struct steer_packet packet = {
			.data = frame->data,
			.length = frame->length,
			.headroom = frame->headroom,
			.reg_a = metadata,
			.sqn = sqn,
		};

		if (steer_packet(device->steering, STEER_TX, &packet) == STEER_DROP) {
			device->counters.dropped++;
			return CX_SEND_DONE;
		}
		*frame = (struct cx_frame){ packet.data, packet.length, packet.headroom };
	}
	if (!to_wire(device, frame))
		return CX_SEND_HELD;
	device->counters.sent++;
	return CX_SEND_DONE;
}

static uint16_t tcp_type(const struct cx_frame *frame, const struct steer_headers *headers)
{
	const uint8_t *tcp = frame->data + headers->l4_offset;
	uint32_t payload = headers->l4_offset + (tcp[TCP_DATA_OFFSET] >> 4) * 4u;

	if (!(tcp[TCP_FLAGS_AT] & TCP_ACK))
		return CQE_L4_TCP;
	return frame->length > payload ? CQE_L4_TCP_ACK_DATA : CQE_L4_TCP_ACK;
}

/* What the completion says of the headers, checksums verified. */
static uint16_t header_types(const struct cx_frame *frame, const struct steer_headers *headers)
{
	uint16_t types = CQE_L2_OK;

	if (headers->l3 == STEER_L3_NONE)
		return types;
	types |= headers->l3 == STEER_L3_IPV4 ? CQE_L3_IPV4 : CQE_L3_IPV6;
	if (headers->l3_ok)
		types |= CQE_L3_OK;
	if (headers->fragment)
		return types | CQE_FRAGMENT;
	if (headers->l4 == STEER_L4_TCP)
		types |= tcp_type(frame, headers);
	else if (headers->l4 == STEER_L4_UDP)
		types |= CQE_L4_UDP;
	if (cx_frame_l4_good(frame, headers))
		types |= CQE_L4_OK;
	return types;
}

static void count_receive(struct cx_device *device, struct cx_rq *rq, enum cx_receive_result result)
{
	switch (result) {
	case CX_RECEIVED:
		rq->stalled = false;
		device->counters.delivered++;
		break;
	case CX_NO_BUFFER:
		device->counters.no_buffer++;
		cx_q_counter_out_of_buffer(rq->counter);
		break;
	case CX_RECEIVE_FAILED:
	case CX_QUEUE_CLOSED:
		device->counters.dropped++;
		break;
	}
}

/* Keep the frame until its queue has a buffer. It is copied: its place is for the next one. */
static void wait_for_buffer(struct cx_device *device, struct cx_rq *rq,
			    const struct cx_frame *frame, const struct cx_receive_info *info)
{
	struct cx_waiting *waiting = device->waiting;

	waiting->rq = rq;
	waiting->info = *info;
	waiting->since = device->now;
	waiting->frame = (struct cx_frame){ .data = waiting->buffer, .length = frame->length };
	memcpy(waiting->buffer, frame->data, frame->length);
}

bool cx_device_waits(struct cx_device *device)
{
	struct cx_waiting *waiting = device->waiting;
	struct cx_rq *rq = waiting->rq;
	enum cx_receive_result result;

	if (!rq || cx_device_failed(device) || device->stopped)
		return false;
	result = cx_rq_receive(rq, &waiting->frame, &waiting->info);
	if (result == CX_NO_BUFFER) {
		if (device->now - waiting->since < CX_PATIENCE_NS)
			return true;
		rq->stalled = true;
	}
	waiting->rq = NULL;
	count_receive(device, rq, result);
	return false;
}

void cx_device_stop_waiting(struct cx_device *device, const struct cx_rq *rq)
{
	if (!rq || device->waiting->rq != rq)
		return;
	device->waiting->rq = NULL;
	device->counters.dropped++;
}

/* A copy for one of several queues does not wait: the others have theirs already. */
static void receive(struct cx_device *device, struct cx_rq *rq, const struct cx_frame *frame,
		    const struct cx_receive_info *info, bool alone)
{
	enum cx_receive_result result = cx_rq_receive(rq, frame, info);

	if (result == CX_NO_BUFFER && device->flow_control && alone && !rq->stalled)
		wait_for_buffer(device, rq, frame, info);
	else
		count_receive(device, rq, result);
}

static void deliver(struct cx_device *device, const struct cx_frame *frame,
		    struct steer_packet *packet)
{
	struct cx_receive_info info = {
		.vlan_tagged = frame->length >= 16 && frame->data[12] == TPID_8021Q >> 8 &&
			       frame->data[13] == (TPID_8021Q & 0xff),
		.header_types = header_types(frame, &packet->headers),
		.flow_tag = packet->tag,
		.metadata = packet->reg_b,
		.timestamp = device->now,
	};

	for (uint32_t i = 0; i < packet->n_tirs; i++) {
		struct cx_tir *tir = cx_tir_from_steer(packet->tirs[i]);
		struct cx_rq *rq = cx_tir_choose(tir, frame->data, frame->length, &packet->headers,
						 &info.hash, &info.hash_fields);

		if (!rq)
			device->counters.dropped++;
		else if (cx_device_take_fault(device, CX_FAULT_RX_ERROR))
			count_receive(device, rq, cx_rq_fail(rq, SYNDROME_LOCAL_PROTECTION));
		else
			receive(device, rq, frame, &info, packet->n_tirs == 1);
	}
}

void cx_device_receive(struct cx_device *device, struct cx_frame *frame)
{
	struct steer_packet packet; /* its results are large: not worth clearing */

	packet.data = frame->data;
	packet.length = frame->length;
	packet.headroom = frame->headroom;
	packet.reg_a = 0;
	packet.sqn = 0;
	if (cx_device_failed(device) || device->stopped || !device->link_up) {
		device->counters.dropped++;
		return;
	}
	switch (steer_packet(device->steering, STEER_RX, &packet)) {
	case STEER_DROP:
		device->counters.dropped++;
		return;
	case STEER_MISS:
		*frame = (struct cx_frame){ packet.data, packet.length, packet.headroom };
		to_kernel(device, frame);
		return;
	case STEER_TIR:
		*frame = (struct cx_frame){ packet.data, packet.length, packet.headroom };
		deliver(device, frame, &packet);
		return;
	}
}

static unsigned int poll_kernel(struct cx_device *device)
{
	struct cx_frame frame = receive_frame(device);
	unsigned int n = 0;

	if (device->now < device->next_kernel)
		return 0;
	device->next_kernel = device->now + KERNEL_INTERVAL_NS;
	while (n < KERNEL_BURST && cx_host_from_kernel(device->host, &frame)) {
		if (to_wire(device, &frame))
			device->counters.kernel_sent++;
		else
			device->counters.wire_full++;
		frame = receive_frame(device);
		n++;
	}
	return n;
}

static unsigned int poll_wire(struct cx_device *device)
{
	struct cx_frame frame = receive_frame(device);
	unsigned int n = 0;

	while (n < WIRE_BURST && !cx_device_waits(device) &&
	       cx_host_receive(device->host, &frame)) {
		cx_device_receive(device, &frame);
		frame = receive_frame(device);
		n++;
	}
	return n;
}

/* Tell the host when the first queue gets buffers and when the last one goes. */
static void watch_readiness(struct cx_device *device)
{
	bool ready = false;

	for (unsigned int i = 0; i < device->n_rqs && !ready; i++)
		ready = cx_rq_serving(device->rqs[i]);
	if (ready == device->receiving)
		return;
	device->receiving = ready;
	cx_host_ready(device->host, ready);
}

static unsigned int poll_host(struct cx_device *device)
{
	unsigned int work = poll_kernel(device) + poll_wire(device);

	watch_readiness(device);
	return work;
}

unsigned int cx_device_poll(struct cx_device *device)
{
	unsigned int work = 0;

	if (cx_device_failed(device) || device->stopped)
		return 0;
	device->now = cx_device_clock();
	(void)cx_device_waits(device); /* asked again before each frame */
	if (device->host)
		work += poll_host(device);
	for (unsigned int i = 0; i < device->n_sqs; i++)
		work += cx_sq_poll(device->sqs[i], SEND_BURST);
	if (device->host) {
		cx_host_kick(device->host);
		/* In idle rounds, too: the program may have consumed what was delivered before. */
		cx_host_publish(device->host);
	}
	return work;
}

void cx_device_end_round(struct cx_device *device)
{
	if (cx_device_failed(device) || device->stopped)
		return;
	for (unsigned int i = 0; i < device->n_rqs; i++) {
		device->counters.compressed += cx_cq_flush(device->rqs[i]->cq);
		cx_cq_notify(device->rqs[i]->cq);
	}
}
