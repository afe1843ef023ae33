/*
 * The configuration file, see config.h:
 *
 *   { "mtu": 1500, "queues": 4, "openersSynthetic": true, "multicastSynthetic": true,
 *     "nics": [ { "mac": "00:0d:3a:12:34:56", "guid": "...", "pci": "0000:3b:00.2",
 *                 "profile": "cx4lx-vf" } ],
 *     "hostPolicy": { "paths": "synthetic",
 *                     "rules": [ { "direction": "Inbound", "access": "Deny", "protocol": "Tcp",
 *                                  "source": "*", "destination": "*", "sourcePorts": "*",
 *                                  "destinationPorts": "23" } ] } }
 */
#include "azhost/host/config.h"

#include "azhost/host/pci.h"
#include "azhost/host/say.h"
#include "azhost/vswitch/policy.h"
#include "base/json.h"
#include "base/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEMBER(key, type)               \
	{                               \
		key, type, false, false \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int check(const struct json_at *at, const struct json_member *members, size_t count,
		 struct accelnet_error *err)
{
	struct report report;
	int rc;

	report_init(&report);
	(void)json_check_members(at, members, count, &report);
	rc = report_result(&report, err);
	report_fini(&report);
	return rc;
}

static int read_number(const struct json_at *object, const char *key, int64_t first, int64_t last,
		       uint32_t *ret, struct accelnet_error *err)
{
	struct json_at at;
	int64_t value;

	if (!json_get(object, key, &at))
		return 0;
	if (!json_integer(&at, &value) || value < first || value > last)
		return fail(err, ACCELNET_E_RANGE, &at, "%lld to %lld", (long long)first,
			    (long long)last);
	*ret = (uint32_t)value;
	return 0;
}

static bool guid_ok(const char *text)
{
	for (unsigned i = 0; i < AZHOST_GUID_TEXT - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-'
			 : strchr("0123456789abcdef", text[i]) == NULL || text[i] == '\0')
			return false;
	}
	return text[AZHOST_GUID_TEXT - 1] == '\0';
}

static int read_nic(const struct json_at *at, struct nic_options *nic, struct accelnet_error *err)
{
	static const struct json_member members[] = {
		MEMBER("mac", JSON_STRING),
		MEMBER("guid", JSON_STRING),
		MEMBER("pci", JSON_STRING),
		MEMBER("profile", JSON_STRING),
	};
	struct json_at value;
	struct mac_addr mac;
	int rc = check(at, members, COUNT(members), err);

	if (rc < 0)
		return rc;
	if (json_get(at, "mac", &value)) {
		if (mac_addr_parse(json_string(&value), &mac) < 0 || (mac.bytes[0] & 1) != 0)
			return fail(err, ACCELNET_E_VALUE, &value, "not a unicast MAC address");
		memcpy(nic->mac, mac.bytes, sizeof(nic->mac));
	}
	if (json_get(at, "guid", &value)) {
		if (!guid_ok(json_string(&value)))
			return fail(err, ACCELNET_E_VALUE, &value, "not a GUID in lower case");
		memcpy(nic->guid, json_string(&value), sizeof(nic->guid));
	}
	if (json_get(at, "pci", &value)) {
		if (pci_address_check(json_string(&value)) < 0)
			return fail(err, ACCELNET_E_VALUE, &value, "not a PCI address");
		snprintf(nic->pci, sizeof(nic->pci), "%s", json_string(&value));
	}
	if (json_get(at, "profile", &value)) {
		if (strlen(json_string(&value)) >= sizeof(nic->profile) ||
		    strpbrk(json_string(&value), "/,;.") != NULL)
			return fail(err, ACCELNET_E_VALUE, &value, "not a name of a profile");
		snprintf(nic->profile, sizeof(nic->profile), "%s", json_string(&value));
	}
	return 0;
}

struct word {
	const char *text;
	unsigned value;
};

static int read_word(const struct json_at *object, const char *key, const struct word *words,
		     size_t count, unsigned *ret, struct accelnet_error *err)
{
	struct json_at at;

	if (!json_get(object, key, &at))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(words[i].text, json_string(&at)) != 0)
			continue;
		*ret = words[i].value;
		return 0;
	}
	return fail(err, ACCELNET_E_VALUE, &at, "'%s' is not known here", json_string(&at));
}

static int read_prefix(const struct json_at *object, const char *key, struct policy_prefix *ret,
		       struct accelnet_error *err)
{
	struct json_at at;

	if (!json_get(object, key, &at) || policy_prefix_parse(json_string(&at), ret) == 0)
		return 0;
	return fail(err, ACCELNET_E_ADDRESS, &at, "an address, a prefix or '*'");
}

static int read_ports(const struct json_at *object, const char *key, uint16_t ret[2],
		      struct accelnet_error *err)
{
	struct json_at at;

	if (!json_get(object, key, &at) || policy_ports_parse(json_string(&at), ret) == 0)
		return 0;
	return fail(err, ACCELNET_E_PORT_RANGE, &at, "a port, a range or '*'");
}

static int read_rule(const struct json_at *at, struct policy_rule *rule, struct accelnet_error *err)
{
	static const struct json_member members[] = {
		{ "direction", JSON_STRING, true, false },
		{ "access", JSON_STRING, true, false },
		MEMBER("name", JSON_STRING),
		MEMBER("protocol", JSON_STRING),
		MEMBER("source", JSON_STRING),
		MEMBER("destination", JSON_STRING),
		MEMBER("sourcePorts", JSON_STRING),
		MEMBER("destinationPorts", JSON_STRING),
	};
	static const struct word directions[] = { { "Inbound", POLICY_INBOUND },
						  { "Outbound", POLICY_OUTBOUND } };
	static const struct word accesses[] = { { "Allow", 1 }, { "Deny", 0 } };
	static const struct word protocols[] = {
		{ "*", 0 },
		{ "Tcp", IP_PROTOCOL_TCP },
		{ "Udp", IP_PROTOCOL_UDP },
		{ "Icmp", IP_PROTOCOL_ICMP },
		{ "Icmpv6", IP_PROTOCOL_ICMPV6 },
	};
	unsigned direction = 0, access = 0, protocol = 0;
	int rc = check(at, members, COUNT(members), err);

	*rule = (struct policy_rule){ .source_port = { 0, UINT16_MAX },
				      .destination_port = { 0, UINT16_MAX } };
	if (rc == 0)
		rc = read_word(at, "direction", directions, COUNT(directions), &direction, err);
	if (rc == 0)
		rc = read_word(at, "access", accesses, COUNT(accesses), &access, err);
	if (rc == 0)
		rc = read_word(at, "protocol", protocols, COUNT(protocols), &protocol, err);
	if (rc == 0)
		rc = read_prefix(at, "source", &rule->source, err);
	if (rc == 0)
		rc = read_prefix(at, "destination", &rule->destination, err);
	if (rc == 0)
		rc = read_ports(at, "sourcePorts", rule->source_port, err);
	if (rc == 0)
		rc = read_ports(at, "destinationPorts", rule->destination_port, err);
	rule->direction = direction;
	rule->allow = access != 0;
	rule->protocol = (uint8_t)protocol;
	return rc;
}

static int read_rules(const struct json_at *at, struct host_options *options,
		      struct accelnet_error *err)
{
	size_t count = json_count(at);
	struct policy_rule *rules;
	struct json_at rule;
	unsigned i = 0;

	if (count > POLICY_RULES)
		return fail(err, ACCELNET_E_LIMIT, at, "at most %u rules", POLICY_RULES);
	rules = calloc(count + 1, sizeof(*rules));
	if (rules == NULL)
		return fail(err, ACCELNET_E_MEMORY, at, "no memory for the rules");
	json_foreach(rule, at) {
		int rc = read_rule(&rule, &rules[i++], err);

		if (rc < 0) {
			free(rules);
			return rc;
		}
	}
	options->policy = policy_new(rules, (unsigned)count);
	if (options->policy == NULL) {
		free(rules);
		return fail(err, ACCELNET_E_MEMORY, at, "no memory for the rules");
	}
	return 0;
}

static int read_policy(const struct json_at *at, struct host_options *options,
		       struct accelnet_error *err)
{
	static const struct json_member members[] = {
		MEMBER("paths", JSON_STRING),
		{ "rules", JSON_ARRAY, true, false },
	};
	static const struct word paths[] = { { "synthetic", 0 }, { "all", 1 } };
	unsigned all = 0;
	struct json_at rules;
	int rc = check(at, members, COUNT(members), err);

	if (rc == 0)
		rc = read_word(at, "paths", paths, COUNT(paths), &all, err);
	if (rc < 0)
		return rc;
	options->policy_all_paths = all != 0;
	(void)json_get(at, "rules", &rules);
	return read_rules(&rules, options, err);
}

static int read_nics(const struct json_at *at, struct host_options *options,
		     struct accelnet_error *err)
{
	struct json_at nic;
	unsigned i = 0;

	if (json_count(at) > AZHOST_NICS_MAX)
		return fail(err, ACCELNET_E_LIMIT, at, "at most %d NICs", AZHOST_NICS_MAX);
	json_foreach(nic, at) {
		int rc = read_nic(&nic, &options->nic[i++], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_all(const struct json_at *root, struct host_options *options,
		    struct accelnet_error *err)
{
	static const struct json_member members[] = {
		MEMBER("mtu", JSON_NUMBER),
		MEMBER("queues", JSON_NUMBER),
		MEMBER("openersSynthetic", JSON_BOOL),
		MEMBER("multicastSynthetic", JSON_BOOL),
		MEMBER("nics", JSON_ARRAY),
		MEMBER("hostPolicy", JSON_OBJECT),
	};
	struct json_at at;
	int rc = check(root, members, COUNT(members), err);

	if (rc == 0)
		rc = read_number(root, "mtu", 576, 9000, &options->mtu, err);
	if (rc == 0)
		rc = read_number(root, "queues", 1, AZHOST_QUEUES_MAX, &options->queues, err);
	if (rc == 0 && json_get(root, "openersSynthetic", &at))
		(void)json_bool(&at, &options->openers_synthetic);
	if (rc == 0 && json_get(root, "multicastSynthetic", &at))
		(void)json_bool(&at, &options->multicast_synthetic);
	if (rc == 0 && json_get(root, "nics", &at))
		rc = read_nics(&at, options, err);
	if (rc == 0 && json_get(root, "hostPolicy", &at))
		rc = read_policy(&at, options, err);
	return rc;
}

int config_load(const char *path, struct host_options *options)
{
	struct json *json JSON_CLEANUP = NULL;
	struct accelnet_error err = { 0 };
	struct json_at root;
	int rc = json_load(path, NULL, &json, &err);

	if (rc == 0) {
		root = json_root(json);
		rc = read_all(&root, options, &err);
	}
	if (rc < 0)
		say("%s: %s%s%s", path, err.pointer, err.pointer[0] != '\0' ? ": " : "",
		    err.detail);
	return rc;
}
