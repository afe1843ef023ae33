/*
 * Parameters and errors of a request under way: see call.h.
 */
#include "control/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *call_string(const struct call *call, const char *name)
{
	struct json_at at;

	return json_get(&call->params, name, &at) ? json_string(&at) : NULL;
}

bool call_number(const struct call *call, const char *name, uint64_t *ret)
{
	struct json_at at;
	int64_t value;

	if (!json_get(&call->params, name, &at) || !json_integer(&at, &value))
		return false;
	*ret = (uint64_t)value;
	return true;
}

bool call_flag(const struct call *call, const char *name)
{
	struct json_at at;
	bool value = false;

	if (json_get(&call->params, name, &at))
		(void)json_bool(&at, &value); /* the type was checked */
	return value;
}

bool call_object(const struct call *call, const char *name, struct json_at *ret)
{
	return json_get(&call->params, name, ret);
}

int call_refuse(struct call *call, enum accelnet_code code, const char *name, const char *format,
		...)
{
	char detail[ERROR_DETAIL_MAX];
	va_list args;
	int r;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	r = fail(&call->error.what, code, NULL, "%s", detail);
	if (name[0])
		snprintf(call->error.what.pointer, sizeof(call->error.what.pointer), "/%s", name);
	return r;
}

static void list_nics(const struct nic_set *nics, char *buffer, size_t size)
{
	size_t used = 0;

	snprintf(buffer, size, "this daemon has none");
	for (size_t i = 0; i < nics->count && used < size; i++)
		used += (size_t)snprintf(
			buffer + used, size - used, "%s%s",
			used ? ", " : "there is: ", nic_get_config(nics->nics[i])->name);
}

int call_nic(struct call *call, struct nic **ret)
{
	const char *name = call_string(call, "nic");
	struct nic *nic = nic_set_find(call->nics, name);
	char present[256];

	if (nic) {
		snprintf(call->error.nic, sizeof(call->error.nic), "%s", nic_get_config(nic)->name);
		*ret = nic;
		return 0;
	}
	list_nics(call->nics, present, sizeof(present));
	return call_refuse(call, ACCELNET_E_NOT_FOUND, "nic", "no NIC \"%.40s\"; %s", name,
			   present);
}

int call_nic_exists(struct call *call)
{
	struct nic *nic;

	return call_string(call, "nic") ? call_nic(call, &nic) : 0;
}

bool call_each_nic(const struct call *call, size_t *at, struct nic **ret)
{
	const char *wanted = call_string(call, "nic");

	while (*at < call->nics->count) {
		struct nic *nic = call->nics->nics[(*at)++];

		if (wanted && strcmp(nic_get_config(nic)->name, wanted) != 0)
			continue;
		*ret = nic;
		return true;
	}
	return false;
}

int call_answer_nics(struct call *call, void (*add)(struct json *nics, const struct nic *nic),
		     struct json **ret_result)
{
	struct json *nics;
	struct nic *nic;
	size_t at = 0;
	int r = call_nic_exists(call);

	if (r < 0)
		return r;
	*ret_result = json_new_object();
	nics = json_add_array(*ret_result, "nics");
	while (call_each_nic(call, &at, &nic))
		add(nics, nic);
	return 0;
}
