/*
 * The reader of send descriptors.
 */
#include "azhost/connectx/wqe.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#define ETHERNET_SEGMENT    16u
#define INLINE_LENGTH_AT    28u
#define INLINE_BYTES_AT     30u
#define INLINE_BYTES_INSIDE 2u /* of them, in the Ethernet segment itself */
#define FIRST_DATA_SEGMENT  32u
#define INSERT_VLAN         0x8000u
#define COMPLETION_MASK     0xcu /* fm_ce_se bits 3:2 */
#define COMPLETION_ALWAYS   0x8u
#define DATA_INLINE         0x80000000u
#define DATA_INLINE_MASK    0x3ffu

static uint16_t get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return be16toh(value);
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static uint32_t align_segment(uint32_t offset)
{
	return (offset + WQE_SEGMENT - 1) & ~(WQE_SEGMENT - 1);
}

void wqe_read_control(const uint8_t *bytes, struct wqe *ret_wqe)
{
	uint32_t operation = get32(bytes), queue = get32(bytes + 4);

	ret_wqe->bytes = bytes;
	ret_wqe->opcode = (uint8_t)operation;
	ret_wqe->index = (uint16_t)(operation >> 8);
	ret_wqe->sqn = queue >> 8;
	ret_wqe->length = (queue & WQE_MAX_SEGMENTS) * WQE_SEGMENT;
	ret_wqe->blocks = ret_wqe->length ? (ret_wqe->length + WQE_BLOCK - 1) / WQE_BLOCK : 1;
	ret_wqe->completion = (bytes[11] & COMPLETION_MASK) >= COMPLETION_ALWAYS;
}

bool wqe_read_ethernet(const struct wqe *wqe, struct wqe_ethernet *ret_ethernet)
{
	const uint8_t *bytes = wqe->bytes;
	uint16_t inlined;

	if (wqe->length < ETHERNET_SEGMENT + WQE_SEGMENT)
		return false;
	inlined = get16(bytes + INLINE_LENGTH_AT);
	ret_ethernet->checksums = bytes[20];
	ret_ethernet->software_parser = bytes[21] != 0;
	ret_ethernet->mss = get16(bytes + 22);
	ret_ethernet->metadata = get32(bytes + 24);
	ret_ethernet->insert_vlan = inlined & INSERT_VLAN;
	ret_ethernet->tci = get16(bytes + INLINE_BYTES_AT);
	ret_ethernet->inline_length = ret_ethernet->insert_vlan ? 0 : inlined;
	ret_ethernet->inline_bytes = bytes + INLINE_BYTES_AT;
	ret_ethernet->next = FIRST_DATA_SEGMENT;
	if (ret_ethernet->inline_length > INLINE_BYTES_INSIDE)
		ret_ethernet->next = align_segment(INLINE_BYTES_AT + ret_ethernet->inline_length);
	return INLINE_BYTES_AT + (uint32_t)ret_ethernet->inline_length <= wqe->length;
}

enum wqe_next wqe_read_data(const struct wqe *wqe, uint32_t *offset, struct wqe_data *ret_data)
{
	const uint8_t *at = wqe->bytes + *offset;
	uint32_t count;

	if (*offset >= wqe->length)
		return WQE_END;
	count = get32(at);
	memset(ret_data, 0, sizeof(*ret_data));
	if (count & DATA_INLINE) {
		ret_data->length = count & DATA_INLINE_MASK;
		ret_data->inline_bytes = at + 4;
		if (ret_data->length == 0 || *offset + 4 + ret_data->length > wqe->length)
			return WQE_MALFORMED;
		*offset = align_segment(*offset + 4 + ret_data->length);
		return WQE_DATA;
	}
	if (count == 0)
		return WQE_MALFORMED; /* 2 GB, by the PRM: no frame is that long */
	ret_data->length = count;
	ret_data->key = get32(at + 4);
	ret_data->address = get64(at + 8);
	*offset += WQE_SEGMENT;
	return WQE_DATA;
}
