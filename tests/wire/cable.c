/*
 * Two cables: see cable.h.
 */
#include "wire/cable.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FRAMES_MAX      (1U << 16) /* between two cable_begin() */
#define WINDOW          128
#define CONNECT_SECONDS 20
#define WAIT_MS         20000

struct sent {
	uint8_t bytes[FRAME_MAX];
	uint16_t length;
	uint8_t direction; /* enum direction */
	bool passed;
	uint64_t arrival;
};

struct cable {
	int end[DIRECTIONS]; /* where frames of a direction go in */
	struct sent *sent;
	uint32_t first; /* number of sent[0] */
	uint32_t count;
	unsigned open; /* frames since the last barrier */
	unsigned strange;
};

static void end_program(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timespec pause = { .tv_nsec = 20000000 };
	const int room = 4 << 20;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (int i = 0; connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0; i++) {
		if (i == CONNECT_SECONDS * 50)
			end_program(path);
		(void)nanosleep(&pause, NULL);
	}
	/* smaller ones are slower, no more */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return fd;
}

struct cable *cable_new(const char *remote, const char *vm)
{
	struct cable *cable = calloc(1, sizeof(*cable));

	if (cable)
		cable->sent = calloc(FRAMES_MAX, sizeof(*cable->sent));
	if (!cable || !cable->sent)
		end_program("frames");
	cable->end[DIRECTION_INBOUND] = connect_to(remote);
	cable->end[DIRECTION_OUTBOUND] = connect_to(vm);
	return cable;
}

void cable_free(struct cable *cable)
{
	if (!cable)
		return;
	(void)close(cable->end[DIRECTION_INBOUND]);
	(void)close(cable->end[DIRECTION_OUTBOUND]);
	free(cable->sent);
	free(cable);
}

/* --- what comes out --- */

static uint64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void take_frame(struct cable *cable, enum direction direction, const uint8_t *frame,
		       size_t length)
{
	struct sent *sent;
	uint32_t id;

	if (!frame_id(frame, length, &id) || id - cable->first >= cable->count) {
		cable->strange++;
		return;
	}
	sent = &cable->sent[id - cable->first];
	if (sent->passed || sent->direction != direction || sent->length != length ||
	    memcmp(sent->bytes, frame, length) != 0)
		cable->strange++;
	sent->passed = true;
	sent->arrival = clock_ns();
}

/* All that there is. */
static void receive(struct cable *cable)
{
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		int fd = cable->end[DIRECTIONS - 1 - direction];
		uint8_t frame[2048];
		ssize_t length;

		while ((length = recv(fd, frame, sizeof(frame), 0)) > 0)
			take_frame(cable, (enum direction)direction, frame, (size_t)length);
		if (length == 0 || (errno != EAGAIN && errno != EINTR))
			end_program("a cable was pulled");
	}
}

/* Until something comes out or, where `sends_on` is a cable, may go in. */
static void attend(struct cable *cable, int sends_on)
{
	struct pollfd polled[DIRECTIONS];
	int r;

	for (int i = 0; i < DIRECTIONS; i++)
		polled[i] = (struct pollfd){
			.fd = cable->end[i],
			.events = (short)(cable->end[i] == sends_on ? POLLIN | POLLOUT : POLLIN),
		};
	r = poll(polled, DIRECTIONS, WAIT_MS);
	if (r < 0 && errno != EINTR)
		end_program("poll");
	if (r == 0) {
		errno = ETIMEDOUT;
		end_program("frames that always pass do not come out");
	}
	receive(cable);
}

/* --- what goes in --- */

static struct sent *push(struct cable *cable, enum direction direction)
{
	struct sent *sent = &cable->sent[cable->count++];

	sent->direction = (uint8_t)direction;
	sent->passed = false;
	sent->arrival = 0;
	return sent;
}

static void transmit(struct cable *cable, const struct sent *sent)
{
	int fd = cable->end[sent->direction];

	while (send(fd, sent->bytes, sent->length, MSG_NOSIGNAL) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end_program("send");
		attend(cable, fd);
	}
}

static uint32_t send_numbered(struct cable *cable, const struct frame_spec *spec)
{
	const uint32_t id = cable->first + cable->count;
	struct frame_spec numbered = *spec;
	struct sent *sent;

	/* room for two barriers for each window */
	if (cable->count > FRAMES_MAX - 2 * (FRAMES_MAX / WINDOW))
		end_program("too many frames at once");
	sent = push(cable, spec->packet->direction);
	numbered.id = id;
	sent->length = (uint16_t)frame_make(&numbered, sent->bytes);
	transmit(cable, sent);
	return id;
}

uint32_t cable_send(struct cable *cable, const struct frame_spec *spec)
{
	const uint32_t id = send_numbered(cable, spec);

	if (++cable->open == WINDOW)
		cable_wait(cable);
	return id;
}

uint32_t cable_stream(struct cable *cable, const struct frame_spec *spec)
{
	const uint32_t id = send_numbered(cable, spec);

	receive(cable);
	return id;
}

void cable_wait(struct cable *cable)
{
	const struct sent *barriers[DIRECTIONS];

	for (int direction = 0; direction < DIRECTIONS; direction++) {
		const uint32_t id = cable->first + cable->count;
		struct sent *sent = push(cable, (enum direction)direction);

		sent->length = (uint16_t)frame_barrier((enum direction)direction, id, sent->bytes);
		transmit(cable, sent);
		barriers[direction] = sent;
	}
	cable->open = 0;
	while (!barriers[DIRECTION_INBOUND]->passed || !barriers[DIRECTION_OUTBOUND]->passed)
		attend(cable, -1);
}

bool cable_passed(const struct cable *cable, uint32_t id)
{
	return cable->sent[id - cable->first].passed;
}

uint64_t cable_arrival(const struct cable *cable, uint32_t id)
{
	return cable->sent[id - cable->first].arrival;
}

void cable_begin(struct cable *cable)
{
	cable->first += cable->count;
	cable->count = 0;
	cable->strange = 0;
}

unsigned cable_strange(const struct cable *cable)
{
	return cable->strange;
}
