/*
 * A control socket that serves in a thread of its own, with no NIC, for tests.
 */
#ifndef TEST_CONTROL_SERVING_H
#define TEST_CONTROL_SERVING_H

#include "control/control.h"

struct serving;

/* Asserts that it works. `limits` NULL: the defaults. */
struct serving *serving_start(const struct control_limits *limits);
void serving_stop(struct serving *serving);

const char *serving_path(const struct serving *serving);

/* Adds `count` events in the serving thread; returns when they were added. */
void serving_add_events(struct serving *serving, unsigned count);
/* How many clients are connected, as the serving thread sees it. */
unsigned serving_clients(struct serving *serving);

/* --- a client of plain bytes --- */

int dial(const struct serving *serving);
void send_text(int fd, const char *text);
/* One line without its line feed, within `seconds`; NULL at the end of the stream. Freed by the
 * caller. */
char *read_line(int fd, double seconds);
/* Whether the other side closes within `seconds`; what comes meanwhile is read and dropped. */
bool closes_within(int fd, double seconds);
/* Asserts that a fresh client is answered within five seconds; it takes a millisecond. */
void assert_serves(const struct serving *serving);

#endif
