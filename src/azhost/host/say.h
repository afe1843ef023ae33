/*
 * azhost's own lines on standard error: "azhost: " and the text, one write() each, so that they
 * stay whole between the lines of the guest. Any thread; may be used between fork() and exec().
 */
#ifndef AZHOST_HOST_SAY_H
#define AZHOST_HOST_SAY_H

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Only where say_verbose() was called: what the guest and the host tell each other. */
void say_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_verbose(void);

#endif
