/*
 * A plan for people and for stock dpdk-testpmd: one `flow create` command a line. Pure text.
 *
 * The lines ask for what the offload room asks the PMD for: the same match, priorities, groups,
 * marks and RSS. Syntax: testpmd's user guide, "flow rules management".
 */
#ifndef COMPILE_PLAN_TEXT_H
#define COMPILE_PLAN_TEXT_H

#include "compile/plan.h"

/* testpmd reads at most this much of a line (with NUL). */
#define PLAN_LINE_MAX 500

/*
 * A mark's value: never 0, below 0xfffff0 (mlx5.h, MLX5_FLOW_MARK_MAX), never odd: a PMD may
 * deliver a mark plus one (classify/mark.h).
 */
static inline uint32_t plan_mark_value(uint32_t slot)
{
	return (slot + 1) << 1;
}

struct plan_text_options {
	uint16_t port;
	uint16_t queues; /* 1: QUEUE 0; more: RSS over queues 0..n-1 */
	bool has_mac;    /* match the NIC's MAC */
	struct mac_addr mac;
};

/* The command without line end. 0, or -ENOSPC where `size` is too small. */
int plan_rule_text(const struct plan_rule *rule, const struct plan_text_options *options,
		   char *buffer, size_t size);

/* Which rule of the policy a device rule is for, "nic: allow-web"; "" where it is for none. */
void plan_rule_origin(const struct plan *plan, const struct program *program,
		      const struct plan_rule *rule, char *buffer, size_t size);

const char *plan_action_name(enum plan_action action); /* "mark", "drop", "unmarked", "next" */
const char *plan_cause_name(enum plan_cause cause);    /* "rule", "exception", "isolation", ... */
const char *plan_kind_name(enum plan_kind kind);       /* "tcp-settled", "tcp-opener", ... */

#endif
