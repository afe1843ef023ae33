/*
 * Flow steering of one emulated ConnectX VF: what rte_flow rules become once the PMD has
 * compiled them, and what they do to a packet. It knows neither DevX nor any PMD type; the
 * mlx5dv_dr_* entry points (../dr.c, ../dr_action.c) are a thin layer over it.
 *
 * Shape. A VF has one root table (level 0) for each direction, shared by every domain that is
 * open on it, and any number of tables above. A table is a list of matchers in the order in
 * which they are searched; a matcher is a mask with a hash table of rules; a rule is a value
 * and a list of actions. Names and semantics follow the DR API of rdma-core
 * (providers/mlx5/man/mlx5dv_dr_flow.3.md).
 *
 * Errors. Functions return 0 or -errno: the errno that rdma-core 44 (dr_table.c, dr_matcher.c,
 * dr_rule.c, dr_action.c), the kernel's root table (fs_core.c) or the firmware would answer.
 * Outputs (ret_x) are untouched on failure. What is not modelled is refused, never ignored.
 *
 * Threads. Control calls come from any thread; they serialise on a lock of the steering object
 * and never on a lock of the walkers. Walkers (the device thread) take no lock at all: they
 * bracket a burst with steer_enter() and steer_leave(), and a control call that takes something
 * away unlinks it, waits until every walker that was inside has left, and only then frees it
 * and returns. So when steer_rule_destroy() returns no packet will meet that rule any more. A
 * walker must therefore not sleep, nor take a lock that a caller of this interface may hold,
 * between enter and leave.
 *
 * Byte order. Match parameters are PRM bytes (struct fte_match_param, big-endian, see match.h);
 * every number in this header is in host order unless it says otherwise.
 */
#ifndef AZHOST_CONNECTX_STEERING_STEERING_H
#define AZHOST_CONNECTX_STEERING_STEERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct steering;
struct steer_domain;
struct steer_table;
struct steer_matcher;
struct steer_rule;
struct steer_action;

enum steer_direction {
	STEER_RX,
	STEER_TX,
	STEER_DIRECTIONS,
};

/* Which of two matchers of the same priority (and, in the root table, the same layer) is
 * searched first, and which of two rules of one matcher and one value, where that is allowed,
 * is the one that acts. The hardware promises none of them: a program that passes its tests under
 * one order and fails under another relies on what it may not. */
enum steer_tie {
	STEER_TIE_NEWEST, /* as dr_matcher_add_to_tbl() links them: the default */
	STEER_TIE_OLDEST,
	STEER_TIE_SHUFFLED, /* an order drawn from the seed, the same in every run */
};

/* What a profile says of steering. A count of 0 means no limit. */
struct steer_limits {
	bool sw_steering;         /* tables above the root: false is an untrusted VF */
	bool root_by_layer;       /* root table: inside a priority, L4 before L3 before L2 */
	bool root_conflicts;      /* root table: same match, contradicting actions: EEXIST */
	uint32_t root_priorities; /* matcher priorities 0..n-1 exist in the root table */
	uint32_t max_tables;      /* tables above the root, both directions together */
	uint32_t max_matchers;    /* in all tables together */
	uint32_t max_root_rules;
	uint32_t max_rules;               /* in all tables together */
	uint32_t max_rule_actions;        /* actions of one rule */
	uint32_t max_modify_actions;      /* commands of one modify-header action */
	uint32_t max_root_modify_actions; /* the same, for an action of the root table */
	enum steer_tie tie;
	uint32_t tie_seed;
};

/* No limit but 16 root priorities, software steering on, root by layer, conflicts refused, newest
 * first: where a profile starts from. */
void steer_limits_default(struct steer_limits *limits);

int steering_new(const struct steer_limits *limits, struct steering **ret_steering);
/* Gives up the owner's hold. What domains are still open keep the memory until they are destroyed,
 * so that a PMD that closes its device late finds its objects. No walker may enter any more. NULL
 * is fine. */
void steering_free(struct steering *s);

/*
 * Rule faults (azhost ctl fault). They may be set at any time, from any thread.
 *
 * nth: the nth rule creation from now on fails with error (positive errno), and so do the
 * count-1 that follow it; nth 0 clears the fault. limit: creation fails as at the profile's limit
 * while that many rules exist; 0 clears it. The profile's own limits stay. us: a creation takes so
 * much longer, for its caller alone.
 */
void steer_fault_rule_create(struct steering *s, uint64_t nth, uint64_t count, int error);
void steer_fault_rule_limit(struct steering *s, uint32_t limit);
void steer_fault_slow_rule(struct steering *s, uint32_t us);

/* The device is gone (fatal event, removal from PCI): from now on whatever would need it, that is
 * domains, tables, matchers, rules and modify-header actions, fails with EIO at creation.
 * Destroying still works, and packets find the rules that are there. */
void steer_fail(struct steering *s);

struct steer_stats {
	uint32_t tables; /* above the root */
	uint32_t matchers;
	uint32_t rules;
	uint32_t root_rules;
	uint64_t rules_created;
	uint64_t rules_refused;
};

void steering_stats(struct steering *s, struct steer_stats *ret_stats);

/* Whether any rule is in the root table of that direction: if not, every packet is a miss and the
 * walk may be spared. One load, no lock. */
bool steer_active(struct steering *s, enum steer_direction direction);

/* ---- what rules point at: embedded in their owner's object ---- */

/* A receive destination. The owner finds its object again with container_of(). `rules` counts
 * the rules that name it: while it is not 0 the owner must refuse to destroy it (firmware
 * answers BAD_RES_STATE). Zero it at creation. */
struct steer_tir {
	_Atomic uint32_t rules;
};

struct steer_count {
	_Atomic uint64_t packets;
	_Atomic uint64_t octets;
};

/* A bulk of flow counters: n cells, owned by the DevX object that embeds this; cells live until
 * after `rules` is 0. Walkers only ever add. Clearing is the owner's: remember a base. */
struct steer_counters {
	_Atomic uint32_t rules;
	uint32_t n;
	struct steer_count *cells;
};

/* ---- control: domains, tables, matchers, rules ---- */

int steer_domain_new(struct steering *s, enum steer_direction direction,
		     struct steer_domain **ret_domain);
/* -EBUSY while it has tables or actions. */
int steer_domain_destroy(struct steer_domain *domain);
/* Off: a second rule of the same match above the root answers -EEXIST. On at first. */
void steer_domain_allow_duplicates(struct steer_domain *domain, bool allow);
/* 0, or -EOPNOTSUPP on a VF without software steering. */
int steer_domain_sync(struct steer_domain *domain);

/* Level 0 is a handle on the shared root table. -EOPNOTSUPP above it without software
 * steering, -ENOMEM past the limit. */
int steer_table_new(struct steer_domain *domain, uint32_t level, struct steer_table **ret_table);
/* -EBUSY while a matcher or an action uses it. */
int steer_table_destroy(struct steer_table *table);

/* mask: mask_size bytes of fte_match_param, read during the call. criteria: MATCH_OUTER and
 * so on (match.h). -EOPNOTSUPP for a field that is not modelled, -EINVAL for bad sizes and
 * criteria. A root priority that does not exist is found out by the first rule only, as on the
 * real stack, on which the PMD counts (flow_dv_discover_priorities). */
int steer_matcher_new(struct steer_table *table, uint16_t priority, uint8_t criteria,
		      const void *mask, size_t mask_size, struct steer_matcher **ret_matcher);
/* -EBUSY while it has rules. */
int steer_matcher_destroy(struct steer_matcher *matcher);

/*
 * value: as the mask; a bit outside the mask is -EINVAL. Actions may be in any number of rules
 * at once; the array is copied.
 *
 * -EINVAL: counter offset outside its bulk, destination in another domain or not above this
 * table, the same kind of action twice, a root priority that does not exist. -EOPNOTSUPP: an
 * order of actions that the hardware does not do (dr_action.c, next_action_state). -ENOTSUP: VLAN
 * push or pop in the root table. -EEXIST: in the root table, a rule of the same match whose
 * actions contradict; above it, a duplicate where they are not allowed. -ENOSPC (root table) and
 * -ENOMEM (above): a limit. In the root table a second rule of the same match that differs only
 * in its TIR and counter adds these: the packet goes to both TIRs.
 */
int steer_rule_new(struct steer_matcher *matcher, const void *value, size_t value_size,
		   struct steer_action *const *actions, size_t n_actions,
		   struct steer_rule **ret_rule);
void steer_rule_destroy(struct steer_rule *rule);

/* ---- actions ---- */

int steer_action_new_drop(struct steer_action **ret_action);
int steer_action_new_default_miss(struct steer_action **ret_action);
/* The 24 bits that a CQE brings as flow tag. */
int steer_action_new_tag(uint32_t tag, struct steer_action **ret_action);
int steer_action_new_counter(struct steer_counters *counters, uint32_t offset,
			     struct steer_action **ret_action);
int steer_action_new_dest_tir(struct steer_tir *tir, struct steer_action **ret_action);
/* -EINVAL for the root table. */
int steer_action_new_dest_table(struct steer_table *table, struct steer_action **ret_action);
int steer_action_new_pop_vlan(struct steer_action **ret_action);
/* header: TPID << 16 | TCI. -EINVAL for a TPID other than 0x8100 and 0x88a8. */
int steer_action_new_push_vlan(uint32_t header, struct steer_action **ret_action);
/* commands: n big-endian 64-bit modification commands (PRM: set_action_in, add_action_in,
 * copy_action_in), as the PMD hands them over. root: for use in the root table, or above it. */
int steer_action_new_modify_header(struct steer_domain *domain, bool root, const void *commands,
				   size_t n, struct steer_action **ret_action);
/* -EBUSY while a rule uses it. */
int steer_action_destroy(struct steer_action *action);

/* ---- the walk ---- */

enum steer_verdict {
	STEER_DROP, /* no completion anywhere */
	STEER_TIR,  /* receive only: deliver to tirs[0..n_tirs-1] */
	STEER_MISS, /* nothing took it. Rx: the kernel's interface. Tx: the wire */
};

enum steer_l3 {
	STEER_L3_NONE,
	STEER_L3_IPV4,
	STEER_L3_IPV6,
};

enum steer_l4 {
	STEER_L4_NONE,
	STEER_L4_TCP,
	STEER_L4_UDP,
	STEER_L4_ICMP, /* and ICMPv6 */
	STEER_L4_OTHER,
};

/* Where the headers of a frame are: offsets from its first byte. All that is named here lies
 * within the frame. A later fragment has no L4; a first one has. */
struct steer_headers {
	uint8_t l3;          /* enum steer_l3 */
	uint8_t l4;          /* enum steer_l4 */
	uint8_t ip_protocol; /* after IPv6 extension headers */
	uint8_t vlans;       /* tags parsed: 0, 1 or 2 */
	uint16_t l3_offset;  /* behind the last Ethertype, whatever l3 is */
	uint16_t l4_offset;  /* valid if l4 */
	bool fragment;       /* any fragment, the first included */
	bool l3_ok;          /* IPv4 header checksum is right; true for IPv6 */
};

#define STEER_MAX_TIRS 8

struct steer_packet {
	/* in and out: the frame, without FCS, writable, rewritten in place. A VLAN push moves data
	 * down by 4 and needs as much headroom; where it is short the packet is dropped. */
	uint8_t *data;
	uint32_t length;
	uint32_t headroom;
	/* in: Tx only. The metadata of the WQE's Ethernet segment, and the SQ's number. */
	uint32_t reg_a;
	uint32_t sqn;
	/* out */
	uint32_t tag;   /* 24 bits for the CQE; 0 if no rule set one */
	uint32_t reg_b; /* CQE flow_table_metadata, Rx */
	uint32_t reg_c[8];
	struct steer_headers headers; /* of the frame as it is now */
	uint32_t n_tirs;
	struct steer_tir *tirs[STEER_MAX_TIRS];
};

/* Brackets of a burst; see "Threads" above. The walk is to be given back. Cheap enough for a
 * burst, not free: two atomic additions. */
unsigned int steer_enter(struct steering *s);
void steer_leave(struct steering *s, unsigned int walk);

/*
 * Between enter and leave, from any number of threads at once. tirs[] may be used until leave.
 *
 * A packet that no rule of the root table takes is a miss, and so is one that a rule there sends to
 * the default. One that was sent to a table above and finds no rule there, a rule without
 * destination, or one to the default, is dropped on Rx and sent on Tx: DR tables end in
 * nic_rx_drop_address and nic_tx_allow_address (rdma-core, dr_domain.c).
 */
enum steer_verdict steer_packet(struct steering *s, enum steer_direction direction,
				struct steer_packet *packet);

/* Returns when every walker that was inside at the call has left once: what an owner calls
 * after it has unlinked something that walkers reach through its own TIR or counter objects. */
void steer_synchronize(struct steering *s);

/* Only the headers, no table: for receive-side scaling of frames that are not steered. */
void steer_parse(const uint8_t *data, uint32_t length, struct steer_headers *ret_headers);

/* ---- dump (mlx5dv_dump_dr_domain and _rule): one object a line, for people ---- */

int steer_domain_dump(FILE *out, struct steer_domain *domain);
int steer_rule_dump(FILE *out, struct steer_rule *rule);

#endif
