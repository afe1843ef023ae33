/*
 * Masks and values of matchers: PRM bytes in, compiled masks and packed values out. What a real
 * ConnectX-5 could match and this model does not, is refused here, field by field.
 */
#include "azhost/connectx/steering/match.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* What a field needs of the mask beside itself, above the root table: the STE builders of
 * rdma-core pick their format by the IP version (dr_matcher.c, dr_matcher_set_ste_builders). */
enum { ANY_L3, NEEDS_IP };

/* Modelled fields. bits: of the big-endian number of `bytes` bytes at `offset`; 0 stands for all
 * of them. Whatever is not in this table answers EOPNOTSUPP. */
struct match_field {
	const char *name; /* as in the PRM */
	uint16_t offset;
	uint8_t bytes;
	uint8_t layer;
	uint8_t needs;
	uint32_t bits;
};

static const struct match_field fields[] = {
	{ "smac_47_16", KEY_SMAC, 4, MATCH_L2, ANY_L3, 0 },
	{ "smac_15_0", KEY_SMAC + 4, 2, MATCH_L2, ANY_L3, 0 },
	{ "ethertype", KEY_ETHERTYPE, 2, MATCH_L2, ANY_L3, 0 },
	{ "dmac_47_16", KEY_DMAC, 4, MATCH_L2, ANY_L3, 0 },
	{ "dmac_15_0", KEY_DMAC + 4, 2, MATCH_L2, ANY_L3, 0 },
	{ "first_prio_cfi_vid", KEY_FIRST_TCI, 2, MATCH_L2, ANY_L3, 0 },
	{ "ip_protocol", KEY_IP_PROTOCOL, 1, MATCH_L4, NEEDS_IP, 0 },
	{ "ip_dscp", KEY_IP_DSCP_ECN, 1, MATCH_L3, NEEDS_IP, 0xfc },
	{ "ip_ecn", KEY_IP_DSCP_ECN, 1, MATCH_L3, NEEDS_IP, 0x03 },
	{ "cvlan_tag", KEY_L3_BITS, 2, MATCH_L2, ANY_L3, L3_BITS_CVLAN },
	{ "svlan_tag", KEY_L3_BITS, 2, MATCH_L2, ANY_L3, L3_BITS_SVLAN },
	{ "frag", KEY_L3_BITS, 2, MATCH_L3, ANY_L3, L3_BITS_FRAGMENT },
	{ "ip_version", KEY_L3_BITS, 2, MATCH_L3, ANY_L3, L3_BITS_VERSION },
	{ "tcp_flags", KEY_L3_BITS, 2, MATCH_L4, NEEDS_IP, L3_BITS_TCP_FLAGS },
	{ "tcp_sport", KEY_TCP_SPORT, 2, MATCH_L4, NEEDS_IP, 0 },
	{ "tcp_dport", KEY_TCP_DPORT, 2, MATCH_L4, NEEDS_IP, 0 },
	{ "ipv4_ihl", KEY_IPV4_IHL, 1, MATCH_L3, NEEDS_IP, 0xf0 },
	{ "ip_ttl_hoplimit", KEY_TTL, 1, MATCH_L3, NEEDS_IP, 0 },
	{ "udp_sport", KEY_UDP_SPORT, 2, MATCH_L4, NEEDS_IP, 0 },
	{ "udp_dport", KEY_UDP_DPORT, 2, MATCH_L4, NEEDS_IP, 0 },
	{ "src_ipv6_127_96", KEY_SRC_IPV6, 4, MATCH_L3, NEEDS_IP, 0 },
	{ "src_ipv6_95_64", KEY_SRC_IPV6 + 4, 4, MATCH_L3, NEEDS_IP, 0 },
	{ "src_ipv6_63_32", KEY_SRC_IPV6 + 8, 4, MATCH_L3, NEEDS_IP, 0 },
	{ "src_ip_31_0", KEY_SRC_IPV4, 4, MATCH_L3, NEEDS_IP, 0 },
	{ "dst_ipv6_127_96", KEY_DST_IPV6, 4, MATCH_L3, NEEDS_IP, 0 },
	{ "dst_ipv6_95_64", KEY_DST_IPV6 + 4, 4, MATCH_L3, NEEDS_IP, 0 },
	{ "dst_ipv6_63_32", KEY_DST_IPV6 + 8, 4, MATCH_L3, NEEDS_IP, 0 },
	{ "dst_ip_31_0", KEY_DST_IPV4, 4, MATCH_L3, NEEDS_IP, 0 },
	{ "source_sqn", KEY_SOURCE_SQN, 4, MATCH_L2, ANY_L3, 0x00ffffff },
	{ "outer_second_prio_cfi_vid", KEY_SECOND_TCI, 2, MATCH_L2, ANY_L3, 0 },
	{ "outer_second_cvlan_tag", KEY_SECOND_BITS, 1, MATCH_L2, ANY_L3, SECOND_BITS_CVLAN },
	{ "outer_second_svlan_tag", KEY_SECOND_BITS, 1, MATCH_L2, ANY_L3, SECOND_BITS_SVLAN },
	{ "outer_ipv6_flow_label", KEY_IPV6_FLOW_LABEL, 4, MATCH_L3, ANY_L3, 0x000fffff },
	{ "metadata_reg_c_7", KEY_REG_C7, 4, MATCH_L2, ANY_L3, 0 },
	{ "metadata_reg_c_6", KEY_REG_C7 + 4, 4, MATCH_L2, ANY_L3, 0 },
	{ "metadata_reg_c_5", KEY_REG_C7 + 8, 4, MATCH_L2, ANY_L3, 0 },
	{ "metadata_reg_c_4", KEY_REG_C7 + 12, 4, MATCH_L2, ANY_L3, 0 },
	{ "metadata_reg_c_3", KEY_REG_C7 + 16, 4, MATCH_L2, ANY_L3, 0 },
	{ "metadata_reg_c_2", KEY_REG_C7 + 20, 4, MATCH_L2, ANY_L3, 0 },
	{ "metadata_reg_c_1", KEY_REG_C7 + 24, 4, MATCH_L2, ANY_L3, 0 },
	{ "metadata_reg_c_0", KEY_REG_C0, 4, MATCH_L2, ANY_L3, 0 },
	{ "metadata_reg_a", KEY_REG_A, 4, MATCH_L2, ANY_L3, 0 },
	{ "outer_tcp_seq_num", KEY_TCP_SEQ, 4, MATCH_L4, ANY_L3, 0 },
	{ "outer_tcp_ack_num", KEY_TCP_ACK, 4, MATCH_L4, ANY_L3, 0 },
	{ "icmp_header_data", KEY_ICMP_DATA, 4, MATCH_L4, ANY_L3, 0 },
	{ "icmpv6_header_data", KEY_ICMPV6_DATA, 4, MATCH_L4, ANY_L3, 0 },
	{ "icmp_type", KEY_ICMP_TYPE, 1, MATCH_L4, ANY_L3, 0 },
	{ "icmp_code", KEY_ICMP_TYPE + 1, 1, MATCH_L4, ANY_L3, 0 },
	{ "icmpv6_type", KEY_ICMPV6_TYPE, 1, MATCH_L4, ANY_L3, 0 },
	{ "icmpv6_code", KEY_ICMPV6_TYPE + 1, 1, MATCH_L4, ANY_L3, 0 },
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* The sections of fte_match_param in their order there; key is -1 where they are not modelled. */
static const struct match_section {
	uint8_t criterion;
	int16_t key;
} sections[] = {
	{ MATCH_OUTER, KEY_OUTER }, { MATCH_MISC, KEY_MISC },
	{ MATCH_INNER, -1 },        { MATCH_MISC2, KEY_MISC2 },
	{ MATCH_MISC3, KEY_MISC3 }, { MATCH_MISC4, -1 },
	{ MATCH_MISC5, -1 },        { 0, -1 },
};

#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

_Static_assert(N_SECTIONS *MATCH_SECTION_BYTES == MATCH_PARAM_BYTES, "sections fill the whole");

static bool all_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* Brings PRM bytes into key form; bits in a section that is not modelled, or not among the
 * criteria, answer `error`. */
static int key_from_param(uint8_t criteria, const void *param, size_t size, int error,
			  struct match_key *ret_key)
{
	memset(ret_key, 0, sizeof(*ret_key));
	if (size > MATCH_PARAM_BYTES || size % sizeof(uint32_t) || (size && !param))
		return -EINVAL;
	for (size_t i = 0; i * MATCH_SECTION_BYTES < size; i++) {
		const uint8_t *bytes = (const uint8_t *)param + i * MATCH_SECTION_BYTES;
		size_t left = size - i * MATCH_SECTION_BYTES;
		size_t n = left < MATCH_SECTION_BYTES ? left : MATCH_SECTION_BYTES;

		if (sections[i].key >= 0 && (criteria & sections[i].criterion))
			memcpy(ret_key->bytes + sections[i].key, bytes, n);
		else if (!all_zero(bytes, n))
			return error;
	}
	return 0;
}

static uint32_t field_all_bits(const struct match_field *field)
{
	if (field->bits)
		return field->bits;
	return field->bytes == 4 ? UINT32_MAX : (1u << (8 * field->bytes)) - 1;
}

/* The field's bits in place, as a number of field->bytes bytes. */
static uint32_t field_get(const struct match_field *field, const struct match_key *key)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < field->bytes; i++)
		value = value << 8 | key->bytes[field->offset + i];
	return value & field_all_bits(field);
}

static void field_clear(const struct match_field *field, struct match_key *key)
{
	uint32_t all = field_all_bits(field);

	for (unsigned int i = 0; i < field->bytes; i++)
		key->bytes[field->offset + i] &= ~(all >> (8 * (field->bytes - 1 - i)));
}

/*
 * The STE matches the *type* of a header where the PRM has bits: any bit of ip_version in the mask
 * compares the whole version (the PMD masks with the version itself above the root table, so that
 * 4 under 4 must not take a 6), and either VLAN bit compares the kind of tag, none included
 * (dr_ste_v0.c: l3_type, first_vlan_qualifier).
 */
static void widen_types(struct match_key *key, bool root)
{
	uint8_t *bits = &key->bytes[KEY_L3_BITS];
	uint8_t *second = &key->bytes[KEY_SECOND_BITS];

	if (bits[0] & (L3_BITS_VERSION >> 8))
		bits[0] |= L3_BITS_VERSION >> 8;
	if (root)
		return;
	if (bits[0] & ((L3_BITS_CVLAN | L3_BITS_SVLAN) >> 8))
		bits[0] |= (L3_BITS_CVLAN | L3_BITS_SVLAN) >> 8;
	if (*second & (SECOND_BITS_CVLAN | SECOND_BITS_SVLAN))
		*second |= SECOND_BITS_CVLAN | SECOND_BITS_SVLAN;
}

/* Finds the mask's layer, and whether every bit of it is modelled and complete. */
static int check_fields(const struct match_key *key, bool root, enum match_layer *ret_layer)
{
	struct match_key left = *key;
	enum match_layer layer = MATCH_L2;
	bool has_version = key->bytes[KEY_L3_BITS] & (L3_BITS_VERSION >> 8);

	for (size_t i = 0; i < N_FIELDS; i++) {
		if (!field_get(&fields[i], key))
			continue;
		if (!root && fields[i].needs == NEEDS_IP && !has_version)
			return -EOPNOTSUPP;
		if (fields[i].layer > layer)
			layer = fields[i].layer;
		field_clear(&fields[i], &left);
	}
	if (!all_zero(left.bytes, sizeof(left.bytes)))
		return -EOPNOTSUPP;
	*ret_layer = layer;
	return 0;
}

int match_mask_compile(uint8_t criteria, const void *mask, size_t mask_size, bool root,
		       struct match_mask *ret_mask)
{
	struct match_mask compiled = { 0 };
	enum match_layer layer;
	struct match_key key;
	int r;

	if (criteria >= MATCH_CRITERIA_END)
		return -EINVAL;
	r = key_from_param(criteria, mask, mask_size, -EOPNOTSUPP, &key);
	if (r)
		return r;
	widen_types(&key, root);
	r = check_fields(&key, root, &layer);
	if (r)
		return r;
	for (unsigned int i = 0; i < KEY_WORDS; i++) {
		if (!key.words[i])
			continue;
		compiled.index[compiled.n_words] = (uint8_t)i;
		compiled.bits[compiled.n_words] = key.words[i];
		compiled.n_words++;
	}
	compiled.layer = (uint8_t)layer;
	*ret_mask = compiled;
	return 0;
}

int match_value_pack(const struct match_mask *mask, const void *value, size_t value_size,
		     uint64_t *ret_packed)
{
	struct match_key key;
	unsigned int next = 0;
	int r;

	r = key_from_param(MATCH_CRITERIA_END - 1, value, value_size, -EINVAL, &key);
	if (r)
		return r;
	for (unsigned int i = 0; i < KEY_WORDS; i++) {
		bool masked = next < mask->n_words && mask->index[next] == i;

		if (key.words[i] & ~(masked ? mask->bits[next] : 0))
			return -EINVAL;
		if (masked)
			next++;
	}
	for (unsigned int i = 0; i < mask->n_words; i++)
		ret_packed[i] = key.words[mask->index[i]];
	return 0;
}

void match_print(FILE *out, const struct match_mask *mask, const uint64_t *packed)
{
	struct match_key mask_key = { 0 }, value_key = { 0 };

	for (unsigned int i = 0; i < mask->n_words; i++) {
		mask_key.words[mask->index[i]] = mask->bits[i];
		value_key.words[mask->index[i]] = packed ? packed[i] : 0;
	}
	for (size_t i = 0; i < N_FIELDS; i++) {
		uint32_t bits = field_get(&fields[i], &mask_key);
		int digits = 2 * fields[i].bytes;

		if (!bits)
			continue;
		fprintf(out, " %s=", fields[i].name);
		if (packed)
			fprintf(out, "%0*x/", digits, field_get(&fields[i], &value_key));
		fprintf(out, "%0*x", digits, bits);
	}
}
