/*
 * QUERY_HCA_CAP and QUERY_NIC_VPORT_CONTEXT: what the device says it can do. All of it comes from
 * the profile.
 */
#include "azhost/connectx/devx.h"

/* Capability groups by op_mod >> 1 (PRM, QUERY_HCA_CAP). */
#define GROUP_GENERAL    0
#define GROUP_ETHERNET   1
#define GROUP_FLOW_TABLE 7

/* PRM, nic_vport_context.min_wqe_inline_mode */
#define INLINE_NONE 0
#define INLINE_L2   1

#define VPORT_MTU 9200

static const uint8_t *group_caps(const struct cx_profile *profile, uint32_t group)
{
	switch (group) {
	case GROUP_GENERAL:
		return profile->caps[CX_CAP_GENERAL];
	case GROUP_ETHERNET:
		return profile->caps[CX_CAP_ETHERNET];
	case GROUP_FLOW_TABLE:
		return profile->caps[CX_CAP_FLOW_TABLE];
	default:
		return NULL;
	}
}

enum prm_status cx_query_hca_cap(struct cx_command *command)
{
	uint32_t op_mod = prm_get(command->in, CMD_OP_MOD);
	const uint8_t *caps = group_caps(&command->device->profile, op_mod >> 1);
	size_t room = command->out_bytes - QUERY_HCA_CAP_OUT_CAPABILITY;

	if (!caps)
		return PRM_BAD_PARAMETER; /* a group that the general capabilities do not announce
					   */
	memcpy(command->out + QUERY_HCA_CAP_OUT_CAPABILITY, caps,
	       room < CX_CAP_BYTES ? room : CX_CAP_BYTES);
	return PRM_OK;
}

enum prm_status cx_query_nic_vport_context(struct cx_command *command)
{
	uint8_t *context = command->out + QUERY_NIC_VPORT_CONTEXT_OUT;

	prm_set(context, NIC_VPORT_MIN_INLINE,
		command->device->profile.min_inline ? INLINE_L2 : INLINE_NONE);
	prm_set(context, NIC_VPORT_MTU, VPORT_MTU);
	return PRM_OK;
}
