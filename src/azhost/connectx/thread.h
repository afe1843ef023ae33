/*
 * The device thread: the emulated silicon of all open VFs. It starts with the first open device and
 * ends with the last. While there is work it polls; when there is none it naps, briefly.
 *
 * Two paired VFs share it, as two functions share a NIC. AZHOST_DEVICE_CPU=n pins it to a CPU: it
 * should be one on which the program does not poll.
 */
#ifndef AZHOST_CONNECTX_THREAD_H
#define AZHOST_CONNECTX_THREAD_H

#include <pthread.h>

/*
 * Start a helper thread that may run on any CPU and takes no signals of the program: EAL's threads
 * are pinned, and new threads inherit that. -errno.
 */
int cx_thread_create(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *argument);

/* One more open device, or one less. Without the lock. */
int cx_device_thread_hold(void);
void cx_device_thread_release(void);

#endif
