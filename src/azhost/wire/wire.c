/* The table of wires. */
#include "azhost/wire/wire.h"

#include <stddef.h>
#include <string.h>

const struct wire_type *const wire_types[] = { &wire_tap, &wire_unix, &wire_ring, &wire_pcap,
					       NULL };

const struct wire_type *wire_find(const char *uplink, const char **ret_argument)
{
	const char *colon = strchr(uplink, ':');

	if (colon == NULL || colon[1] == '\0')
		return NULL;
	for (unsigned i = 0; wire_types[i] != NULL; i++) {
		const char *name = wire_types[i]->name;

		if (strlen(name) != (size_t)(colon - uplink) ||
		    strncmp(name, uplink, strlen(name)) != 0)
			continue;
		*ret_argument = colon + 1;
		return wire_types[i];
	}
	return NULL;
}
