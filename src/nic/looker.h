/*
 * A thread of its own for the looks at one NIC's uplink: a look may sit in a driver for as long as
 * that removes a VF, or the host is silent, and neither the rules of any NIC nor another NIC's
 * looks wait for that.
 */
#ifndef NIC_LOOKER_H
#define NIC_LOOKER_H

struct looker;

/* Starts the thread; look(context) is called there. -ENOMEM, or the errno of pthread_create(). */
int looker_new(void (*look)(void *context), void *context, struct looker **ret);
/* Waits for a look that is under way. Nobody asks any more. NULL is fine. */
void looker_free(struct looker *looker);

/* Asks for a look, where none is under way. Never waits for one. */
void looker_ask(struct looker *looker);
/* The same; where one is under way, which may have missed what is new, for another after it. */
void looker_ask_anew(struct looker *looker);
/* Waits until none is under way. NULL is fine. */
void looker_quiesce(struct looker *looker);

#endif
