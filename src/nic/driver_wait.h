/*
 * How drivers pass the time when they wait for a device or a host. DPDK's rte_delay_us() turns on
 * the spot, on whatever processor it is called; netvsc turns like that for each answer of the host,
 * 10 ms at a time and for a minute at most (DPDK 22.11, drivers/net/netvsc/hn_rndis.c:411-420), and
 * accelnetd asks it for its link every second. Whatever shares that processor stands meanwhile; if
 * it is the host, as in azhost, nobody comes on until the kernel takes the processor away.
 *
 * So threads sleep, except for workers: these have a processor each and traffic waits for them.
 */
#ifndef NIC_DRIVER_WAIT_H
#define NIC_DRIVER_WAIT_H

/* From now on, in the whole process. Thread: main, before EAL starts or after. */
void driver_wait_init(void);

#endif
