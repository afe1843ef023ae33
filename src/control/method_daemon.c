/*
 * The daemon itself: status, version, log.level, rpc.list.
 */
#include "base/log.h"
#include "control/call.h"

#include <limits.h>
#include <link.h>
#include <rte_config.h>
#include <rte_version.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_ROOM LOG_ROOM_CONTROL

/* --- versions --- */

/* rdma-core names its release in the file name: libibverbs.so.1.14.<release>.<update>. */
static int find_libibverbs(struct dl_phdr_info *info, size_t size, void *context)
{
	const char *base = strrchr(info->dlpi_name, '/');
	char *path, *release;

	(void)size;
	if (!base || strncmp(base, "/libibverbs.so", 14) != 0)
		return 0;
	path = realpath(info->dlpi_name, NULL);
	release = path ? strstr(path, ".so.") : NULL;
	if (release && (release = strchr(release + 4, '.')) && (release = strchr(release + 1, '.')))
		json_add_string(context, "rdmaCore", release + 1);
	free(path);
	return 1;
}

static void add_versions(struct json *to)
{
	const struct json_at root = json_root(to);
	struct json_at rdma;

	json_add_string(to, "accelnet", ACCELNET_VERSION);
	json_add_string(to, "dpdk", rte_version());
	json_add_format(to, "pmd", "%d.%02d.%d", RTE_VER_YEAR, RTE_VER_MONTH, RTE_VER_MINOR);
	(void)dl_iterate_phdr(find_libibverbs, to); /* 0: it is not loaded */
	if (!json_get(&root, "rdmaCore", &rdma))
		json_add_null(to, "rdmaCore");
}

int handle_version(struct call *call, struct json **ret)
{
	struct json *api;

	(void)call;
	*ret = json_new_object();
	add_versions(*ret);
	api = json_add_object(*ret, "api");
	json_add_integer(api, "major", 1);
	json_add_integer(api, "minor", 0);
	return 0;
}

int handle_status(struct call *call, struct json **ret)
{
	struct json *daemon, *nics;

	*ret = json_new_object();
	daemon = json_add_object(*ret, "daemon");
	json_add_integer(daemon, "pid", getpid());
	json_add_integer(daemon, "uptimeSeconds", time(NULL) - call->service->started);
	json_add_unsigned(daemon, "clients", call->service->clients);
	add_versions(json_add_object(*ret, "versions"));
	nics = json_add_array(*ret, "nics");
	for (size_t i = 0; i < call->nics->count; i++)
		json_add(nics, NULL, nic_describe(call->nics->nics[i]));
	return 0;
}

/* --- log levels --- */

/* Both are among their choices. */
static void set_level(const char *room_name, const char *level_name)
{
	enum log_level level;

	(void)log_level_parse(level_name, &level);
	for (int i = 0; i < LOG_ROOM_COUNT; i++) {
		if (strcmp(room_name, "all") == 0 ||
		    strcmp(room_name, log_room_name((enum log_room)i)) == 0)
			log_set_level((enum log_room)i, level);
	}
}

int handle_log_level(struct call *call, struct json **ret)
{
	const char *room = call_string(call, "room");
	const char *level = call_string(call, "level");
	struct json *levels;

	if (!room != !level)
		return call_refuse(call, ACCELNET_E_PARAMS, room ? "level" : "room",
				   "room and level go together");
	if (room)
		set_level(room, level);
	if (room)
		log_notice("log level set", "of=%s to=%s origin=\"%s\"", room, level, call->origin);
	*ret = json_new_object();
	levels = json_add_object(*ret, "levels");
	for (int i = 0; i < LOG_ROOM_COUNT; i++)
		json_add_string(levels, log_room_name((enum log_room)i),
				log_level_name(log_get_level((enum log_room)i)));
	return 0;
}

/* --- the table of methods --- */

static const char *schema_type(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_NUMBER] = "integer",
		[JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
	};

	return names[type];
}

static void add_choices(struct json *to, const char *choices)
{
	struct json *array = json_add_array(to, "choices");
	const char *word = choices;

	while (*word) {
		size_t length = strcspn(word, "|");

		json_add_format(array, NULL, "%.*s", (int)length, word);
		word += length + (word[length] == '|');
	}
}

static void add_param(struct json *params, const struct method_param *param)
{
	struct json *json = json_add_object(params, NULL);

	json_add_string(json, "name", param->name);
	json_add_string(json, "type", schema_type(param->type));
	json_add_bool(json, "required",
		      (param->flags & (PARAM_REQUIRED | PARAM_SOCKET_REQUIRED)) != 0);
	if (param->choices)
		add_choices(json, param->choices);
	if (param->min || param->max) {
		json_add_integer(json, "minimum", param->min);
		json_add_integer(json, "maximum", param->max);
	}
	json_add_string(json, "help", param->help);
}

int handle_rpc_list(struct call *call, struct json **ret)
{
	struct json *list;

	(void)call;
	*ret = json_new_object();
	list = json_add_array(*ret, "methods");
	for (int id = 0; id < METHOD_COUNT; id++) {
		const struct method *method = &methods[id];
		struct json *json, *params;

		if (!method->name)
			continue;
		json = json_add_object(list, NULL);
		json_add_string(json, "name", method->name);
		json_add_string(json, "help", method->summary);
		params = json_add_array(json, "params");
		for (size_t i = 0; i < method->param_count; i++) {
			if (method->params[i].name)
				add_param(params, &method->params[i]);
		}
		json_add_string(json, "result", method->result);
		json_add_string(json, "command", method->words);
	}
	return 0;
}
