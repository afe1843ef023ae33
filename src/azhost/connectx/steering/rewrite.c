/*
 * The table of fields, the compiler of commands, and their execution. A field is a run of bits in
 * a container of 1, 2 or 4 bytes, big-endian, somewhere in the packet or in the key.
 */
#include "azhost/connectx/steering/rewrite.h"

#include "azhost/connectx/steering/checksum.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

enum {
	COMMAND_SET = 1,
	COMMAND_ADD = 2,
	COMMAND_COPY = 3,
};

enum place_base {
	IN_NOTHING,
	IN_KEY,
	IN_ETHERNET,
	IN_ETHERTYPE, /* the last one */
	IN_FIRST_VLAN,
	IN_IPV4,
	IN_IPV6,
	IN_TCP,
	IN_UDP,
};

struct place {
	uint8_t base;
	uint8_t offset; /* of the container, from its base */
	uint8_t bytes;
	uint8_t shift; /* of the field's lowest bit in the container */
};

enum {
	CAN_ADD = 1 << 0,
	RX_ONLY = 1 << 1,
	TX_ONLY = 1 << 2,
};

struct rewrite_field {
	const char *name;
	uint16_t id;
	uint8_t bits;
	uint8_t l3; /* enum steer_l3 that it presumes */
	uint8_t l4; /* enum steer_l4 that it presumes */
	uint8_t flags;
	struct place place;
	struct place or_else; /* where place.base is not in the packet */
};

#define REGISTER(name, id, key, flags)                            \
	{                                                         \
		name, id, 32, 0, 0, flags, { IN_KEY, key, 4, 0 }, \
		{                                                 \
			0                                         \
		}                                                 \
	}
#define ADDRESS4(name, id, offset)                                            \
	{                                                                     \
		name, id, 32, STEER_L3_IPV4, 0, 0, { IN_IPV4, offset, 4, 0 }, \
		{                                                             \
			0                                                     \
		}                                                             \
	}
#define ADDRESS6(name, id, offset)                                            \
	{                                                                     \
		name, id, 32, STEER_L3_IPV6, 0, 0, { IN_IPV6, offset, 4, 0 }, \
		{                                                             \
			0                                                     \
		}                                                             \
	}
#define PORT(name, id, l4, base, offset)                        \
	{                                                       \
		name, id, 16, 0, l4, 0, { base, offset, 2, 0 }, \
		{                                               \
			0                                       \
		}                                               \
	}

static const struct rewrite_field fields[] = {
	{ "smac_47_16", 0x01, 32, 0, 0, 0, { IN_ETHERNET, 6, 4, 0 }, { 0 } },
	{ "smac_15_0", 0x02, 16, 0, 0, 0, { IN_ETHERNET, 10, 2, 0 }, { 0 } },
	{ "ethertype", 0x03, 16, 0, 0, 0, { IN_ETHERTYPE, 0, 2, 0 }, { 0 } },
	{ "dmac_47_16", 0x04, 32, 0, 0, 0, { IN_ETHERNET, 0, 4, 0 }, { 0 } },
	{ "dmac_15_0", 0x05, 16, 0, 0, 0, { IN_ETHERNET, 4, 2, 0 }, { 0 } },
	{ "ip_dscp", 0x06, 6, 0, 0, 0, { IN_IPV4, 1, 1, 2 }, { IN_IPV6, 0, 2, 6 } },
	{ "tcp_flags", 0x07, 9, 0, STEER_L4_TCP, 0, { IN_TCP, 12, 2, 0 }, { 0 } },
	PORT("tcp_sport", 0x08, STEER_L4_TCP, IN_TCP, 0),
	PORT("tcp_dport", 0x09, STEER_L4_TCP, IN_TCP, 2),
	{ "ipv4_ttl", 0x0a, 8, STEER_L3_IPV4, 0, CAN_ADD, { IN_IPV4, 8, 1, 0 }, { 0 } },
	PORT("udp_sport", 0x0b, STEER_L4_UDP, IN_UDP, 0),
	PORT("udp_dport", 0x0c, STEER_L4_UDP, IN_UDP, 2),
	ADDRESS6("src_ipv6_127_96", 0x0d, 8),
	ADDRESS6("src_ipv6_95_64", 0x0e, 12),
	ADDRESS6("src_ipv6_63_32", 0x0f, 16),
	ADDRESS6("src_ipv6_31_0", 0x10, 20),
	ADDRESS6("dst_ipv6_127_96", 0x11, 24),
	ADDRESS6("dst_ipv6_95_64", 0x12, 28),
	ADDRESS6("dst_ipv6_63_32", 0x13, 32),
	ADDRESS6("dst_ipv6_31_0", 0x14, 36),
	ADDRESS4("src_ipv4", 0x15, 12),
	ADDRESS4("dst_ipv4", 0x16, 16),
	{ "first_vid", 0x17, 16, 0, 0, 0, { IN_FIRST_VLAN, 0, 2, 0 }, { 0 } },
	{ "ipv6_hoplimit", 0x47, 8, STEER_L3_IPV6, 0, CAN_ADD, { IN_IPV6, 7, 1, 0 }, { 0 } },
	REGISTER("metadata_reg_a", 0x49, KEY_REG_A, TX_ONLY),
	REGISTER("metadata_reg_b", 0x50, KEY_REG_B, RX_ONLY),
	REGISTER("metadata_reg_c_0", 0x51, KEY_REG_C0, 0),
	REGISTER("metadata_reg_c_1", 0x52, KEY_REG_C0 - 4, 0),
	REGISTER("metadata_reg_c_2", 0x53, KEY_REG_C0 - 8, 0),
	REGISTER("metadata_reg_c_3", 0x54, KEY_REG_C0 - 12, 0),
	REGISTER("metadata_reg_c_4", 0x55, KEY_REG_C0 - 16, 0),
	REGISTER("metadata_reg_c_5", 0x56, KEY_REG_C0 - 20, 0),
	{ "tcp_seq_num", 0x59, 32, 0, STEER_L4_TCP, CAN_ADD, { IN_TCP, 4, 4, 0 }, { 0 } },
	{ "tcp_ack_num", 0x5b, 32, 0, STEER_L4_TCP, CAN_ADD, { IN_TCP, 8, 4, 0 }, { 0 } },
	{ "ip_ecn", 0x73, 2, 0, 0, 0, { IN_IPV4, 1, 1, 0 }, { IN_IPV6, 0, 2, 4 } },
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* ---- compile ---- */

static int find_field(unsigned int id, uint8_t *ret_index)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (fields[i].id == id) {
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
			r = check_direction(direction, &fields[c->source]);
		if (r)
			return r;
		c->source_offset = c->offset;
		if (c->source_offset + c->length > fields[c->source].bits)
			return -EINVAL;
		id = second >> 16 & 0xfff;
		c->offset = second >> 8 & 31;
	}
	r = find_field(id, &c->field);
	if (!r)
		r = check_direction(direction, &fields[c->field]);
	if (r)
		return r;
	if (c->type == COMMAND_ADD) {
		/* The whole field, whatever the command says. */
		if (!(fields[c->field].flags & CAN_ADD))
			return -EINVAL;
		c->offset = 0;
		c->length = fields[c->field].bits;
	}
	return c->offset + c->length > fields[c->field].bits ? -EINVAL : 0;
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
		field = &fields[ret_program[i].field];
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
	const struct rewrite_field *field = &fields[c->source];
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

	place = find_place(&fields[c->field], packet, key, &base);
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
		const char *name = fields[c->field].name;

		if (c->type == COMMAND_COPY)
			fprintf(out, " copy %s[%u:%u]=%s[%u]", name, c->offset, c->length,
				fields[c->source].name, c->source_offset);
		else
			fprintf(out, " %s %s[%u:%u]=%x", c->type == COMMAND_ADD ? "add" : "set",
				name, c->offset, c->length, c->data);
	}
}
