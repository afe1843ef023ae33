/*
 * The end of EAL: see eal.h.
 *
 * Its interrupt thread outlives rte_eal_cleanup(), which wakes it and unmaps EAL's memory, and some
 * drivers leave a handle there for it to read: net_memif that of a peer which connects again while
 * its port is closed (seen with DPDK 22.11.11: a segmentation fault in rte_intr_fd_get()). So it is
 * held in a callback of ours, which never returns.
 */
#define ALLOW_EXPERIMENTAL_API /* rte_intr_instance_alloc() and its like, in 22.11 */

#include "daemon/eal.h"

#include <rte_eal.h>
#include <rte_interrupts.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 2

static void hold(void *held)
{
	(void)sem_post(held);
	for (;;)
		(void)pause();
}

static bool is_held(sem_t *held)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_SECONDS;
	return sem_timedwait(held, &until) == 0;
}

static int call_there(struct rte_intr_handle *handle, int fd, sem_t *held)
{
	int r = rte_intr_fd_set(handle, fd);

	if (r == 0)
		r = rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT);
	if (r == 0)
		r = rte_intr_callback_register(handle, hold, held);
	return r < 0 ? r : eventfd_write(fd, 1);
}

/* What the thread has stays until the process ends, which is now. */
static void hold_interrupt_thread(void)
{
	struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	sem_t *held = malloc(sizeof(*held));
	int fd = eventfd(0, EFD_CLOEXEC);

	if (handle && held && fd >= 0) {
		(void)sem_init(held, 0, 0);
		if (call_there(handle, fd, held) == 0 && is_held(held))
			return;
	}
	/* then it runs on, as it always did */
}

void eal_end(void)
{
	hold_interrupt_thread();
	(void)rte_eal_cleanup(); /* the process ends: nothing to do about a failure */
}
