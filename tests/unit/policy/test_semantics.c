/*
 * What policies mean: each decision on rules, and each mistake that readers of NSGs are known to
 * make, as a document, a packet and the rule that must decide.
 *
 * The verdicts are those of the reference interpreter.
 */
#include "build.h"
#include "compile/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CONTEXT                                                                                 \
	"'context':{'virtualNetwork':['10.1.0.0/16','203.0.114.0/24','fd00:1::/48'],"           \
	"'applicationSecurityGroups':{'Web':['10.1.0.4','fd00:1::4'],'empty':[]},"              \
	"'serviceTags':{'Sql':['192.0.3.0/24','2603:1000::/40'],'Sql.EastUS':['192.0.3.0/25']," \
	"'None':[]}}"
#define DOC(parts)    "{'apiVersion':'accelnet/v1'," CONTEXT "," parts "}"
#define NIC(rules)    DOC("'nicNsg':{'properties':{'securityRules':[" rules "]}}")
#define SUBNET(rules) DOC("'subnetNsg':{'properties':{'securityRules':[" rules "]}}")
#define BOTH(sub, nic) \
	DOC("'subnetNsg':{'securityRules':[" sub "]},'nicNsg':{'securityRules':[" nic "]}")
#define ACL(rules, rest) DOC("'acl':{'rules':[" rules "]}," rest)

/* A rule, its sides and ports given as properties. */
#define RULE(name, priority, direction, access, protocol, rest)                            \
	"{'name':'" name "','properties':{'priority':" priority ",'direction':'" direction \
	"','access':'" access "','protocol':'" protocol "'," rest "}}"
#define FROM(text)      "'sourceAddressPrefix':'" text "'"
#define TO(text)        ",'destinationAddressPrefix':'" text "'"
#define PORTS(from, to) ",'sourcePortRange':'" from "','destinationPortRange':'" to "'"
#define ANYWHERE        FROM("*") TO("*")
#define ANY_PORT        PORTS("*", "*")
#define GROUP(text)     "'sourceApplicationSecurityGroups':[{'id':'" text "'}]"

#define IN(name, priority, access, protocol, rest) \
	RULE(name, priority, "Inbound", access, protocol, rest)
#define OUT(name, priority, access, protocol, rest) \
	RULE(name, priority, "Outbound", access, protocol, rest)

struct packet {
	enum direction direction;
	uint8_t protocol;
	const char *source;
	uint16_t source_port;
	const char *destination;
	uint16_t destination_port;
};

struct row {
	const char *why;
	const char *document;
	struct packet packet;
	const char *verdict; /* access rule level */
};

/* protocol, source, port, destination, port */
#define ARRIVES(...)                           \
	{                                      \
		DIRECTION_INBOUND, __VA_ARGS__ \
	}
#define LEAVES(...)                             \
	{                                       \
		DIRECTION_OUTBOUND, __VA_ARGS__ \
	}
#define WEB ARRIVES(6, "198.51.100.9", 40000, "10.1.0.4", 443)

static const struct row rows[] = {
	/* evaluation */
	{ "no NSG at all allows", DOC("'nicNsg':null"), WEB, "Allow - none" },
	{ "an NSG without rules denies the internet", DOC("'nicNsg':{}"), WEB,
	  "Deny DenyAllInBound nic" },
	{ "... and lets it be reached", DOC("'nicNsg':{}"),
	  LEAVES(6, "10.1.0.4", 1, "198.51.100.9", 443), "Allow AllowInternetOutBound nic" },
	{ "... and the network talk", DOC("'nicNsg':{}"),
	  ARRIVES(17, "10.1.9.9", 1, "10.1.0.4", 53), "Allow AllowVnetInBound nic" },
	{ "first match by priority, not by place",
	  NIC(IN("late", "200", "Deny", "*", ANYWHERE ANY_PORT) "," IN("early", "100", "Allow", "*",
								       ANYWHERE ANY_PORT)),
	  WEB, "Allow early nic" },
	{ "the same priority in both directions is no conflict",
	  NIC(IN("i", "100", "Allow", "*", ANYWHERE ANY_PORT) "," OUT("o", "100", "Deny", "*",
								      ANYWHERE ANY_PORT)),
	  LEAVES(6, "10.1.0.4", 1, "198.51.100.9", 443), "Deny o nic" },
	{ "inbound: the subnet's NSG denies first",
	  BOTH(IN("s", "100", "Deny", "*", ANYWHERE ANY_PORT),
	       IN("n", "100", "Allow", "*", ANYWHERE ANY_PORT)),
	  WEB, "Deny s subnet" },
	{ "inbound: both allow, the NIC's is last",
	  BOTH(IN("s", "100", "Allow", "*", ANYWHERE ANY_PORT),
	       IN("n", "100", "Allow", "*", ANYWHERE ANY_PORT)),
	  WEB, "Allow n nic" },
	{ "the levels are not merged: a high Allow at one does not outdo the other's default",
	  BOTH(IN("s", "100", "Allow", "*", ANYWHERE ANY_PORT), ""), WEB,
	  "Deny DenyAllInBound nic" },
	{ "outbound: the NIC's NSG is asked first, the subnet's last",
	  BOTH(OUT("s", "100", "Allow", "*", ANYWHERE ANY_PORT),
	       OUT("n", "100", "Allow", "*", ANYWHERE ANY_PORT)),
	  LEAVES(6, "10.1.0.4", 1, "198.51.100.9", 443), "Allow s subnet" },
	{ "inbound: where both deny, the subnet's is named",
	  BOTH(IN("s", "100", "Deny", "*", ANYWHERE ANY_PORT),
	       IN("n", "100", "Deny", "*", ANYWHERE ANY_PORT)),
	  WEB, "Deny s subnet" },
	{ "outbound: where both deny, the NIC's is named",
	  BOTH(OUT("s", "100", "Deny", "*", ANYWHERE ANY_PORT),
	       OUT("n", "100", "Deny", "*", ANYWHERE ANY_PORT)),
	  LEAVES(6, "10.1.0.4", 1, "198.51.100.9", 443), "Deny n nic" },
	{ "default rules of an answer are not trusted",
	  DOC("'nicNsg':{'securityRules':[],'defaultSecurityRules':[" IN(
		  "DenyAllInBound", "65500", "Allow", "*", ANYWHERE ANY_PORT) "]}"),
	  WEB, "Deny DenyAllInBound nic" },
	{ "no NSG at one level allows there",
	  SUBNET(IN("s", "100", "Allow", "*", ANYWHERE ANY_PORT)), WEB, "Allow s subnet" },

	/* protocols and ports */
	{ "* with a port keeps the port",
	  NIC(IN("r", "100", "Allow", "*", ANYWHERE PORTS("*", "443"))),
	  ARRIVES(6, "198.51.100.9", 1, "10.1.0.4", 80), "Deny DenyAllInBound nic" },
	{ "* with a port is TCP, UDP and SCTP",
	  NIC(IN("r", "100", "Allow", "*", ANYWHERE PORTS("*", "443"))),
	  ARRIVES(132, "198.51.100.9", 1, "10.1.0.4", 443), "Allow r nic" },
	{ "* with a port is no ICMP",
	  NIC(IN("r", "100", "Allow", "*", ANYWHERE PORTS("*", "0-443"))),
	  ARRIVES(1, "198.51.100.9", 0, "10.1.0.4", 0), "Deny DenyAllInBound nic" },
	{ "* without a port is every protocol",
	  NIC(IN("r", "100", "Allow", "*", ANYWHERE ANY_PORT)),
	  ARRIVES(47, "198.51.100.9", 0, "10.1.0.4", 0), "Allow r nic" },
	{ "0-65535 is any port", NIC(IN("r", "100", "Allow", "*", ANYWHERE PORTS("0-65535", "*"))),
	  ARRIVES(1, "198.51.100.9", 0, "10.1.0.4", 0), "Allow r nic" },
	{ "ranges that cover all ports are still ports",
	  NIC(IN("r", "100", "Allow", "*",
		 ANYWHERE ",'sourcePortRange':'*','destinationPortRanges':['0-99','100-65535']")),
	  ARRIVES(1, "198.51.100.9", 0, "10.1.0.4", 0), "Deny DenyAllInBound nic" },
	{ "Icmp is ICMPv6 in IPv6", NIC(IN("r", "100", "Allow", "Icmp", ANYWHERE ANY_PORT)),
	  ARRIVES(58, "2001:db8::9", 0, "fd00:1::4", 0), "Allow r nic" },
	{ "Icmp is not protocol 58 in IPv4",
	  NIC(IN("r", "100", "Allow", "Icmp", ANYWHERE ANY_PORT)),
	  ARRIVES(58, "198.51.100.9", 0, "10.1.0.4", 0), "Deny DenyAllInBound nic" },
	{ "a Deny for Icmp with ports denies all of it",
	  NIC(IN("r", "100", "Deny", "Icmp", FROM("10.1.0.0/16") TO("*") PORTS("*", "8"))),
	  ARRIVES(1, "10.1.9.9", 0, "10.1.0.4", 0), "Deny r nic" },
	{ "an Allow for Icmp with ports allows nothing",
	  NIC(IN("r", "100", "Allow", "Icmp", ANYWHERE PORTS("*", "8"))),
	  ARRIVES(1, "198.51.100.9", 0, "10.1.0.4", 0), "Deny DenyAllInBound nic" },
	{ "* with a port is no other protocol, even if that has ports",
	  NIC(IN("r", "100", "Allow", "*", ANYWHERE PORTS("*", "443"))),
	  ARRIVES(136, "198.51.100.9", 1, "10.1.0.4", 443), "Deny DenyAllInBound nic" },
	{ "a Deny for Esp with ports denies all of it",
	  NIC(IN("r", "100", "Deny", "Esp", FROM("10.1.0.0/16") TO("*") PORTS("500", "*"))),
	  ARRIVES(50, "10.1.9.9", 0, "10.1.0.4", 0), "Deny r nic" },
	{ "an Allow for Ah with ports allows nothing",
	  NIC(IN("r", "100", "Allow", "Ah", ANYWHERE PORTS("0", "0"))),
	  ARRIVES(51, "198.51.100.9", 0, "10.1.0.4", 0), "Deny DenyAllInBound nic" },
	{ "a single port is that port",
	  NIC(IN("r", "100", "Allow", "Tcp", ANYWHERE PORTS("*", "80"))),
	  ARRIVES(6, "198.51.100.9", 1, "10.1.0.4", 81), "Deny DenyAllInBound nic" },
	{ "port 0 is a port", NIC(IN("r", "100", "Allow", "Tcp", ANYWHERE PORTS("*", "0"))),
	  ARRIVES(6, "198.51.100.9", 1, "10.1.0.4", 0), "Allow r nic" },

	/* sides */
	{ "null beside a list is not any",
	  NIC(IN("r", "100", "Allow", "*",
		 "'sourceAddressPrefix':null,'sourceAddressPrefixes':['192.0.2.0/24']" TO("*")
			 ANY_PORT)),
	  WEB, "Deny DenyAllInBound nic" },
	{ "\"\" beside a list is not any",
	  NIC(IN("r", "100", "Allow", "*",
		 "'sourceAddressPrefix':'','sourceAddressPrefixes':['192.0.2.0/24']" TO("*")
			 ANY_PORT)),
	  WEB, "Deny DenyAllInBound nic" },
	{ "a side that is a group alone is not any",
	  NIC(IN("r", "100", "Allow", "*", GROUP("/x/web") TO("*") ANY_PORT)), WEB,
	  "Deny DenyAllInBound nic" },
	{ "groups are known by the last segment, in any case",
	  NIC(IN("r", "100", "Deny", "*", GROUP("/subscriptions/s/WEB") TO("*") ANY_PORT)),
	  ARRIVES(6, "10.1.0.4", 1, "10.1.0.5", 80), "Deny r nic" },
	{ "a group without members matches nothing",
	  NIC(IN("r", "100", "Allow", "*", GROUP("empty") TO("*") ANY_PORT)), WEB,
	  "Deny DenyAllInBound nic" },
	{ "a tag without prefixes matches nothing",
	  NIC(IN("r", "100", "Allow", "*", FROM("None") TO("*") ANY_PORT)), WEB,
	  "Deny DenyAllInBound nic" },
	{ "an empty list is not used, the singular counts",
	  NIC(IN("r", "100", "Allow", "*",
		 FROM("198.51.100.9") ",'sourceAddressPrefixes':[]" TO("*") ANY_PORT)),
	  WEB, "Allow r nic" },
	{ "host bits widen to the prefix",
	  NIC(IN("r", "100", "Allow", "*", FROM("198.51.100.200/24") TO("*") ANY_PORT)), WEB,
	  "Allow r nic" },

	/* families */
	{ "* is both families", NIC(IN("r", "100", "Allow", "*", ANYWHERE ANY_PORT)),
	  ARRIVES(6, "2001:db8::9", 1, "fd00:1::4", 443), "Allow r nic" },
	{ "0.0.0.0/0 is IPv4",
	  NIC(IN("r", "100", "Allow", "*", FROM("0.0.0.0/0") TO("*") ANY_PORT)),
	  ARRIVES(6, "2001:db8::9", 1, "fd00:1::4", 443), "Deny DenyAllInBound nic" },
	{ "tags hold both", NIC(IN("r", "100", "Allow", "*", FROM("Sql") TO("*") ANY_PORT)),
	  ARRIVES(6, "2603:1000::1", 1, "fd00:1::4", 443), "Allow r nic" },
	{ "sides without a common family match nothing",
	  NIC(IN("r", "100", "Allow", "*", FROM("0.0.0.0/0") TO("::/0") ANY_PORT)), WEB,
	  "Deny DenyAllInBound nic" },

	/* tags */
	{ "VirtualNetwork is the context, not RFC 1918",
	  NIC(IN("r", "100", "Deny", "*", FROM("VirtualNetwork") TO("*") ANY_PORT)),
	  ARRIVES(6, "10.2.0.1", 1, "10.1.0.4", 80), "Deny DenyAllInBound nic" },
	{ "VirtualNetwork has public ranges where the network has",
	  NIC(IN("r", "100", "Deny", "*", FROM("VirtualNetwork") TO("*") ANY_PORT)),
	  ARRIVES(6, "203.0.114.1", 1, "10.1.0.4", 80), "Deny r nic" },
	{ "... which are then not the internet", DOC("'nicNsg':{}"),
	  LEAVES(6, "198.51.100.1", 1, "203.0.114.1", 80), "Deny DenyAllOutBound nic" },
	{ "VirtualNetwork has 168.63.129.16", DOC("'nicNsg':{}"),
	  ARRIVES(6, "168.63.129.16", 1, "10.1.0.4", 80), "Allow AllowVnetInBound nic" },
	{ "probes to an address outside of it need rule 65001", DOC("'nicNsg':{}"),
	  ARRIVES(6, "168.63.129.16", 1, "192.0.2.1", 80),
	  "Allow AllowAzureLoadBalancerInBound nic" },
	{ "a user's Deny stops probes",
	  NIC(IN("r", "100", "Deny", "*", FROM("AzureLoadBalancer") TO("*") ANY_PORT)),
	  ARRIVES(6, "168.63.129.16", 1, "10.1.0.4", 80), "Deny r nic" },
	{ "Internet has Azure's own addresses",
	  NIC(OUT("r", "100", "Deny", "*", FROM("*") TO("Internet") ANY_PORT)),
	  LEAVES(6, "10.1.0.4", 1, "192.0.3.9", 1433), "Deny r nic" },
	{ "Internet leaves out private ranges that are not the network's", DOC("'nicNsg':{}"),
	  LEAVES(6, "10.1.0.4", 1, "10.2.0.1", 80), "Deny DenyAllOutBound nic" },
	{ "... and shared address space", DOC("'nicNsg':{}"),
	  LEAVES(6, "10.1.0.4", 1, "100.64.0.1", 80), "Deny DenyAllOutBound nic" },
	{ "... but not documentation ranges", DOC("'nicNsg':{}"),
	  LEAVES(6, "10.1.0.4", 1, "192.0.2.1", 80), "Allow AllowInternetOutBound nic" },
	{ "Internet in IPv6", DOC("'nicNsg':{}"), LEAVES(6, "fd00:1::4", 1, "2001:db8::1", 80),
	  "Allow AllowInternetOutBound nic" },
	{ "... leaves out unique local addresses", DOC("'nicNsg':{}"),
	  LEAVES(6, "fd00:1::4", 1, "fd00:2::1", 80), "Deny DenyAllOutBound nic" },
	{ "classic spelling",
	  NIC(IN("r", "100", "Allow", "TCP", FROM("INTERNET") TO("*") ANY_PORT)), WEB,
	  "Allow r nic" },
	{ "tags have no case, regional ones neither",
	  NIC(OUT("r", "100", "Deny", "*", FROM("*") TO("SQL.eastus") ANY_PORT)),
	  LEAVES(6, "10.1.0.4", 1, "192.0.3.9", 1433), "Deny r nic" },
	{ "a regional tag is its own",
	  NIC(OUT("r", "100", "Deny", "*", FROM("*") TO("sql.eastus") ANY_PORT)),
	  LEAVES(6, "10.1.0.4", 1, "192.0.3.200", 1433), "Allow AllowInternetOutBound nic" },
	{ "a platform tag's ports are the rule's",
	  NIC(OUT("r", "100", "Deny", "*", FROM("*") TO("AzurePlatformDNS") PORTS("*", "53"))),
	  LEAVES(6, "10.1.0.4", 1, "168.63.129.16", 80), "Allow AllowVnetOutBound nic" },

	/* acl */
	{ "acl denies before the NSGs",
	  ACL("{'name':'q','priority':1,'direction':'Inbound','action':'deny','protocol':'*',"
	      "'source':'198.51.100.0/24','destination':'*'}",
	      "'nicNsg':{'securityRules':[" IN("r", "100", "Allow", "*", ANYWHERE ANY_PORT) "]}"),
	  WEB, "Deny q acl" },
	{ "acl allow goes on to the NSGs",
	  ACL("{'name':'q','priority':1,'direction':'Inbound','action':'allow','protocol':'*',"
	      "'source':'*','destination':'*'}",
	      "'nicNsg':{}"),
	  WEB, "Deny DenyAllInBound nic" },
	{ "always-allow ends there",
	  ACL("{'name':'q','priority':1,'direction':'Inbound','action':'always-allow',"
	      "'protocol':'tcp','source':'*','destination':'*','destinationPorts':443}",
	      "'nicNsg':{}"),
	  WEB, "AlwaysAllow q acl" },
	{ "acl is asked before a Deny of the NSGs, and none of its rules is a default",
	  ACL("{'name':'q','priority':1,'direction':'Outbound','action':'deny','protocol':'*',"
	      "'source':'*','destination':'*'}",
	      "'nicNsg':null"),
	  WEB, "Allow - none" },
	{ "acl by priority, both directions apart",
	  ACL("{'name':'b','priority':2,'direction':'Inbound','action':'deny','protocol':'*',"
	      "'source':'*','destination':'*'},"
	      "{'name':'a','priority':1,'direction':'Inbound','action':'always-allow',"
	      "'protocol':'*','source':'*','destination':'*'},"
	      "{'name':'o','priority':1,'direction':'Outbound','action':'deny','protocol':'*',"
	      "'source':'*','destination':'*'}",
	      "'nicNsg':null"),
	  WEB, "AlwaysAllow a acl" },
};

static struct tuple tuple_of(const struct packet *packet)
{
	struct tuple tuple = {
		.direction = packet->direction,
		.protocol = packet->protocol,
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
	};

	assert_int_equal(ip_addr_parse(packet->source, &tuple.source), 0);
	assert_int_equal(ip_addr_parse(packet->destination, &tuple.destination), 0);
	return tuple;
}

static void check_row(const struct row *row)
{
	struct built built = build(row->document, NULL);
	struct tuple tuple = tuple_of(&row->packet);
	struct judgement judgement;
	char found[120];

	if (!built.policy) {
		print_report(&built.report);
		fail_msg("%s: refused", row->why);
	}
	reference_judge(built.policy, &tuple, &judgement);
	(void)snprintf(found, sizeof(found), "%s %s %s", access_name(judgement.access),
		       judgement.rule ? judgement.rule->name : "-",
		       judgement.decided ? stage_name(judgement.stage) : "none");
	if (strcmp(found, row->verdict) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", row->why, found, row->verdict);
	built_fini(&built);
}

static void policies_mean_what_is_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_mean_what_is_written),
	};

	return cmocka_run_group_tests_name("policy_semantics", tests, NULL, NULL);
}
