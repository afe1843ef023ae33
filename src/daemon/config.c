/*
 * Reading accelnetd.json: see config.h.
 */
#include "daemon/config.h"

#include "base/json.h"
#include "classify/conn.h"
#include "daemon/config_private.h"

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

static void read_eal(const struct json_at *at, struct daemon_config *config, struct report *report)
{
	static const struct json_member members[] = {
		{ "lcores", JSON_STRING, false, false },
		{ "args", JSON_ARRAY, false, false },
	};
	struct json_at list, child;

	(void)json_check_members(at, members, 2, report);
	config_replace(&config->lcores, at, "lcores");
	if (!config_get(at, "args", JSON_ARRAY, &list))
		return;
	config->eal_args = calloc(json_count(&list) + 1, sizeof(*config->eal_args));
	if (!config->eal_args)
		abort();
	json_foreach(child, &list) {
		if (json_string(&child))
			config->eal_args[config->eal_arg_count++] =
				config_copy(json_string(&child));
		else
			report_error(report, ACCELNET_E_TYPE, &child, "expected a string, found %s",
				     json_type_name(json_type(&child)));
	}
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

		config_integer(at, members[i].key, 1, 3600, &seconds, report);
		*fields[i] = (uint16_t)seconds;
	}
}

static void read_nics(const struct json_at *root, struct daemon_config *config,
		      const struct nic_defaults *defaults, struct report *report)
{
	struct json_at list, child;

	if (!config_get(root, "nics", JSON_ARRAY, &list))
		return;
	if (json_count(&list) == 0 || json_count(&list) > CONFIG_NICS_MAX)
		report_error(report, ACCELNET_E_RANGE, &list, "expected 1 to %d NICs, found %zu",
			     CONFIG_NICS_MAX, json_count(&list));
	json_foreach(child, &list) {
		if (config->nic_count < CONFIG_NICS_MAX)
			config_read_nic(&child, config, defaults, report);
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
	config_replace(&config->socket, at, "socket");
	config_replace(&config->group, at, "group");
	if (strlen(config->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		report_error(report, ACCELNET_E_RANGE, at, "the socket's path is too long");
}

static void read_state(const struct json_at *at, struct daemon_config *config,
		       struct report *report)
{
	static const struct json_member members[] = { { "directory", JSON_STRING, false, false } };

	(void)json_check_members(at, members, 1, report);
	config_replace(&config->state_directory, at, "directory");
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
	config_integer(at, "max", CONNECTIONS_MIN, CONNECTIONS_MAX, &max, report);
	defaults->connections_max = (uint32_t)max;
	if (config_get(at, "timeouts", JSON_OBJECT, &member))
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

	config_warn_unused(root, "flowLog", report);
	if (config_get(root, "flowLog", JSON_OBJECT, &member))
		(void)json_check_members(&member, flow_log, 2, report);
	config_warn_unused(root, "metrics", report);
	if (config_get(root, "metrics", JSON_OBJECT, &member))
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
	if (config_get(root, "eal", JSON_OBJECT, &member))
		read_eal(&member, config, report);
	if (config_get(root, "control", JSON_OBJECT, &member))
		read_control(&member, config, report);
	if (config_get(root, "state", JSON_OBJECT, &member))
		read_state(&member, config, report);
	if (config_get(root, "connections", JSON_OBJECT, &member))
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
		.lcores = config_copy(DEFAULT_LCORES),
		.socket = config_copy(DEFAULT_SOCKET),
		.group = config_copy(DEFAULT_GROUP),
		.state_directory = config_copy(DEFAULT_STATE),
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
