/*
 * See driver_wait.h.
 */
#include "nic/driver_wait.h"

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <stdbool.h>

/* A sleep takes that much longer than it is asked for (timerslack_ns, proc(5)). */
#define SLACK_US 50

static bool is_worker(void)
{
	const unsigned lcore = rte_lcore_id(); /* LCORE_ID_ANY has no role */

	return rte_eal_lcore_role(lcore) == ROLE_RTE && lcore != rte_get_main_lcore();
}

static void pass(unsigned microseconds)
{
	if (microseconds < SLACK_US || is_worker())
		rte_delay_us_block(microseconds);
	else
		rte_delay_us_sleep(microseconds);
}

void driver_wait_init(void)
{
	rte_delay_us_callback_register(pass);
}
