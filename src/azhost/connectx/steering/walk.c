/*
 * The walk of a packet: parse, then from table to table by the first rule that matches in each,
 * running its actions on the way. Runs on walkers (the device thread), inside the gate, and takes
 * no lock: matchers and rules that it sees may be unlinked at any moment, but live until it leaves.
 */
#include "azhost/connectx/steering/parse.h"
#include "azhost/connectx/steering/state.h"

#include <arpa/inet.h>
#include <string.h>

#define VLAN_BYTES 4

/* What a walk carries from rule to rule. */
struct walk {
	struct steer_packet *packet;
	struct match_key key;
	const struct search *next; /* table to go on with */
	enum steer_verdict verdict;
	bool at_root;
	bool stuck; /* an action could not be done: the packet ends here */
};

static const struct steer_rule *search_matchers(const struct search *search,
						const struct match_key *key)
{
	const struct steer_matcher *m = atomic_load_explicit(&search->first, memory_order_acquire);
	uint64_t packed[KEY_WORDS];

	for (; m; m = atomic_load_explicit(&m->next, memory_order_acquire)) {
		const struct steer_rule *rule;
		uint64_t hash;

		if (!atomic_load_explicit(&m->rules.array, memory_order_relaxed))
			continue;
		hash = match_key_pack(&m->mask, key, packed);
		rule = rule_set_find(&m->rules, hash, packed, m->mask.n_words);
		if (rule)
			return rule;
	}
	return NULL;
}

/* cache: NULL where another walker has it. */
static const struct steer_rule *lookup(struct walk_cache *cache, const struct search *search,
				       const struct match_key *key)
{
	struct walk_cache_entry *entry = cache ? walk_cache_entry(cache, search, key) : NULL;

	if (!entry)
		return search_matchers(search, key);
	if (!entry->known) {
		entry->rule = search_matchers(search, key);
		entry->known = true;
	}
	return entry->rule;
}

static void count(const struct steer_action *action, uint32_t length)
{
	struct steer_count *cell = &action->counter.counters->cells[action->counter.offset];

	atomic_fetch_add_explicit(&cell->packets, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&cell->octets, length, memory_order_relaxed);
}

static void add_tir(struct steer_packet *packet, struct steer_tir *tir)
{
	for (uint32_t i = 0; i < packet->n_tirs; i++) {
		if (packet->tirs[i] == tir)
			return;
	}
	if (packet->n_tirs < STEER_MAX_TIRS)
		packet->tirs[packet->n_tirs++] = tir;
}

static void parse_again(struct walk *walk)
{
	parse_frame(walk->packet->data, walk->packet->length, &walk->key, &walk->packet->headers);
}

static void pop_vlan(struct walk *walk)
{
	struct steer_packet *packet = walk->packet;

	if (!packet->headers.vlans)
		return;
	memmove(packet->data + VLAN_BYTES, packet->data, 12);
	packet->data += VLAN_BYTES;
	packet->length -= VLAN_BYTES;
	packet->headroom += VLAN_BYTES;
	parse_again(walk);
}

static void push_vlan(struct walk *walk, uint32_t vlan)
{
	struct steer_packet *packet = walk->packet;
	uint32_t header = htonl(vlan);

	if (packet->headroom < VLAN_BYTES || packet->length < 12) {
		walk->stuck = true;
		return;
	}
	memmove(packet->data - VLAN_BYTES, packet->data, 12);
	packet->data -= VLAN_BYTES;
	packet->length += VLAN_BYTES;
	packet->headroom -= VLAN_BYTES;
	memcpy(packet->data + 12, &header, sizeof(header));
	parse_again(walk);
}

static void run_action(struct walk *walk, const struct steer_action *action, uint32_t length)
{
	struct steer_packet *packet = walk->packet;

	switch (action->kind) {
	case ACTION_DROP:
		walk->verdict = STEER_DROP;
		break;
	case ACTION_MISS:
		if (walk->at_root) /* above, the default is what the verdict is already */
			walk->verdict = STEER_MISS;
		break;
	case ACTION_TIR:
		add_tir(packet, action->tir);
		walk->verdict = STEER_TIR;
		break;
	case ACTION_TABLE:
		walk->next = action->table->search;
		break;
	case ACTION_TAG:
		packet->tag = action->tag;
		break;
	case ACTION_COUNTER:
		count(action, length);
		break;
	case ACTION_MODIFY:
		if (rewrite_run(action->modify.program, action->modify.n, packet, &walk->key))
			parse_again(walk);
		break;
	case ACTION_POP_VLAN:
		pop_vlan(walk);
		break;
	case ACTION_PUSH_VLAN:
		push_vlan(walk, action->vlan);
		break;
	case ACTION_KINDS:
		break;
	}
}

/* The other rules of the same value in the root table only add destinations and counters. */
static void run_twins(struct walk *walk, const struct steer_rule *rule, uint32_t length)
{
	while ((rule = atomic_load_explicit(&rule->twin, memory_order_acquire))) {
		for (unsigned int i = 0; i < rule->n_actions; i++) {
			const struct steer_action *action = rule->actions[i];

			if (action->kind == ACTION_COUNTER)
				count(action, length);
			else if (action->kind == ACTION_TIR)
				add_tir(walk->packet, action->tir);
		}
	}
}

static uint32_t load_register(const struct match_key *key, unsigned int offset)
{
	uint32_t value;

	memcpy(&value, key->bytes + offset, sizeof(value));
	return ntohl(value);
}

static void start(struct walk *walk, struct steer_packet *packet)
{
	uint32_t reg_a = htonl(packet->reg_a), sqn = htonl(packet->sqn & 0xffffff);

	walk->packet = packet;
	walk->verdict = STEER_MISS;
	walk->stuck = false;
	packet->tag = 0;
	packet->n_tirs = 0;
	memset(walk->key.bytes + KEY_MISC, 0, 8);
	memset(walk->key.bytes + KEY_MISC2, 0, MATCH_SECTION_BYTES);
	memcpy(walk->key.bytes + KEY_REG_A, &reg_a, sizeof(reg_a));
	memcpy(walk->key.bytes + KEY_SOURCE_SQN, &sqn, sizeof(sqn));
	parse_again(walk);
}

static void finish(const struct walk *walk, struct steer_packet *packet)
{
	packet->reg_b = load_register(&walk->key, KEY_REG_B);
	for (unsigned int i = 0; i < 8; i++)
		packet->reg_c[i] = load_register(&walk->key, KEY_REG_C0 - 4 * i);
}

static void run_rule(struct walk *walk, const struct steer_rule *rule, bool with_twins)
{
	uint32_t length = walk->packet->length;

	walk->next = NULL;
	for (unsigned int i = 0; i < rule->n_actions && !walk->stuck; i++)
		run_action(walk, rule->actions[i], length);
	if (with_twins)
		run_twins(walk, rule, length);
}

enum steer_verdict steer_packet(struct steering *s, enum steer_direction direction,
				struct steer_packet *packet)
{
	const struct search *root = &s->roots[direction];
	const struct search *search = root;
	struct walk_cache *cache = walk_cache_take(&s->cache) ? &s->cache : NULL;
	const struct steer_rule *rule;
	struct walk walk;

	start(&walk, packet);
	/* Ends: a rule sends to a higher level only (actions_check). */
	while (search && !walk.stuck && (rule = lookup(cache, search, &walk.key))) {
		/* How a table above the root ends: see steer_packet() in steering.h. */
		walk.verdict = direction == STEER_RX ? STEER_DROP : STEER_MISS;
		walk.at_root = search == root;
		run_rule(&walk, rule, walk.at_root && s->limits.root_conflicts);
		search = walk.next;
	}
	if (cache)
		walk_cache_give(cache);
	finish(&walk, packet);
	return walk.stuck ? STEER_DROP : walk.verdict;
}
