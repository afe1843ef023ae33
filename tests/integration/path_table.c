/*
 * Prints every change of state that the path machine's tables have, for the tests that hold a
 * daemon's path.changed against them: uplink type, state, cause and next state, by tabs.
 *
 * It asks the machine itself, with each event in each state, whatever else it remembers.
 */
#include "nic/path.h"

#include <stdio.h>

static const struct {
	enum uplink_type type;
	const char *name;
	unsigned actuators;
} uplinks[] = {
	{ UPLINK_NETVSC, "netvsc", PATH_CAN_HOLD },
	{ UPLINK_BIFURCATED, "bifurcated", PATH_CAN_SWITCH },
};

static void try_one(size_t u, const struct path *before, enum path_event event)
{
	struct path path = *before;
	struct path_step step = path_step(&path, event, 1);

	if (step.from == step.to)
		return;
	printf("%s\t%s\t%s\t%s\n", uplinks[u].name, path_name(path.uplink, step.from),
	       path_cause(path.uplink, &step, event), path_name(path.uplink, step.to));
}

/* Every combination of what the machine remembers besides its state. */
static void try_all(size_t u, enum path_state state, enum path_event event)
{
	for (unsigned memory = 0; memory < 64; memory++) {
		struct path path;

		path_init(&path, uplinks[u].type, uplinks[u].actuators, 0);
		path.state = state;
		path.held = memory & 1;
		path.ripe = memory & 2;
		path.rules = (enum path_rules)(memory >> 2 & 3);
		path.hurry = memory & 16;
		path.overdue = memory & 32;
		if (path.ripe && path.rules >= PATH_RULES_INSTALLED)
			continue; /* it has gone on by then */
		try_one(u, &path, event);
	}
}

int main(void)
{
	for (size_t u = 0; u < sizeof(uplinks) / sizeof(uplinks[0]); u++) {
		for (int state = 0; state < PATH_STATES; state++) {
			for (int event = 0; event < PATH_EVENTS; event++)
				try_all(u, (enum path_state)state, (enum path_event)event);
		}
	}
	return 0;
}
