/*
 * Reading accelnetd.json: see config.h.
 */
#include "daemon/config.h"

#include "base/json.h"
#include "classify/conn.h"
#include "nic/path.h"
#include "policy/read.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define DEFAULT_LCORES      "0-1"
#define DEFAULT_SOCKET      "/run/accelnet/control.sock"
#define DEFAULT_GROUP       "accelnet"
#define DEFAULT_STATE       "/var/lib/accelnet"
#define DEFAULT_CONNECTIONS 1048576
#define CONNECTIONS_MIN     1024
#define CONNECTIONS_MAX     (16U << 20)
#define FAILBACK_MS_MAX     600000

static char *copy(const char *text)
{
	char *string = strdup(text);

	if (!string)
		abort(); /* before start: nothing to save */
	return string;
}

/* False for one of another type, too: json_check_members() has told that, and the rest is read. */
static bool get(const struct json_at *at, const char *key, enum json_type type, struct json_at *ret)
{
	struct json_at member;

	if (!json_get(at, key, &member) || json_type(&member) != type)
		return false;
	*ret = member;
	return true;
}

/* A member that is a string, or NULL. */
static const char *string_of(const struct json_at *at, const char *key)
{
	struct json_at member;

	return json_get(at, key, &member) ? json_string(&member) : NULL;
}

static void replace(char **string, const struct json_at *at, const char *key)
{
	const char *text = string_of(at, key);

	if (!text)
		return;
	free(*string);
	*string = copy(text);
}

/* An integer member between the limits, or `*value` as it is. False where it is not accepted. */
static bool read_integer(const struct json_at *at, const char *key, int64_t min, int64_t max,
			 int64_t *value, struct report *report)
{
	struct json_at member;
	int64_t number;
	char *found;

	if (!json_get(at, key, &member))
		return true;
	if (json_type(&member) != JSON_NUMBER)
		return false;
	if (json_integer(&member, &number) && number >= min && number <= max) {
		*value = number;
		return true;
	}
	found = json_print(member.value);
	report_error(report, ACCELNET_E_RANGE, &member,
		     "expected an integer from %lld to %lld, found %.40s", (long long)min,
		     (long long)max, found);
	free(found);
	return false;
}

/* "auto" or "off". */
static void read_offload(const struct json_at *at, struct nic_config *nic, struct report *report)
{
	struct json_at member;
	const char *text;

	if (!get(at, "offload", JSON_STRING, &member))
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

	if (!get(at, "connectionMarks", JSON_OBJECT, &object))
		return;
	(void)json_check_members(&object, members, 2, report);
	read_integer(&object, "max", 0, NIC_MARKS_MAX, &max, report);
	read_integer(&object, "packetsPerSecond", 1, 100000000, &rate, report);
	nic->marks_max = (uint32_t)max;
	nic->marks_rate = (uint32_t)rate;
}

/* "drop" or "pass". */
static void read_frames(const struct json_at *at, const char *key, enum frame_policy *value,
			struct report *report)
{
	struct json_at member;
	const char *text;

	if (!get(at, key, JSON_STRING, &member))
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

static void read_eal(const struct json_at *at, struct daemon_config *config, struct report *report)
{
	static const struct json_member members[] = {
		{ "lcores", JSON_STRING, false, false },
		{ "args", JSON_ARRAY, false, false },
	};
	struct json_at list, child;

	(void)json_check_members(at, members, 2, report);
	replace(&config->lcores, at, "lcores");
	if (!get(at, "args", JSON_ARRAY, &list))
		return;
	config->eal_args = calloc(json_count(&list) + 1, sizeof(*config->eal_args));
	if (!config->eal_args)
		abort();
	json_foreach(child, &list) {
		if (json_string(&child))
			config->eal_args[config->eal_arg_count++] = copy(json_string(&child));
		else
			report_error(report, ACCELNET_E_TYPE, &child, "expected a string, found %s",
				     json_type_name(json_type(&child)));
	}
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
	const char *name = string_of(at, key);
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
	read_integer(at, "failbackMs", 0, FAILBACK_MS_MAX, &milliseconds, report);
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
	if (!string_of(at, kind->key))
		return;
	replace(&nic->uplink_device, at, kind->key);
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
	if (!string_of(at, "type"))
		return;
	kind = uplink_named(string_of(at, "type"));
	if (!kind) {
		report_error(
			report, ACCELNET_E_VALUE, at,
			"uplink type \"%.40s\" is not one of \"plain\", \"netvsc\", \"bifurcated\"",
			string_of(at, "type"));
		return;
	}
	nic->uplink = kind->type;
	nic->uplink_device = copy("");
	read_uplink_device(at, kind, nic, report);
	read_failback(at, nic, report);
}

static void read_app(const struct json_at *at, struct nic_config *nic, struct report *report)
{
	static const struct json_member members[] = { { "device", JSON_STRING, true, false } };

	(void)json_check_members(at, members, 1, report);
	replace(&nic->app_device, at, "device");
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
	const char *name = string_of(at, "name");
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
	const char *text = string_of(at, "mac");
	struct json_at member;

	if (!text || !json_get(at, "mac", &member))
		return;
	if (mac_addr_parse(text, &nic->mac) < 0 || (nic->mac.bytes[0] & 1))
		report_error(report, ACCELNET_E_VALUE, &member,
			     "\"%.40s\" is not a unicast MAC like 00:0d:3a:12:34:56", text);
	else
		nic->has_mac = true;
}

static void read_timeouts(const struct json_at *at, struct conn_timeouts *timeouts,
			  struct report *report)
{
	static const struct json_member members[] = {
		{ "halfOpen", JSON_NUMBER, false, false },
		{ "unconfirmed", JSON_NUMBER, false, false },
		{ "established", JSON_NUMBER, false, false },
		{ "closing", JSON_NUMBER, false, false },
		{ "reset", JSON_NUMBER, false, false },
		{ "udp", JSON_NUMBER, false, false },
		{ "udpReplied", JSON_NUMBER, false, false },
		{ "icmp", JSON_NUMBER, false, false },
		{ "other", JSON_NUMBER, false, false },
	};
	uint16_t *const fields[] = {
		&timeouts->half_open,   &timeouts->unconfirmed, &timeouts->established,
		&timeouts->closing,     &timeouts->reset,       &timeouts->udp,
		&timeouts->udp_replied, &timeouts->icmp,        &timeouts->other,
	};
	const size_t count = sizeof(members) / sizeof(members[0]);

	(void)json_check_members(at, members, count, report);
	for (size_t i = 0; i < count; i++) {
		int64_t seconds = *fields[i];

		read_integer(at, members[i].key, 1, 3600, &seconds, report);
		*fields[i] = (uint16_t)seconds;
	}
}

/* What the rest of the file says for all NICs. */
struct nic_defaults {
	uint32_t connections_max;
	struct conn_timeouts timeouts;
};

static void warn_unused(const struct json_at *at, const char *key, struct report *report)
{
	struct json_at member;

	if (json_get(at, key, &member))
		report_warning(report, ACCELNET_E_UNSUPPORTED, &member,
			       "\"%s\" is accepted and not used by this version", key);
}

static void read_housekeeping(const struct json_at *at, struct nic_config *nic,
			      struct report *report)
{
	/* without a device, or queues, those were refused, and are said to be wrong already */
	const bool is_wrong_uplink = nic->uplink_device && nic->uplink != UPLINK_NETVSC;
	struct json_at member;

	if (!get(at, "housekeeping", JSON_BOOL, &member))
		return;
	json_bool(&member, &nic->housekeeping);
	if (nic->housekeeping && (is_wrong_uplink || nic->queues == 1))
		report_error(report, ACCELNET_E_VALUE, &member,
			     "is for a netvsc uplink with 2 queues or more");
}

static void read_nic(const struct json_at *at, struct daemon_config *config,
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
	if (get(at, "uplink", JSON_OBJECT, &member))
		read_uplink(&member, nic, report);
	if (get(at, "app", JSON_OBJECT, &member))
		read_app(&member, nic, report);
	if (read_integer(at, "queues", 1, NIC_QUEUES_MAX, &queues, report))
		nic->queues = (uint16_t)queues;
	read_housekeeping(at, nic, report);
	read_frames(at, "vlan", &nic->vlan, report);
	read_frames(at, "nonIp", &nic->non_ip, report);
	read_offload(at, nic, report);
	read_connection_marks(at, nic, report);
	if (get(at, "requirePolicy", JSON_BOOL, &member))
		nic->has_require_policy = json_bool(&member, &nic->require_policy);
	warn_unused(at, "subnet", report);
	if (get(at, "context", JSON_OBJECT, &member) && policy_context_check(&member, report) == 0)
		nic->context = json_copy(member.value);
	config->nic_count++;
}

static void read_nics(const struct json_at *root, struct daemon_config *config,
		      const struct nic_defaults *defaults, struct report *report)
{
	struct json_at list, child;

	if (!get(root, "nics", JSON_ARRAY, &list))
		return;
	if (json_count(&list) == 0 || json_count(&list) > CONFIG_NICS_MAX)
		report_error(report, ACCELNET_E_RANGE, &list, "expected 1 to %d NICs, found %zu",
			     CONFIG_NICS_MAX, json_count(&list));
	json_foreach(child, &list) {
		if (config->nic_count < CONFIG_NICS_MAX)
			read_nic(&child, config, defaults, report);
	}
}

static void read_control(const struct json_at *at, struct daemon_config *config,
			 struct report *report)
{
	static const struct json_member members[] = {
		{ "socket", JSON_STRING, false, false },
		{ "group", JSON_STRING, false, false },
	};

	(void)json_check_members(at, members, 2, report);
	replace(&config->socket, at, "socket");
	replace(&config->group, at, "group");
	if (strlen(config->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		report_error(report, ACCELNET_E_RANGE, at, "the socket's path is too long");
}

static void read_state(const struct json_at *at, struct daemon_config *config,
		       struct report *report)
{
	static const struct json_member members[] = { { "directory", JSON_STRING, false, false } };

	(void)json_check_members(at, members, 1, report);
	replace(&config->state_directory, at, "directory");
}

static void read_connections(const struct json_at *at, struct nic_defaults *defaults,
			     struct report *report)
{
	static const struct json_member members[] = {
		{ "max", JSON_NUMBER, false, false },
		{ "timeouts", JSON_OBJECT, false, false },
	};
	int64_t max = defaults->connections_max;
	struct json_at member;

	(void)json_check_members(at, members, 2, report);
	read_integer(at, "max", CONNECTIONS_MIN, CONNECTIONS_MAX, &max, report);
	defaults->connections_max = (uint32_t)max;
	if (get(at, "timeouts", JSON_OBJECT, &member))
		read_timeouts(&member, &defaults->timeouts, report);
}

/* What this version does not use is read as strictly: one that does must not find it wrong. */
static void check_unused(const struct json_at *root, struct report *report)
{
	static const struct json_member flow_log[] = {
		{ "format", JSON_STRING, false, false },
		{ "directory", JSON_STRING, false, false },
	};
	static const struct json_member metrics[] = { { "listen", JSON_STRING, false, false } };
	struct json_at member;

	warn_unused(root, "flowLog", report);
	if (get(root, "flowLog", JSON_OBJECT, &member))
		(void)json_check_members(&member, flow_log, 2, report);
	warn_unused(root, "metrics", report);
	if (get(root, "metrics", JSON_OBJECT, &member))
		(void)json_check_members(&member, metrics, 1, report);
}

static void read_root(const struct json_at *root, struct daemon_config *config,
		      struct report *report)
{
	static const struct json_member members[] = {
		{ "eal", JSON_OBJECT, false, false },
		{ "nics", JSON_ARRAY, true, false },
		{ "control", JSON_OBJECT, false, false },
		{ "state", JSON_OBJECT, false, false },
		{ "connections", JSON_OBJECT, false, false },
		{ "flowLog", JSON_OBJECT, false, false },
		{ "metrics", JSON_OBJECT, false, false },
	};
	struct nic_defaults defaults = {
		.connections_max = DEFAULT_CONNECTIONS,
		.timeouts = conn_timeouts_default,
	};
	struct json_at member;

	(void)json_check_members(root, members, sizeof(members) / sizeof(members[0]), report);
	if (get(root, "eal", JSON_OBJECT, &member))
		read_eal(&member, config, report);
	if (get(root, "control", JSON_OBJECT, &member))
		read_control(&member, config, report);
	if (get(root, "state", JSON_OBJECT, &member))
		read_state(&member, config, report);
	if (get(root, "connections", JSON_OBJECT, &member))
		read_connections(&member, &defaults, report);
	read_nics(root, config, &defaults, report);
	check_unused(root, report);
}

int daemon_config_load(const char *path, struct daemon_config *config, struct report *report)
{
	JSON_CLEANUP struct json *json = NULL;
	struct accelnet_error err;
	struct json_at root;
	int r;

	*config = (struct daemon_config){
		.lcores = copy(DEFAULT_LCORES),
		.socket = copy(DEFAULT_SOCKET),
		.group = copy(DEFAULT_GROUP),
		.state_directory = copy(DEFAULT_STATE),
	};
	r = json_load(path, NULL, &json, &err);
	if (r < 0) {
		report_add(report, &err);
		return r;
	}
	root = json_root(json);
	read_root(&root, config, report);
	return report_result(report, NULL);
}

void daemon_config_fini(struct daemon_config *config)
{
	for (size_t i = 0; i < config->nic_count; i++) {
		free(config->nics[i].uplink_device);
		free(config->nics[i].app_device);
		json_free(config->nics[i].context);
	}
	for (size_t i = 0; i < config->eal_arg_count; i++)
		free(config->eal_args[i]);
	free(config->eal_args);
	free(config->lcores);
	free(config->socket);
	free(config->group);
	free(config->state_directory);
	*config = (struct daemon_config){ 0 };
}
