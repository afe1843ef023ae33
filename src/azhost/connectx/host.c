/*
 * The line to the host process: connecting, reading its messages, frames. What a message does is in
 * host_order.c.
 */
#include "azhost/connectx/host.h"

#include "azhost/connectx/device.h"
#include "azhost/connectx/host_order.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/queue.h"
#include "azhost/connectx/thread.h"
#include "azhost/connectx/vf.h"
#include "azhost/wire/ring.h"
#include "azhost/wire/share.h"
#include "azhost/wire/vfproto.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ATTACH_TIMEOUT_SECONDS 10

struct cx_host {
	struct cx_device *device;
	int socket;
	int fds[VF_FD_COUNT]; /* owned */
	void *memory;
	size_t bytes;
	struct vf_shared *shared;
	struct ring to_guest;
	struct ring to_host;
	bool has_wire;
	bool kick;       /* frames were put since the last kick */
	atomic_bool cut; /* the host has gone */
	bool tap_gone;
	pthread_t thread;
	bool started;
};

static int connect_host(int *ret_socket)
{
	const char *directory = getenv("AZHOST_DIR");
	struct timeval timeout = { .tv_sec = ATTACH_TIMEOUT_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int s;

	if (!directory)
		return -ENOENT;
	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", directory,
			     VF_SOCKET_NAME) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -errno;
	if (connect(s, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = -errno;

		(void)close(s);
		return r;
	}
	(void)setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)); /* a guard only */
	*ret_socket = s;
	return 0;
}

static int say_hello(int s, const char *name)
{
	struct vf_message hello = { .type = VF_HELLO, .hello.version = VF_PROTOCOL_VERSION };
	size_t length = strlen(name);

	if (length >= sizeof(hello.hello.ibname))
		return -ENAMETOOLONG;
	memcpy(hello.hello.ibname, name, length);
	return send(s, &hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello) ? 0 : -errno;
}

/* The answer and the descriptors that come with it. fds are -1 where none came. */
static int read_attach(int s, struct vf_message *ret_message, int fds[VF_FD_COUNT])
{
	ssize_t n = share_receive(s, ret_message, sizeof(*ret_message), fds, VF_FD_COUNT);

	if (n < 0)
		return n == -EAGAIN ? -ETIMEDOUT : (int)n;
	if ((size_t)n != sizeof(*ret_message) || ret_message->type != VF_ATTACH)
		return -EPROTO;
	return ret_message->attach.status;
}

static int map_wire(struct cx_host *host, const struct vf_message *attach)
{
	uint64_t bytes = attach->attach.wire_bytes;
	uint64_t guest = attach->attach.to_guest_offset, out = attach->attach.to_host_offset;
	int r;

	if (bytes < sizeof(struct vf_shared) || guest >= bytes || out >= bytes)
		return -EPROTO;
	host->memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, host->fds[VF_FD_WIRE], 0);
	if (host->memory == MAP_FAILED) {
		host->memory = NULL;
		return -errno;
	}
	host->bytes = bytes;
	host->shared = host->memory;
	r = ring_attach_consumer(&host->to_guest, (uint8_t *)host->memory + guest, bytes - guest,
				 host->fds[VF_FD_TO_GUEST]);
	if (r < 0)
		return r;
	host->has_wire = host->device->vf->peer == NULL;
	return ring_attach_producer(&host->to_host, (uint8_t *)host->memory + out, bytes - out,
				    host->fds[VF_FD_TO_HOST]);
}

static void host_free(struct cx_host *host)
{
	for (unsigned int i = 0; i < VF_FD_COUNT; i++) {
		if (host->fds[i] >= 0)
			(void)close(host->fds[i]);
	}
	if (host->memory)
		(void)munmap(host->memory, host->bytes);
	(void)close(host->socket);
	free(host);
}

int cx_host_attach(struct cx_device *device, struct cx_host **ret_host)
{
	struct vf_message attach = { 0 };
	struct cx_host *host;
	int s = -1, r;

	r = connect_host(&s);
	if (r == -ENOENT || r == -ECONNREFUSED) {
		*ret_host = NULL;
		return 0;
	}
	if (r < 0)
		return r;
	host = calloc(1, sizeof(*host));
	if (!host) {
		(void)close(s);
		return -ENOMEM;
	}
	memset(host->fds, 0xff, sizeof(host->fds));
	host->device = device;
	host->socket = s;
	r = say_hello(s, device->vf->ibv.name);
	if (r == 0)
		r = read_attach(s, &attach, host->fds);
	if (r == 0)
		r = map_wire(host, &attach);
	if (r < 0) {
		host_free(host);
		return r;
	}
	device->link_up = attach.attach.link_up;
	device->flow_control = attach.attach.flow_control != 0;
	device->queue_ms = attach.attach.queue_ms;
	steer_fault_slow_rule(device->steering, attach.attach.rule_us);
	*ret_host = host;
	return 0;
}

static void *message_thread(void *argument)
{
	struct cx_host *host = argument;
	struct vf_message message;

	for (;;) {
		ssize_t n = recv(host->socket, &message, sizeof(message), 0);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		if ((size_t)n == sizeof(message))
			cx_host_obey(host->device, host->socket, &message);
	}
	atomic_store(&host->cut, true);
	return NULL;
}

int cx_host_start(struct cx_host *host)
{
	int r = cx_thread_create(&host->thread, "azhost-vf", message_thread, host);

	host->started = r == 0;
	return r;
}

void cx_host_detach(struct cx_host *host)
{
	if (!host)
		return;
	cx_lock();
	cx_host_publish(host);
	cx_unlock();
	(void)shutdown(host->socket, SHUT_RDWR); /* ends the thread's recv() */
	if (host->started)
		(void)pthread_join(host->thread, NULL);
	host_free(host);
}

bool cx_host_has_room(const struct cx_host *host)
{
	const struct ring *r = &host->to_host;
	/* A frame may need as much again for the filler before it, and a header each. */
	const uint32_t most = 2 * (RING_FRAME_MAX + 16);
	uint32_t used = r->own - __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE);

	if (atomic_load_explicit(&host->cut, memory_order_relaxed))
		return true;
	return used <= r->size && r->size - used >= most;
}

bool cx_host_send(struct cx_host *host, const struct cx_frame *frame)
{
	if (atomic_load_explicit(&host->cut, memory_order_relaxed))
		return true;
	host->kick = true;
	return ring_put(&host->to_host, frame->data, frame->length) != RING_FULL;
}

void cx_host_kick(struct cx_host *host)
{
	if (host->has_wire && host->kick)
		ring_kick(&host->to_host);
	host->kick = false;
}

bool cx_host_receive(struct cx_host *host, struct cx_frame *frame)
{
	const void *data;

	if (!host->has_wire || ring_peek(&host->to_guest, &data, &frame->length) != RING_OK)
		return false;
	memcpy(frame->data, data, frame->length);
	ring_release(&host->to_guest);
	return true;
}

bool cx_host_to_kernel(struct cx_host *host, const struct cx_frame *frame)
{
	if (host->tap_gone || host->fds[VF_FD_NETDEV] < 0)
		return false;
	return write(host->fds[VF_FD_NETDEV], frame->data, frame->length) == (ssize_t)frame->length;
}

bool cx_host_from_kernel(struct cx_host *host, struct cx_frame *frame)
{
	ssize_t n;

	if (host->tap_gone || host->fds[VF_FD_NETDEV] < 0)
		return false;
	n = read(host->fds[VF_FD_NETDEV], frame->data, CX_FRAME_MAX);
	if (n < 0 && errno == EBADFD)
		host->tap_gone = true; /* the interface was deleted under the TAP */
	if (n <= 0)
		return false;
	frame->length = (uint32_t)n;
	return true;
}

void cx_host_publish(struct cx_host *host)
{
	struct cx_counters c = cx_device_counters(host->device);

	if (!host->shared)
		return;
	__atomic_store_n(&host->shared->delivered, c.delivered, __ATOMIC_RELAXED);
	__atomic_store_n(&host->shared->consumed, c.consumed, __ATOMIC_RELAXED);
	__atomic_store_n(&host->shared->no_buffer, c.no_buffer, __ATOMIC_RELAXED);
	__atomic_store_n(&host->shared->dropped, c.dropped, __ATOMIC_RELAXED);
	__atomic_store_n(&host->shared->to_kernel, c.to_kernel, __ATOMIC_RELAXED);
	__atomic_store_n(&host->shared->sent, c.sent, __ATOMIC_RELAXED);
	__atomic_store_n(&host->shared->kernel_sent, c.kernel_sent, __ATOMIC_RELAXED);
	__atomic_store_n(&host->shared->wire_full, c.wire_full, __ATOMIC_RELAXED);
	__atomic_store_n(&host->shared->unsent, c.unsent, __ATOMIC_RELAXED);
}

void cx_host_ready(struct cx_host *host, bool ready)
{
	struct vf_message message = { .type = VF_READY, .value = ready };

	(void)send(host->socket, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

int cx_host_wakeup_fd(const struct cx_host *host)
{
	return host->has_wire ? host->fds[VF_FD_TO_GUEST] : -1;
}

bool cx_host_may_sleep(struct cx_host *host)
{
	return !host->has_wire || ring_sleep(&host->to_guest) == RING_EMPTY;
}

void cx_host_drain_wakeups(struct cx_host *host)
{
	uint64_t count;

	if (host->has_wire)
		(void)!read(host->fds[VF_FD_TO_GUEST], &count,
			    sizeof(count)); /* value: no interest */
}
