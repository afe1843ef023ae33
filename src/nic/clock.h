/*
 * The clock of the datapath: milliseconds since some moment before start, the same on all lcores.
 *
 * Read from the TSC (constant and synchronous on every machine that DPDK supports): a few cycles
 * and no system call. Thread: any.
 */
#ifndef NIC_CLOCK_H
#define NIC_CLOCK_H

#include <rte_cycles.h>
#include <stdint.h>

/* Milliseconds; a worker reads it once a poll round. */
static inline uint64_t clock_ms(void)
{
	return rte_get_tsc_cycles() / (rte_get_tsc_hz() / 1000);
}

#endif
