/*
 * Comparing configurations: see config_changes.h.
 */
#include "daemon/config_changes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct field {
	const char *key; /* those of one key stand together */
	size_t offset;
	size_t size; /* 0: a string */
};

#define VALUE(type, key, member)                                            \
	{                                                                   \
		key, offsetof(type, member), sizeof(((type *)NULL)->member) \
	}
#define TEXT(type, key, member)                \
	{                                      \
		key, offsetof(type, member), 0 \
	}

static const struct field nic_fields[] = {
	VALUE(struct nic_config, "mac", has_mac),
	VALUE(struct nic_config, "mac", mac),
	VALUE(struct nic_config, "uplink", uplink),
	TEXT(struct nic_config, "uplink", uplink_device),
	VALUE(struct nic_config, "uplink", failback_ms),
	TEXT(struct nic_config, "app", app_device),
	VALUE(struct nic_config, "queues", queues),
	VALUE(struct nic_config, "housekeeping", housekeeping),
	VALUE(struct nic_config, "vlan", vlan),
	VALUE(struct nic_config, "nonIp", non_ip),
	VALUE(struct nic_config, "requirePolicy", has_require_policy),
	VALUE(struct nic_config, "requirePolicy", require_policy),
	VALUE(struct nic_config, "offload", offload_off),
	VALUE(struct nic_config, "connectionMarks", marks_max),
	VALUE(struct nic_config, "connectionMarks", marks_rate),
	VALUE(struct nic_config, "connections", connections_max),
	VALUE(struct nic_config, "connections", timeouts),
};

static const struct field daemon_fields[] = {
	TEXT(struct daemon_config, "eal.lcores", lcores),
	TEXT(struct daemon_config, "control.socket", socket),
	TEXT(struct daemon_config, "control.group", group),
	TEXT(struct daemon_config, "state.directory", state_directory),
};

static bool differs(const struct field *field, const void *a, const void *b)
{
	const char *left = (const char *)a + field->offset,
		   *right = (const char *)b + field->offset;

	if (field->size)
		return memcmp(left, right, field->size) != 0;
	return strcmp(*(char *const *)left, *(char *const *)right) != 0;
}

static void add(char buffer[CONFIG_CHANGES_MAX], const char *key)
{
	const size_t used = strlen(buffer);

	(void)snprintf(buffer + used, CONFIG_CHANGES_MAX - used, "%s%s", used ? "," : "", key);
}

static void compare(const struct field *fields, size_t count, const void *a, const void *b,
		    char buffer[CONFIG_CHANGES_MAX])
{
	const char *told = "";

	buffer[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (strcmp(told, fields[i].key) == 0 || !differs(&fields[i], a, b))
			continue;
		told = fields[i].key;
		add(buffer, told);
	}
}

static bool same_arguments(const struct daemon_config *a, const struct daemon_config *b)
{
	if (a->eal_arg_count != b->eal_arg_count)
		return false;
	for (size_t i = 0; i < a->eal_arg_count; i++) {
		if (strcmp(a->eal_args[i], b->eal_args[i]) != 0)
			return false;
	}
	return true;
}

const char *nic_config_changes(const struct nic_config *running, const struct nic_config *fresh,
			       char buffer[CONFIG_CHANGES_MAX])
{
	compare(nic_fields, sizeof(nic_fields) / sizeof(nic_fields[0]), running, fresh, buffer);
	return buffer;
}

const char *daemon_config_changes(const struct daemon_config *running,
				  const struct daemon_config *fresh,
				  char buffer[CONFIG_CHANGES_MAX])
{
	compare(daemon_fields, sizeof(daemon_fields) / sizeof(daemon_fields[0]), running, fresh,
		buffer);
	if (!same_arguments(running, fresh))
		add(buffer, "eal.args");
	return buffer;
}

const struct nic_config *daemon_config_find(const struct daemon_config *config, const char *name)
{
	for (size_t i = 0; i < config->nic_count; i++) {
		if (strcmp(config->nics[i].name, name) == 0)
			return &config->nics[i];
	}
	return NULL;
}
