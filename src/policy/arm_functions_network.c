/*
 * Template functions on networks: cidrSubnet(), cidrHost().
 *
 * https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-cidr
 */
#include "base/net.h"
#include "policy/arm_functions.h"

static int arg_prefix(struct arm_call *call, struct ip_prefix *ret)
{
	const char *text;
	int r = arm_arg_text(call, 0, &text);

	if (r == 0 && ip_prefix_parse(text, ret) < 0)
		r = arm_fail(call->env->machine, "\"%.60s\" is not a prefix", text);
	if (r == 0)
		ret->number = ip_prefix_range(ret).first;
	return r;
}

/* cidrSubnet(network, length, index): the index-th network of that length in it. */
static int run_subnet(struct arm_call *call, struct json **ret)
{
	char text[IP_TEXT_MAX];
	struct ip_prefix prefix;
	int64_t length, index;
	unsigned bits;
	int r = arg_prefix(call, &prefix);

	r = r < 0 ? r : arm_arg_integer(call, 1, &length);
	r = r < 0 ? r : arm_arg_integer(call, 2, &index);
	if (r < 0)
		return r;
	bits = ip_family_bits(prefix.family);
	if (length < prefix.length || length > bits || index < 0 ||
	    (ip_number)index > ip_low_mask((unsigned)length - prefix.length))
		return arm_fail(call->env->machine, "no such subnet in %s",
				ip_prefix_format(&prefix, text));
	if (length > 0)
		prefix.number += (ip_number)index << (bits - (unsigned)length);
	prefix.length = (uint8_t)length;
	*ret = json_new_string(ip_prefix_format(&prefix, text));
	return 0;
}

/* cidrHost(network, index): the index-th address behind the first. */
static int run_host(struct arm_call *call, struct json **ret)
{
	char text[IP_TEXT_MAX];
	struct ip_prefix prefix;
	struct ip_addr addr;
	int64_t index;
	int r = arg_prefix(call, &prefix);

	r = r < 0 ? r : arm_arg_integer(call, 1, &index);
	if (r < 0)
		return r;
	addr.family = prefix.family;
	addr.number = prefix.number + (ip_number)index + 1;
	if (index < 0 || addr.number > ip_prefix_range(&prefix).last)
		return arm_fail(call->env->machine, "no such address in %s",
				ip_prefix_format(&prefix, text));
	*ret = json_new_string(ip_addr_format(&addr, text));
	return 0;
}

const struct arm_function arm_network_functions[] = {
	{ "cidrHost", 2, 2, run_host },
	{ "cidrSubnet", 3, 3, run_subnet },
	{ NULL, 0, 0, NULL },
};
