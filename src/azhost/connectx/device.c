/*
 * Opening and closing of a VF, its queues as the device thread sees them, and its asynchronous
 * events.
 */
#include "azhost/connectx/device.h"

#include "azhost/connectx/caps.h"
#include "azhost/connectx/host.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/queue.h"
#include "azhost/connectx/thread.h"
#include "azhost/connectx/vf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_COUNTER_ID 0x100u
#define UAR_BYTES        4096

struct cx_device *cx_device_of(struct ibv_context *context)
{
	return cx_device_from(context);
}

struct steering *cx_device_steering(const struct cx_device *device)
{
	return device->steering;
}

bool cx_device_failed(const struct cx_device *device)
{
	return atomic_load(&device->failed);
}

uint64_t cx_device_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int load_profile(struct cx_device *device)
{
	const char *directory = getenv("AZHOST_PROFILES");
	char reason[256];
	int r = cx_profile_load(directory, device->vf->profile, &device->profile, reason,
				sizeof(reason));

	if (r < 0)
		(void)fprintf(stderr, "azhost: %s: profile %s: %s: %s\n", device->vf->ibv.name,
			      device->vf->profile, reason, strerror(-r));
	return r;
}

static int allocate_buffers(struct cx_device *device)
{
	const size_t frame = CX_FRAME_HEADROOM + CX_FRAME_MAX + CX_FRAME_HEADROOM;
	uint32_t log_lso = cx_profile_cap(&device->profile, CX_CAP_ETHERNET, CAP_MAX_LSO);

	device->max_message = log_lso ? 1u << log_lso : 0;
	if (device->max_message > CX_MESSAGE_MAX)
		return -EINVAL;
	device->message_buffer = calloc(1, frame + CX_MESSAGE_MAX);
	device->segment_buffer = calloc(1, frame);
	device->receive_buffer = calloc(1, frame);
	device->waiting = calloc(1, sizeof(*device->waiting));
	if (!device->message_buffer || !device->segment_buffer || !device->receive_buffer ||
	    !device->waiting)
		return -ENOMEM;
	device->waiting->buffer = calloc(1, frame);
	return device->waiting->buffer ? 0 : -ENOMEM;
}

static void free_device(struct cx_device *device)
{
	steering_free(device->steering);
	free(device->sqs);
	free(device->rqs);
	free(device->message_buffer);
	free(device->segment_buffer);
	free(device->receive_buffer);
	if (device->waiting)
		free(device->waiting->buffer);
	free(device->waiting);
	free(device);
}

static int prepare(struct cx_device *device)
{
	struct cx_context *context;
	int r;

	r = load_profile(device);
	if (r < 0)
		return r;
	r = allocate_buffers(device);
	if (r < 0)
		return r;
	r = cx_context_new(device, -1, &context);
	if (r < 0)
		return r;
	return steering_new(&device->profile.steering, &device->steering);
}

static struct cx_device *device_new(struct cx_vf *vf)
{
	struct cx_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->vf = vf;
	device->link_up = true;
	device->next_counter_id = FIRST_COUNTER_ID;
	cx_memory_init(&device->memory);
	cx_object_table_init(&device->objects);
	return device;
}

/* Make the device known to the device thread, unless the VF has been opened or revoked meanwhile.
 */
static int enter_service(struct cx_device *device)
{
	int r = 0;

	cx_lock();
	if (device->vf->device)
		r = -EBUSY;
	else if (!device->vf->present)
		r = -ENODEV;
	else
		device->vf->device = device;
	cx_unlock();
	return r;
}

static void leave_service(struct cx_device *device)
{
	cx_lock();
	device->vf->device = NULL;
	cx_unlock();
}

int cx_device_build(struct cx_vf *vf, struct cx_device **ret_device)
{
	struct cx_device *device = device_new(vf);
	int r;

	if (!device)
		return -ENOMEM;
	r = prepare(device);
	if (r < 0) {
		cx_device_dismantle(device);
		return r;
	}
	*ret_device = device;
	return 0;
}

void cx_device_dismantle(struct cx_device *device)
{
	while (device->contexts)
		(void)cx_context_free(device->contexts); /* all of them, last or not */
	cx_object_table_fini(&device->objects);
	cx_memory_fini(&device->memory);
	free_device(device);
}

int cx_device_open(struct cx_vf *vf, struct cx_device **ret_device)
{
	struct cx_device *device;
	int r;

	r = cx_device_build(vf, &device);
	if (r < 0)
		return r;
	r = cx_host_attach(device, &device->host);
	if (r < 0)
		goto dismantle;
	r = cx_device_thread_hold();
	if (r < 0)
		goto detach;
	r = enter_service(device);
	if (r < 0)
		goto release_thread;
	r = device->host ? cx_host_start(device->host) : 0;
	if (r < 0)
		goto leave_service;
	*ret_device = device;
	return 0;

leave_service:
	leave_service(device);
release_thread:
	cx_device_thread_release();
detach:
	cx_host_detach(device->host);
dismantle:
	cx_device_dismantle(device);
	return r;
}

void cx_device_close(struct cx_device *device)
{
	leave_service(device);
	cx_device_stop_waiting(device, device->waiting->rq);
	cx_host_detach(device->host);
	device->host = NULL;
	cx_device_thread_release();
	cx_device_dismantle(device);
}

int cx_device_add_sq(struct cx_device *device, struct cx_sq *sq)
{
	struct cx_sq **sqs;

	if (device->n_sqs >= device->profile.max_queues)
		return -ENOSPC;
	sqs = reallocarray(device->sqs, device->n_sqs + 1, sizeof(struct cx_sq *));
	if (!sqs)
		return -ENOMEM;
	sqs[device->n_sqs++] = sq;
	device->sqs = sqs;
	return 0;
}

void cx_device_remove_sq(struct cx_device *device, struct cx_sq *sq)
{
	for (unsigned int i = 0; i < device->n_sqs; i++) {
		if (device->sqs[i] == sq) {
			device->sqs[i] = device->sqs[--device->n_sqs];
			return;
		}
	}
}

int cx_device_add_rq(struct cx_device *device, struct cx_rq *rq)
{
	struct cx_rq **rqs;

	if (device->n_rqs >= device->profile.max_queues)
		return -ENOSPC;
	rqs = reallocarray(device->rqs, device->n_rqs + 1, sizeof(struct cx_rq *));
	if (!rqs)
		return -ENOMEM;
	rqs[device->n_rqs++] = rq;
	device->rqs = rqs;
	return 0;
}

void cx_device_remove_rq(struct cx_device *device, struct cx_rq *rq)
{
	cx_device_stop_waiting(device, rq);
	for (unsigned int i = 0; i < device->n_rqs; i++) {
		if (device->rqs[i] == rq) {
			device->rqs[i] = device->rqs[--device->n_rqs];
			return;
		}
	}
}

void cx_device_raise(struct cx_device *device, enum ibv_event_type type)
{
	if (type == IBV_EVENT_DEVICE_FATAL) {
		atomic_store(&device->failed, true);
		steer_fail(device->steering);
	}
	cx_context_raise(device, type);
}

bool cx_device_take_fault(struct cx_device *device, enum cx_fault fault)
{
	if (device->faults[fault] == 0)
		return false;
	device->faults[fault]--;
	return true;
}

struct cx_counters cx_device_counters(const struct cx_device *device)
{
	struct cx_counters counters = device->counters;

	for (unsigned int i = 0; i < device->n_rqs; i++) {
		const struct cx_cq *cq = device->rqs[i]->cq;

		counters.consumed += cq->frames - cx_cq_unseen(cq);
	}
	return counters;
}
