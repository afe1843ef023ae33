/*
 * nic.*: what the NICs are and how they do.
 */
#include "control/call.h"
#include "nic/path.h"

#include <string.h>

int handle_nic_list(struct call *call, struct json **ret)
{
	struct json *nics;

	*ret = json_new_object();
	nics = json_add_array(*ret, "nics");
	for (size_t i = 0; i < call->nics->count; i++)
		json_add(nics, NULL, nic_describe(call->nics->nics[i]));
	return 0;
}

int handle_nic_show(struct call *call, struct json **ret)
{
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r == 0)
		*ret = nic_describe_fully(nic);
	return r;
}

static enum path_wish wish_of(const char *to)
{
	if (strcmp(to, "synthetic") == 0)
		return PATH_WISH_SYNTHETIC;
	return strcmp(to, "vf") == 0 ? PATH_WISH_VF : PATH_WISH_AUTO;
}

int handle_nic_failover(struct call *call, struct json **ret)
{
	struct nic *nic;
	int r = call_nic(call, &nic);

	if (r == 0)
		r = nic_failover(nic, wish_of(call_string(call, "to")), &call->error.what);
	if (r < 0)
		return r;
	*ret = json_new_object();
	json_add_string(*ret, "nic", nic_get_config(nic)->name);
	nic_describe_path(nic, *ret);
	return 0;
}
