/*
 * A thread for calls that block: jobs are run one after the other, in the order they were posted.
 * Thread of the functions: any; new and free: control.
 */
#ifndef DAEMON_ERRANDS_H
#define DAEMON_ERRANDS_H

struct errands;

/* -ENOMEM, or the errno of pthread_create(). */
int errands_new(struct errands **ret);
/* Runs what was posted, then ends the thread. NULL is fine. */
void errands_free(struct errands *errands);
/* -ENOMEM. */
int errands_post(struct errands *errands, void (*job)(void *argument), void *argument);

#endif
