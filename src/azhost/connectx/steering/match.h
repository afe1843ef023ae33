/*
 * What a matcher can look at: the fields of the PRM's struct fte_match_param that are modelled,
 * as a compact key that a packet is parsed into once.
 *
 * Layout sources: PRM "Flow Table Entry Match Parameters", as DPDK 22.11 has it in
 * drivers/common/mlx5/mlx5_prm.h (mlx5_ifc_fte_match_set_lyr_2_4_bits, _misc_bits, _misc2_bits,
 * _misc3_bits). Everything in a key is in the PRM's own byte order (big-endian) and at the PRM's
 * own offset inside its section; sections that are not modelled (inner headers, misc4, misc5) are
 * left out.
 *
 * Threads: no state; any.
 */
#ifndef AZHOST_CONNECTX_STEERING_MATCH_H
#define AZHOST_CONNECTX_STEERING_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* match_criteria_enable: which sections of fte_match_param the mask uses (PRM,
 * CREATE_FLOW_GROUP). */
enum match_criteria {
	MATCH_OUTER = 1 << 0,
	MATCH_MISC = 1 << 1,
	MATCH_INNER = 1 << 2,
	MATCH_MISC2 = 1 << 3,
	MATCH_MISC3 = 1 << 4,
	MATCH_MISC4 = 1 << 5,
	MATCH_MISC5 = 1 << 6,
	MATCH_CRITERIA_END = 1 << 7,
};

#define MATCH_SECTION_BYTES 64
#define MATCH_PARAM_BYTES   (8 * MATCH_SECTION_BYTES) /* the largest that rdma-core takes */

/* Offsets of the modelled sections in a key. */
enum {
	KEY_OUTER = 0,
	KEY_MISC = 64,
	KEY_MISC2 = 128,
	KEY_MISC3 = 192,
	KEY_BYTES = 256,
	KEY_WORDS = KEY_BYTES / 8,
};

/* Offsets of fields in a key, in bytes; bit fields share the byte or word that is named. */
enum {
	KEY_SMAC = KEY_OUTER + 0x00,
	KEY_ETHERTYPE = KEY_OUTER + 0x06,
	KEY_DMAC = KEY_OUTER + 0x08,
	KEY_FIRST_TCI = KEY_OUTER + 0x0e, /* first_prio:3 first_cfi:1 first_vid:12 */
	KEY_IP_PROTOCOL = KEY_OUTER + 0x10,
	KEY_IP_DSCP_ECN = KEY_OUTER + 0x11, /* ip_dscp:6 ip_ecn:2 */
	KEY_L3_BITS = KEY_OUTER + 0x12,     /* cvlan_tag svlan_tag frag ip_version:4 tcp_flags:9 */
	KEY_TCP_SPORT = KEY_OUTER + 0x14,
	KEY_TCP_DPORT = KEY_OUTER + 0x16,
	KEY_IPV4_IHL = KEY_OUTER + 0x1a, /* ipv4_ihl:4 l3_ok l4_ok ipv4_ and l4_checksum_ok */
	KEY_TTL = KEY_OUTER + 0x1b,
	KEY_UDP_SPORT = KEY_OUTER + 0x1c,
	KEY_UDP_DPORT = KEY_OUTER + 0x1e,
	KEY_SRC_IPV6 = KEY_OUTER + 0x20,
	KEY_SRC_IPV4 = KEY_OUTER + 0x2c,
	KEY_DST_IPV6 = KEY_OUTER + 0x30,
	KEY_DST_IPV4 = KEY_OUTER + 0x3c,
	KEY_SOURCE_SQN = KEY_MISC + 0x00, /* the low 24 bits of the word */
	KEY_SECOND_TCI = KEY_MISC + 0x08,
	KEY_SECOND_BITS = KEY_MISC + 0x0c,     /* outer_second_cvlan_tag 0x80, _svlan_tag 0x20 */
	KEY_IPV6_FLOW_LABEL = KEY_MISC + 0x1c, /* the low 20 bits of the word */
	KEY_REG_C7 = KEY_MISC2 + 0x10,         /* registers count down: C7 first, C0 last */
	KEY_REG_C0 = KEY_MISC2 + 0x2c,
	KEY_REG_A = KEY_MISC2 + 0x30,
	KEY_REG_B = KEY_MISC2 + 0x34,
	KEY_TCP_SEQ = KEY_MISC3 + 0x04,
	KEY_TCP_ACK = KEY_MISC3 + 0x0c,
	KEY_ICMP_DATA = KEY_MISC3 + 0x18,
	KEY_ICMPV6_DATA = KEY_MISC3 + 0x1c,
	KEY_ICMP_TYPE = KEY_MISC3 + 0x20,
	KEY_ICMPV6_TYPE = KEY_MISC3 + 0x22,
};

/* Bits of the 16-bit word at KEY_L3_BITS. */
#define L3_BITS_CVLAN         0x8000
#define L3_BITS_SVLAN         0x4000
#define L3_BITS_FRAGMENT      0x2000
#define L3_BITS_VERSION       0x1e00
#define L3_BITS_VERSION_SHIFT 9
#define L3_BITS_TCP_FLAGS     0x01ff

#define SECOND_BITS_CVLAN 0x80
#define SECOND_BITS_SVLAN 0x20

struct match_key {
	_Alignas(64) union {
		uint8_t bytes[KEY_BYTES];
		uint64_t words[KEY_WORDS];
	};
};

/* The deepest header that a mask looks at; registers and "anything" count as L2. */
enum match_layer {
	MATCH_L2,
	MATCH_L3,
	MATCH_L4,
};

/* A compiled mask: the key's words with any bit set. Immutable once made. */
struct match_mask {
	uint8_t n_words;
	uint8_t layer; /* enum match_layer */
	uint8_t index[KEY_WORDS];
	uint64_t bits[KEY_WORDS];
};

/* The errors are those of steer_matcher_new(). root: for the root table, where firmware checks,
 * or above it, where rdma-core does and needs the IP version for anything from L3 up. */
int match_mask_compile(uint8_t criteria, const void *mask, size_t mask_size, bool root,
		       struct match_mask *ret_mask);

/* The value's masked words, mask->n_words of them. -EINVAL if it has a bit outside the mask. */
int match_value_pack(const struct match_mask *mask, const void *value, size_t value_size,
		     uint64_t *ret_packed);

/* The key's masked words, and their hash. */
static inline uint64_t match_key_pack(const struct match_mask *mask, const struct match_key *key,
				      uint64_t *ret_packed);
static inline uint64_t match_hash(const uint64_t *packed, unsigned int n_words);

/* "dst_ipv4=0a000001/ffffff00 tcp_dport=0050/ffff": for people. */
void match_print(FILE *out, const struct match_mask *mask, const uint64_t *packed);

/* One word of a hash: the 128-bit product folded, so that every bit of the word (addresses sit in
 * the top bytes of little-endian words) reaches the low bits that pick the slot. */
static inline uint64_t match_mix(uint64_t word, uint64_t secret)
{
	unsigned __int128 product = (unsigned __int128)(word ^ secret) * 0x9fb21c651e98df25ull;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t match_hash_step(uint64_t hash, uint64_t word, unsigned int i)
{
	return hash + match_mix(word, 0xa0761d6478bd642full * (2 * i + 1));
}

static inline uint64_t match_hash_end(uint64_t hash)
{
	return match_mix(hash, 0xe7037ed1a0b428dbull);
}

static inline uint64_t match_hash(const uint64_t *packed, unsigned int n_words)
{
	uint64_t hash = 0;

	for (unsigned int i = 0; i < n_words; i++)
		hash = match_hash_step(hash, packed[i], i);
	return match_hash_end(hash);
}

static inline uint64_t match_key_pack(const struct match_mask *mask, const struct match_key *key,
				      uint64_t *ret_packed)
{
	uint64_t hash = 0;

	for (unsigned int i = 0; i < mask->n_words; i++) {
		ret_packed[i] = key->words[mask->index[i]] & mask->bits[i];
		hash = match_hash_step(hash, ret_packed[i], i);
	}
	return match_hash_end(hash);
}

#endif
