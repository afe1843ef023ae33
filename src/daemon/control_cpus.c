/*
 * A difference of sets: see control_cpus.h.
 */
#include "daemon/control_cpus.h"

bool control_cpus(const cpu_set_t *given, const cpu_set_t *main_lcore, const cpu_set_t *workers,
		  cpu_set_t *ret)
{
	cpu_set_t all, shared;

	CPU_OR(&all, given, main_lcore);
	CPU_AND(&shared, &all, workers);
	CPU_XOR(&all, &all, &shared);
	if (CPU_COUNT(&all) == 0)
		return false;
	*ret = all;
	return true;
}
