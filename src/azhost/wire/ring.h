/*
 * A single-producer, single-consumer ring of Ethernet frames in shared memory, with an eventfd for
 * the consumer that sleeps. It joins the host process and the emulated VF inside the guest; one
 * VF has two of them, one for each direction (vfproto.h).
 *
 * It is not a queue between threads of one program (use rte_ring for that): each side may be a
 * process that the other does not trust. A consumer that does not trust its producer uses
 * ring_get(), which copies a frame out before it is looked at; ring_peek() is for the guest, which
 * trusts its host as every VM does.
 *
 * One thread on each side. No function here blocks, allocates or makes a system call, ring_kick()
 * apart.
 */
#ifndef AZHOST_WIRE_RING_H
#define AZHOST_WIRE_RING_H

#include <stddef.h>
#include <stdint.h>

#define RING_MAGIC 0x617a7231u /* "azr1" */

/* The longest frame: 9000 bytes of payload with room for VLAN tags. */
#define RING_FRAME_MAX 9216u

/* Bytes of data: a power of two, at least RING_SIZE_MIN. Indexes run freely modulo 2^32. */
#define RING_SIZE_MIN     (64u << 10)
#define RING_SIZE_DEFAULT (2u << 20)

/*
 * Start of the ring in memory; the data area follows it. Each line is written by one side only,
 * `asleep` excepted: set by the consumer, cleared by either.
 */
struct ring_shared {
	uint32_t magic;
	uint32_t size;
	uint32_t reserved0[14];

	uint32_t head; /* producer: bytes written since the start */
	uint32_t reserved1;
	uint64_t pushed; /* producer: frames written since the start */
	uint32_t reserved2[12];

	uint32_t tail;   /* consumer: bytes read since the start */
	uint32_t asleep; /* consumer waits on the eventfd */
	uint64_t taken;  /* consumer: frames read since the start */
	uint32_t reserved3[12];
};

/* One side's own view. The memory behind it belongs to whoever mapped it. */
struct ring {
	struct ring_shared *shared;
	uint8_t *data;
	uint32_t size;    /* as checked at attach: the shared copy is never trusted again */
	uint32_t own;     /* this side's index: head of a producer, tail of a consumer */
	uint32_t pending; /* consumer: bytes of the frame last peeked at */
	int event;        /* eventfd of the consumer; not owned */
};

enum ring_result {
	RING_OK = 0,
	RING_FULL = 1,
	RING_EMPTY = 2,
};

/* Bytes of memory that a ring with @size bytes of data needs. */
size_t ring_bytes(uint32_t size);

/* Lay out an empty ring at @memory, which is zeroed, page-aligned and ring_bytes(@size) long. */
void ring_format(void *memory, uint32_t size);

/*
 * Take one side of the ring at @memory; @available bytes are mapped there. @event is the consumer's
 * eventfd (non-blocking). Either side may attach again, to go on where its predecessor stopped.
 * -EPROTO: not a ring, or one that does not fit.
 */
int ring_attach_producer(struct ring *r, void *memory, size_t available, int event);
int ring_attach_consumer(struct ring *r, void *memory, size_t available, int event);

/*
 * Producer: append a frame of 1..RING_FRAME_MAX bytes; the consumer may see it at once. RING_OK,
 * RING_FULL (nothing written), -EMSGSIZE, or -EPROTO where the consumer's index is impossible.
 */
int ring_put(struct ring *r, const void *frame, uint32_t length);

/* Producer: as ring_put() with a frame in two pieces, the first of which may be empty. */
int ring_put2(struct ring *r, const void *a, uint32_t a_length, const void *b, uint32_t b_length);

/* Producer: bytes that can be put now, headers and padding included. */
uint32_t ring_room(const struct ring *r);

/* Producer, after a batch: wake the consumer if it sleeps. */
void ring_kick(struct ring *r);

/*
 * Consumer: the oldest frame, where it lies in shared memory, until ring_release(). RING_OK,
 * RING_EMPTY, or -EPROTO where the producer's data is impossible.
 */
int ring_peek(struct ring *r, const void **ret_frame, uint32_t *ret_length);
void ring_release(struct ring *r);

/* Consumer: copy the oldest frame into @buffer (RING_FRAME_MAX bytes) and release it. Results as
 * ring_peek(). */
int ring_get(struct ring *r, void *buffer, uint32_t *ret_length);

/*
 * Consumer, before it blocks on the eventfd. RING_EMPTY: the producer will write to the eventfd
 * from now on; block. RING_OK: there is something to read; do not block. The eventfd is to be read
 * (its value is of no interest) after each wake-up.
 */
int ring_sleep(struct ring *r);

/* Frames that were put and not yet taken, as far as the shared counters can be believed. */
uint64_t ring_backlog(const struct ring *r);

#endif
