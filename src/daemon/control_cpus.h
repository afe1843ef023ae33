/*
 * The CPUs of the threads that are no workers: control, offload, looks.
 *
 * EAL pins the first thread to the main lcore's CPU, and what that one starts inherits it. Whatever
 * else is busy there (other units, interrupts) then delays all of them at once, and with them the
 * fail-over of a bifurcated NIC. EAL's own threads have every CPU that is no lcore's; so have ours,
 * with the main lcore's.
 */
#ifndef DAEMON_CONTROL_CPUS_H
#define DAEMON_CONTROL_CPUS_H

#include <sched.h>
#include <stdbool.h>

/*
 * What the process was given, and the main lcore's, less the workers'. False, and `ret` untouched:
 * nothing is left, and the main lcore shares its CPU with a worker as it was told to.
 */
bool control_cpus(const cpu_set_t *given, const cpu_set_t *main_lcore, const cpu_set_t *workers,
		  cpu_set_t *ret);

#endif
