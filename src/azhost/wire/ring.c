/*
 * The SPSC frame ring of ring.h. A record is an 8-byte header and the frame, padded to 8 bytes; it
 * never wraps: where the end of the data area is too near, a filler record leads back to the start.
 */
#include "azhost/wire/ring.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RECORD_ALIGN  8u
#define RECORD_FILLER UINT32_MAX

struct record {
	uint32_t length; /* of the frame, or RECORD_FILLER */
	uint32_t reserved;
};

static uint32_t record_bytes(uint32_t length)
{
	return (uint32_t)sizeof(struct record) +
	       ((length + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1));
}

size_t ring_bytes(uint32_t size)
{
	return sizeof(struct ring_shared) + size;
}

void ring_format(void *memory, uint32_t size)
{
	struct ring_shared *shared = memory;

	memset(shared, 0, sizeof(*shared));
	shared->size = size;
	__atomic_store_n(&shared->magic, RING_MAGIC, __ATOMIC_RELEASE);
}

static int attach(struct ring *r, void *memory, size_t available, int event)
{
	struct ring_shared *shared = memory;

	if (available < sizeof(*shared))
		return -EPROTO;
	if (__atomic_load_n(&shared->magic, __ATOMIC_ACQUIRE) != RING_MAGIC)
		return -EPROTO;

	uint32_t size = __atomic_load_n(&shared->size, __ATOMIC_RELAXED);

	if (size < RING_SIZE_MIN || (size & (size - 1)) != 0 || ring_bytes(size) > available)
		return -EPROTO;
	*r = (struct ring){
		.shared = shared,
		.data = (uint8_t *)(shared + 1),
		.size = size,
		.event = event,
	};
	return 0;
}

static int attach_at(struct ring *r, uint32_t own)
{
	if (own % RECORD_ALIGN != 0)
		return -EPROTO;
	r->own = own;
	return 0;
}

int ring_attach_producer(struct ring *r, void *memory, size_t available, int event)
{
	int rc = attach(r, memory, available, event);

	if (rc < 0)
		return rc;
	return attach_at(r, __atomic_load_n(&r->shared->head, __ATOMIC_ACQUIRE));
}

int ring_attach_consumer(struct ring *r, void *memory, size_t available, int event)
{
	int rc = attach(r, memory, available, event);

	if (rc < 0)
		return rc;
	return attach_at(r, __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE));
}

static struct record *record_at(const struct ring *r, uint32_t index)
{
	return (struct record *)(r->data + (index & (r->size - 1)));
}

int ring_put2(struct ring *r, const void *a, uint32_t a_length, const void *b, uint32_t b_length)
{
	uint32_t length = a_length + b_length;

	if (length == 0 || a_length > RING_FRAME_MAX || b_length > RING_FRAME_MAX ||
	    length > RING_FRAME_MAX)
		return -EMSGSIZE;

	uint32_t used = r->own - __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE);

	if (used > r->size || used % RECORD_ALIGN != 0)
		return -EPROTO;

	uint32_t bytes = record_bytes(length);
	uint32_t to_end = r->size - (r->own & (r->size - 1));
	uint32_t filler = to_end < bytes ? to_end : 0;

	if (filler + bytes > r->size - used)
		return RING_FULL;
	if (filler != 0)
		record_at(r, r->own)->length = RECORD_FILLER;

	struct record *rec = record_at(r, r->own + filler);
	uint8_t *to = (uint8_t *)(rec + 1);

	rec->length = length;
	if (a_length != 0)
		memcpy(to, a, a_length);
	if (b_length != 0)
		memcpy(to + a_length, b, b_length);
	r->own += filler + bytes;
	__atomic_store_n(&r->shared->pushed, r->shared->pushed + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&r->shared->head, r->own, __ATOMIC_RELEASE);
	return RING_OK;
}

uint32_t ring_room(const struct ring *r)
{
	uint32_t used = r->own - __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE);

	return used > r->size ? 0 : r->size - used;
}

int ring_put(struct ring *r, const void *frame, uint32_t length)
{
	return ring_put2(r, NULL, 0, frame, length);
}

void ring_kick(struct ring *r)
{
	/*
	 * Pairs with ring_sleep(): in the one order of all these operations, either the consumer
	 * sees the new head or this sees that it is asleep. (Not a fence: ThreadSanitizer does not
	 * know those.)
	 */
	(void)__atomic_fetch_add(&r->shared->head, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&r->shared->asleep, __ATOMIC_SEQ_CST) == 0)
		return;
	if (__atomic_exchange_n(&r->shared->asleep, 0, __ATOMIC_SEQ_CST) == 0)
		return;

	const uint64_t one = 1;

	/* EAGAIN means that the counter is full: the consumer is awake already. */
	ssize_t n = write(r->event, &one, sizeof(one));

	(void)n;
}

int ring_peek(struct ring *r, const void **ret_frame, uint32_t *ret_length)
{
	for (;;) {
		uint32_t used = __atomic_load_n(&r->shared->head, __ATOMIC_ACQUIRE) - r->own;

		if (used == 0)
			return RING_EMPTY;
		if (used > r->size || used % RECORD_ALIGN != 0)
			return -EPROTO;

		struct record *rec = record_at(r, r->own);
		uint32_t length = __atomic_load_n(&rec->length, __ATOMIC_RELAXED);
		uint32_t to_end = r->size - (r->own & (r->size - 1));

		if (length == RECORD_FILLER) {
			if (to_end > used || to_end == r->size)
				return -EPROTO;
			r->own += to_end;
			__atomic_store_n(&r->shared->tail, r->own, __ATOMIC_RELEASE);
			continue;
		}
		if (length == 0 || length > RING_FRAME_MAX)
			return -EPROTO;

		uint32_t bytes = record_bytes(length);

		if (bytes > used || bytes > to_end)
			return -EPROTO;
		r->pending = bytes;
		*ret_frame = rec + 1;
		*ret_length = length;
		return RING_OK;
	}
}

void ring_release(struct ring *r)
{
	r->own += r->pending;
	r->pending = 0;
	__atomic_store_n(&r->shared->taken, r->shared->taken + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&r->shared->tail, r->own, __ATOMIC_RELEASE);
}

int ring_get(struct ring *r, void *buffer, uint32_t *ret_length)
{
	const void *frame;
	uint32_t length;
	int rc = ring_peek(r, &frame, &length);

	if (rc != RING_OK)
		return rc;
	memcpy(buffer, frame, length);
	ring_release(r);
	*ret_length = length;
	return RING_OK;
}

int ring_sleep(struct ring *r)
{
	__atomic_store_n(&r->shared->asleep, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&r->shared->head, __ATOMIC_SEQ_CST) == r->own)
		return RING_EMPTY;
	__atomic_store_n(&r->shared->asleep, 0, __ATOMIC_SEQ_CST);
	return RING_OK;
}

uint64_t ring_backlog(const struct ring *r)
{
	uint64_t taken = __atomic_load_n(&r->shared->taken, __ATOMIC_RELAXED);
	uint64_t pushed = __atomic_load_n(&r->shared->pushed, __ATOMIC_RELAXED);

	return pushed > taken ? pushed - taken : 0;
}
