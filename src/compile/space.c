/*
 * Building spaces: see space.h.
 */
#include "compile/space.h"

#include "compile/space_classes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORT_LAST 65535

/* --- which value stands for a class: one that a reader would expect --- */

static int score4(ip_number first, ip_number last)
{
	unsigned octet = (unsigned)(first >> 24);

	(void)last;
	if (octet == 0 || octet == 127 || octet >= 224)
		return 0;
	return 1;
}

static int score6(ip_number first, ip_number last)
{
	unsigned group = (unsigned)(first >> 112);

	(void)last;
	return group != 0 && group < 0xfe00;
}

static int score_port(ip_number first, ip_number last)
{
	(void)last;
	return first != 0;
}

/* Not the network address where there is another. */
static ip_number choose_address(ip_number first, ip_number last)
{
	return last - first > 2 ? first + 1 : first;
}

static ip_number choose_port(ip_number first, ip_number last, const uint16_t *liked)
{
	for (size_t i = 0; liked[i]; i++) {
		if (first <= liked[i] && liked[i] <= last)
			return liked[i];
	}
	return first;
}

static ip_number choose_source_port(ip_number first, ip_number last)
{
	static const uint16_t liked[] = { 40000, 1024, 0 };

	return choose_port(first, last, liked);
}

static ip_number choose_destination_port(ip_number first, ip_number last)
{
	static const uint16_t liked[] = { 443, 80, 22, 53, 3389, 8080, 0 };

	return choose_port(first, last, liked);
}

static const struct class_taste address_tastes[IP_FAMILIES] = {
	[IP_FAMILY_V4] = { score4, choose_address },
	[IP_FAMILY_V6] = { score6, choose_address },
};
static const struct class_taste source_port_taste = { score_port, choose_source_port };
static const struct class_taste destination_port_taste = { score_port, choose_destination_port };

/* --- values --- */

static uint32_t group_of(const struct program_rule *rule, enum space_field field)
{
	return field == SPACE_SOURCE ? rule->source : rule->destination;
}

static const struct port_set *ports_of(const struct program_rule *rule, enum space_field field)
{
	return field == SPACE_SOURCE_PORT ? rule->source_ports : rule->destination_ports;
}

static int cut_group(struct class_cutter *cutter, const struct address_group *group,
		     enum ip_family family, uint64_t key)
{
	int r = 0;

	for (size_t i = 0; i < group->range_count[family] && r == 0; i++)
		r = class_cutter_add(cutter, group->ranges[family][i].first,
				     group->ranges[family][i].last, key);
	return r;
}

/* Each group once, whatever number of rules name it: a key XORed twice would vanish. */
static int cut_groups(struct class_cutter *cutter, const struct program *program,
		      const struct space *space, enum space_field field, uint64_t salt)
{
	bool *seen = calloc(program->group_count, sizeof(*seen));
	int r = seen ? 0 : -ENOMEM;

	for (size_t stage = 0; stage < STAGES; stage++) {
		const struct program_chain *chain = &program->chain[space->direction][stage];

		for (size_t i = 0; i < chain->count && r == 0; i++) {
			uint32_t group = group_of(&chain->rules[i], field);

			if (seen[group])
				continue;
			seen[group] = true;
			r = cut_group(cutter, &program->groups[group], space->family,
				      class_key(salt + group));
		}
	}
	free(seen);
	return r;
}

static int cut_ports(struct class_cutter *cutter, const struct program *program,
		     const struct space *space, enum space_field field, uint64_t salt)
{
	int r = 0;

	for (size_t stage = 0; stage < STAGES; stage++) {
		const struct program_chain *chain = &program->chain[space->direction][stage];

		for (size_t i = 0; i < chain->count && r == 0; i++) {
			const struct port_set *ports = ports_of(&chain->rules[i], field);
			uint64_t key = class_key(salt + (stage << 32) + i);

			for (size_t k = 0; !ports->any && k < ports->range_count && r == 0; k++)
				r = class_cutter_add(cutter, ports->ranges[k].first,
						     ports->ranges[k].last, key);
		}
	}
	return r;
}

static int make_field(struct space *space, const struct program *const *programs,
		      enum space_field field, ip_number last, const struct class_taste *taste)
{
	struct class_cutter cutter = { .last = last };
	int r = 0;

	for (size_t p = 0; p < space->programs && r == 0; p++) {
		uint64_t salt = (uint64_t)(p + 1) << 48;

		r = field <= SPACE_DESTINATION
			    ? cut_groups(&cutter, programs[p], space, field, salt)
			    : cut_ports(&cutter, programs[p], space, field, salt);
	}
	if (r == 0)
		r = class_cutter_finish(&cutter, taste, &space->values[field],
					&space->count[field]);
	class_cutter_fini(&cutter);
	return r;
}

static bool protocol_bit(const struct program_rule *rule, enum ip_family family, unsigned protocol)
{
	return rule->protocols[family][protocol / 64] >> protocol % 64 & 1;
}

static uint64_t protocol_id(const struct space *space, unsigned protocol)
{
	uint64_t id = ip_protocol_has_ports((uint8_t)protocol), number = 0;

	for (size_t p = 0; p < space->programs; p++) {
		for (size_t stage = 0; stage < STAGES; stage++) {
			const struct program_chain *chain = space->chain[p][stage].chain;

			for (size_t i = 0; i < chain->count; i++, number++) {
				if (protocol_bit(&chain->rules[i], space->family, protocol))
					id ^= class_key(number);
			}
		}
	}
	return id;
}

static int make_protocols(struct space *space)
{
	static const uint8_t liked[] = { IP_PROTOCOL_TCP,    IP_PROTOCOL_UDP,  IP_PROTOCOL_ICMP,
					 IP_PROTOCOL_ICMPV6, IP_PROTOCOL_SCTP, IP_PROTOCOL_ESP };
	uint64_t ids[256];
	size_t count = 0;

	space->values[SPACE_PROTOCOL] = calloc(256, sizeof(ip_number));
	if (!space->values[SPACE_PROTOCOL])
		return -ENOMEM;
	for (unsigned i = 0; i < sizeof(liked) + 256; i++) {
		unsigned protocol = i < sizeof(liked) ? liked[i] : i - (unsigned)sizeof(liked);
		uint64_t id = protocol_id(space, protocol);
		size_t known = 0;

		while (known < count && ids[known] != id)
			known++;
		if (known < count)
			continue;
		ids[count] = id;
		space->values[SPACE_PROTOCOL][count++] = protocol;
	}
	space->count[SPACE_PROTOCOL] = count;
	return 0;
}

/* --- bitmaps --- */

/* The place of the first value that is not below `number`. */
static size_t lower_bound(const struct space *space, enum space_field field, ip_number number)
{
	size_t low = 0, high = space->count[field];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space->values[field][middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void mark_range(const struct space *space, struct space_chain *chain, enum space_field field,
		       ip_number first, ip_number last, size_t rule)
{
	for (size_t v = lower_bound(space, field, first);
	     v < space->count[field] && space->values[field][v] <= last; v++)
		chain->bitmap[field][v * chain->words + rule / 64] |= (uint64_t)1 << rule % 64;
}

static void mark_rule(const struct space *space, const struct program *program,
		      struct space_chain *chain, size_t index)
{
	const struct program_rule *rule = &chain->chain->rules[index];

	for (enum space_field f = SPACE_SOURCE; f <= SPACE_DESTINATION; f++) {
		const struct address_group *group = &program->groups[group_of(rule, f)];

		for (size_t i = 0; i < group->range_count[space->family]; i++) {
			const struct ip_range *range = &group->ranges[space->family][i];

			mark_range(space, chain, f, range->first, range->last, index);
		}
	}
	for (size_t v = 0; v < space->count[SPACE_PROTOCOL]; v++) {
		unsigned protocol = (unsigned)space->values[SPACE_PROTOCOL][v];

		if (protocol_bit(rule, space->family, protocol))
			chain->bitmap[SPACE_PROTOCOL][v * chain->words + index / 64] |=
				(uint64_t)1 << index % 64;
	}
	for (enum space_field f = SPACE_SOURCE_PORT; f <= SPACE_DESTINATION_PORT; f++) {
		const struct port_set *ports = ports_of(rule, f);

		if (ports->any)
			mark_range(space, chain, f, 0, PORT_LAST, index);
		for (size_t i = 0; !ports->any && i < ports->range_count; i++)
			mark_range(space, chain, f, ports->ranges[i].first, ports->ranges[i].last,
				   index);
	}
}

static size_t bitmap_bytes(const struct space *space)
{
	size_t values = 0, words = 0;

	for (size_t f = 0; f < SPACE_FIELDS; f++)
		values += space->count[f];
	for (size_t p = 0; p < space->programs; p++) {
		for (size_t stage = 0; stage < STAGES; stage++)
			words += space->chain[p][stage].words;
	}
	return values * words * sizeof(uint64_t);
}

static int make_bitmaps(struct space *space, const struct program *program,
			struct space_chain *chain)
{
	for (size_t f = 0; f < SPACE_FIELDS && chain->words; f++) {
		chain->bitmap[f] = calloc(space->count[f] * chain->words, sizeof(uint64_t));
		if (!chain->bitmap[f])
			return -ENOMEM;
	}
	for (size_t i = 0; i < chain->chain->count; i++)
		mark_rule(space, program, chain, i);
	return 0;
}

/* --- the whole --- */

static int fill(struct space *space, const struct program *const *programs)
{
	ip_number last = ip_low_mask(ip_family_bits(space->family));
	const struct class_taste *taste = &address_tastes[space->family];
	int r = make_field(space, programs, SPACE_SOURCE, last, taste);

	if (r == 0)
		r = make_field(space, programs, SPACE_DESTINATION, last, taste);
	if (r == 0)
		r = make_protocols(space);
	if (r == 0)
		r = make_field(space, programs, SPACE_SOURCE_PORT, PORT_LAST, &source_port_taste);
	if (r == 0)
		r = make_field(space, programs, SPACE_DESTINATION_PORT, PORT_LAST,
			       &destination_port_taste);
	if (r == 0 && bitmap_bytes(space) > SPACE_BYTES_MAX)
		return -ENOSPC;
	for (size_t p = 0; p < space->programs && r == 0; p++) {
		for (size_t stage = 0; stage < STAGES && r == 0; stage++)
			r = make_bitmaps(space, programs[p], &space->chain[p][stage]);
	}
	return r;
}

int space_new(const struct program *const *programs, size_t count, enum direction direction,
	      enum ip_family family, struct space **ret, struct accelnet_error *err)
{
	struct space *space = calloc(1, sizeof(*space));
	int r;

	if (!space)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	space->direction = direction;
	space->family = family;
	space->programs = count;
	for (size_t p = 0; p < count; p++) {
		for (size_t stage = 0; stage < STAGES; stage++) {
			const struct program_chain *chain = &programs[p]->chain[direction][stage];

			space->chain[p][stage].chain = chain;
			space->chain[p][stage].words = (chain->count + 63) / 64;
		}
	}
	r = fill(space, programs);
	if (r == 0) {
		*ret = space;
		return 0;
	}
	space_free(space);
	if (r == -ENOSPC)
		return fail(err, ACCELNET_E_LIMIT, NULL,
			    "the policy is too large to be analysed packet by packet");
	return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
}

void space_free(struct space *space)
{
	if (!space)
		return;
	for (size_t f = 0; f < SPACE_FIELDS; f++) {
		free(space->values[f]);
		for (size_t p = 0; p < SPACE_PROGRAMS_MAX; p++) {
			for (size_t stage = 0; stage < STAGES; stage++)
				free(space->chain[p][stage].bitmap[f]);
		}
	}
	free(space);
}

bool space_has_ports(const struct space *space, size_t protocol)
{
	return ip_protocol_has_ports((uint8_t)space->values[SPACE_PROTOCOL][protocol]);
}

struct tuple space_tuple(const struct space *space, const size_t at[SPACE_FIELDS])
{
	bool ports = space_has_ports(space, at[SPACE_PROTOCOL]);

	return (struct tuple){
		.direction = space->direction,
		.source = { space->family, space->values[SPACE_SOURCE][at[SPACE_SOURCE]] },
		.destination = { space->family,
				 space->values[SPACE_DESTINATION][at[SPACE_DESTINATION]] },
		.protocol = (uint8_t)space->values[SPACE_PROTOCOL][at[SPACE_PROTOCOL]],
		.source_port =
			!ports ? 0
			       : (uint16_t)space->values[SPACE_SOURCE_PORT][at[SPACE_SOURCE_PORT]],
		.destination_port = !ports ? 0
					   : (uint16_t)space->values[SPACE_DESTINATION_PORT]
								    [at[SPACE_DESTINATION_PORT]],
	};
}
