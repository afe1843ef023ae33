/*
 * Completion queues: owner bits, consumer index, compressed sessions, error entries, and the event
 * for a CQ that the program armed before it went to sleep.
 */
#include "azhost/connectx/compress.h"
#include "azhost/connectx/device.h"
#include "azhost/connectx/event.h"
#include "azhost/connectx/queue.h"

#include <string.h>

/*
 * The PMD keeps the Tx consumer index in 16 bits (cq_ci in mlx5_tx.h) and the Rx one in 24 that
 * count (mlx5_rx.h): compare what both have, which is enough up to 32768 entries.
 */
static uint32_t outstanding_from(const struct cx_cq *cq, uint32_t consumer)
{
	uint32_t mask = cq->ring.log_entries < 16 ? 0xffff : 0xffffff;

	return (cq->produced - consumer) & mask;
}

static uint32_t outstanding(const struct cx_cq *cq)
{
	return outstanding_from(cq, cx_ring_doorbell(&cq->ring, DOORBELL_RECEIVE));
}

/* The program writes its index often: it is looked at only where the last one leaves no room. */
static bool has_room(struct cx_cq *cq)
{
	uint32_t entries = 1u << cq->ring.log_entries;
	uint32_t kept = cq->session ? cq->session->n : 0;

	if (outstanding_from(cq, cq->consumer) + kept < entries)
		return true;
	cq->consumer = cx_ring_doorbell(&cq->ring, DOORBELL_RECEIVE);
	return outstanding_from(cq, cq->consumer) + kept < entries;
}

static struct cx_cqe *slot_at(const struct cx_cq *cq, uint32_t index)
{
	return (struct cx_cqe *)cx_ring_entry(&cq->ring, index);
}

struct cx_cqe *cx_cq_reserve(struct cx_cq *cq)
{
	struct cx_cqe *cqe;

	if (!has_room(cq))
		return NULL;
	cqe = cq->session ? &cq->session->next : slot_at(cq, cq->produced);
	memset(cqe, 0, offsetof(struct cx_cqe, op_own));
	return cqe;
}

/* The CQE of the next slot, or the title of the next n, is complete but for its last byte. */
static void publish(struct cx_cq *cq, unsigned int opcode_and_format, uint32_t n)
{
	uint8_t owner = cq->produced >> cq->ring.log_entries & 1;

	__atomic_store_n(&slot_at(cq, cq->produced)->op_own, (uint8_t)(opcode_and_format | owner),
			 __ATOMIC_RELEASE);
	cq->produced += n;
	/* The program's CPU has the next entry, which it has read before. */
	__builtin_prefetch(slot_at(cq, cq->produced), 1);
}

/* All of a CQE but its last byte, which still says that the slot is the device's. */
static void fill_slot(struct cx_cq *cq, const struct cx_cqe *cqe)
{
	memcpy(slot_at(cq, cq->produced), cqe, offsetof(struct cx_cqe, op_own));
}

unsigned int cx_cq_flush(struct cx_cq *cq)
{
	struct cx_session *session = cq->session;
	uint32_t n = session ? session->n : 0;

	if (n == 0)
		return 0;
	session->n = 0;
	cq->frames += n;
	if (n == 1) {
		fill_slot(cq, &session->title);
		publish(cq, CQE_RECEIVE << 4, 1);
		return 0;
	}
	for (uint32_t i = 0; i < n; i += CX_MINI_ARRAY) {
		uint32_t many = n - i < CX_MINI_ARRAY ? n - i : CX_MINI_ARRAY;

		memcpy(slot_at(cq, cq->produced + (i ? i : 1)), &session->minis[i],
		       many * sizeof(session->minis[0]));
	}
	session->title.byte_count = htobe32(n);
	fill_slot(cq, &session->title);
	publish(cq, CQE_RECEIVE << 4 | CQE_COMPRESSED, n);
	return n;
}

/* True if the session, which begins at the next slot, may have one more before the ring ends. */
static bool session_fits(const struct cx_cq *cq)
{
	uint32_t entries = 1u << cq->ring.log_entries;

	return (cq->produced & (entries - 1)) + cq->session->n < entries;
}

/* A completion that was filled beside the ring: for a session, or not. */
static void keep(struct cx_cq *cq, enum cx_cqe_opcode opcode, unsigned int frames)
{
	struct cx_device *device = cq->object.device;

	if (!session_fits(cq) || !cx_session_takes_next(cq->session) || frames == 0)
		device->counters.compressed += cx_cq_flush(cq);
	if (frames > 0) {
		cx_session_add_next(cq->session);
		return;
	}
	fill_slot(cq, &cq->session->next);
	publish(cq, (unsigned int)opcode << 4, 1);
}

void cx_cq_post(struct cx_cq *cq, struct cx_cqe *cqe, enum cx_cqe_opcode opcode,
		unsigned int frames)
{
	(void)cqe; /* where cx_cq_reserve() said */
	if (cq->session) {
		keep(cq, opcode, frames);
		return;
	}
	publish(cq, (unsigned int)opcode << 4, 1);
	cq->frames += frames;
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
