/*
 * Packets and a clock in, decisions out, as lines of text: the rows of the manual as scenarios.
 *
 * A line is "at what = expected"; `at` is seconds (with decimals) and may be left out. What:
 *
 *     > tcp LPORT REMOTE RPORT FLAGS [SEQ [ACK]]   > leaves, < arrives; FLAGS of SAFRPU, or -
 *     < udp LPORT REMOTE RPORT
 *     < icmp TYPE ID REMOTE                        ICMPv6 where REMOTE is IPv6
 *     < ip PROTOCOL REMOTE
 *     < error TYPE ROUTER udp LPORT REMOTE RPORT   an ICMP error from or to ROUTER, quoting
 *     < first ID udp LPORT REMOTE RPORT            a first fragment of 64 bytes
 *     < later ID REMOTE OFFSET more|last           a later one, of UDP
 *     policy N | grace SECONDS | kill udp|tcp LPORT REMOTE RPORT | expire
 *
 * Expected is "pass BY [RULE]", "drop REASON [RULE]" or "hold"; what audit mode would have dropped
 * is "pass BY [RULE] but REASON". After it, "+ pass" or "+ REASON" for each fragment that is
 * released. A line of IPv6 has the NIC at fd00::4, else it is at 10.1.0.4.
 */
#ifndef TESTS_CLASSIFY_SCRIPT_H
#define TESTS_CLASSIFY_SCRIPT_H

#include "classify/judge.h"
#include "frame.h"

#define SCRIPT_POLICIES_MAX 4

struct script {
	const char *name;
	uint32_t connections; /* 0: 1000 */
	const char
		*policies[SCRIPT_POLICIES_MAX]; /* documents, ' for "; "none": no policy in force */
	const char *const *lines;               /* NULL at the end */
};

/* Runs it, one packet a burst; fails the test at the first line that differs. */
void script_run(const struct script *script);
/* The same with all packets of one direction and time in one burst: nothing may change. */
void script_run_in_bursts(const struct script *script);

/* A context to judge single frames by. */
struct judge_fixture {
	struct judge_context context;
	struct ruleset *ruleset;
};
void judge_fixture_init(struct judge_fixture *fixture, const char *policy, uint32_t connections);
void judge_fixture_fini(struct judge_fixture *fixture);
struct decision judge_fixture_frame(struct judge_fixture *fixture, const struct frame *frame,
				    uint64_t now);
/* As the scripts have it; returns `buffer`. */
char *decision_text(const struct ruleset *ruleset, const struct decision *decision, char *buffer,
		    size_t size);

#endif
