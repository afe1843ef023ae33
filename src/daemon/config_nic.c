/*
 * One NIC of accelnetd.json: see config_private.h.
 */
#include "daemon/config_private.h"

#include "nic/path.h"
#include "policy/read.h"

#include <ctype.h>
#include <net/if.h>
#include <string.h>

#define FAILBACK_MS_MAX 600000

/* "auto" or "off". */
static void read_offload(const struct json_at *at, struct nic_config *nic, struct report *report)
{
	struct json_at member;
	const char *text;

	if (!config_get(at, "offload", JSON_STRING, &member))
		return;
	text = json_string(&member);
	nic->offload_off = strcmp(text, "off") == 0;
	if (!nic->offload_off && strcmp(text, "auto") != 0)
		report_error(report, ACCELNET_E_VALUE, &member,
			     "expected \"auto\" or \"off\", found \"%.40s\"", text);
}

static void read_connection_marks(const struct json_at *at, struct nic_config *nic,
				  struct report *report)
{
	static const struct json_member members[] = {
		{ "max", JSON_NUMBER, false, false },
		{ "packetsPerSecond", JSON_NUMBER, false, false },
	};
	int64_t max = nic->marks_max, rate = nic->marks_rate;
	struct json_at object;

	if (!config_get(at, "connectionMarks", JSON_OBJECT, &object))
		return;
	(void)json_check_members(&object, members, 2, report);
	config_integer(&object, "max", 0, NIC_MARKS_MAX, &max, report);
	config_integer(&object, "packetsPerSecond", 1, 100000000, &rate, report);
	nic->marks_max = (uint32_t)max;
	nic->marks_rate = (uint32_t)rate;
}

/* "drop" or "pass". */
static void read_frames(const struct json_at *at, const char *key, enum frame_policy *value,
			struct report *report)
{
	struct json_at member;
	const char *text;

	if (!config_get(at, key, JSON_STRING, &member))
		return;
	text = json_string(&member);
	if (strcmp(text, "pass") == 0)
		*value = FRAMES_PASS;
	else if (strcmp(text, "drop") == 0)
		*value = FRAMES_DROP;
	else
		report_error(report, ACCELNET_E_VALUE, &member,
			     "expected \"drop\" or \"pass\", found \"%.40s\"", text);
}

static const struct uplink_kind {
	const char *name;
	enum uplink_type type;
	const char *key; /* the member that names the device */
} uplinks[] = {
	{ "plain", UPLINK_PLAIN, "device" },
	{ "netvsc", UPLINK_NETVSC, "device" },
	{ "bifurcated", UPLINK_BIFURCATED, "interface" },
};

static const struct uplink_kind *uplink_named(const char *name)
{
	for (size_t i = 0; name && i < sizeof(uplinks) / sizeof(uplinks[0]); i++) {
		if (strcmp(uplinks[i].name, name) == 0)
			return &uplinks[i];
	}
	return NULL;
}

/* 8-4-4-4-12 hexadecimal digits, made lower case, for so DPDK names the device. */
static void read_guid(const struct json_at *at, const char *key, char *guid, struct report *report)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	struct json_at member;
	size_t i = 0;

	for (; guid[i] && form[i]; i++) {
		if (form[i] == '-' ? guid[i] != '-' : !isxdigit((unsigned char)guid[i]))
			break;
		guid[i] = (char)tolower((unsigned char)guid[i]);
	}
	if ((guid[i] || form[i]) && json_get(at, key, &member))
		report_error(report, ACCELNET_E_VALUE, &member,
			     "\"%.60s\" is not a VMBus GUID like "
			     "7a08391f-f5a0-4ac0-9802-d13fd964f8df",
			     guid);
}

/* A name that the kernel would take for an interface (dev_valid_name() in Linux). */
static void check_interface(const struct json_at *at, const char *key, struct report *report)
{
	const char *name = config_string(at, key);
	struct json_at member;

	if (!json_get(at, key, &member))
		return;
	if (!*name || strlen(name) >= IF_NAMESIZE || strpbrk(name, "/:, \t\n") ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		report_error(report, ACCELNET_E_VALUE, &member,
			     "\"%.40s\" is not the name of a network interface", name);
}

static void read_failback(const struct json_at *at, struct nic_config *nic, struct report *report)
{
	int64_t milliseconds = PATH_FAILBACK_MS;
	struct json_at member;

	if (nic->uplink != UPLINK_BIFURCATED && json_get(at, "failbackMs", &member))
		report_error(report, ACCELNET_E_VALUE, &member,
			     "only on a bifurcated uplink is the switch accelnetd's to damp");
	config_integer(at, "failbackMs", 0, FAILBACK_MS_MAX, &milliseconds, report);
	nic->failback_ms = (uint32_t)milliseconds;
}

static void read_uplink_device(const struct json_at *at, const struct uplink_kind *kind,
			       struct nic_config *nic, struct report *report)
{
	const char *other = strcmp(kind->key, "device") == 0 ? "interface" : "device";
	struct json_at member;

	if (!json_get(at, kind->key, &member))
		report_error(report, ACCELNET_E_MISSING, at, "uplink type \"%s\" needs \"%s\"",
			     kind->name, kind->key);
	if (json_get(at, other, &member))
		report_error(report, ACCELNET_E_VALUE, &member,
			     "uplink type \"%s\" is known by \"%s\", not by \"%s\"", kind->name,
			     kind->key, other);
	if (!config_string(at, kind->key))
		return;
	config_replace(&nic->uplink_device, at, kind->key);
	if (kind->type == UPLINK_NETVSC)
		read_guid(at, kind->key, nic->uplink_device, report);
	if (kind->type == UPLINK_BIFURCATED)
		check_interface(at, kind->key, report);
}

static void read_uplink(const struct json_at *at, struct nic_config *nic, struct report *report)
{
	static const struct json_member members[] = {
		{ "type", JSON_STRING, true, false },
		{ "device", JSON_STRING, false, false },
		{ "interface", JSON_STRING, false, false },
		{ "failbackMs", JSON_NUMBER, false, false },
	};
	const struct uplink_kind *kind;

	(void)json_check_members(at, members, sizeof(members) / sizeof(members[0]), report);
	if (!config_string(at, "type"))
		return;
	kind = uplink_named(config_string(at, "type"));
	if (!kind) {
		report_error(
			report, ACCELNET_E_VALUE, at,
			"uplink type \"%.40s\" is not one of \"plain\", \"netvsc\", \"bifurcated\"",
			config_string(at, "type"));
		return;
	}
	nic->uplink = kind->type;
	nic->uplink_device = config_copy("");
	read_uplink_device(at, kind, nic, report);
	read_failback(at, nic, report);
}

static void read_app(const struct json_at *at, struct nic_config *nic, struct report *report)
{
	static const struct json_member members[] = { { "device", JSON_STRING, true, false } };

	(void)json_check_members(at, members, 1, report);
	config_replace(&nic->app_device, at, "device");
}

/* A NIC's name is a directory's name too. */
static bool is_nic_name(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= NIC_NAME_MAX || name[0] == '.' || name[0] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	       length;
}

static void read_name(const struct json_at *at, struct daemon_config *config,
		      struct nic_config *nic, struct report *report)
{
	const char *name = config_string(at, "name");
	struct json_at member;

	if (!name || !json_get(at, "name", &member))
		return;
	if (!is_nic_name(name)) {
		report_error(
			report, ACCELNET_E_VALUE, &member,
			"a NIC's name has 1 to %d letters, digits, '.', '_', '-' and begins with "
			"a letter, digit or '_'",
			NIC_NAME_MAX - 1);
		return;
	}
	for (size_t i = 0; i < config->nic_count; i++) {
		if (strcmp(config->nics[i].name, name) == 0)
			report_error(report, ACCELNET_E_RULE_CONFLICT, &member,
				     "two NICs have the name \"%s\"", name);
	}
	(void)strncpy(nic->name, name, sizeof(nic->name) - 1);
}

static void read_mac(const struct json_at *at, struct nic_config *nic, struct report *report)
{
	const char *text = config_string(at, "mac");
	struct json_at member;

	if (!text || !json_get(at, "mac", &member))
		return;
	if (mac_addr_parse(text, &nic->mac) < 0 || (nic->mac.bytes[0] & 1))
		report_error(report, ACCELNET_E_VALUE, &member,
			     "\"%.40s\" is not a unicast MAC like 00:0d:3a:12:34:56", text);
	else
		nic->has_mac = true;
}

static void read_housekeeping(const struct json_at *at, struct nic_config *nic,
			      struct report *report)
{
	/* without a device, or queues, those were refused, and are said to be wrong already */
	const bool is_wrong_uplink = nic->uplink_device && nic->uplink != UPLINK_NETVSC;
	struct json_at member;

	if (!config_get(at, "housekeeping", JSON_BOOL, &member))
		return;
	json_bool(&member, &nic->housekeeping);
	if (nic->housekeeping && (is_wrong_uplink || nic->queues == 1))
		report_error(report, ACCELNET_E_VALUE, &member,
			     "is for a netvsc uplink with 2 queues or more");
}

void config_read_nic(const struct json_at *at, struct daemon_config *config,
		     const struct nic_defaults *defaults, struct report *report)
{
	static const struct json_member members[] = {
		{ "name", JSON_STRING, true, false },
		{ "mac", JSON_STRING, false, false },
		{ "uplink", JSON_OBJECT, true, false },
		{ "app", JSON_OBJECT, true, false },
		{ "queues", JSON_NUMBER, false, false },
		{ "housekeeping", JSON_BOOL, false, false },
		{ "subnet", JSON_ARRAY, false, false },
		{ "context", JSON_OBJECT, false, false },
		{ "vlan", JSON_STRING, false, false },
		{ "nonIp", JSON_STRING, false, false },
		{ "requirePolicy", JSON_BOOL, false, false },
		{ "offload", JSON_STRING, false, false },
		{ "connectionMarks", JSON_OBJECT, false, false },
	};
	struct nic_config *nic = &config->nics[config->nic_count];
	struct json_at member;
	int64_t queues = 1;

	(void)json_check_members(at, members, sizeof(members) / sizeof(members[0]), report);
	if (json_type(at) != JSON_OBJECT)
		return;
	*nic = (struct nic_config){
		.connections_max = defaults->connections_max,
		.timeouts = defaults->timeouts,
		.marks_max = NIC_MARKS_MAX,
		.marks_rate = NIC_MARKS_RATE_DEFAULT,
	};
	read_name(at, config, nic, report);
	read_mac(at, nic, report);
	if (config_get(at, "uplink", JSON_OBJECT, &member))
		read_uplink(&member, nic, report);
	if (config_get(at, "app", JSON_OBJECT, &member))
		read_app(&member, nic, report);
	if (config_integer(at, "queues", 1, NIC_QUEUES_MAX, &queues, report))
		nic->queues = (uint16_t)queues;
	read_housekeeping(at, nic, report);
	read_frames(at, "vlan", &nic->vlan, report);
	read_frames(at, "nonIp", &nic->non_ip, report);
	read_offload(at, nic, report);
	read_connection_marks(at, nic, report);
	if (config_get(at, "requirePolicy", JSON_BOOL, &member))
		nic->has_require_policy = json_bool(&member, &nic->require_policy);
	config_warn_unused(at, "subnet", report);
	if (config_get(at, "context", JSON_OBJECT, &member) &&
	    policy_context_check(&member, report) == 0)
		nic->context = json_copy(member.value);
	config->nic_count++;
}
