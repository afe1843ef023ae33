/*
 * See port_callback.h.
 */
#include "offload/port_callback.h"

#include <errno.h>
#include <rte_alarm.h>
#include <semaphore.h>
#include <unistd.h>

#define RETRY_US 1000

static void has_passed(void *argument)
{
	(void)sem_post(argument); /* fails for what is no semaphore, only */
}

/* Whatever ran in the interrupt thread has ended: alarms run there, one thing after the other. */
static void let_interrupts_pass(void)
{
	sem_t passed;
	int r;

	(void)sem_init(&passed, 0, 0); /* does not fail with these arguments */
	while ((r = rte_eal_alarm_set(1, has_passed, &passed)) == -ENOMEM)
		usleep(RETRY_US);
	/* where there are no alarms there is no thread that calls */
	while (r == 0 && sem_wait(&passed) < 0 && errno == EINTR)
		;
	(void)sem_destroy(&passed);
}

void port_callback_remove(enum rte_eth_event_type event, rte_eth_dev_cb_fn call, void *argument)
{
	/* once for those that rest, and once more for the one that did not */
	(void)rte_eth_dev_callback_unregister(RTE_ETH_ALL, event, call, argument);
	let_interrupts_pass();
	(void)rte_eth_dev_callback_unregister(RTE_ETH_ALL, event, call, argument);
}
