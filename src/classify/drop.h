/*
 * Why packets are dropped. One table gives the enum, the name that users see, and the help text.
 */
#ifndef CLASSIFY_DROP_H
#define CLASSIFY_DROP_H

/* X(NAME, "name", "what happened and what to look at") */
#define DROP_REASONS_TABLE(X)                                                                     \
	X(NONE, "none", "not dropped")                                                            \
	X(TRUNCATED, "truncated",                                                                 \
	  "headers end before the frame should, or its segments do not fit into one")             \
	X(MALFORMED_IP, "malformed-ip", "IP version or lengths are inconsistent")                 \
	X(MALFORMED_ARP, "malformed-arp", "ARP for something else than IPv4 over Ethernet")       \
	X(MALFORMED_L4, "malformed-l4", "TCP, UDP or ICMP header is inconsistent")                \
	X(BAD_TCP_FLAGS, "bad-tcp-flags", "SYN with FIN or RST, or no flag at all")               \
	X(EXTENSION_HEADERS, "ipv6-extension-headers", "more than 8 IPv6 extension headers")      \
	X(VLAN_TAGGED, "vlan-tagged",                                                             \
	  "VLAN tag; \"vlan\": \"pass\" in the NIC's configuration lets them through")            \
	X(NON_IP, "non-ip", "neither IP nor ARP; \"nonIp\": \"pass\" lets them through")          \
	X(FRAGMENT_TINY, "fragment-tiny", "first fragment does not hold the whole L4 header")     \
	X(FRAGMENT_OVERLAP, "fragment-overlap", "later fragment overlaps the L4 header")          \
	X(FRAGMENT_ORPHAN, "fragment-orphan",                                                     \
	  "first fragment did not come within 50 ms, or too many waited")                         \
	X(FRAGMENT_DENIED, "fragment-denied", "first fragment of the same packet was dropped")    \
	X(SOURCE_MAC, "source-mac", "sourceGuard: frame leaves with a MAC that is not the NIC's") \
	X(SOURCE_IP, "source-ip",                                                                 \
	  "sourceGuard: packet leaves with an address that is not the NIC's")                     \
	X(SOURCE_MARTIAN, "source-martian",                                                       \
	  "arrives from the VM's own, loopback, multicast or 0/8 source")                         \
	X(DESTINATION_MAC, "destination-mac", "unicast frame arrives for another MAC")            \
	X(ACL_DENY, "acl-deny", "an acl rule denies it")                                          \
	X(POLICY_DENY, "policy-deny", "a rule of the subnet or NIC NSG denies it")                \
	X(NO_POLICY, "no-policy", "no policy is in force and requirePolicy is on")                \
	X(NO_CONNECTION, "no-connection",                                                         \
	  "TCP segment of no known connection that cannot begin one")                             \
	X(CONNECTION_CUT, "connection-cut",                                                       \
	  "connection was denied when the rules were re-evaluated, or killed")                    \
	X(TABLE_FULL, "table-full", "connection table is full")                                   \
	X(ICMP_ERROR_RATE, "icmp-error-rate", "ICMP errors over the rate limit")                  \
	X(TX_FULL, "tx-full", "the port that should transmit it takes no more")

enum drop_reason {
#define DROP_REASON_(name, text, help) DROP_##name,
	DROP_REASONS_TABLE(DROP_REASON_)
#undef DROP_REASON_
		DROP_REASONS
};

const char *drop_reason_name(enum drop_reason reason);
const char *drop_reason_help(enum drop_reason reason);

#endif
