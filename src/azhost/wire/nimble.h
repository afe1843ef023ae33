/*
 * Devices and switches are threads here, and share the processor with the programs that poll them.
 */
#ifndef AZHOST_WIRE_NIMBLE_H
#define AZHOST_WIRE_NIMBLE_H

/*
 * Ask that the calling thread, which sleeps between short bursts of work, is run soon after it
 * wakes up: short slices (sched_setattr(2), Linux 6.12) and exact sleeps. It gets no larger share,
 * needs no privilege, and does without where the kernel cannot.
 */
void nimble_thread(void);

#endif
