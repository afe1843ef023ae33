/*
 * A line: a tuple on which two sides send, and what one of them sends next.
 *
 * Half of the TCP lines follow a script of what TCP does, or what goes wrong with it; the others,
 * and scripts that are over, send anything.
 */
#ifndef TESTS_WIRE_LINE_H
#define TESTS_WIRE_LINE_H

#include "compile/tuple.h"
#include "property/model.h"
#include "testpmd/random.h"

/* What has become of a packet of a line. */
struct line_event {
	uint32_t policy; /* which one was in force */
	uint8_t direction;
	uint8_t tcp_flags;
	uint8_t icmp;
	bool passed;
	enum model_verdict verdict;
	uint64_t at;
};
#define LINE_EVENTS 32 /* the last ones */

struct line {
	struct model_packet packet; /* as the initiator sends it */
	uint32_t acknowledge[DIRECTIONS];
	unsigned script; /* LINE_NO_SCRIPT: none */
	unsigned step;
	bool opened; /* a SYN has passed since the last FIN or RST */
	/*
	 * A segment has passed in mid-stream: one that arrived may have been hidden from the
	 * connection table by a settled mark, and one that left is then taken for the answer to
	 * such a one. What nothing but a connection lets pass is not sent any more, and the line
	 * ends with the policy.
	 */
	bool unseen;
	bool ended; /* nothing more is sent */
	uint64_t born;
	struct line_event events[LINE_EVENTS];
	unsigned event_count;
};

#define LINE_NO_SCRIPT 99

struct line line_new(const struct tuple *tuple, uint64_t now, struct random *random);

/* Whether one of them may be of the same connection, by either side's packets. */
bool line_meets_any(const struct line *line, const struct line *lines, unsigned count);

/* `quoted` is room for what an ICMP error is about. */
void line_next(struct line *line, struct random *random, struct model_packet *ret,
	       struct model_packet *quoted);

/* Is it nothing that this line should send any more? */
bool line_is_beyond(const struct line *line, const struct model_packet *packet);

/* Remembers what has become of a packet; its direction and flags may be left out. */
void line_note(struct line *line, const struct model_packet *packet,
	       const struct line_event *event);

/* What was noted, a line each, for people. `text` is of LINE_TEXT_MAX bytes. */
#define LINE_TEXT_MAX (LINE_EVENTS * 80)
char *line_text(const struct line *line, char *text);

#endif
