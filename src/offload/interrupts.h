/*
 * EAL's interrupt thread, from outside: alarms run there one after the other, as do the events of
 * devices and what drivers do about them (netvsc brings its VF in and takes it down there).
 */
#ifndef OFFLOAD_INTERRUPTS_H
#define OFFLOAD_INTERRUPTS_H

/*
 * Runs call(argument) in that thread and waits for its end. Whatever ran there before has ended by
 * then, and nothing else of it is half-way during the call. Without alarms there is no such thread:
 * the call is made by the caller. Any thread but that one, with no lock that anything in it takes.
 */
void interrupts_run(void (*call)(void *argument), void *argument);

#endif
