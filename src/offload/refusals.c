/*
 * Why rules are not in the device: see refusals.h.
 */
#include "offload/refusals.h"

#include <string.h>

uint8_t refusals_add(struct refusals *refusals, const struct flow_error *error)
{
	for (unsigned i = 0; i < refusals->count; i++) {
		if (refusals->list[i].number == error->number &&
		    strcmp(refusals->list[i].message, error->message) == 0)
			return (uint8_t)i;
	}
	if (refusals->count < REFUSALS_MAX)
		refusals->count++;
	refusals->list[refusals->count - 1] = *error;
	return (uint8_t)(refusals->count - 1);
}
