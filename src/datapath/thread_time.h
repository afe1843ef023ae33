/*
 * What a thread does that gives no sign of life: it waits for its CPU, it runs, or it sleeps.
 *
 * Read from /proc/self/task/TID (proc(5): stat, schedstat, syscall). A wait that is not over is not
 * in the kernel's sum yet, so that the thread's state counts beside it.
 * Thread: any; no state.
 */
#ifndef DATAPATH_THREAD_TIME_H
#define DATAPATH_THREAD_TIME_H

#include <stdint.h>
#include <sys/types.h>

struct thread_time {
	uint64_t ran_ns;    /* on a CPU, since it began */
	uint64_t waited_ns; /* runnable, and without one */
	char state;         /* 'R', 'S', 'D', ... */
	int syscall;        /* in which it sleeps; -1: in none, or nobody may know */
};

/* -errno; -ENOTSUP where the kernel does not count (CONFIG_SCHED_INFO). */
int thread_time_read(pid_t thread, struct thread_time *ret);

enum thread_activity {
	THREAD_STARVED, /* others had its CPU */
	THREAD_RUNS,    /* in a loop that is none of ours, or in the kernel */
	THREAD_SLEEPS,  /* in a system call */
};

/* Between two readings in which it should have come round thousands of times, and did not once. */
enum thread_activity thread_time_judge(const struct thread_time *before,
				       const struct thread_time *now);

#endif
