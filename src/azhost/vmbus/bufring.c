/* VMBus rings, see bufring.h. */
#include "azhost/vmbus/bufring.h"

#include <errno.h>
#include <string.h>

#define TRAILER 8u /* the sender's old index, which nobody needs */

void bufring_init(struct bufring *ring, void *memory, size_t bytes)
{
	*ring = (struct bufring){
		.header = memory,
		.data = (uint8_t *)memory + VMBUS_PAGE,
		.size = (uint32_t)(bytes - VMBUS_PAGE),
	};
}

void bufring_reset(struct bufring *ring)
{
	memset(ring->header, 0, sizeof(*ring->header));
	ring->own = 0;
}

static uint32_t advance(const struct bufring *ring, uint32_t index, uint32_t bytes)
{
	index += bytes;
	return index >= ring->size ? index - ring->size : index;
}

static void copy_out(const struct bufring *ring, uint32_t index, void *to, uint32_t bytes)
{
	uint32_t first = ring->size - index;

	if (first > bytes)
		first = bytes;
	memcpy(to, ring->data + index, first);
	memcpy((uint8_t *)to + first, ring->data, bytes - first);
}

static uint32_t copy_in(const struct bufring *ring, uint32_t index, const void *from,
			uint32_t bytes)
{
	uint32_t first = ring->size - index;

	if (bytes == 0)
		return index;
	if (first > bytes)
		first = bytes;
	memcpy(ring->data + index, from, first);
	memcpy(ring->data, (const uint8_t *)from + first, bytes - first);
	return advance(ring, index, bytes);
}

int bufring_receive(struct bufring *ring, void *packet, uint32_t *ret_length)
{
	uint32_t theirs = __atomic_load_n(&ring->header->write_index, __ATOMIC_ACQUIRE);
	struct vmbus_packet head;

	if (theirs == ring->own)
		return BUFRING_EMPTY;
	if (theirs >= ring->size || theirs % 8 != 0)
		return -EPROTO;

	uint32_t used = theirs > ring->own ? theirs - ring->own : ring->size - (ring->own - theirs);

	if (used < sizeof(head) + TRAILER)
		return -EPROTO;
	copy_out(ring, ring->own, &head, sizeof(head));

	uint32_t total = head.total_8 * 8u;
	uint32_t header = head.header_8 * 8u;

	if (header < sizeof(head) || total < header || total > VMBUS_PACKET_MAX ||
	    total + TRAILER > used)
		return -EPROTO;
	/* The header is taken from the checked copy: the guest may have changed it since. */
	memcpy(packet, &head, sizeof(head));
	copy_out(ring, advance(ring, ring->own, sizeof(head)), (uint8_t *)packet + sizeof(head),
		 total - (uint32_t)sizeof(head));
	ring->own = advance(ring, ring->own, total + TRAILER);
	__atomic_store_n(&ring->header->read_index, ring->own, __ATOMIC_RELEASE);
	*ret_length = total;
	return BUFRING_OK;
}

uint32_t bufring_room(const struct bufring *ring)
{
	uint32_t theirs = __atomic_load_n(&ring->header->read_index, __ATOMIC_ACQUIRE);

	if (theirs >= ring->size || theirs % 8 != 0)
		return 0;

	uint32_t used =
		ring->own >= theirs ? ring->own - theirs : ring->size - (theirs - ring->own);

	/* A full ring would look like an empty one. */
	return ring->size - used - 8;
}

int bufring_send(struct bufring *ring, enum vmbus_packet_type type, uint16_t flags,
		 uint64_t transaction, struct bufring_part extension, struct bufring_part message)
{
	static const uint64_t zero;
	const uint32_t header = (uint32_t)sizeof(struct vmbus_packet) + extension.length;
	const uint32_t bare = header + message.length;
	const uint32_t total = (bare + 7) & ~7u;
	const uint64_t trailer = (uint64_t)ring->own << 32;
	const struct vmbus_packet head = {
		.type = (uint16_t)type,
		.header_8 = (uint16_t)(header / 8),
		.total_8 = (uint16_t)(total / 8),
		.flags = flags,
		.transaction = transaction,
	};

	if (bufring_room(ring) < total + TRAILER)
		return BUFRING_FULL;

	uint32_t at = copy_in(ring, ring->own, &head, sizeof(head));

	at = copy_in(ring, at, extension.data, extension.length);
	at = copy_in(ring, at, message.data, message.length);
	at = copy_in(ring, at, &zero, total - bare);
	at = copy_in(ring, at, &trailer, sizeof(trailer));
	ring->own = at;
	__atomic_store_n(&ring->header->write_index, at, __ATOMIC_RELEASE);
	return BUFRING_OK;
}
