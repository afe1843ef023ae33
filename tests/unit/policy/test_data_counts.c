/*
 * What every file of real policies comes to: how many NSGs and rules, and for ten templates with
 * loops, conditions and parameters which rules.
 *
 * The numbers agree with the count of rule objects that came with the files, but for templates of
 * which a choice, a condition or a loop decides, which were counted by hand; the ten were read by
 * hand. Skipped where the data is absent.
 */
#include "build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DATA ACCELNET_SOURCE_DIR "/../shared/data/nsg/"

struct loaded {
	struct policy_source *source;
	struct json *parameters;
	struct report report;
};

/* `parameters` is quoted as in json_of(), or NULL. */
static struct loaded load(const char *file, const char *parameters)
{
	struct loaded loaded = { .parameters = parameters ? json_of(parameters) : NULL };
	const struct policy_read_options options = { .parameters = loaded.parameters };
	char path[600];

	(void)snprintf(path, sizeof(path), DATA "%s", file);
	report_init(&loaded.report);
	if (policy_source_load(path, &options, &loaded.report, &loaded.source) == 0)
		(void)policy_source_check(loaded.source, &options, &loaded.report);
	if (!loaded.source || loaded.report.errors) {
		print_report(&loaded.report);
		fail_msg("%s is refused", file);
	}
	return loaded;
}

static void loaded_fini(struct loaded *loaded)
{
	policy_source_free(loaded->source);
	json_free(loaded->parameters);
	report_fini(&loaded->report);
}

static void skip_without_data(void)
{
	if (access(DATA, R_OK) == 0)
		return;
	print_message("%s is absent\n", DATA);
	skip();
}

struct count {
	const char *file;
	const char *parameters;
	size_t nsgs;
	size_t rules;
};

static const struct count counts[] = {
	{ "bf-NetworkSecurityGroupTest.json", NULL, 1, 2 },
	{ "bf-VM1-nsg.json", NULL, 1, 3 },
	{ "bf-VM2-nsg.json", NULL, 1, 0 },
	{ "c7n-subscription-list-a.json", NULL, 37, 83 },
	{ "c7n-template_networksecuritygroup.json", NULL, 1, 6 },
	{ "c7n-test_allow_multiple_ports-i0.json", NULL, 2, 8 },
	{ "c7n-test_cidr_and_ingress_match-i0.json", NULL, 1, 3 },
	{ "c7n-test_cidr_only_no_match-i0.json", NULL, 1, 3 },
	{ "c7n-test_open_ports-i0.json", NULL, 1, 3 },
	{ "c7n-test_open_ports-i1.json", NULL, 1, 1 },
	{ "c7n-test_open_ports-i2.json", NULL, 1, 7 },
	{ "ck-AzureManagedDiscEncryption-azureManagedDiscEncryption-FAILED.json", NULL, 1, 6 },
	{ "ck-NSGRuleHTTPAccessRestricted-NSGRulePortAccessRestricted-FAILED.json", NULL, 2, 2 },
	{ "ck-NSGRuleRDPAccessRestricted-NSGRulePortAccessRestricted-FAILED.json", NULL, 2, 2 },
	{ "ck-NSGRuleRDPAccessRestricted-NSGRulePortAccessRestricted-RULE-1Pass-1Fail.json",
	  "{'webServerNsgName':'value','webServerSubnetAddressPrefix':'10.0.0.0/8'}", 1, 2 },
	{ "ck-NSGRuleRDPAccessRestricted-NSGRulePortAccessRestricted-RULE-PASSED.json",
	  "{'webServerNsgName':'value','webServerSubnetAddressPrefix':'10.0.0.0/8'}", 1, 1 },
	{ "qs-apimanagement-api-management-create-with-external-vnet-publicip.json", NULL, 1, 18 },
	{ "qs-apimanagement-api-management-create-with-external-vnet.json", NULL, 1, 18 },
	{ "qs-apimanagement-api-management-create-with-internal-vnet.json", NULL, 1, 18 },
	{ "qs-bosh-bosh-cf-crossregion.json", NULL, 4, 9 },
	{ "qs-bosh-bosh-setup.json", NULL, 3, 9 },
	{ "qs-chef-chef-automate-ha-nested-networkSecurityGroupsResource.json",
	  "{'networkSettings':{'feNsg':'fe','beNsg':'be','beSubnetPrefix':'10.0.1.0/24'}}", 2, 13 },
	{ "qs-cloudera-cloudera-tableau-nested-master-node.json", "{'dnsNamePrefix':'value'}", 1,
	  15 },
	{ "qs-cloudera-cloudera-tableau-nested-shared-resources-existing-vnet.json",
	  "{'networkSpec':{'virtualNetworkName':'v'}}", 1, 15 },
	{ "qs-cloudera-cloudera-tableau-nested-shared-resources-new-vnet.json",
	  "{'networkSpec':{'virtualNetworkName':'v'}}", 1, 16 },
	{ "qs-cohesive-cohesive-vns3-free-multiclient-overlay-linux.json",
	  "{'numberOfInstances':1}", 2, 5 },
	{ "qs-cohesive-cohesive-vns3-free-try-now.json", NULL, 4, 10 },
	{ "qs-compute-multi-vm-lb-zones.json", NULL, 1, 1 },
	{ "qs-compute-vm-msi-linux-terraform.json", NULL, 1, 2 },
	{ "qs-compute-vm-msi.json", NULL, 1, 1 },
	{ "qs-concourse-concourse-ci.json", NULL, 3, 12 },
	{ "qs-couchbase-couchbase.json", NULL, 1, 9 },
	{ "qs-dmz-nsg.json", NULL, 1, 6 },
	{ "qs-docker-rancher-nodes.json", NULL, 1, 4 },
	{ "qs-github-enterprise-github-enterprise.json", "{'accountPrefix':'value'}", 1, 10 },
	{ "qs-grafana-Telegraf-InfluxDB-Grafana.json", NULL, 1, 5 },
	{ "qs-hdinsight-hdinsight-secure-vnet.json", "{'clusterName':'value'}", 1, 2 },
	{ "qs-iis-2vm-sql-1vm.json", NULL, 2, 6 },
	{ "qs-ipv6-in-vnet.json", NULL, 1, 4 },
	{ "qs-mongo-mongodb-sharding-centos-nested-shared-resources.json",
	  "{'namespace':'value','zabbixServerIPAddress':'10.0.0.9'}", 1, 4 },
	{ "qs-multi-tier-loadbalancing.json", NULL, 4, 4 },
	{ "qs-multi-tier-service-networking.json", NULL, 3, 12 },
	{ "qs-network-aad-domainservices.json", NULL, 1, 4 },
	{ "qs-network-front-door-api-management.json", NULL, 1, 14 },
	{ "qs-network-front-door-standard-premium-api-management-external.json", NULL, 1, 15 },
	{ "qs-network-front-door-standard-premium-application-gateway-public.json", NULL, 1, 3 },
	{ "qs-network-nsg-dmz-in-vnet.json", NULL, 3, 9 },
	{ "qs-network-site-to-site-vpn-fqdn-bgp.json", NULL, 2, 4 },
	{ "qs-openvpn-access-server-ubuntu.json", NULL, 1, 4 },
	{ "qs-perforce-perforce-helix-core-server.json", NULL, 1, 3 },
	{ "qs-qlik-qlik-sense-enterprise.json", NULL, 1, 5 },
	{ "qs-rds-deployment-full-ha.json", "{'projectName':'value'}", 1, 4 },
	{ "qs-sas-sas-viya.json",
	  "{'WebIngressLocation':'10.0.0.0/8','AdminIngressLocation':'10.0.0.0/8'}", 3, 3 },
	{ "qs-servicefabric-service-fabric-secure-nsg-cluster-65-node-3-nodetype.json", NULL, 3,
	  30 },
	{ "qs-sharepoint-sharepoint-adfs.json", NULL, 3, 3 },
	{ "qs-shibboleth-shibboleth-cluster-windows.json", "{'uniqueNamePrefix':'value'}", 1, 4 },
	{ "qs-sonarqube-sonarqube-azuresql.json", NULL, 1, 5 },
	{ "qs-spark-spark-2.0-on-suse-spark-2.0-on-suse.json", NULL, 1, 7 },
	{ "qs-sql-sqlmi-new-vnet-w-jumpbox.json", "{'managedInstanceName':'value'}", 2, 5 },
	{ "qs-sql-sqlmi-new-vnet-w-point-to-site-vpn.json", "{'managedInstanceName':'value'}", 1,
	  5 },
	{ "qs-sql-sqlmi-new-vnet.json", "{'managedInstanceName':'value'}", 1, 4 },
	{ "qs-tableau-tableau-server-single-node.json",
	  "{'OS':'RHEL 7.7','source_CIDR':'10.0.0.0/8'}", 1, 3 },
	{ "qs-visualstudio-vsts-tomcat-redhat-vm.json", "{'dnsLabelPrefix':'value'}", 1, 4 },
	{ "rest-NetworkSecurityGroupCreateWithRule.json", NULL, 1, 1 },
	{ "rest-NetworkSecurityGroupGet.json", NULL, 1, 1 },
	{ "rest-NetworkSecurityGroupListAll.json", NULL, 2, 0 },
	{ "rest-NetworkSecurityGroupRuleCreate.json", NULL, 1, 1 },
	{ "rest-NetworkSecurityGroupRuleList.json", NULL, 1, 1 },
	{ "rest-NetworkWatcherSecurityGroupViewGet.json", NULL, 1, 1 },
};

static void files_have_their_rules(void **state)
{
	(void)state;
	skip_without_data();
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		const struct count *t = &counts[i];
		struct loaded loaded = load(t->file, t->parameters);
		size_t rules = 0;

		for (size_t k = 0; k < loaded.source->count; k++)
			rules += loaded.source->nsgs[k].user_rules;
		if (loaded.source->count != t->nsgs || rules != t->rules)
			fail_msg("%s: %zu NSGs with %zu rules, expected %zu with %zu", t->file,
				 loaded.source->count, rules, t->nsgs, t->rules);
		loaded_fini(&loaded);
	}
}

/* --- ten templates, read by hand --- */

struct reading {
	const char *file;
	const char *parameters;
	const char *rules; /* "NSG: rule priority ports, ...; NSG: ..." by ascending priority */
};

#define FABRIC                                                                             \
	": allowAppPort1 2001 80, allowAppPort2 2002 8081, allowSvcFabPortal 3900 19080, " \
	"allowSvcFabClient 3910 19000, allowSvcFabCluser 3920 1025-1027, "                 \
	"allowSvcFabEphemeral 3930 49152-65534, allowSvcFabApplication 3940 20000-30000, " \
	"allowSvcFabSMB 3950 445, allowVNetRDP 3960 3389-4500, blockAll 4095 *"
#define VNS3                                                                       \
	"VNS3Controller-nsg: VNS3_Web_API_Port 100 8000, VNS3_UDP_1194 200 1194, " \
	"VNS3_UDP_500 300 500, VNS3_NAT_T 400 4500"
#define RDP ": Allow-RDP 1000 3389"

static const struct reading readings[] = {
	{ "qs-cohesive-cohesive-vns3-free-try-now.json", "{'numberOfInstances':{'value':2}}",
	  VNS3 "; ubuntu-nsg0: SSH 300 22, RDP 400 3389; ubuntu-nsg1: SSH 300 22, RDP 400 3389" },
	{ "qs-cohesive-cohesive-vns3-free-multiclient-overlay-linux.json",
	  "{'numberOfInstances':3}",
	  VNS3
	  "; nsg-ubuntuvm0: SSH 300 22; nsg-ubuntuvm1: SSH 300 22; nsg-ubuntuvm2: SSH 300 22" },
	{ "qs-servicefabric-service-fabric-secure-nsg-cluster-65-node-3-nodetype.json", NULL,
	  "nsg-Subnet-0" FABRIC "; nsg-Subnet-1" FABRIC "; nsg-Subnet-2" FABRIC },
	{ "qs-multi-tier-loadbalancing.json", NULL,
	  "region-multitierlb-vnet0-default-nsg" RDP "; region-multitierlb-vnet1-default-nsg" RDP
	  "; region-multitierlb-vnet0-front-end-subnet-nsg" RDP
	  "; region-multitierlb-vnet1-front-end-subnet-nsg" RDP },
	{ "qs-perforce-perforce-helix-core-server.json", "{'p4Port':{'value':1667}}",
	  "HXNSG: ssh-rule 100 22, web-rule 102 80, p4d-rule 103 1667" },
	{ "qs-sharepoint-sharepoint-adfs.json", "{'addAzureBastion':{'value':'No'}}",
	  "NSG-Subnet-DC: allow-rdp-rule 110 3389; NSG-Subnet-SQL: allow-rdp-rule 110 3389; "
	  "NSG-Subnet-SP: allow-rdp-rule 110 3389" },
	{ "qs-mongo-mongodb-sharding-centos-nested-shared-resources.json",
	  "{'zabbixServerIPAddress':'10.0.0.9','namespace':'n'}",
	  "nnsgwithZabbix: SSH 100 22, MongoDB 110 27017, zabbixAgent 120 10050, "
	  "zabbixAgent1 130 10051" },
	{ "ck-NSGRuleRDPAccessRestricted-NSGRulePortAccessRestricted-RULE-1Pass-1Fail.json",
	  "{'webServerNsgName':'w','webServerSubnetAddressPrefix':'10.1.0.0/16'}",
	  "w: allowAllFromAll 100 *, DefaultDeny 4096 *" },
	{ "qs-chef-chef-automate-ha-nested-networkSecurityGroupsResource.json",
	  "{'networkSettings':{'value':{'feNsg':'fe','beNsg':'be','beSubnetPrefix':'10.0.1.0/24'}}}",
	  "fe: allow-internet-ssh-admin 100 22, allow-internet-to-fe-http 110 80, "
	  "allow-internet-to-fe-https 120 443, allow-ssh-admin 999 22, no-other-inbound 4096 *; "
	  "be: allow-etcd 110 2379, allow-etcd-peer 111 2380, allow-postgresql 120 5432, "
	  "allow-leaderl 130 7331, allow-elasticsearch 140 9200, allow-elasticsearch-peer 141 9300, "
	  "allow-ssh-admin 999 22, no-other-inbound 4096 *" },
	{ "qs-network-front-door-standard-premium-application-gateway-public.json", NULL,
	  "MyNSG: Allow_GWM 100 65200-65535, Allow_AzureLoadBalancer 110 *, "
	  "Allow_Front_Door_to_send_HTTP_traffic 120 80 443" },
};

static void print_rule(FILE *out, const struct rule *rule, const char *glue)
{
	const struct port_set *ports = &rule->destination_ports;

	fprintf(out, "%s %s %u", glue, rule->name, rule->priority);
	if (ports->any)
		fprintf(out, " *");
	for (size_t i = 0; i < ports->range_count; i++) {
		fprintf(out, " %u", ports->ranges[i].first);
		if (ports->ranges[i].last != ports->ranges[i].first)
			fprintf(out, "-%u", ports->ranges[i].last);
	}
}

static void print_nsg(FILE *out, const struct policy_source *source,
		      const struct policy_source_nsg *nsg)
{
	const struct policy_read_options options = { .unresolved_ok = true };
	struct policy *policy = NULL;
	const struct rule_list *list;
	struct report report;

	report_init(&report);
	assert_int_equal(policy_source_build(source, nsg, STAGE_NIC, &options, &report, &policy),
			 0);
	list = policy->stage[STAGE_NIC].list;
	fprintf(out, "%s%s:", nsg == source->nsgs ? "" : "; ", nsg->name);
	for (size_t i = 0; i < list->count && !list->rules[i].is_default; i++)
		print_rule(out, &list->rules[i], i ? "," : "");
	policy_free(policy);
	report_fini(&report);
}

static void ten_templates_read_as_by_hand(void **state)
{
	(void)state;
	skip_without_data();
	for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
		const struct reading *t = &readings[i];
		struct loaded loaded = load(t->file, t->parameters);
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		assert_non_null(out);
		for (size_t k = 0; k < loaded.source->count; k++)
			print_nsg(out, loaded.source, &loaded.source->nsgs[k]);
		fclose(out);
		if (strcmp(text, t->rules) != 0)
			fail_msg("%s:\n%s, expected\n%s", t->file, text, t->rules);
		free(text);
		loaded_fini(&loaded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_have_their_rules),
		cmocka_unit_test(ten_templates_read_as_by_hand),
	};

	return cmocka_run_group_tests_name("policy_data_counts", tests, NULL, NULL);
}
