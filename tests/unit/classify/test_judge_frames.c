/*
 * docs/policy.md, "Before the rules", row by row: isolation, platform traffic, fragments, acl,
 * frames that are not IP, and no policy.
 */
#include "base/net.h"
#include "classify/wire.h"
#include "script.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULE(name, direction, access, source, destination)                        \
	"{'name':'" name "','properties':{'priority':100,'direction':'" direction \
	"','access':'" access "','protocol':'*','sourceAddressPrefix':'" source   \
	"','sourcePortRange':'*','destinationAddressPrefix':'" destination        \
	"','destinationPortRange':'*'}}"

#define DOCUMENT(rules, more)                                                                      \
	"{'apiVersion':'accelnet/v1','nicNsg':{'properties':{'securityRules':[" rules              \
	"]}},'context':{'virtualNetwork':['10.1.0.0/16'],'addresses':['10.1.0.4','fd00::4']}" more \
	"}"

#define CLOSED                                         \
	RULE("none-out", "Outbound", "Deny", "*", "*") \
	"," RULE("none-in", "Inbound", "Deny", "*", "*")
#define ACL(rules) ",'acl':{'rules':[" rules "]}"

#define LINES(...)                     \
	.lines = (const char *const[]) \
	{                              \
		__VA_ARGS__, NULL      \
	}

#define PLATFORM_PASSES                                               \
	"1 > udp 4000 168.63.129.16 53 = pass platform",              \
		"< udp 4000 168.63.129.16 53 = pass connection",      \
		"> tcp 4000 168.63.129.16 53 S = pass platform",      \
		"< tcp 4000 168.63.129.16 53 SA = pass connection",   \
		"> tcp 4000 168.63.129.16 80 S = pass platform",      \
		"> tcp 4000 168.63.129.16 32526 S = pass platform",   \
		"> tcp 4000 169.254.169.254 80 S = pass platform",    \
		"< tcp 4000 169.254.169.254 80 SA = pass connection", \
		"> udp 68 255.255.255.255 67 = pass platform",        \
		"< udp 68 168.63.129.16 67 = pass connection",        \
		"> udp 546 ff02::1:2 547 = pass platform",            \
		"< udp 546 fe80::1 547 = pass connection"

static const struct script scripts[] = {
	{ "platform traffic passes whatever the rules", .policies = { DOCUMENT(CLOSED, "") },
	  LINES(PLATFORM_PASSES, "> tcp 4000 168.63.129.16 443 S = drop policy-deny none-out",
		"> tcp 4000 169.254.169.254 443 S = drop policy-deny none-out",
		"> udp 4000 169.254.169.254 80 = drop policy-deny none-out",
		"> udp 4000 8.8.8.8 53 = drop policy-deny none-out",
		"> udp 69 255.255.255.255 67 = drop policy-deny none-out",
		"> udp 68 255.255.255.254 67 = drop policy-deny none-out") },
	{ "replies of platform services by connection state only",
	  .policies = { DOCUMENT(CLOSED, "") },
	  LINES("< udp 4000 168.63.129.16 53 = drop policy-deny none-in",
		"< udp 68 168.63.129.16 67 = drop policy-deny none-in",
		"< udp 546 fe80::1 547 = drop policy-deny none-in",
		"< tcp 80 168.63.129.16 1000 S = drop policy-deny none-in",
		"1 > udp 4000 168.63.129.16 53 = pass platform",
		"31 < udp 4000 168.63.129.16 53 = drop policy-deny none-in") },
	{ "a rule that names the tag puts the service under the rules",
	  .policies = { DOCUMENT(RULE("no-dns", "Outbound", "Deny", "*", "AzurePlatformDNS"), ""),
			DOCUMENT(RULE("no-imds", "Outbound", "Deny", "*", "AzurePlatformIMDS"),
				 "") },
	  LINES("> udp 4000 168.63.129.16 53 = drop policy-deny no-dns",
		"> tcp 4000 168.63.129.16 80 S = pass platform",
		"> tcp 4000 169.254.169.254 80 S = pass platform", "policy 1",
		"> udp 4001 168.63.129.16 53 = pass platform",
		"> tcp 4001 169.254.169.254 80 S = drop policy-deny no-imds") },
	{ "platform traffic passes whatever acl says, replies too",
	  .policies = { DOCUMENT(
		  "", ACL("{'name':'cut-in','priority':1,'direction':'Inbound',"
			  "'action':'deny','protocol':'*','source':'*','destination':'*',"
			  "'sourcePorts':'*','destinationPorts':'*'},"
			  "{'name':'cut-out','priority':1,'direction':'Outbound',"
			  "'action':'deny','protocol':'*','source':'*','destination':'*',"
			  "'sourcePorts':'*','destinationPorts':'*'}")) },
	  LINES(PLATFORM_PASSES, "< udp 4001 168.63.129.16 53 = drop acl-deny cut-in",
		"> tcp 1 203.0.113.9 443 S = drop acl-deny cut-out") },
	{ "a platform address opens nothing", .policies = { DOCUMENT(CLOSED, "") },
	  LINES("> tcp 4000 168.63.129.16 80 S = pass platform",
		"< tcp 4000 168.63.129.16 80 S = drop policy-deny none-in",
		"< tcp 4000 168.63.129.16 80 SA = pass connection",
		"> udp 68 255.255.255.255 67 = pass platform",
		"< udp 68 255.255.255.255 67 = drop policy-deny none-in",
		"< udp 68 168.63.129.16 67 = pass connection") },
	{ "without a policy, platform traffic only", .policies = { "none", DOCUMENT("", "") },
	  LINES(PLATFORM_PASSES, "> tcp 1 203.0.113.9 443 S = drop no-policy",
		"< tcp 443 203.0.113.9 1 S = drop no-policy",
		"< udp 4001 168.63.129.16 53 = drop no-policy",
		"> icmp 8 1 203.0.113.9 = drop no-policy", "policy 1",
		"> tcp 1 203.0.113.9 443 S = pass rules AllowInternetOutBound",
		"< udp 4000 168.63.129.16 53 = pass connection", "policy 0",
		"< tcp 1 203.0.113.9 443 SA = drop no-policy") },
	{ "acl: per packet, before the connection; deny cuts, always-allow makes nothing",
	  .policies = { DOCUMENT("", ""),
			DOCUMENT(
				"",
				ACL("{'name':'cut','priority':1,'direction':'Inbound',"
				    "'action':'deny','protocol':'Tcp','source':'203.0.113.0/24',"
				    "'destination':'*','sourcePorts':'*','destinationPorts':'*'},"
				    "{'name':'open','priority':2,'direction':'Inbound',"
				    "'action':'always-allow','protocol':'Udp','source':'*',"
				    "'destination':'*','sourcePorts':'*','destinationPorts':'99'},"
				    "{'name':'go-on','priority':3,'direction':'Inbound',"
				    "'action':'allow','protocol':'*','source':'*',"
				    "'destination':'*','sourcePorts':'*','destinationPorts':'*'}")) },
	  LINES("> tcp 1 203.0.113.9 443 S = pass rules AllowInternetOutBound",
		"< tcp 1 203.0.113.9 443 SA = pass connection", "policy 1",
		"< tcp 1 203.0.113.9 443 A = drop acl-deny cut",
		"> tcp 1 203.0.113.9 443 A = pass connection",
		"< udp 99 198.51.100.1 7 = pass acl open",
		"< udp 98 198.51.100.1 7 = drop policy-deny DenyAllInBound",
		"> udp 5 198.51.100.1 7 = pass rules AllowInternetOutBound",
		"< udp 5 198.51.100.1 7 = pass connection") },
	{ "always-allow makes no connection, so the reply needs its own rule",
	  .policies = { DOCUMENT(
		  RULE("none-out", "Outbound", "Deny", "*", "*"),
		  ACL("{'name':'open','priority':2,'direction':'Inbound',"
		      "'action':'always-allow','protocol':'Udp','source':'*',"
		      "'destination':'*','sourcePorts':'*','destinationPorts':'99'}")) },
	  LINES("< udp 99 198.51.100.1 7 = pass acl open",
		"> udp 99 198.51.100.1 7 = drop policy-deny none-out") },
	{ "acl in audit mode",
	  .policies = { DOCUMENT(
		  "",
		  ACL("{'name':'cut','priority':1,'direction':'Inbound',"
		      "'action':'deny','protocol':'*','source':'*',"
		      "'destination':'*','sourcePorts':'*','destinationPorts':'*'}") ",'options':{'mode':'audit'}") },
	  LINES("< tcp 443 203.0.113.9 1 S = pass acl cut but acl-deny",
		"< tcp 443 203.0.113.9 1 A = pass acl cut but acl-deny") },
	{ "a fragment's verdict ends with its policy",
	  .policies = { DOCUMENT("", ""), DOCUMENT(CLOSED, "") },
	  LINES("> first 7 udp 5000 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"> later 7 203.0.113.9 64 more = pass fragment", "policy 1",
		"> later 7 203.0.113.9 128 last = drop fragment-denied") },
	{ "later fragments follow the first", .policies = { DOCUMENT("", "") },
	  LINES("1 > first 7 udp 5000 203.0.113.9 53 = pass rules AllowInternetOutBound",
		"> later 7 203.0.113.9 64 more = pass fragment",
		"> later 7 203.0.113.9 128 last = pass fragment",
		"< first 8 udp 5001 203.0.113.9 53 = drop policy-deny DenyAllInBound",
		"< later 8 203.0.113.9 64 last = drop fragment-denied",
		"< first 9 udp 5000 203.0.113.9 53 = pass connection",
		"< later 9 203.0.113.9 64 last = pass fragment") },
	{ "those that come first wait, 50 ms", .policies = { DOCUMENT("", "") },
	  LINES("1 > later 7 203.0.113.9 128 last = hold", "> later 7 203.0.113.9 64 more = hold",
		"> later 8 203.0.113.9 64 more = hold", "1.049 expire = ",
		"> first 7 udp 5000 203.0.113.9 53 = pass rules AllowInternetOutBound + pass + pass",
		"1.050 expire = + fragment-orphan",
		"1.060 expire = ", "2 < later 9 203.0.113.9 64 last = hold",
		"< first 9 udp 5009 203.0.113.9 53 = drop policy-deny DenyAllInBound + "
		"fragment-denied") },
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

static void at_most_64_wait(void **state)
{
	struct judge_fixture fixture;
	struct frame frame;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT("", ""), 0);
	for (unsigned i = 0; i <= FRAGMENTS_WAITING_MAX; i++) {
		struct decision decision;

		frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
		frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_UDP);
		frame_fragment4(&frame, i, 64, false);
		frame_payload(&frame, NULL, 64);
		frame_end(&frame);
		decision = judge_fixture_frame(&fixture, &frame, 1000);
		assert_int_equal(decision.action, i < 64 ? DECISION_HOLD : DECISION_DROP);
		if (i == 64)
			assert_int_equal(decision.reason, DROP_FRAGMENT_ORPHAN);
	}
	fragment_drain(fixture.context.fragments, &fixture.context.released);
	assert_int_equal(fixture.context.released.count, 64);
	judge_fixture_fini(&fixture);
}

/* A later fragment may not reach into the options of the first one's TCP header (RFC 3128). */
static void fragments_may_not_overlap_options(void **state)
{
	static const struct {
		uint16_t offset;
		enum drop_reason reason;
	} cases[] = { { 24, DROP_FRAGMENT_OVERLAP }, { 32, DROP_NONE } };
	struct judge_fixture fixture;
	struct frame frame;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT("", ""), 0);
	frame_begin(&frame, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_TCP);
	frame_fragment4(&frame, 7, 0, true);
	frame_tcp(&frame, 1, 443, TCP_SYN, 1, 0);
	frame.bytes[frame.l4 + 12] = 8 << 4;
	frame_payload(&frame, NULL, 20);
	frame_end(&frame);
	assert_int_equal(judge_fixture_frame(&fixture, &frame, 1000).action, DECISION_PASS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_begin(&frame, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
		frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_TCP);
		frame_fragment4(&frame, 7, cases[i].offset, false);
		frame_payload(&frame, NULL, 64);
		frame_end(&frame);
		assert_int_equal(judge_fixture_frame(&fixture, &frame, 1000).reason,
				 cases[i].reason);
	}
	judge_fixture_fini(&fixture);
}

static void check_ip(struct judge_fixture *fixture, enum direction direction, const char *local,
		     const char *remote, enum drop_reason expected)
{
	bool six = strchr(local, ':') != NULL;
	struct frame frame;
	struct decision decision;
	enum drop_reason found;

	frame_begin(&frame, direction, six ? WIRE_ETHERTYPE_IP6 : WIRE_ETHERTYPE_IP4);
	if (six)
		frame_ip6(&frame, local, remote, IP_PROTOCOL_UDP);
	else
		frame_ip4(&frame, local, remote, IP_PROTOCOL_UDP);
	frame_udp(&frame, 5000, 53);
	frame_end(&frame);
	decision = judge_fixture_frame(fixture, &frame, 1000);
	found = decision.by == DECIDED_BY_FRAME ? decision.reason : DROP_NONE;
	if (found != expected)
		fail_msg("%s %s %s: %s instead of %s", local,
			 direction == DIRECTION_OUTBOUND ? ">" : "<", remote,
			 drop_reason_name(found), drop_reason_name(expected));
}

static const struct isolation {
	enum direction direction;
	const char *local;
	const char *remote;
	enum drop_reason drop;
} isolation[] = {
	{ DIRECTION_OUTBOUND, "10.1.0.4", "203.0.113.9", DROP_NONE },
	{ DIRECTION_OUTBOUND, "10.1.0.5", "203.0.113.9", DROP_SOURCE_IP },
	{ DIRECTION_OUTBOUND, "0.0.0.0", "203.0.113.9", DROP_SOURCE_IP },
	{ DIRECTION_OUTBOUND, "fd00::4", "2001:db8::9", DROP_NONE },
	{ DIRECTION_OUTBOUND, "fd00::5", "2001:db8::9", DROP_SOURCE_IP },
	{ DIRECTION_OUTBOUND, "fe80::20d:3aff:fe00:1", "fe80::9", DROP_NONE },      /* of the MAC */
	{ DIRECTION_OUTBOUND, "fe80::20d:3aff:fe00:2", "fe80::9", DROP_SOURCE_IP }, /* of another */
	{ DIRECTION_OUTBOUND, "fe80::1234:5678:9abc:def0", "fe80::9", DROP_NONE },  /* stable */
	{ DIRECTION_OUTBOUND, "::", "2001:db8::9", DROP_SOURCE_IP },
	{ DIRECTION_INBOUND, "10.1.0.4", "203.0.113.9", DROP_NONE },
	{ DIRECTION_INBOUND, "10.1.0.4", "10.1.0.4", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "10.1.0.4", "127.0.0.1", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "10.1.0.4", "224.0.0.1", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "10.1.0.4", "239.255.255.255", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "10.1.0.4", "0.0.0.0", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "10.1.0.4", "0.1.2.3", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "fd00::4", "::1", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "fd00::4", "::", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "fd00::4", "ff02::1", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "fd00::4", "fd00::4", DROP_SOURCE_MARTIAN },
	{ DIRECTION_INBOUND, "fd00::4", "2001:db8::9", DROP_NONE },
};

static void isolation_of_addresses(void **state)
{
	struct judge_fixture fixture;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT("", ""), 0);
	for (size_t i = 0; i < sizeof(isolation) / sizeof(isolation[0]); i++)
		check_ip(&fixture, isolation[i].direction, isolation[i].local, isolation[i].remote,
			 isolation[i].drop);
	judge_fixture_fini(&fixture);

	judge_fixture_init(&fixture, DOCUMENT("", ",'isolation':{'sourceGuard':false}"), 0);
	for (size_t i = 0; i < sizeof(isolation) / sizeof(isolation[0]); i++)
		check_ip(&fixture, isolation[i].direction, isolation[i].local, isolation[i].remote,
			 DROP_NONE);
	judge_fixture_fini(&fixture);
}

static void without_addresses_the_mac_alone(void **state)
{
	struct judge_fixture fixture;

	(void)state;
	judge_fixture_init(&fixture, "{'apiVersion':'accelnet/v1'}", 0);
	check_ip(&fixture, DIRECTION_OUTBOUND, "10.9.9.9", "203.0.113.9", DROP_NONE);
	check_ip(&fixture, DIRECTION_OUTBOUND, "fe80::20d:3aff:fe00:2", "fe80::9", DROP_NONE);
	check_ip(&fixture, DIRECTION_INBOUND, "10.1.0.4", "127.0.0.1", DROP_SOURCE_MARTIAN);
	judge_fixture_fini(&fixture);
}

static enum drop_reason judge_with_macs(struct judge_fixture *fixture, struct frame *frame,
					const uint8_t *destination, const uint8_t *source)
{
	memcpy(frame->bytes, destination, 6);
	memcpy(frame->bytes + 6, source, 6);
	return judge_fixture_frame(fixture, frame, 1000).reason;
}

static void isolation_of_macs(void **state)
{
	static const uint8_t multicast[6] = { 0x01, 0, 0x5e, 0, 0, 1 };
	struct judge_fixture fixture;
	struct frame frame;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT(RULE("all", "Inbound", "Allow", "*", "*"), ""), 0);
	frame_begin(&frame, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_UDP);
	frame_udp(&frame, 5000, 53);
	frame_end(&frame);
	assert_int_equal(judge_with_macs(&fixture, &frame, frame_peer_mac, frame_nic_mac),
			 DROP_NONE);
	assert_int_equal(judge_with_macs(&fixture, &frame, frame_peer_mac, frame_peer_mac),
			 DROP_SOURCE_MAC);
	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_UDP);
	frame_udp(&frame, 5000, 53);
	frame_end(&frame);
	assert_int_equal(judge_with_macs(&fixture, &frame, frame_nic_mac, frame_peer_mac),
			 DROP_NONE);
	assert_int_equal(judge_with_macs(&fixture, &frame, frame_peer_mac, frame_peer_mac),
			 DROP_DESTINATION_MAC);
	assert_int_equal(judge_with_macs(&fixture, &frame, multicast, frame_peer_mac), DROP_NONE);
	judge_fixture_fini(&fixture);
}

/* An ARP message of the given direction; addresses as text. */
static struct decision judge_arp(struct judge_fixture *fixture, enum direction direction,
				 const uint8_t *sender_mac, const char *sender)
{
	uint8_t arp[28] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	struct frame frame;

	memcpy(arp + 8, sender_mac, 6);
	assert_int_equal(inet_pton(AF_INET, sender, arp + 14), 1);
	frame_begin(&frame, direction, WIRE_ETHERTYPE_ARP);
	frame_payload(&frame, arp, sizeof(arp));
	return judge_fixture_frame(fixture, &frame, 1000);
}

static void arp_passes_with_its_own_addresses(void **state)
{
	struct judge_fixture fixture;
	struct decision decision;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT(CLOSED, ""), 0);
	decision = judge_arp(&fixture, DIRECTION_OUTBOUND, frame_nic_mac, "10.1.0.4");
	assert_int_equal(decision.action, DECISION_PASS);
	assert_int_equal(decision.by, DECIDED_BY_PLATFORM);
	decision = judge_arp(&fixture, DIRECTION_OUTBOUND, frame_nic_mac, "0.0.0.0");
	assert_int_equal(decision.action, DECISION_PASS);
	decision = judge_arp(&fixture, DIRECTION_OUTBOUND, frame_nic_mac, "10.1.0.1");
	assert_int_equal(decision.reason, DROP_SOURCE_IP);
	decision = judge_arp(&fixture, DIRECTION_OUTBOUND, frame_peer_mac, "10.1.0.4");
	assert_int_equal(decision.reason, DROP_SOURCE_MAC);
	decision = judge_arp(&fixture, DIRECTION_INBOUND, frame_peer_mac, "10.1.0.1");
	assert_int_equal(decision.action, DECISION_PASS);
	judge_fixture_fini(&fixture);
}

struct nd {
	const char *name;
	enum direction direction;
	uint8_t type;
	uint8_t hops;
	const char *local;
	const char *remote;
	const char *target;
	uint8_t option; /* with the MAC `mac`; 0: none */
	const uint8_t *mac;
	const char *expected;
};

static const struct nd nds[] = {
	{ "solicitation", DIRECTION_OUTBOUND, 135, 255, "fd00::4", "ff02::1:ff00:9", "fd00::9", 1,
	  frame_nic_mac, "pass platform" },
	{ "solicitation that claims another MAC", DIRECTION_OUTBOUND, 135, 255, "fd00::4",
	  "ff02::1:ff00:9", "fd00::9", 1, frame_peer_mac, "drop source-mac" },
	{ "solicitation from another address", DIRECTION_OUTBOUND, 135, 255, "fd00::5",
	  "ff02::1:ff00:9", "fd00::9", 0, NULL, "drop source-ip" },
	{ "DAD for its own address", DIRECTION_OUTBOUND, 135, 255, "::", "ff02::1:ff00:4",
	  "fd00::4", 0, NULL, "pass platform" },
	{ "DAD for another's address", DIRECTION_OUTBOUND, 135, 255, "::", "ff02::1:ff00:5",
	  "fd00::5", 0, NULL, "drop source-ip" },
	{ "advertisement", DIRECTION_OUTBOUND, 136, 255, "fd00::4", "fd00::9", "fd00::4", 2,
	  frame_nic_mac, "pass platform" },
	{ "advertisement of another's address", DIRECTION_OUTBOUND, 136, 255, "fd00::4", "fd00::9",
	  "fd00::9", 2, frame_nic_mac, "drop source-ip" },
	{ "advertisement of another's MAC", DIRECTION_OUTBOUND, 136, 255, "fd00::4", "fd00::9",
	  "fd00::4", 2, frame_peer_mac, "drop source-mac" },
	{ "hop limit 254", DIRECTION_OUTBOUND, 136, 254, "fd00::4", "fd00::9", "fd00::4", 0, NULL,
	  "drop policy-deny none-out" },
	{ "arriving advertisement", DIRECTION_INBOUND, 136, 255, "fd00::4", "fd00::9", "fd00::9", 2,
	  frame_peer_mac, "pass platform" },
	{ "somebody's DAD", DIRECTION_INBOUND, 135, 255, "ff02::1:ff00:9", "::", "fd00::9", 0, NULL,
	  "pass platform" },
	{ "arriving with hop limit 64", DIRECTION_INBOUND, 136, 64, "fd00::4", "fd00::9", "fd00::9",
	  0, NULL, "drop policy-deny none-in" },
};

static void nd_passes_with_its_own_addresses(void **state)
{
	struct judge_fixture fixture;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT(CLOSED, ""), 0);
	for (size_t i = 0; i < sizeof(nds) / sizeof(nds[0]); i++) {
		const struct nd *nd = &nds[i];
		uint8_t target[16], option[8] = { nd->option, 1 };
		struct frame frame;
		struct decision decision;
		char text[128];

		assert_int_equal(inet_pton(AF_INET6, nd->target, target), 1);
		frame_begin(&frame, nd->direction, WIRE_ETHERTYPE_IP6);
		frame_ip6(&frame, nd->local, nd->remote, IP_PROTOCOL_ICMPV6);
		frame.bytes[frame.l3 + 7] = nd->hops;
		frame_icmp(&frame, nd->type, 0, 0);
		frame_payload(&frame, target, 16);
		if (nd->option) {
			memcpy(option + 2, nd->mac, 6);
			frame_payload(&frame, option, 8);
		}
		frame_end(&frame);
		decision = judge_fixture_frame(&fixture, &frame, 1000);
		decision_text(fixture.ruleset, &decision, text, sizeof(text));
		if (strcmp(text, nd->expected) != 0)
			fail_msg("%s: '%s' instead of '%s'", nd->name, text, nd->expected);
	}
	judge_fixture_fini(&fixture);
}

static void dhcp_may_come_from_nowhere(void **state)
{
	struct judge_fixture fixture;
	struct frame frame;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT(CLOSED, ""), 0);
	frame_begin(&frame, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "0.0.0.0", "255.255.255.255", IP_PROTOCOL_UDP);
	frame_udp(&frame, 68, 67);
	frame_end(&frame);
	assert_int_equal(judge_fixture_frame(&fixture, &frame, 1000).by, DECIDED_BY_PLATFORM);
	/* The offer comes to the broadcast address. */
	frame_begin(&frame, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "255.255.255.255", "168.63.129.16", IP_PROTOCOL_UDP);
	frame_udp(&frame, 68, 67);
	frame_end(&frame);
	assert_int_equal(judge_fixture_frame(&fixture, &frame, 1100).by, DECIDED_BY_CONNECTION);
	judge_fixture_fini(&fixture);
}

static void other_frames_pass_by_configuration_only(void **state)
{
	static const uint16_t ethertypes[] = { 0x8100, 0x88cc };
	static const enum drop_reason reasons[] = { DROP_VLAN_TAGGED, DROP_NON_IP };
	struct judge_fixture fixture;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT("", ""), 0);
	for (unsigned i = 0; i < 2; i++) {
		for (enum direction d = DIRECTION_INBOUND; d <= DIRECTION_OUTBOUND; d++) {
			struct frame frame;

			frame_begin(&frame, d, ethertypes[i]);
			frame_payload(&frame, NULL, 46);
			fixture.ruleset->vlan_pass = fixture.ruleset->non_ip_pass = false;
			assert_int_equal(judge_fixture_frame(&fixture, &frame, 1000).reason,
					 reasons[i]);
			fixture.ruleset->vlan_pass = i == 0;
			fixture.ruleset->non_ip_pass = i == 1;
			assert_int_equal(judge_fixture_frame(&fixture, &frame, 1000).reason,
					 DROP_NONE);
		}
	}
	judge_fixture_fini(&fixture);
}

static void hits_are_counted_where_rules_decide(void **state)
{
	struct judge_fixture fixture;
	struct rule_hit *hits;
	struct frame frame;
	uint64_t sum = 0;
	uint32_t at;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT("", ""), 0);
	hits = calloc(fixture.ruleset->hit_count, sizeof(*hits));
	assert_non_null(hits);
	fixture.context.hits = hits;
	frame_begin(&frame, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&frame, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_UDP);
	frame_udp(&frame, 5000, 53);
	frame_end(&frame);
	for (uint64_t now = 1000; now < 1010; now++)
		(void)judge_fixture_frame(&fixture, &frame, now);
	at = fixture.ruleset->hit_base[DIRECTION_OUTBOUND][STAGE_NIC] +
	     1; /* AllowInternetOutBound */
	assert_int_equal(hits[at].packets, 1);
	assert_int_equal(hits[at].last, 1000);
	for (uint32_t i = 0; i < fixture.ruleset->hit_count; i++)
		sum += hits[i].packets;
	assert_int_equal(sum, 1);
	free(hits);
	judge_fixture_fini(&fixture);
}

static void icmp_errors_are_rate_limited(void **state)
{
	struct judge_fixture fixture;
	struct frame sent, error;
	unsigned passed = 0, limited = 0;

	(void)state;
	judge_fixture_init(&fixture, DOCUMENT("", ""), 0);
	frame_begin(&sent, DIRECTION_OUTBOUND, WIRE_ETHERTYPE_IP4);
	frame_ip4(&sent, "10.1.0.4", "203.0.113.9", IP_PROTOCOL_UDP);
	frame_udp(&sent, 5000, 53);
	frame_end(&sent);
	(void)judge_fixture_frame(&fixture, &sent, 1000);
	for (unsigned i = 0; i < 5000; i++) {
		struct decision decision;

		frame_begin(&error, DIRECTION_INBOUND, WIRE_ETHERTYPE_IP4);
		frame_ip4(&error, "10.1.0.4", "198.51.100.1", IP_PROTOCOL_ICMP);
		frame_icmp(&error, 3, 3, 0);
		frame_payload(&error, sent.bytes + sent.l3, i == 0 ? 600 : 28);
		frame_end(&error);
		decision = judge_fixture_frame(&fixture, &error, 1000 + i / 5);
		if (i == 0) /* more than 576 bytes: judged by the rules */
			assert_int_equal(decision.reason, DROP_POLICY_DENY);
		passed += decision.by == DECIDED_BY_RELATED && decision.action == DECISION_PASS;
		limited += decision.reason == DROP_ICMP_ERROR_RATE;
	}
	assert_int_equal(passed + limited, 4999);
	assert_in_range(passed, JUDGE_ICMP_ERRORS_PER_SECOND,
			JUDGE_ICMP_ERRORS_PER_SECOND * 12 / 10);
	judge_fixture_fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_packet_by_packet),
		cmocka_unit_test(rows_in_bursts),
		cmocka_unit_test(at_most_64_wait),
		cmocka_unit_test(fragments_may_not_overlap_options),
		cmocka_unit_test(isolation_of_addresses),
		cmocka_unit_test(without_addresses_the_mac_alone),
		cmocka_unit_test(isolation_of_macs),
		cmocka_unit_test(arp_passes_with_its_own_addresses),
		cmocka_unit_test(nd_passes_with_its_own_addresses),
		cmocka_unit_test(dhcp_may_come_from_nowhere),
		cmocka_unit_test(other_frames_pass_by_configuration_only),
		cmocka_unit_test(hits_are_counted_where_rules_decide),
		cmocka_unit_test(icmp_errors_are_rate_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
