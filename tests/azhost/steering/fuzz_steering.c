/*
 * Fuzz target: arbitrary masks, values, modification commands, lists of actions, lifetimes and
 * frames. Nothing may crash, read past a frame, or be left when all is destroyed; what is refused
 * is refused.
 */
#include "azhost/connectx/steering/match.h"
#include "azhost/connectx/steering/steering.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS      8
#define HEADROOM   16
#define FRAME_MAX  256
#define FRAME_HEAD 74

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static void take_bytes(struct input *in, void *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)out)[i] = take(in);
}

/* Match parameters with a few bytes set. */
static size_t take_param(struct input *in, uint8_t *param)
{
	unsigned int n = take(in) % 12;

	memset(param, 0, MATCH_PARAM_BYTES);
	for (unsigned int i = 0; i < n; i++) {
		size_t offset = (size_t)take(in) << 1;

		param[offset] = take(in);
		param[offset + 1] = take(in);
	}
	return take(in) % 16 ? MATCH_PARAM_BYTES : 4u * (take(in) & 127);
}

struct world {
	struct steering *steering;
	struct steer_domain *domains[STEER_DIRECTIONS];
	struct steer_table *tables[SLOTS];
	struct steer_matcher *matchers[SLOTS];
	struct steer_rule *rules[SLOTS];
	struct steer_action *actions[SLOTS];
	struct steer_tir tirs[2];
	struct steer_count cells[4];
	struct steer_counters counters;
};

static void make_table(struct world *w, struct input *in)
{
	uint8_t slot = take(in) % SLOTS;

	if (w->tables[slot])
		return;
	if (steer_table_new(w->domains[take(in) % STEER_DIRECTIONS], take(in) % 4,
			    &w->tables[slot]))
		w->tables[slot] = NULL;
}

static void make_matcher(struct world *w, struct input *in)
{
	struct steer_table *table = w->tables[take(in) % SLOTS];
	uint8_t slot = take(in) % SLOTS, mask[MATCH_PARAM_BYTES];
	size_t size = take_param(in, mask);
	uint8_t criteria = take(in);

	if (!table || w->matchers[slot])
		return;
	(void)steer_matcher_new(table, take(in) % 20, criteria, mask, size, &w->matchers[slot]);
}

/* Set, add or copy, of a field number that may exist, mostly. */
static void take_command(struct input *in, uint8_t *command)
{
	take_bytes(in, command, 8);
	if (command[0] & 0x80)
		return;
	command[0] = (uint8_t)((1 + command[0] % 3) << 4);
	command[1] &= 0x7f;
	command[4] &= 0x0f;
}

static void make_modify(struct world *w, struct input *in, struct steer_action **action)
{
	uint8_t commands[3 * 8];
	size_t n = take(in) % 4;

	for (size_t i = 0; i < n; i++)
		take_command(in, commands + 8 * i);
	(void)steer_action_new_modify_header(w->domains[take(in) % STEER_DIRECTIONS], take(in) & 1,
					     commands, n, action);
}

static void make_action(struct world *w, struct input *in)
{
	struct steer_action **action = &w->actions[take(in) % SLOTS];
	struct steer_table *table = w->tables[take(in) % SLOTS];

	if (*action)
		return;
	switch (take(in) % 9) {
	case 0:
		(void)steer_action_new_drop(action);
		break;
	case 1:
		(void)steer_action_new_default_miss(action);
		break;
	case 2:
		(void)steer_action_new_tag(take(in), action);
		break;
	case 3:
		(void)steer_action_new_counter(&w->counters, take(in) % 6, action);
		break;
	case 4:
		(void)steer_action_new_dest_tir(&w->tirs[take(in) % 2], action);
		break;
	case 5:
		if (table)
			(void)steer_action_new_dest_table(table, action);
		break;
	case 6:
		(void)steer_action_new_pop_vlan(action);
		break;
	case 7:
		(void)steer_action_new_push_vlan((take(in) & 1 ? 0x8100u : 0x88a8u) << 16 | 5,
						 action);
		break;
	default:
		make_modify(w, in, action);
	}
}

static void make_rule(struct world *w, struct input *in)
{
	struct steer_matcher *matcher = w->matchers[take(in) % SLOTS];
	struct steer_rule **rule = &w->rules[take(in) % SLOTS];
	uint8_t value[MATCH_PARAM_BYTES];
	size_t size = take_param(in, value), n = 0;
	struct steer_action *list[4];

	for (unsigned int i = take(in) % 5; i > 0; i--) {
		list[n] = w->actions[take(in) % SLOTS];
		if (list[n])
			n++;
	}
	if (take(in) & 1)
		memset(value, 0, sizeof(value));
	if (!matcher || *rule)
		return;
	(void)steer_rule_new(matcher, value, size, list, n, rule);
}

static void destroy(struct world *w, struct input *in)
{
	uint8_t slot = take(in) % SLOTS;

	switch (take(in) % 4) {
	case 0:
		if (w->rules[slot])
			steer_rule_destroy(w->rules[slot]);
		w->rules[slot] = NULL;
		break;
	case 1:
		if (w->matchers[slot] && !steer_matcher_destroy(w->matchers[slot]))
			w->matchers[slot] = NULL;
		break;
	case 2:
		if (w->actions[slot] && !steer_action_destroy(w->actions[slot]))
			w->actions[slot] = NULL;
		break;
	default:
		if (w->tables[slot] && !steer_table_destroy(w->tables[slot]))
			w->tables[slot] = NULL;
	}
}

/* The heads of frames that a fuzzer would take long to find: Ethernet with IPv4 and TCP, and with a
 * VLAN tag, IPv6, destination options and UDP. */
static const uint8_t heads[][FRAME_HEAD] = {
	{ [12] = 0x08, 0x00, 0x45, [22] = 64, 6, [46] = 0x50, 0x10 },
	{ [12] = 0x81, 0x00, 0x00, 0x05, 0x86, 0xdd, 0x60, [24] = 60, 64, [58] = 17, [66] = 0, 9 },
};

static void take_frame(struct input *in, uint8_t *frame, uint32_t length)
{
	uint8_t kind = take(in) % 4;

	take_bytes(in, frame, length);
	if (kind >= 2 || length < FRAME_HEAD)
		return;
	for (unsigned int i = 0; i < FRAME_HEAD; i++) {
		if (frame[i] < 0xe0) /* most bytes as they should be */
			frame[i] = heads[kind][i];
	}
}

/* The frame ends where its buffer ends, so that reading past it is seen. */
static void walk(struct world *w, struct input *in)
{
	enum steer_direction direction = take(in) % STEER_DIRECTIONS;
	uint32_t length = take(in) % FRAME_MAX;
	uint8_t *buffer = calloc(1, HEADROOM + length);
	struct steer_packet packet = {
		.data = buffer + HEADROOM,
		.headroom = HEADROOM,
		.length = length,
		.reg_a = take(in),
		.sqn = take(in),
	};
	unsigned int inside;

	if (!buffer)
		abort();
	take_frame(in, packet.data, length);
	inside = steer_enter(w->steering);
	if (steer_packet(w->steering, direction, &packet) == STEER_TIR && !packet.n_tirs)
		abort();
	steer_leave(w->steering, inside);
	if (packet.data < buffer || packet.data + packet.length > buffer + HEADROOM + length)
		abort();
	free(buffer);
}

/* A way from the root to level 1, where everything matches: what is found by luck alone otherwise.
 */
static void make_way(struct world *w, enum steer_direction direction)
{
	struct steer_table **tables = &w->tables[2 * direction];
	struct steer_matcher **matchers = &w->matchers[2 * direction];

	if (steer_table_new(w->domains[direction], 0, &tables[0]) ||
	    steer_table_new(w->domains[direction], 1, &tables[1]) ||
	    steer_matcher_new(tables[0], 0, 0, NULL, 0, &matchers[0]) ||
	    steer_matcher_new(tables[1], 0, 0, NULL, 0, &matchers[1]) ||
	    steer_action_new_dest_table(tables[1], &w->actions[direction]) ||
	    steer_rule_new(matchers[0], NULL, 0, &w->actions[direction], 1, &w->rules[direction]))
		abort();
}

static void world_init(struct world *w)
{
	struct steer_limits limits;

	memset(w, 0, sizeof(*w));
	steer_limits_default(&limits);
	if (steering_new(&limits, &w->steering) ||
	    steer_domain_new(w->steering, STEER_RX, &w->domains[STEER_RX]) ||
	    steer_domain_new(w->steering, STEER_TX, &w->domains[STEER_TX]))
		abort();
	w->counters.n = 4;
	w->counters.cells = w->cells;
	make_way(w, STEER_RX);
	make_way(w, STEER_TX);
}

/* In the order that leaves nobody in use: every destruction must succeed. */
static void world_fini(struct world *w)
{
	for (int i = 0; i < SLOTS; i++) {
		if (w->rules[i])
			steer_rule_destroy(w->rules[i]);
	}
	for (int i = 0; i < SLOTS; i++) {
		if ((w->matchers[i] && steer_matcher_destroy(w->matchers[i])) ||
		    (w->actions[i] && steer_action_destroy(w->actions[i])))
			abort();
	}
	for (int i = 0; i < SLOTS; i++) {
		if (w->tables[i] && steer_table_destroy(w->tables[i]))
			abort();
	}
	if (steer_domain_destroy(w->domains[STEER_RX]) ||
	    steer_domain_destroy(w->domains[STEER_TX]) || w->tirs[0].rules || w->tirs[1].rules ||
	    w->counters.rules)
		abort();
	steering_free(w->steering);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const operations[])(struct world *, struct input *) = {
		make_table, make_matcher, make_action, make_rule, destroy, walk, make_action, walk,
	};
	struct input in = { data, size };
	struct world world;

	world_init(&world);
	while (in.left)
		operations[take(&in) % 8](&world, &in);
	world_fini(&world);
	return 0;
}
