/*
 * The rte_flow plan: what a policy becomes in a NIC of a given tier. Pure; no port, no DPDK.
 *
 * Only inbound packets can be judged in hardware. A plan holds, exactly:
 *
 *     drops   acl denies; TCP openers that the NSGs deny; isolation (source guard)
 *     marks   regions whose packets software would allow as the first of a connection
 *
 * and leaves everything else unmarked, which is always right: software decides. A mark names a
 * slot, and a slot names the rules that decide its region. Each emitted rule is one device rule.
 *
 * Tiers (docs/offload.md):
 *     T3  groups, jumps, tags, many priorities    rules in policy order, address sets by tags
 *     T2  group 0 with two priorities, or three   disjoint marks and drops, exceptions above them
 *     T1  drops on simple patterns                acl denies that no other acl rule crosses
 *     T0  nothing
 *
 * Inside one priority a rule with an L4 part wins over one with an L3 part only (mlx5_flow.c,
 * mlx5_flow_adjust_priority: the sub-priority is the last layer). Two rules that tie and disagree
 * are a bug of the plan: plan_judge() says so.
 */
#ifndef COMPILE_PLAN_H
#define COMPILE_PLAN_H

#include "base/error.h"
#include "compile/program.h"
#include "compile/tuple.h"

enum plan_tier { TIER_T0, TIER_T1, TIER_T2, TIER_T3 };
#define PLAN_TIERS 4

/*
 * The kinds of packets that hardware tells apart. They are disjoint, none holds fragments, and all
 * are to the NIC's MAC and untagged. Packets of no kind are software's.
 */
enum plan_kind {
	PLAN_TCP_SETTLED, /* ACK and none of SYN, FIN, RST */
	PLAN_TCP_OPENER,  /* SYN without ACK */
	PLAN_UDP,
	PLAN_ICMP, /* ICMP in IPv4, ICMPv6 in IPv6 */
};
#define PLAN_KINDS 4

/* Tags of T3: bits that stage A sets for the address groups that hold an address. */
#define PLAN_TAG_SOURCE      0
#define PLAN_TAG_DESTINATION 1
#define PLAN_TAGS            2
#define PLAN_TAG_BITS        32

struct plan_match {
	enum ip_family family;
	struct ip_prefix source; /* length 0: any */
	struct ip_prefix destination;
	bool has_kind; /* false: L3 only, whatever follows */
	enum plan_kind kind;
	/* Host byte order; mask 0: any. With PLAN_ICMP always 0. */
	uint16_t source_port, source_port_mask;
	uint16_t destination_port, destination_port_mask;
	uint32_t tags[PLAN_TAGS]; /* all of these bits are set */
};

enum plan_action {
	PLAN_UNMARKED, /* to the queues without a mark */
	PLAN_MARK,     /* to the queues with the slot's mark */
	PLAN_DROP,
	PLAN_NEXT, /* set `tags`, go on in group + 1 */
};

/* What kept a region out of hardware, or brought the rule about. */
enum plan_cause {
	PLAN_FOR_RULE,      /* a mark or drop of its entry */
	PLAN_FOR_EXCEPTION, /* leaves to software what a wider rule below it must not decide */
	PLAN_FOR_ISOLATION,
	PLAN_FOR_PLATFORM, /* leaves to software what may be a reply of Azure's own services */
	PLAN_FOR_STAGE,    /* T3: moves between groups */
};

struct plan_rule {
	uint32_t group;
	uint32_t priority;
	struct plan_match match;
	enum plan_action action;
	enum plan_cause cause;
	uint32_t slot;            /* of a mark: index into slots */
	uint32_t tags[PLAN_TAGS]; /* bits that PLAN_NEXT sets */
	uint32_t entry;           /* index into entries; UINT32_MAX where cause is not for one */
};

/* A region of the policy: what each stage's first match is. In order, the first that holds. */
struct plan_entry {
	uint16_t rule[STAGES]; /* index in the chain; UINT16_MAX: the stage is absent or has no
				  match */
	enum access access;
	enum stage stage; /* that decides */
};

/* What a mark means: the entry's rules, and whether software need not look at all. */
struct plan_slot {
	uint32_t entry;
	bool settled; /* TCP segments of an established connection: forward without looking */
};

struct plan_lookup;

struct plan_options {
	enum plan_tier tier;
	uint32_t rule_limit; /* most device rules; 0: the tier's own */
	uint32_t priorities; /* user priorities in group 0; 0: 2 */
	bool drops;          /* false: audit mode, or a flow log that must see every packet */
	/*
	 * How often each rule of chain[DIRECTION_INBOUND] was hit, by stage and index; NULL: not
	 * known. Where not everything fits, what was hit most for each device rule goes first.
	 * Never changes what is right, and is borrowed for the call.
	 */
	const uint64_t *hits[STAGES];
};

#define PLAN_SHARE_ALL 1000

struct plan {
	enum plan_tier tier;
	uint32_t priorities; /* user priorities in group 0 that it was made for */
	struct plan_rule *rules;
	size_t rule_count;
	struct plan_entry *entries;
	size_t entry_count;
	struct plan_slot *slots;
	size_t slot_count;
	/* Entries with a region that this plan leaves to software though the tier could name it. */
	size_t spilled;
	char form[96]; /* which form was chosen and why, for people */
	/* By stage: a bit for each rule of the chain, see plan_rule_is_in_hardware(). */
	uint64_t *decided[STAGES];
	/*
	 * By entry: how much of it the plan decides, in parts of PLAN_SHARE_ALL, its regions taken
	 * to be worth the same. NULL where nobody has measured.
	 */
	uint16_t *share;
	struct plan_lookup *lookup; /* plan_judge()'s own; without it that is slow */
};

/*
 * Compiles the inbound side of a policy. `program` is that of `policy`; both are only borrowed for
 * the call. -ENOMEM, else 0: what does not fit is left to software.
 */
int plan_new(const struct policy *policy, const struct program *program,
	     const struct plan_options *options, struct plan **ret, struct accelnet_error *err);
void plan_free(struct plan *plan);

/* Which rules of a chain hardware decides for, per stage: marks or drops of an entry that names it.
 */
bool plan_rule_is_in_hardware(const struct plan *plan, enum stage stage, uint16_t rule);

/* How often packets of the entry came, at most: the least that one of its rules was hit. */
uint64_t plan_entry_hits(const struct plan_entry *entry, const uint64_t *const hits[STAGES]);
/*
 * Of what was hit so, the part that the plan decides, in parts of PLAN_SHARE_ALL. False where
 * nothing was hit.
 */
bool plan_share(const struct plan *plan, const uint64_t *const hits[STAGES], unsigned *ret);

/* --- the interpreter: what a device of the tier would do --- */

struct plan_packet {
	enum ip_family family;
	ip_number source;
	ip_number destination;
	uint8_t protocol;
	uint16_t source_port;
	uint16_t destination_port;
	uint8_t tcp_flags; /* RFC 9293: FIN 1, SYN 2, RST 4, ACK 16 */
	bool fragment;
};

struct plan_answer {
	enum plan_action action; /* where no rule of group 0 matches: PLAN_UNMARKED */
	uint32_t slot;           /* of PLAN_MARK */
	uint32_t rule;           /* index of the rule that matched; UINT32_MAX: none */
	bool tie;                /* two rules of one rank matched and disagree: a bug of the plan */
};

void plan_judge(const struct plan *plan, const struct plan_packet *packet, struct plan_answer *ret);

/* Whether a device would take the two for the same rule, whatever their actions. */
bool plan_rules_have_one_match(const struct plan_rule *a, const struct plan_rule *b);

const char *plan_tier_name(enum plan_tier tier);            /* "T3" */
int plan_tier_parse(const char *text, enum plan_tier *ret); /* 0 or -EINVAL */

#endif
