/*
 * Which addresses the built-in tags have, at each of their borders.
 */
#include "build.h"
#include "compile/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOCUMENT                                                                               \
	"{'apiVersion':'accelnet/v1','context':{'virtualNetwork':['10.1.0.0/16','8.8.8.0/24'," \
	"'fd00:1::/48']},'nicNsg':{'securityRules':[{'name':'tag','priority':100,"             \
	"'direction':'Outbound','access':'Deny','protocol':'*','sourceAddressPrefix':'*',"     \
	"'destinationAddressPrefix':'%s','sourcePortRange':'*','destinationPortRange':'*'}]}}"

struct border {
	const char *tag;
	const char *has;     /* addresses, by blanks */
	const char *has_not; /* likewise */
};

static const struct border borders[] = {
	{ "Internet",
	  "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 "
	  "169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 "
	  "223.255.255.255 8.8.7.255 8.8.9.0 20.150.0.1 168.63.129.15 168.63.129.17 "
	  /* special in other lists than ours */
	  "192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 "
	  "::2 fbff:ffff::1 fe00::1 fe7f:ffff::1 fec0::1 feff:ffff::1 2001:db8::1 64:ff9b::1",
	  "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 10.1.0.1 100.64.0.0 100.127.255.255 "
	  "127.0.0.0 127.255.255.255 169.254.0.0 169.254.255.255 172.16.0.0 172.31.255.255 "
	  "192.168.0.0 192.168.255.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255 "
	  "8.8.8.0 8.8.8.255 168.63.129.16 "
	  ":: ::1 fc00:: fdff:ffff::1 fd00:1::1 fe80:: febf:ffff::1 ff00:: ffff::1" },
	{ "VirtualNetwork", "10.1.0.0 10.1.255.255 8.8.8.0 8.8.8.255 168.63.129.16 fd00:1::1",
	  "10.0.255.255 10.2.0.0 172.16.0.1 192.168.0.1 8.8.9.0 168.63.129.15 169.254.169.254 "
	  "fd00:2::1" },
	{ "AzureLoadBalancer", "168.63.129.16", "168.63.129.15 168.63.129.17 10.1.0.1 ::1" },
	{ "AzurePlatformDNS", "168.63.129.16", "168.63.129.15 168.63.129.17 169.254.169.254" },
	{ "AzurePlatformIMDS", "169.254.169.254", "169.254.169.253 169.254.169.255 168.63.129.16" },
	{ "AzurePlatformLKM", "23.102.135.246 20.118.99.224 40.83.235.53",
	  "23.102.135.245 20.118.99.225 40.83.235.54 168.63.129.16" },
};

static bool is_denied(const struct policy *policy, const char *address)
{
	struct tuple tuple = { .direction = DIRECTION_OUTBOUND, .protocol = IP_PROTOCOL_TCP };
	struct judgement judgement;

	if (ip_addr_parse(address, &tuple.destination) < 0)
		fail_msg("\"%s\" is no address", address);
	tuple.source = tuple.destination;
	reference_judge(policy, &tuple, &judgement);
	return judgement.rule && strcmp(judgement.rule->name, "tag") == 0;
}

static void check_addresses(const struct policy *policy, const struct border *t, const char *list,
			    bool expected)
{
	char *copy = strdup(list), *rest = copy, *address;

	assert_non_null(copy);
	while ((address = strsep(&rest, " "))) {
		if (*address && is_denied(policy, address) != expected)
			fail_msg("%s %s %s", t->tag, expected ? "has not" : "has", address);
	}
	free(copy);
}

static void built_in_tags_end_where_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++) {
		char document[700];
		struct built built;

		(void)snprintf(document, sizeof(document), DOCUMENT, borders[i].tag);
		built = build(document, NULL);
		assert_non_null(built.policy);
		check_addresses(built.policy, &borders[i], borders[i].has, true);
		check_addresses(built.policy, &borders[i], borders[i].has_not, false);
		built_fini(&built);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in_tags_end_where_they_should),
	};

	return cmocka_run_group_tests_name("policy_tags", tests, NULL, NULL);
}
