/*
 * The compiler of modify-header commands, and their execution.
 */
#include "azhost/connectx/steering/rewrite.h"

#include "azhost/connectx/steering/checksum.h"
#include "azhost/connectx/steering/rewrite_field.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

enum {
	COMMAND_SET = 1,
	COMMAND_ADD = 2,
	COMMAND_COPY = 3,
};

/* ---- compile ---- */

static int find_field(unsigned int id, uint8_t *ret_index)
{
	for (size_t i = 0; i < rewrite_n_fields; i++) {
		if (rewrite_fields[i].id == id) {
			*ret_index = (uint8_t)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int check_direction(enum steer_direction direction, const struct rewrite_field *field)
{
	if (direction == STEER_RX && (field->flags & TX_ONLY))
		return -EINVAL;
	if (direction == STEER_TX && (field->flags & RX_ONLY))
		return -EINVAL;
	return 0;
}

/* One command: word 0 is action_type:4 field:12 rsvd:3 offset:5 rsvd:3 length:5, word 1 the data,
 * or for a copy rsvd:4 dst_field:12 rsvd:3 dst_offset:5 rsvd:8. */
static int compile_one(enum steer_direction direction, uint64_t raw, struct rewrite_command *c)
{
	uint32_t first = (uint32_t)(raw >> 32), second = (uint32_t)raw;
	unsigned int id = first >> 16 & 0xfff;
	int r;

	*c = (struct rewrite_command){ .type = (uint8_t)(first >> 28), .data = second };
	c->offset = first >> 8 & 31;
	c->length = first & 31 ? first & 31 : 32;
	if (c->type != COMMAND_SET && c->type != COMMAND_ADD && c->type != COMMAND_COPY)
		return -EOPNOTSUPP;
	if (c->type == COMMAND_COPY) {
		r = find_field(id, &c->source);
		if (!r)
			r = check_direction(direction, &rewrite_fields[c->source]);
		if (r)
			return r;
		c->source_offset = c->offset;
		if (c->source_offset + c->length > rewrite_fields[c->source].bits)
			return -EINVAL;
		id = second >> 16 & 0xfff;
		c->offset = second >> 8 & 31;
	}
	r = find_field(id, &c->field);
	if (!r)
		r = check_direction(direction, &rewrite_fields[c->field]);
	if (r)
		return r;
	if (c->type == COMMAND_ADD) {
		/* The whole field, whatever the command says. */
		if (!(rewrite_fields[c->field].flags & CAN_ADD))
			return -EINVAL;
		c->offset = 0;
		c->length = rewrite_fields[c->field].bits;
	}
	return c->offset + c->length > rewrite_fields[c->field].bits ? -EINVAL : 0;
}

int rewrite_compile(enum steer_direction direction, const void *commands, size_t n,
		    struct rewrite_command *ret_program)
{
	uint8_t l3 = 0, l4 = 0;

	if (!n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		const struct rewrite_field *field;
		uint64_t raw;
		int r;

		memcpy(&raw, (const uint8_t *)commands + 8 * i, sizeof(raw));
		r = compile_one(direction, be64toh(raw), &ret_program[i]);
		if (r)
			return r;
		field = &rewrite_fields[ret_program[i].field];
		if (l3 && field->l3 && field->l3 != l3)
			return -ENOTSUP;
		if (l4 && field->l4 && field->l4 != l4)
			return -EINVAL;
		l3 = field->l3 ? field->l3 : l3;
		l4 = field->l4 ? field->l4 : l4;
	}
	return 0;
}

/* ---- run ---- */

/* The base of a place, or NULL if the packet has none. */
static uint8_t *find_base(enum place_base base, struct steer_packet *packet, struct match_key *key)
{
	const struct steer_headers *headers = &packet->headers;

	switch (base) {
	case IN_KEY:
		return key->bytes;
	case IN_ETHERNET:
		return headers->l3_offset ? packet->data : NULL;
	case IN_ETHERTYPE:
		return headers->l3_offset ? packet->data + headers->l3_offset - 2 : NULL;
	case IN_FIRST_VLAN:
		return headers->vlans ? packet->data + 14 : NULL;
	case IN_IPV4:
		return headers->l3 == STEER_L3_IPV4 ? packet->data + headers->l3_offset : NULL;
	case IN_IPV6:
		return headers->l3 == STEER_L3_IPV6 ? packet->data + headers->l3_offset : NULL;
	case IN_TCP:
		return headers->l4 == STEER_L4_TCP ? packet->data + headers->l4_offset : NULL;
	case IN_UDP:
		return headers->l4 == STEER_L4_UDP ? packet->data + headers->l4_offset : NULL;
	case IN_NOTHING:
		break;
	}
	return NULL;
}

static const struct place *find_place(const struct rewrite_field *field,
				      struct steer_packet *packet, struct match_key *key,
				      uint8_t **ret_base)
{
	uint8_t *base = find_base(field->place.base, packet, key);

	if (base) {
		*ret_base = base;
		return &field->place;
	}
	base = find_base(field->or_else.base, packet, key);
	if (!base)
		return NULL;
	*ret_base = base;
	return &field->or_else;
}

static uint32_t load_container(const uint8_t *p, unsigned int bytes)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value = value << 8 | p[i];
	return value;
}

static void store_container(uint8_t *p, unsigned int bytes, uint32_t value)
{
	for (unsigned int i = bytes; i-- > 0; value >>= 8)
		p[i] = (uint8_t)value;
}

static uint32_t low_bits(unsigned int n)
{
	return n >= 32 ? UINT32_MAX : (1u << n) - 1;
}

/* Writes a container and puts right the checksums that cover it. */
static void store_place(const struct place *place, uint8_t *base, uint32_t value,
			struct steer_packet *packet)
{
	/* Checksums sum 16-bit words from the header's start: widen to whole ones. */
	unsigned int begin = place->offset & ~1u;
	unsigned int end = (place->offset + place->bytes + 1u) & ~1u;
	uint16_t before = checksum_sum(base + begin, end - begin);
	uint16_t after;

	store_container(base + place->offset, place->bytes, value);
	after = checksum_sum(base + begin, end - begin);
	switch (place->base) {
	case IN_IPV4:
		checksum_update(base + 10, before, after);
		if (place->offset >= 12)
			checksum_update_l4(packet, before, after);
		break;
	case IN_IPV6:
		if (place->offset >= 8)
			checksum_update_l4(packet, before, after);
		break;
	case IN_TCP:
	case IN_UDP:
		checksum_update_l4(packet, before, after);
		break;
	default:
		break;
	}
}

static bool read_field(const struct rewrite_command *c, struct steer_packet *packet,
		       struct match_key *key, uint32_t *ret_value)
{
	const struct rewrite_field *field = &rewrite_fields[c->source];
	const struct place *place;
	uint8_t *base;

	place = find_place(field, packet, key, &base);
	if (!place)
		return false;
	*ret_value = load_container(base + place->offset, place->bytes) >>
		     (place->shift + c->source_offset);
	return true;
}

/* True if it wrote into the frame. */
static bool run_one(const struct rewrite_command *c, struct steer_packet *packet,
		    struct match_key *key)
{
	const struct place *place;
	uint32_t old, value, bits;
	unsigned int shift;
	uint8_t *base;

	place = find_place(&rewrite_fields[c->field], packet, key, &base);
	if (!place)
		return false;
	value = c->data;
	if (c->type == COMMAND_COPY && !read_field(c, packet, key, &value))
		return false;
	old = load_container(base + place->offset, place->bytes);
	shift = place->shift + c->offset;
	bits = low_bits(c->length) << shift;
	if (c->type == COMMAND_ADD)
		value += (old & bits) >> shift;
	value = (old & ~bits) | (value << shift & bits);
	if (place->base == IN_KEY) {
		store_container(base + place->offset, place->bytes, value);
		return false;
	}
	store_place(place, base, value, packet);
	return true;
}

bool rewrite_run(const struct rewrite_command *program, size_t n, struct steer_packet *packet,
		 struct match_key *key)
{
	bool changed = false;

	for (size_t i = 0; i < n; i++)
		changed |= run_one(&program[i], packet, key);
	return changed;
}

void rewrite_print(FILE *out, const struct rewrite_command *program, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct rewrite_command *c = &program[i];
		const char *name = rewrite_fields[c->field].name;

		if (c->type == COMMAND_COPY)
			fprintf(out, " copy %s[%u:%u]=%s[%u]", name, c->offset, c->length,
				rewrite_fields[c->source].name, c->source_offset);
		else
			fprintf(out, " %s %s[%u:%u]=%x", c->type == COMMAND_ADD ? "add" : "set",
				name, c->offset, c->length, c->data);
	}
}
