/*
 * nic.*: what the NICs are and how they do.
 */
#include "control/call.h"

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
