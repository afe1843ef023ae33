/*
 * A silent thread's time: see thread_time.h.
 */
#include "datapath/thread_time.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A round takes microseconds: so much on a CPU without one is no matter of scheduling. */
#define MUCH_NS 500000000U

static int read_file(pid_t thread, const char *name, char *buffer, size_t size)
{
	char path[64];
	ssize_t length;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/%s", (int)thread, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, buffer, size - 1);
	if (length < 0)
		length = -errno;
	close(fd);
	if (length < 0)
		return (int)length;
	buffer[length] = '\0';
	return 0;
}

static int read_state(pid_t thread, char *ret)
{
	char text[512], *name_end;
	int r = read_file(thread, "stat", text, sizeof(text));

	if (r < 0)
		return r;
	name_end = strrchr(text, ')'); /* a name may hold anything */
	if (!name_end || sscanf(name_end, ") %c", ret) != 1)
		return -EPROTO;
	return 0;
}

static int read_syscall(pid_t thread)
{
	char text[256];
	int number;

	if (read_file(thread, "syscall", text, sizeof(text)) < 0 ||
	    sscanf(text, "%d", &number) != 1)
		return -1;
	return number;
}

int thread_time_read(pid_t thread, struct thread_time *ret)
{
	struct thread_time time;
	char text[128];
	int r = read_file(thread, "schedstat", text, sizeof(text));

	if (r < 0)
		return r;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &time.ran_ns, &time.waited_ns) != 2)
		return -EPROTO;
	if (time.ran_ns == 0 && time.waited_ns == 0)
		return -ENOTSUP;
	r = read_state(thread, &time.state);
	if (r < 0)
		return r;
	time.syscall = read_syscall(thread);
	*ret = time;
	return 0;
}

enum thread_activity thread_time_judge(const struct thread_time *before,
				       const struct thread_time *now)
{
	if (now->ran_ns - before->ran_ns >= MUCH_NS)
		return THREAD_RUNS;
	if (now->state == 'R' || now->waited_ns - before->waited_ns >= MUCH_NS)
		return THREAD_STARVED;
	return THREAD_SLEEPS;
}
