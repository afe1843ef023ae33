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

static const struct mark_slot *slot_of(const struct snapshot *snapshot, const struct rte_mbuf *mbuf)
{
	if (!(mbuf->ol_flags & RTE_MBUF_F_RX_FDIR_ID))
		return NULL;
	return mark_look_up(snapshot->marks, mbuf->hash.fdir.hi);
}

static uint32_t place_of(const struct lane *lane, const struct rte_mbuf *mbuf)
{
	if (!(mbuf->ol_flags & RTE_MBUF_F_RX_FDIR_ID) || !lane->view->connection_marks)
		return CONN_NOT_FOUND;
	return conn_marks_place(lane->view->connection_marks, mbuf->hash.fdir.hi);
}

/* Settled packets with one mark in a row, counted together. */
struct run {
	uint32_t mark;
	const struct mark_slot *slot;
	unsigned length; /* 0: none yet; then nothing has the mark */
};

static void end_run(struct lane *lane, const struct snapshot *snapshot, const struct run *run,
		    uint64_t now)
{
	if (run->length > 0)
		count_settled(lane, snapshot, run->slot, run->length, now);
}

/* True where the packet is settled: then it has been counted. */
static bool settle(struct lane *lane, const struct snapshot *snapshot, uint32_t mark,
		   const struct mark_slot *slot, struct run *run, uint64_t now)
{
	if (!slot || slot->kind != MARK_SETTLED)
		return false;
	end_run(lane, snapshot, run, now);
	*run = (struct run){ .mark = mark, .slot = slot, .length = 1 };
	return true;
}

void marks_sort(struct lane *lane, const struct snapshot *snapshot, unsigned number, uint64_t now,
		struct forward_scratch *scratch, struct marked_burst *ret)
{
	const uint64_t mask = lane->view->settled_mask, flags = lane->view->settled_flags;
	const bool settles = may_settle(lane, snapshot, now);
	unsigned judged = 0, given = 0, placed = 0;
	uint64_t settled = 0;
	struct run run = { 0 };

	for (unsigned i = 0; i < number; i++) {
		struct rte_mbuf *mbuf = scratch->received[i];
		const bool intact = settles && (mbuf->ol_flags & mask) == flags;
		const struct mark_slot *slot;

		if (intact && run.length > 0 && mbuf->hash.fdir.hi == run.mark) {
			settled |= 1ULL << i;
			run.length++;
			continue;
		}
		slot = slot_of(snapshot, mbuf);
		if (intact && settle(lane, snapshot, mbuf->hash.fdir.hi, slot, &run, now)) {
			settled |= 1ULL << i;
			continue;
		}
		given += slot != NULL;
		scratch->given[judged] = slot ? &slot->verdict : NULL;
		scratch->places[judged] = slot ? CONN_NOT_FOUND : place_of(lane, mbuf);
		placed += scratch->places[judged] != CONN_NOT_FOUND;
		scratch->judged[judged++] = mbuf;
	}
	end_run(lane, snapshot, &run, now);
	*ret = (struct marked_burst){
		.settled = settled,
		.judge = scratch->judged,
		.judge_count = judged,
	};
	if (placed > 0)
		lane->judge.places = scratch->places;
	if (given > 0) {
		lane->judge.given = scratch->given;
		count(&lane->counters.classified_by_mark, given);
	}
}
