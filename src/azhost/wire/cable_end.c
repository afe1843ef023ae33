/* The far end of a cable of rings, see cable_end.h. */
#include "azhost/wire/cable_end.h"

#include "azhost/wire/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int map(int fd, uint64_t bytes, void **ret_memory)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

static void drop_vf(struct cable_end *end)
{
	if (end->vf.memory == NULL)
		return;
	munmap(end->vf.memory, end->vf.bytes);
	close(end->vf.event);
	end->vf = (struct cable_lane){ .event = -1 };
	end->vf_serial = 0;
}

static int take_vf(struct cable_end *end, const struct cable_message *message, const int *fds)
{
	struct cable_lane *vf = &end->vf;
	int rc;

	drop_vf(end);
	if (message->to_switch_offset >= message->bytes)
		return -EPROTO;
	rc = map(fds[CABLE_VF_MEMORY], message->bytes, &vf->memory);
	if (rc < 0)
		return rc;
	vf->bytes = message->bytes;
	vf->event = fcntl(fds[CABLE_VF_TO_GUEST], F_DUPFD_CLOEXEC, 0);
	rc = ring_attach_producer(&vf->ring, (uint8_t *)vf->memory + message->to_switch_offset,
				  message->bytes - message->to_switch_offset, vf->event);
	if (rc < 0)
		drop_vf(end);
	else
		end->vf_serial = message->serial;
	return rc;
}

/* The loan of this serial, or a later one: older ones are over. */
static bool find_vf(struct cable_end *end, uint32_t serial)
{
	struct cable_message message;
	int fds[CABLE_VF_FDS];

	while (end->vf_serial != serial) {
		ssize_t n =
			share_receive(end->socket, &message, sizeof(message), fds, CABLE_VF_FDS);

		if (n == (ssize_t)sizeof(message) && message.type == CABLE_VF)
			(void)take_vf(end, &message, fds); /* without it there is the cable */
		close_all(fds, CABLE_VF_FDS);
		if (n <= 0)
			return false;
	}
	return true;
}

static struct cable_lane *way_in(struct cable_end *end)
{
	const uint32_t serial = __atomic_load_n(&end->shared->vf, __ATOMIC_ACQUIRE);

	return serial != 0 && find_vf(end, serial) ? &end->vf : &end->to_switch;
}

int cable_put(struct cable_end *end, const void *frame, uint32_t length)
{
	struct cable_lane *lane = way_in(end);
	int rc = ring_put(&lane->ring, frame, length);

	lane->kick |= rc == RING_OK;
	return rc;
}

static void kick(struct cable_lane *lane)
{
	if (!lane->kick)
		return;
	lane->kick = false;
	ring_kick(&lane->ring);
}

void cable_kick(struct cable_end *end)
{
	kick(&end->to_switch);
	kick(&end->vf);
}

int cable_get(struct cable_end *end, void *buffer, uint32_t *ret_length)
{
	return ring_get(&end->to_program.ring, buffer, ret_length);
}

static int take_rings(struct cable_end *end, const struct cable_message *message, int *fds)
{
	const uint64_t out = message->to_switch_offset, in = message->to_program_offset;
	uint8_t *memory;
	int rc;

	if (message->bytes < sizeof(struct cable_shared) || out >= message->bytes ||
	    in >= message->bytes)
		return -EPROTO;
	rc = map(fds[CABLE_ATTACH_MEMORY], message->bytes, &end->to_switch.memory);
	if (rc < 0)
		return rc;
	memory = end->to_switch.memory;
	end->shared = end->to_switch.memory;
	end->to_switch.bytes = message->bytes;
	end->to_switch.event = fds[CABLE_ATTACH_TO_SWITCH];
	end->to_program.event = fds[CABLE_ATTACH_TO_PROGRAM];
	fds[CABLE_ATTACH_TO_SWITCH] = fds[CABLE_ATTACH_TO_PROGRAM] = -1;
	rc = ring_attach_producer(&end->to_switch.ring, memory + out, message->bytes - out,
				  end->to_switch.event);
	return rc < 0 ? rc
		      : ring_attach_consumer(&end->to_program.ring, memory + in,
					     message->bytes - in, end->to_program.event);
}

static int greet(struct cable_end *end, uint32_t flags)
{
	struct cable_message message = {
		.type = CABLE_HELLO,
		.version = CABLE_VERSION,
		.flags = flags,
	};
	int fds[CABLE_ATTACH_FDS];
	ssize_t n;
	int rc = -EPROTO;

	if (send(end->socket, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		return -errno;
	n = share_receive(end->socket, &message, sizeof(message), fds, CABLE_ATTACH_FDS);
	if (n == (ssize_t)sizeof(message) && message.type == CABLE_ATTACH &&
	    message.version == CABLE_VERSION)
		rc = take_rings(end, &message, fds);
	close_all(fds, CABLE_ATTACH_FDS);
	return n < 0 ? (int)n : rc;
}

int cable_plug(struct cable_end *end, const char *path, uint32_t flags)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int rc = 0;

	*end = (struct cable_end){
		.socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
		.to_switch.event = -1,
		.to_program.event = -1,
		.vf.event = -1,
	};
	if (end->socket < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		rc = -ENAMETOOLONG;
	else
		memcpy(address.sun_path, path, strlen(path));
	if (rc == 0 && connect(end->socket, (struct sockaddr *)&address, sizeof(address)) < 0)
		rc = -errno;
	if (rc == 0)
		rc = greet(end, flags);
	if (rc < 0)
		cable_unplug(end);
	return rc;
}

void cable_unplug(struct cable_end *end)
{
	drop_vf(end);
	if (end->to_switch.memory != NULL)
		munmap(end->to_switch.memory, end->to_switch.bytes);
	close_all((const int[]){ end->to_switch.event, end->to_program.event, end->socket }, 3);
	*end = (struct cable_end){
		.socket = -1, .to_switch.event = -1, .to_program.event = -1, .vf.event = -1
	};
}
