/*
 * Completion queues: owner bits, consumer index, error entries, and the event for a CQ that the
 * program armed before it went to sleep.
 */
#include "azhost/connectx/event.h"
#include "azhost/connectx/queue.h"

#include <string.h>

/*
 * The PMD keeps the Tx consumer index in 16 bits (cq_ci in mlx5_tx.h) and the Rx one in 24 that
 * count (mlx5_rx.h): compare what both have, which is enough up to 32768 entries.
 */
static uint32_t outstanding(const struct cx_cq *cq)
{
	uint32_t mask = cq->ring.log_entries < 16 ? 0xffff : 0xffffff;

	return (cq->produced - cx_ring_doorbell(&cq->ring, DOORBELL_RECEIVE)) & mask;
}

struct cx_cqe *cx_cq_reserve(struct cx_cq *cq)
{
	struct cx_cqe *cqe;

	if (outstanding(cq) >= 1u << cq->ring.log_entries)
		return NULL;
	cqe = (struct cx_cqe *)cx_ring_entry(&cq->ring, cq->produced);
	memset(cqe, 0, offsetof(struct cx_cqe, op_own));
	return cqe;
}

void cx_cq_post(struct cx_cq *cq, struct cx_cqe *cqe, enum cx_cqe_opcode opcode,
		unsigned int frames)
{
	uint8_t owner = cq->produced >> cq->ring.log_entries & 1;

	__atomic_store_n(&cqe->op_own, (uint8_t)(opcode << 4 | owner), __ATOMIC_RELEASE);
	cq->produced++;
	cq->frames += frames;
	/* The program's CPU has the next entry, which it has read before. */
	__builtin_prefetch(cx_ring_entry(&cq->ring, cq->produced), 1);
}

void cx_cq_post_error(struct cx_cq *cq, enum cx_cqe_opcode opcode, enum cx_syndrome syndrome,
		      uint32_t opcode_qpn, uint16_t wqe_counter, uint32_t user_index)
{
	struct cx_cqe *cqe = cx_cq_reserve(cq);
	struct cx_error_cqe *error = (struct cx_error_cqe *)cqe;

	if (!cqe)
		return;
	error->user_index = htobe32(user_index);
	error->syndrome = (uint8_t)syndrome;
	error->opcode_qpn = htobe32(opcode_qpn);
	error->wqe_counter = htobe16(wqe_counter);
	cx_cq_post(cq, cqe, opcode, 0);
}

uint64_t cx_cq_unseen(const struct cx_cq *cq)
{
	uint64_t n = outstanding(cq);

	return n < cq->frames ? n : cq->frames;
}

/*
 * The arm word is sequence << 28 | consumer index, and each arming is for one event: it is due once
 * a CQE at or after that index exists. An armed word of 0 cannot be told from a record that was
 * never armed, so the first event may come unasked; the PMD takes that as an empty poll.
 */
void cx_cq_notify(struct cx_cq *cq)
{
	uint32_t arm = cx_ring_doorbell(&cq->ring, DOORBELL_SEND);
	uint32_t ahead = (cq->produced - arm) & 0xffffff;

	if (!cq->channel || (cq->armed_once && arm == cq->last_arm))
		return;
	if (ahead == 0 || ahead > 0x7fffff)
		return;
	if (!cx_event_channel_post(cq->channel, cq->cookie))
		return; /* the program has not read the last one yet: tried again */
	cq->last_arm = arm;
	cq->armed_once = true;
}
