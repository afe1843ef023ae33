/*
 * The order of the stages: see tuple.h. Data only; any thread.
 */
#include "compile/tuple.h"

const enum stage program_order[DIRECTIONS][STAGES] = {
	[DIRECTION_INBOUND] = { STAGE_ACL, STAGE_SUBNET, STAGE_NIC },
	[DIRECTION_OUTBOUND] = { STAGE_ACL, STAGE_NIC, STAGE_SUBNET },
};
