/*
 * Reading marks at the head of a burst: see marks.h.
 */
#include "datapath/marks.h"

#include "datapath/count.h"

#include <rte_mbuf.h>

/*
 * Settled marks wait while connections may have to be cut, or have been: their segments must meet
 * the table.
 */
static bool may_settle(const struct lane *lane, const struct snapshot *snapshot, uint64_t now)
{
	return snapshot->settles && now >= snapshot->ruleset->settles_from &&
	       !conn_table_has_tombstones(lane->view->connections);
}

/*
 * `number` segments in a row by one slot. Where software would have asked, acl counts each packet
 * and the NSGs do not.
 */
static void count_settled(struct lane *lane, const struct snapshot *snapshot,
			  const struct mark_slot *slot, unsigned number, uint64_t now)
{
	const uint32_t *base = snapshot->ruleset->hit_base[DIRECTION_INBOUND];
	struct rule_hit *hits = snapshot->counted->hits[lane->queue];

	for (int stage = 0; stage < STAGES; stage++) {
		struct rule_hit *hit = &hits[base[stage] + slot->verdict.rule[stage]];

		if (slot->verdict.rule[stage] == CLASSIFIER_NO_RULE)
			continue;
		count(stage == STAGE_ACL ? &hit->packets : &hit->settled, number);
		__atomic_store_n(&hit->last, now, __ATOMIC_RELAXED);
	}
}

/* The flags of all packets together: most bursts have no mark at all. */
static bool any_marked(struct rte_mbuf *const *mbufs, unsigned number)
{
	uint64_t flags = 0;

	for (unsigned i = 0; i < number; i++)
		flags |= mbufs[i]->ol_flags;
	return flags & RTE_MBUF_F_RX_FDIR_ID;
}

static const struct mark_slot *slot_of(const struct snapshot *snapshot, const struct rte_mbuf *mbuf)
{
	if (!(mbuf->ol_flags & RTE_MBUF_F_RX_FDIR_ID))
		return NULL;
	return mark_look_up(snapshot->marks, mbuf->hash.fdir.hi);
}

/* Settled packets, counted run by run. */
struct run {
	const struct mark_slot *slot;
	unsigned length;
};

static void end_run(struct lane *lane, const struct snapshot *snapshot, const struct run *run,
		    uint64_t now)
{
	if (run->length > 0)
		count_settled(lane, snapshot, run->slot, run->length, now);
}

static void sort(struct lane *lane, const struct snapshot *snapshot, unsigned number, uint64_t now,
		 struct forward_scratch *scratch, struct marked_burst *ret)
{
	const struct nic_view *view = lane->view;
	const bool settles = may_settle(lane, snapshot, now);
	struct run run = { 0 };
	unsigned given = 0;

	for (unsigned i = 0; i < number; i++) {
		struct rte_mbuf *mbuf = scratch->received[i];
		const struct mark_slot *slot = slot_of(snapshot, mbuf);

		if (slot && settles && slot->kind == MARK_SETTLED &&
		    (mbuf->ol_flags & view->settled_mask) == view->settled_flags) {
			ret->settled |= 1ULL << i;
			if (slot != run.slot) {
				end_run(lane, snapshot, &run, now);
				run = (struct run){ .slot = slot };
			}
			run.length++;
			continue;
		}
		given += slot != NULL;
		scratch->given[ret->judge_count] = slot ? &slot->verdict : NULL;
		scratch->judged[ret->judge_count++] = mbuf;
	}
	end_run(lane, snapshot, &run, now);
	if (given > 0) {
		lane->judge.given = scratch->given;
		count(&lane->counters.classified_by_mark, given);
	}
}

void marks_sort(struct lane *lane, const struct snapshot *snapshot, unsigned number, uint64_t now,
		struct forward_scratch *scratch, struct marked_burst *ret)
{
	lane->judge.given = NULL;
	if (!any_marked(scratch->received, number)) {
		*ret = (struct marked_burst){ .judge = scratch->received, .judge_count = number };
		return;
	}
	*ret = (struct marked_burst){ .judge = scratch->judged };
	sort(lane, snapshot, number, now, scratch, ret);
}
