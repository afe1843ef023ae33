/*
 * Every real policy file at hand is read, or refused for a reason that is named here.
 *
 * Run with --verbose for a table of all files. Skipped where the data is absent.
 */
#include "policy/read.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DATA ACCELNET_SOURCE_DIR "/../shared/data/"

static bool verbose;
static unsigned failures; /* of one folder: all of them are told */

/* Files that hold no policy, and templates that want parameters or a deployment. */
struct exception {
	const char *file;
	enum accelnet_code code;
	const char *pointer;
	const char *detail;
};

static const struct exception exceptions[] = {
	{ "MANIFEST.tsv", ACCELNET_E_SYNTAX, "", "line 1" },
	{ "ck-NSGRuleRDPAccessRestricted-NSGRulePortAccessRestricted-RULE-1Pass-1Fail.json",
	  ACCELNET_E_EXPRESSION, "/resources/1/name",
	  "parameter \"webServerNsgName\" has no default value" },
	{ "ck-NSGRuleRDPAccessRestricted-NSGRulePortAccessRestricted-RULE-PASSED.json",
	  ACCELNET_E_EXPRESSION, "/resources/1/name",
	  "parameter \"webServerNsgName\" has no default value" },
	{ "qs-chef-chef-automate-ha-nested-networkSecurityGroupsResource.json",
	  ACCELNET_E_EXPRESSION, "/resources/0/name",
	  "parameter \"networkSettings\" has no default value" },
	{ "qs-cloudera-cloudera-tableau-nested-master-node.json", ACCELNET_E_EXPRESSION,
	  "/variables/securityGroupName", "parameter \"dnsNamePrefix\" has no default value" },
	{ "qs-cloudera-cloudera-tableau-nested-shared-resources-existing-vnet.json",
	  ACCELNET_E_EXPRESSION, "/resources/3/name",
	  "parameter \"networkSpec\" has no default value" },
	{ "qs-cloudera-cloudera-tableau-nested-shared-resources-new-vnet.json",
	  ACCELNET_E_EXPRESSION, "/resources/3/name",
	  "parameter \"networkSpec\" has no default value" },
	{ "qs-cohesive-cohesive-vns3-free-multiclient-overlay-linux.json", ACCELNET_E_EXPRESSION,
	  "/resources/9/copy/count", "parameter \"numberOfInstances\" has no default value" },
	{ "qs-github-enterprise-github-enterprise.json", ACCELNET_E_EXPRESSION,
	  "/variables/networkSecurityGroupName",
	  "parameter \"accountPrefix\" has no default value" },
	{ "qs-hdinsight-hdinsight-secure-vnet.json", ACCELNET_E_EXPRESSION,
	  "/variables/networkSecurityGroup/name",
	  "parameter \"clusterName\" has no default value" },
	{ "qs-mongo-mongodb-sharding-centos-nested-shared-resources.json", ACCELNET_E_EXPRESSION,
	  "/resources/1/condition", "parameter \"zabbixServerIPAddress\" has no default value" },
	{ "qs-rds-deployment-full-ha.json", ACCELNET_E_EXPRESSION, "/resources/1/name",
	  "parameter \"projectName\" has no default value" },
	{ "qs-sas-9.4m7-VA-MPP.json", ACCELNET_E_EXPRESSION,
	  "/resources/13/properties/securityRules/2/properties/sourceAddressPrefix",
	  "reference() is known only" },
	{ "qs-sas-sas-viya.json", ACCELNET_E_EXPRESSION,
	  "/resources/1/properties/securityRules/0/properties/sourceAddressPrefix",
	  "parameter \"WebIngressLocation\" has no default value" },
	{ "qs-shibboleth-shibboleth-cluster-windows.json", ACCELNET_E_EXPRESSION,
	  "/variables/virtualNetworkName", "parameter \"uniqueNamePrefix\" has no default value" },
	{ "qs-sql-sqlmi-new-vnet-w-jumpbox.json", ACCELNET_E_EXPRESSION,
	  "/variables/networkSecurityGroupName",
	  "parameter \"managedInstanceName\" has no default value" },
	{ "qs-sql-sqlmi-new-vnet-w-point-to-site-vpn.json", ACCELNET_E_EXPRESSION,
	  "/variables/networkSecurityGroupName",
	  "parameter \"managedInstanceName\" has no default value" },
	{ "qs-sql-sqlmi-new-vnet.json", ACCELNET_E_EXPRESSION,
	  "/variables/networkSecurityGroupName",
	  "parameter \"managedInstanceName\" has no default value" },
	{ "qs-tableau-tableau-server-single-node.json", ACCELNET_E_EXPRESSION,
	  "/variables/os_is_linux", "parameter \"OS\" has no default value" },
	{ "qs-visualstudio-vsts-tomcat-redhat-vm.json", ACCELNET_E_EXPRESSION,
	  "/variables/frontEndNSGName", "parameter \"dnsLabelPrefix\" has no default value" },
	{ "nsg-flowlog-v1.json", ACCELNET_E_FORM, "", "an object with \"records\"" },
	{ "nsg-flowlog-v2.json", ACCELNET_E_FORM, "", "an object with \"records\"" },
	{ "rest-ApplicationSecurityGroupCreate.json", ACCELNET_E_FORM, "/responses/200/body",
	  "a resource of type Microsoft.Network/applicationSecurityGroups" },
	{ "rest-ApplicationSecurityGroupGet.json", ACCELNET_E_FORM, "/responses/200/body",
	  "a resource of type Microsoft.Network/applicationSecurityGroups" },
	{ "rest-NetworkManagerAdminRulePut.json", ACCELNET_E_FORM, "/responses/200/body",
	  "a resource of type Microsoft.Network/networkManagers/securityConfigurations/AdminRules" },
	{ "rest-NetworkManagerAdminRulesList.json", ACCELNET_E_FORM, "/responses/200/body/value/0",
	  "a resource of type Microsoft.Network/networkManagers/securityConfigurations/AdminRules" },
	{ "rest-NetworkManagerUserRulesList.json", ACCELNET_E_FORM, "/responses/200/body/value/0",
	  "a resource of type Microsoft.Network/networkManagers/securityConfigurations/UserRules" },
	{ "rest-NetworkWatcherFlowLogCreate.json", ACCELNET_E_FORM, "/responses/200/body",
	  "a resource of type Microsoft.Network/networkWatchers/FlowLogs" },
	{ "rest-NetworkWatcherFlowLogGet.json", ACCELNET_E_FORM, "/responses/200/body",
	  "a resource of type Microsoft.Network/networkWatchers/FlowLogs" },
	{ "rest-NetworkWatcherIpFlowVerify.json", ACCELNET_E_FORM, "/responses/200/body",
	  "an object with \"access\"" },
	{ "rest-NetworkWatcherNetworkConfigurationDiagnostic.json", ACCELNET_E_FORM,
	  "/responses/200/body", "an object with \"results\"" },
	{ "rest-ServiceTagsList.json", ACCELNET_E_FORM, "/responses/200/body",
	  "a resource of type Microsoft.Network/serviceTags" },
	{ "swagger-applicationSecurityGroup-2020-11-01.json", ACCELNET_E_FORM, "",
	  "an object with \"swagger\"" },
	{ "swagger-networkInterface-2020-11-01.json", ACCELNET_E_FORM, "",
	  "an object with \"swagger\"" },
	{ "swagger-networkSecurityGroup-2020-11-01.json", ACCELNET_E_FORM, "",
	  "an object with \"swagger\"" },
	{ "swagger-networkWatcher-2020-11-01.json", ACCELNET_E_FORM, "",
	  "an object with \"swagger\"" },
	{ "swagger-serviceTags-2020-11-01.json", ACCELNET_E_FORM, "",
	  "an object with \"swagger\"" },
	{ "vnet-flowlog-v4.json", ACCELNET_E_FORM, "", "an object with \"records\"" },
};

static const struct exception *exception_for(const char *file)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		if (strcmp(exceptions[i].file, file) == 0)
			return &exceptions[i];
	}
	return NULL;
}

static void print_row(const char *file, const struct policy_source *source,
		      const struct report *report)
{
	size_t rules = 0;

	for (size_t i = 0; source && i < source->count; i++)
		rules += source->nsgs[i].user_rules;
	print_message("%-80s %-8s %3zu NSGs %3zu rules %zu errors %zu warnings\n", file,
		      source ? policy_form_name(source->form) : "-", source ? source->count : 0,
		      rules, report->errors, report->warnings);
	for (size_t i = 0; i < report->count; i++)
		print_message("    %s %s \"%s\" %s\n",
			      report->problems[i].is_warning ? "warning" : "error",
			      error_symbol(report->problems[i].code), report->problems[i].pointer,
			      report->problems[i].detail);
	for (size_t i = 0; source && i < source->count; i++)
		print_message("    %s \"%s\" %zu\n", stage_name(source->nsgs[i].level),
			      source->nsgs[i].name, source->nsgs[i].user_rules);
}

static bool is_as_expected(const char *file, const struct report *report)
{
	const struct exception *exception = exception_for(file);

	if (!exception)
		return report->errors == 0;
	for (size_t i = 0; i < report->count; i++) {
		const struct problem *problem = &report->problems[i];

		if (!problem->is_warning && problem->code == exception->code &&
		    strcmp(problem->pointer, exception->pointer) == 0 &&
		    strstr(problem->detail, exception->detail))
			return true;
	}
	return false;
}

static void check_file(const char *folder, const char *file)
{
	struct policy_source *source = NULL;
	struct report report;
	char path[600];

	report_init(&report);
	(void)snprintf(path, sizeof(path), DATA "%s/%s", folder, file);
	if (policy_source_load(path, NULL, &report, &source) == 0)
		(void)policy_source_check(source, NULL, &report); /* the report has it */
	if (verbose)
		print_row(file, source, &report);
	if (!is_as_expected(file, &report)) {
		if (!verbose)
			print_row(file, source, &report);
		print_message("%s is not read or refused as expected\n", file);
		failures++;
	}
	policy_source_free(source);
	report_fini(&report);
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void check_folder(const char *folder)
{
	struct dirent **entries;
	char path[300];
	int count;

	failures = 0;
	(void)snprintf(path, sizeof(path), DATA "%s", folder);
	count = scandir(path, &entries, is_file, alphasort);
	if (count < 0) {
		print_message("%s is absent\n", path);
		skip();
	}
	for (int i = 0; i < count; i++) {
		check_file(folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	assert_int_equal(failures, 0);
}

static void nsg_files(void **state)
{
	(void)state;
	check_folder("nsg");
}

/* --- what templates with loops, parameters and choices come to; counted by hand --- */

struct template_case {
	const char *file;
	const char *parameters; /* of --parameters, or NULL */
	const char *nsgs;       /* name=rules ... */
};

static const struct template_case templates[] = {
	{ "qs-cohesive-cohesive-vns3-free-try-now.json", NULL,
	  "VNS3Controller-nsg=4 ubuntu-nsg0=2 ubuntu-nsg1=2 ubuntu-nsg2=2" },
	{ "qs-cohesive-cohesive-vns3-free-try-now.json", "{\"numberOfInstances\":{\"value\":1}}",
	  "VNS3Controller-nsg=4 ubuntu-nsg0=2" },
	{ "qs-multi-tier-loadbalancing.json", NULL,
	  "region-multitierlb-vnet0-default-nsg=1 region-multitierlb-vnet1-default-nsg=1 "
	  "region-multitierlb-vnet0-front-end-subnet-nsg=1 "
	  "region-multitierlb-vnet1-front-end-subnet-nsg=1" },
	{ "qs-perforce-perforce-helix-core-server.json", NULL, "HXNSG=3" },
	{ "qs-sharepoint-sharepoint-adfs.json", NULL,
	  "NSG-Subnet-DC=1 NSG-Subnet-SQL=1 NSG-Subnet-SP=1" },
	{ "qs-sharepoint-sharepoint-adfs.json",
	  "{\"parameters\":{\"addPublicIPAddressToEachVM\":{\"value\":\"No\"}}}",
	  "NSG-Subnet-DC=0 NSG-Subnet-SQL=0 NSG-Subnet-SP=0" },
	{ "qs-servicefabric-service-fabric-secure-nsg-cluster-65-node-3-nodetype.json", NULL,
	  "nsg-Subnet-0=10 nsg-Subnet-1=10 nsg-Subnet-2=10" },
	{ "qs-network-front-door-standard-premium-application-gateway-public.json", NULL,
	  "MyNSG=3" },
	{ "qs-network-nsg-dmz-in-vnet.json", NULL, "FE_NSG=2 App_NSG=3 DB_NSG=4" },
	{ "qs-bosh-bosh-cf-crossregion.json", NULL,
	  "nsg-bosh=4 nsg-devbox=1 primarynsg-cf=2 secondarynsg-cf=2" },
	{ "qs-mongo-mongodb-sharding-centos-nested-shared-resources.json",
	  "{\"zabbixServerIPAddress\":\"Null\",\"namespace\":\"n\"}", "nnsgwithoutZabbix=2" },
	{ "qs-sql-sqlmi-new-vnet-w-jumpbox.json", "{\"managedInstanceName\":\"m1\"}",
	  "SQLMI-m1-NSG=4 SQLMI-m1-JB-NSG=1" },
	{ "ck-NSGRuleRDPAccessRestricted-NSGRulePortAccessRestricted-RULE-1Pass-1Fail.json",
	  "{\"webServerNsgName\":\"w\",\"testRunnerIpRange\":\"10.0.0.0/8\","
	  "\"webServerSubnetAddressPrefix\":\"10.1.0.0/16\"}",
	  "w=2" },
	{ "ck-NSGRuleRDPAccessRestricted-NSGRulePortAccessRestricted-RULE-1Pass-1Fail.json",
	  "{\"webServerNsgName\":\"w\",\"testRunnerIpRange\":\"\"}", "w=1" },
};

static void check_template(const struct template_case *t)
{
	struct policy_read_options options = { 0 };
	struct policy_source *source = NULL;
	struct json *parameters = NULL;
	char path[600], found[600] = "";
	struct report report;
	size_t used = 0;

	report_init(&report);
	(void)snprintf(path, sizeof(path), DATA "nsg/%s", t->file);
	if (t->parameters)
		assert_int_equal(
			json_parse(t->parameters, strlen(t->parameters), NULL, &parameters, NULL),
			0);
	options.parameters = parameters;
	assert_int_equal(policy_source_load(path, &options, &report, &source), 0);
	(void)policy_source_check(source, &options, &report); /* the report has it */
	for (size_t i = 0; i < source->count; i++)
		used += (size_t)snprintf(found + used, sizeof(found) - used, "%s%s=%zu",
					 i ? " " : "", source->nsgs[i].name,
					 source->nsgs[i].user_rules);
	if (report.errors || strcmp(found, t->nsgs) != 0) {
		print_row(t->file, source, &report);
		fail_msg("%s: %s, expected %s", t->file, found, t->nsgs);
	}
	policy_source_free(source);
	json_free(parameters);
	report_fini(&report);
}

static void templates_evaluate(void **state)
{
	(void)state;
	if (access(DATA "nsg", R_OK) != 0)
		skip();
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++)
		check_template(&templates[i]);
}

static void azure_examples(void **state)
{
	(void)state;
	check_folder("azure-examples");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nsg_files),
		cmocka_unit_test(azure_examples),
		cmocka_unit_test(templates_evaluate),
	};

	verbose = argc > 1 && strcmp(argv[1], "--verbose") == 0;
	return cmocka_run_group_tests_name("policy_data", tests, NULL, NULL);
}
