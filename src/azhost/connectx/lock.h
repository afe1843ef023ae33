/*
 * The one lock of the emulated devices. The device thread holds it while it moves packets, control
 * calls hold it while they change queues, keys or objects. It is one for all VFs of the process,
 * since a paired VF delivers into its peer.
 *
 * A control call that waits is let in before the device thread takes the lock again, so it waits
 * for one round of the device thread at most, if it gets a processor within a millisecond. If not,
 * traffic goes on meanwhile. Nothing blocks while it holds the lock.
 */
#ifndef AZHOST_CONNECTX_LOCK_H
#define AZHOST_CONNECTX_LOCK_H

void cx_lock(void);
void cx_unlock(void);

/* The device thread's own way in: gives way to those that wait. */
void cx_lock_politely(void);

#endif
