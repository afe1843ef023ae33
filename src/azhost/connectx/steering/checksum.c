/*
 * Incremental checksums; see checksum.h.
 */
#include "azhost/connectx/steering/checksum.h"

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

uint16_t checksum_sum(const uint8_t *data, unsigned int n)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < n; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	return fold(sum);
}

static uint16_t updated(const uint8_t *field, uint16_t before, uint16_t after)
{
	uint16_t old = (uint16_t)(field[0] << 8 | field[1]);

	/* RFC 1624, equation 3. */
	return (uint16_t)~fold((uint32_t)(uint16_t)~old + (uint16_t)~before + after);
}

static void store(uint8_t *field, uint16_t value)
{
	field[0] = (uint8_t)(value >> 8);
	field[1] = (uint8_t)value;
}

void checksum_update(uint8_t *field, uint16_t before, uint16_t after)
{
	store(field, updated(field, before, after));
}

void checksum_update_l4(struct steer_packet *packet, uint16_t before, uint16_t after)
{
	uint8_t *l4 = packet->data + packet->headers.l4_offset;
	uint16_t value;

	switch (packet->headers.l4) {
	case STEER_L4_TCP:
		checksum_update(l4 + 16, before, after);
		break;
	case STEER_L4_UDP:
		if (!l4[6] && !l4[7])
			return;
		value = updated(l4 + 6, before, after);
		store(l4 + 6, value ? value : 0xffff);
		break;
	case STEER_L4_ICMP:
		if (packet->headers.l3 == STEER_L3_IPV6)
			checksum_update(l4 + 2, before, after);
		break;
	default:
		break;
	}
}
