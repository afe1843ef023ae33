/* One wire and its loop, see wire_bench.h. */
#include "wire_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void receive(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct wire_bench *bench = opaque;
	uint32_t number;

	memcpy(&number, frame, sizeof(number));
	bench->in_order &= number == bench->received && length == FRAME;
	bench->received++;
}

static bool may_receive(void *opaque)
{
	return ((struct wire_bench *)opaque)->open;
}

static void feeds_vf(void *opaque, bool on)
{
	((struct wire_bench *)opaque)->fed = on;
}

static const struct wire_callbacks callbacks = { receive, may_receive, feeds_vf };

static void stop(void *opaque)
{
	loop_stop(opaque);
}

void wire_bench_run(struct wire_bench *bench, unsigned ms)
{
	loop_timer_set(&bench->loop, &bench->timer, ms * UINT64_C(1000000));
	assert_int_equal(loop_run(&bench->loop), 0);
}

void wire_bench_init(struct wire_bench *bench, const char *type)
{
	const char *argument, *why;
	char name[80];

	memset(bench, 0, sizeof(*bench));
	snprintf(bench->path, sizeof(bench->path), "/tmp/azhost-test-%s-%d", type, (int)getpid());
	snprintf(name, sizeof(name), "%s:%s", type, bench->path);
	assert_int_equal(loop_init(&bench->loop), 0);
	bench->timer = (struct loop_timer){ .fire = stop, .opaque = &bench->loop };
	bench->open = bench->in_order = true;
	assert_int_equal(
		wire_find(name, &argument)
			->open(&bench->loop, argument, &callbacks, bench, &bench->wire, &why),
		0);
}

void wire_bench_fini(struct wire_bench *bench)
{
	bench->wire->type->close(bench->wire);
	assert_null(bench->loop.pollers);
	assert_false(bench->fed);
	loop_fini(&bench->loop);
	assert_int_not_equal(access(bench->path, F_OK), 0);
}

int wire_bench_connect(const struct wire_bench *bench)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, bench->path, strlen(bench->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void number_frame(uint8_t frame[FRAME], uint32_t number)
{
	memset(frame, 0, FRAME);
	memcpy(frame, &number, sizeof(number));
}
