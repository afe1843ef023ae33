/*
 * Send descriptors (PRM, "Send WQE"): control segment, Ethernet segment, then data segments, all of
 * 16 bytes or multiples, in basic blocks of 64 bytes. Reading one, with every length checked
 * against the descriptor's own end; nothing here touches a packet's memory.
 *
 * Layouts as in infiniband/mlx5dv.h: mlx5_wqe_ctrl_seg, mlx5_wqe_eth_seg, mlx5_wqe_data_seg,
 * mlx5_wqe_inl_data_seg. Pure functions.
 */
#ifndef AZHOST_CONNECTX_WQE_H
#define AZHOST_CONNECTX_WQE_H

#include <stdbool.h>
#include <stdint.h>

#define WQE_BLOCK        64u
#define WQE_SEGMENT      16u
#define WQE_MAX_SEGMENTS 63u
#define WQE_MAX_BYTES    (WQE_MAX_SEGMENTS * WQE_SEGMENT)

enum wqe_opcode {
	WQE_NOP = 0x00,
	WQE_SEND = 0x0a,
	WQE_TSO = 0x0e,
	WQE_ENHANCED_MPW = 0x29, /* several packets, one data segment each */
};

#define WQE_CHECKSUM_L3_INNER (1u << 4)
#define WQE_CHECKSUM_L4_INNER (1u << 5)
#define WQE_CHECKSUM_L3       (1u << 6)
#define WQE_CHECKSUM_L4       (1u << 7)

/* The control segment. */
struct wqe {
	const uint8_t *bytes;
	uint32_t length; /* of the descriptor, a multiple of 16 */
	uint32_t blocks;
	uint8_t opcode; /* enum wqe_opcode, or unknown */
	uint16_t index;
	uint32_t sqn;
	bool completion; /* asked for, also where all goes well */
};

/* The Ethernet segment. */
struct wqe_ethernet {
	uint8_t checksums;    /* WQE_CHECKSUM_L3 and so on */
	bool software_parser; /* asks for header offsets given by the program */
	uint16_t mss;
	uint32_t metadata;
	bool insert_vlan;
	uint16_t tci;
	uint16_t inline_length;
	const uint8_t *inline_bytes;
	uint32_t next; /* offset of the first data segment */
};

/* A data segment: bytes in the descriptor itself, or a key and an address. */
struct wqe_data {
	uint32_t length;
	const uint8_t *inline_bytes; /* NULL: elsewhere */
	uint32_t key;
	uint64_t address;
};

/* Read the control segment; at least 64 bytes are there. */
void wqe_read_control(const uint8_t *bytes, struct wqe *ret_wqe);

/* False if the segment or its inline bytes run past the descriptor's end. */
bool wqe_read_ethernet(const struct wqe *wqe, struct wqe_ethernet *ret_ethernet);

enum wqe_next {
	WQE_DATA,
	WQE_END,
	WQE_MALFORMED,
};

/* The data segment at *offset, which is moved to the next one. */
enum wqe_next wqe_read_data(const struct wqe *wqe, uint32_t *offset, struct wqe_data *ret_data);

#endif
