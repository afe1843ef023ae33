/*
 * docs/policy.md, "Connections", row by row: each scenario packet by packet, and again in bursts.
 */
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* HTTPS and port 53/udp in, ping in; out: Internet but for port 25, by the default rules. */
#define RULES(more)                                                                               \
	"{'properties':{" more "'securityRules':["                                                \
	"{'name':'https-in','properties':{'priority':100,'direction':'Inbound','access':'Allow'," \
	"'protocol':'Tcp','sourceAddressPrefix':'*','sourcePortRange':'*',"                       \
	"'destinationAddressPrefix':'*','destinationPortRange':'443'}},"                          \
	"{'name':'dns-in','properties':{'priority':110,'direction':'Inbound','access':'Allow',"   \
	"'protocol':'Udp','sourceAddressPrefix':'*','sourcePortRange':'*',"                       \
	"'destinationAddressPrefix':'*','destinationPortRange':'53'}},"                           \
	"{'name':'ping-in','properties':{'priority':120,'direction':'Inbound','access':'Allow',"  \
	"'protocol':'Icmp','sourceAddressPrefix':'192.0.2.0/24','sourcePortRange':'*',"           \
	"'destinationAddressPrefix':'*','destinationPortRange':'*'}},"                            \
	"{'name':'no-mail','properties':{'priority':100,'direction':'Outbound','access':'Deny',"  \
	"'protocol':'Tcp','sourceAddressPrefix':'*','sourcePortRange':'*',"                       \
	"'destinationAddressPrefix':'*','destinationPortRange':'25'}}]}}"

/* The same without https-in and with Internet closed to leaving packets. */
#define CLOSED(more)                                                                      \
	"{'properties':{" more "'securityRules':["                                        \
	"{'name':'nothing-out','properties':{'priority':100,'direction':'Outbound',"      \
	"'access':'Deny','protocol':'*','sourceAddressPrefix':'*','sourcePortRange':'*'," \
	"'destinationAddressPrefix':'*','destinationPortRange':'*'}}]}}"

#define DOCUMENT(nsg, more)                             \
	"{'apiVersion':'accelnet/v1','nicNsg':" nsg     \
	",'context':{'virtualNetwork':['10.1.0.0/16']," \
	"'addresses':['10.1.0.4','fd00::4']}" more "}"

#define FLUSH "'flushConnection':true,"
#define AUDIT ",'options':{'mode':'audit'}"

#define OPEN_OUT                                                                  \
	"1 > tcp 40000 203.0.113.9 443 S 100 = pass rules AllowInternetOutBound", \
		"< tcp 40000 203.0.113.9 443 SA 500 101 = pass connection",       \
		"> tcp 40000 203.0.113.9 443 A 101 501 = pass connection"

#define LINES(...)                     \
	.lines = (const char *const[]) \
	{                              \
		__VA_ARGS__, NULL      \
	}

static const struct script scripts[] = {
	{ "openers and replies", .policies = { DOCUMENT(RULES(""), "") },
	  LINES(OPEN_OUT, "< tcp 40000 203.0.113.9 443 PA 501 101 = pass connection",
		"2 < tcp 443 203.0.113.9 1000 S 1 = pass rules https-in",
		"> tcp 443 203.0.113.9 1000 SA 9 2 = pass connection",
		"< tcp 443 203.0.113.9 1000 A 2 10 = pass connection",
		"< tcp 22 203.0.113.9 1000 S 1 = drop policy-deny DenyAllInBound",
		"> tcp 40001 203.0.113.9 25 S 1 = drop policy-deny no-mail",
		"< tcp 40000 203.0.113.9 80 A 1 1 = drop policy-deny DenyAllInBound") },
	{ "the other family's ICMP is a protocol like any other, with 60 s",
	  .policies = { DOCUMENT(RULES(""), "") },
	  LINES("1 > ip 58 203.0.113.9 = pass rules AllowInternetOutBound",
		"2 < ip 58 203.0.113.9 = pass connection",
		"61.9 < ip 58 203.0.113.9 = pass connection",
		"121.8 > ip 58 203.0.113.9 = pass connection",
		"182 < ip 58 203.0.113.9 = drop policy-deny DenyAllInBound") },
	{ "SYN+ACK without state", .policies = { DOCUMENT(RULES(""), "") },
	  LINES("< tcp 443 203.0.113.9 1000 SA 1 1 = drop no-connection",
		"> tcp 40000 203.0.113.9 443 SA 1 1 = drop no-connection",
		"> tcp 40000 203.0.113.9 443 P 1 1 = drop no-connection") },
	{ "half-open lasts 30 s, half-confirmed 240 s", .policies = { DOCUMENT(RULES(""), "") },
	  LINES("1 > tcp 1 203.0.113.9 443 S = pass rules AllowInternetOutBound",
		"30.999 < tcp 1 203.0.113.9 443 SA = pass connection",
		"270.998 < tcp 1 203.0.113.9 443 A = pass connection",
		"510.998 < tcp 1 203.0.113.9 443 A = drop policy-deny DenyAllInBound",
		"600 > tcp 1 203.0.113.9 443 S = pass rules AllowInternetOutBound",
		"630 < tcp 1 203.0.113.9 443 SA = drop no-connection") },
	{ "picked up in its own direction, confirmed by the other, 30 s else",
	  .policies = { DOCUMENT(RULES(""), "") },
	  LINES("1 > tcp 1 203.0.113.9 443 A = pass rules AllowInternetOutBound",
		"2 < tcp 1 203.0.113.9 443 A = pass connection",
		"241.9 < tcp 1 203.0.113.9 443 A = pass connection",
		"500 > tcp 2 203.0.113.9 443 A = pass rules AllowInternetOutBound",
		"529.9 > tcp 2 203.0.113.9 443 A = pass connection",
		"559.9 < tcp 2 203.0.113.9 443 A = drop policy-deny DenyAllInBound",
		"560 < tcp 443 203.0.113.9 9 A = pass rules https-in",
		"> tcp 443 203.0.113.9 9 A = pass connection",
		"< tcp 444 203.0.113.9 9 A = drop policy-deny DenyAllInBound") },
	{ "the grace window is for leaving segments only",
	  .policies = { DOCUMENT(RULES(""), ""), DOCUMENT(CLOSED(""), "") },
	  LINES("1 > tcp 443 203.0.113.9 25 A = drop policy-deny no-mail", "grace 240",
		"1 > tcp 443 203.0.113.9 25 A = pass rules https-in",
		"2 < tcp 443 203.0.113.9 25 A = pass connection",
		"> tcp 22 203.0.113.9 25 A = drop policy-deny no-mail",
		"> tcp 443 203.0.113.10 25 FA = drop policy-deny no-mail",
		"< tcp 40000 203.0.113.9 443 A = drop policy-deny DenyAllInBound",
		"241 > tcp 443 203.0.113.11 25 A = drop policy-deny no-mail") },
	{ "RST and FIN without state are judged and make nothing",
	  .policies = { DOCUMENT(RULES(""), "") },
	  LINES("> tcp 1 203.0.113.9 443 R = pass rules AllowInternetOutBound",
		"> tcp 1 203.0.113.9 443 FA = pass rules AllowInternetOutBound",
		"< tcp 1 203.0.113.9 443 A = drop policy-deny DenyAllInBound",
		"< tcp 1 203.0.113.9 443 R = drop policy-deny DenyAllInBound",
		"< tcp 443 203.0.113.9 1 R = pass rules https-in") },
	{ "SYN on a live entry that the rules deny", .policies = { DOCUMENT(RULES(""), "") },
	  LINES(OPEN_OUT, "< tcp 40000 203.0.113.9 443 S 9 = drop policy-deny DenyAllInBound",
		"< tcp 40000 203.0.113.9 443 A 501 101 = pass connection") },
	{ "SYN on an established entry that the rules allow",
	  .policies = { DOCUMENT(RULES(""), "") },
	  LINES(OPEN_OUT, "2 > tcp 40000 203.0.113.9 443 S 900 = pass connection",
		"< tcp 40000 203.0.113.9 443 A 501 101 = pass connection",
		"< tcp 40000 203.0.113.9 443 SA 700 901 = pass connection",
		"> tcp 40000 203.0.113.9 443 A 901 701 = pass connection") },
	{ "SYN on a half-open and on a closing entry", .policies = { DOCUMENT(RULES(""), "") },
	  LINES("1 > tcp 1 203.0.113.9 443 S = pass rules AllowInternetOutBound",
		"20 > tcp 1 203.0.113.9 443 S = pass connection",
		"49 < tcp 1 203.0.113.9 443 SA = pass connection",
		"> tcp 1 203.0.113.9 443 FA = pass connection",
		"50 > tcp 1 203.0.113.9 443 S = pass rules AllowInternetOutBound",
		"79.9 < tcp 1 203.0.113.9 443 SA = pass connection") },
	{ "RST shortens to 5 s, a later packet restores", .policies = { DOCUMENT(RULES(""), "") },
	  LINES(OPEN_OUT, "2 < tcp 40000 203.0.113.9 443 R 501 = pass connection",
		"6.9 < tcp 40000 203.0.113.9 443 A 501 101 = pass connection",
		"200 < tcp 40000 203.0.113.9 443 A 501 101 = pass connection",
		"201 < tcp 40000 203.0.113.9 443 R 501 = pass connection",
		"206 < tcp 40000 203.0.113.9 443 A 501 101 = drop policy-deny DenyAllInBound") },
	{ "RST out of the window has no effect", .policies = { DOCUMENT(RULES(""), "") },
	  LINES(OPEN_OUT, "2 < tcp 40000 203.0.113.9 443 R 66038 = pass connection",
		"100 < tcp 40000 203.0.113.9 443 A 501 101 = pass connection",
		"101 < tcp 40000 203.0.113.9 443 R 66037 = pass connection",
		"107 < tcp 40000 203.0.113.9 443 A 501 101 = drop policy-deny DenyAllInBound") },
	{ "FIN of both sides shortens to 30 s", .policies = { DOCUMENT(RULES(""), "") },
	  LINES(OPEN_OUT, "2 > tcp 40000 203.0.113.9 443 FA = pass connection",
		"2 < tcp 40000 203.0.113.9 443 FA = pass connection",
		"2 > tcp 40000 203.0.113.9 443 A = pass connection",
		"31.9 < tcp 40000 203.0.113.9 443 A = pass connection",
		"61.9 < tcp 40000 203.0.113.9 443 A = drop policy-deny DenyAllInBound") },
	{ "FIN of one side, then data: established again", .policies = { DOCUMENT(RULES(""), "") },
	  LINES(OPEN_OUT, "2 > tcp 40000 203.0.113.9 443 FA = pass connection",
		"31.9 < tcp 40000 203.0.113.9 443 PA = pass connection",
		"271 < tcp 40000 203.0.113.9 443 PA = pass connection") },
	{ "UDP: 30 s, 240 s once a reply was seen", .policies = { DOCUMENT(RULES(""), "") },
	  LINES("1 > udp 5000 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"30.999 < udp 5000 203.0.113.9 53 = pass connection",
		"270.998 < udp 5000 203.0.113.9 53 = pass connection",
		"511 < udp 5000 203.0.113.9 53 = drop policy-deny DenyAllInBound",
		"512 > udp 5001 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"542 < udp 5001 203.0.113.9 53 = drop policy-deny DenyAllInBound") },
	{ "ICMP: the matching reply of the same id", .policies = { DOCUMENT(RULES(""), "") },
	  LINES("1 > icmp 8 7 203.0.113.9 = pass rules AllowInternetOutBound",
		"< icmp 0 7 203.0.113.9 = pass connection",
		"< icmp 0 8 203.0.113.9 = drop policy-deny DenyAllInBound",
		"< icmp 14 7 203.0.113.9 = drop policy-deny DenyAllInBound",
		"< icmp 8 7 203.0.113.9 = drop policy-deny DenyAllInBound",
		"30.9 < icmp 0 7 203.0.113.9 = pass connection",
		"60.9 < icmp 0 7 203.0.113.9 = drop policy-deny DenyAllInBound",
		"61 < icmp 0 9 192.0.2.1 = pass rules ping-in", /* stray: makes nothing */
		"61 < icmp 8 9 192.0.2.1 = pass rules ping-in",
		"> icmp 0 9 192.0.2.1 = pass connection",
		"> icmp 8 9 192.0.2.1 = pass rules AllowInternetOutBound",
		"< icmp 0 9 192.0.2.1 = pass connection") },
	{ "ICMPv6 and other protocols", .policies = { DOCUMENT(RULES(""), "") },
	  LINES("1 > icmp 128 7 2001:db8::9 = pass rules AllowInternetOutBound",
		"< icmp 129 7 2001:db8::9 = pass connection",
		"< icmp 129 6 2001:db8::9 = drop policy-deny DenyAllInBound",
		"> ip 47 203.0.113.9 = pass rules AllowInternetOutBound",
		"60.9 < ip 47 203.0.113.9 = pass connection",
		"120.9 < ip 47 203.0.113.9 = drop policy-deny DenyAllInBound") },
	{ "ICMP errors about a live connection",
	  .policies = { DOCUMENT(RULES(""), ""),
			DOCUMENT(RULES(""), ",'options':{'icmpErrors':'rules'}") },
	  LINES("1 > udp 5000 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"2 < error 3 198.51.100.1 udp 5000 203.0.113.9 53 = pass related",
		"< error 11 198.51.100.1 udp 5000 203.0.113.9 53 = pass related",
		"< error 12 198.51.100.1 udp 5000 203.0.113.9 53 = pass related",
		"< error 5 198.51.100.1 udp 5000 203.0.113.9 53 = drop policy-deny DenyAllInBound",
		"< error 3 198.51.100.1 udp 5001 203.0.113.9 53 = drop policy-deny DenyAllInBound",
		/* it never refreshes */
		"31 < error 3 198.51.100.1 udp 5000 203.0.113.9 53 = drop policy-deny DenyAllInBound",
		"32 > udp 5000 2001:db8::9 53 = pass rules AllowInternetOutBound",
		"< error 2 2001:db8::1 udp 5000 2001:db8::9 53 = pass related",
		"< error 5 2001:db8::1 udp 5000 2001:db8::9 53 = drop policy-deny DenyAllInBound",
		"33 < udp 53 192.0.2.1 9 = pass rules dns-in",
		"> error 3 192.0.2.1 udp 53 192.0.2.1 9 = pass related", "policy 1",
		"33 < error 2 2001:db8::1 udp 5000 2001:db8::9 53 = drop policy-deny DenyAllInBound") },
	{ "live connections stay when the rules change",
	  .policies = { DOCUMENT(RULES(""), ""), DOCUMENT(CLOSED(""), "") },
	  LINES(OPEN_OUT, "policy 1", "2 > tcp 40000 203.0.113.9 443 A 101 501 = pass connection",
		"< tcp 40000 203.0.113.9 443 A 501 101 = pass connection",
		"> tcp 40001 203.0.113.9 443 S = drop policy-deny nothing-out") },
	{ "flushConnection judges again, by the initiator's rules, and leaves a tombstone",
	  .policies = { DOCUMENT(RULES(""), ""), DOCUMENT(CLOSED(FLUSH), ""),
			DOCUMENT(RULES(FLUSH), "") },
	  LINES(OPEN_OUT, "2 < tcp 443 203.0.113.9 1000 S 1 = pass rules https-in",
		"> tcp 443 203.0.113.9 1000 SA 9 2 = pass connection", "policy 2",
		/* allowed still, although the packet's own direction would be denied */
		"3 > tcp 443 203.0.113.9 1000 A 9 2 = pass connection",
		"< tcp 40000 203.0.113.9 443 A 501 101 = pass connection", "policy 1",
		"4 < tcp 40000 203.0.113.9 443 A 501 101 = drop connection-cut nothing-out",
		"> tcp 40000 203.0.113.9 443 A 101 501 = drop connection-cut",
		"> tcp 443 203.0.113.9 1000 A 9 2 = drop connection-cut DenyAllInBound", "policy 2",
		"33.9 > tcp 40000 203.0.113.9 443 A 101 501 = drop connection-cut",
		"34 > tcp 40000 203.0.113.9 443 A 101 501 = pass rules AllowInternetOutBound") },
	{ "a flush that has not reached a connection is not forgotten",
	  .policies = { DOCUMENT(RULES(""), ""), DOCUMENT(CLOSED(FLUSH), ""),
			DOCUMENT(CLOSED(""), "") },
	  LINES(OPEN_OUT, "policy 1", "policy 2",
		"4 < tcp 40000 203.0.113.9 443 A 501 101 = drop connection-cut nothing-out") },
	{ "audit mode drops nothing by policy; enforcing judges again",
	  .policies = { DOCUMENT(CLOSED(""), AUDIT), DOCUMENT(CLOSED(""), ""),
			DOCUMENT(RULES(""), "") },
	  LINES("1 > tcp 1 203.0.113.9 443 S = pass rules nothing-out but policy-deny",
		"< tcp 1 203.0.113.9 443 SA = pass connection",
		"> tcp 1 203.0.113.9 443 A = pass connection",
		"< tcp 2 203.0.113.9 443 SA = pass connection but no-connection",
		"> tcp 3 203.0.113.9 443 S = pass rules nothing-out but policy-deny", "policy 2",
		"2 > tcp 3 203.0.113.9 443 A = pass connection", "policy 1",
		"3 > tcp 3 203.0.113.9 443 A = pass connection",
		"> tcp 1 203.0.113.9 443 A = drop connection-cut nothing-out") },
	{ "full is refused", .connections = 4, .policies = { DOCUMENT(RULES(""), "") },
	  LINES("1 > udp 1 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"< udp 1 203.0.113.9 53 = pass connection",
		"> udp 2 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"< udp 2 203.0.113.9 53 = pass connection",
		"> udp 3 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"< udp 3 203.0.113.9 53 = pass connection",
		"> udp 4 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"< udp 4 203.0.113.9 53 = pass connection",
		"> udp 5 203.0.113.9 53 = drop table-full",
		"< udp 4 203.0.113.9 53 = pass connection") },
	{ "a killed connection is cut; an opener begins a new one",
	  .policies = { DOCUMENT(RULES(""), "") },
	  LINES(OPEN_OUT, "kill tcp 40000 203.0.113.9 443",
		"1 > tcp 40000 203.0.113.9 443 A 101 501 = drop connection-cut",
		"< tcp 40000 203.0.113.9 443 A 501 101 = drop connection-cut",
		"> tcp 40000 203.0.113.9 443 S 900 = pass rules AllowInternetOutBound",
		"< tcp 40000 203.0.113.9 443 SA 1 901 = pass connection") },
};

static void rows_packet_by_packet(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		script_run(&scripts[i]);
}

static void rows_in_bursts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		script_run_in_bursts(&scripts[i]);
}

/* Over the rate a connection is neither judged nor refreshed, and ends within 10 s. */
static void rejudging_is_rate_limited(void **state)
{
	struct judge_fixture fixture;
	struct frame frame;
	struct decision decision;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT(RULES(FLUSH), ""), 0);
	frame_begin(&frame, DIRECTION_OUTBOUND, 0x0800);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", 6);
	frame_tcp(&frame, 1, 443, TCP_ACK, 1, 1);
	frame_end(&frame);
	decision = judge_fixture_frame(&fixture, &frame, 1000);
	assert_true(decision.new_connection);
	fixture.ruleset->generation = fixture.ruleset->rejudge_below = 2;
	fixture.context.rejudge = (struct judge_rate){ .per_second = 0, .burst = 0, .last = 1000 };
	for (uint64_t now = 2000; now < 12000; now += 500) {
		decision = judge_fixture_frame(&fixture, &frame, now);
		assert_int_equal(decision.by, DECIDED_BY_CONNECTION);
		assert_int_equal(decision.action, DECISION_PASS);
	}
	decision = judge_fixture_frame(&fixture, &frame, 12000);
	assert_true(decision.new_connection);
	judge_fixture_fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_packet_by_packet),
		cmocka_unit_test(rows_in_bursts),
		cmocka_unit_test(rejudging_is_rate_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
