/*
 * Completion queue entries as the device writes them (PRM, "Completion queue entry"; the PMD's view
 * is struct mlx5_cqe and mlx5_err_cqe, DPDK 22.11 drivers/common/mlx5/mlx5_prm.h). All fields are
 * big-endian.
 */
#ifndef AZHOST_CONNECTX_CQE_H
#define AZHOST_CONNECTX_CQE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define CX_CQE_SIZE 64u

struct cx_cqe {
	uint8_t reserved0[2];
	uint16_t wqe_id;
	uint8_t reserved4[8];
	uint32_t rx_hash_result;
	uint8_t rx_hash_type;
	uint8_t reserved17[11];
	uint16_t header_types; /* CQE_VLAN_STRIPPED and so on */
	uint16_t vlan_info;    /* TCI of a stripped tag */
	uint32_t user_index;
	uint32_t metadata; /* register B of the steering */
	uint8_t reserved40[4];
	uint32_t byte_count; /* striding RQ: also CQE_STRIDES and CQE_FILLER */
	uint64_t timestamp;
	uint32_t flow_tag; /* send completions: opcode << 24 | sqn */
	uint16_t wqe_counter;
	uint8_t signature;
	uint8_t op_own; /* opcode << 4 | owner bit; written last */
};

/* An error completion: the same ends, another middle. */
struct cx_error_cqe {
	uint8_t reserved0[32];
	uint32_t user_index;
	uint8_t reserved36[18];
	uint8_t vendor_syndrome;
	uint8_t syndrome;
	uint32_t opcode_qpn;
	uint16_t wqe_counter;
	uint8_t signature;
	uint8_t op_own;
};

static_assert(sizeof(struct cx_cqe) == CX_CQE_SIZE, "a CQE has 64 bytes");
static_assert(sizeof(struct cx_error_cqe) == CX_CQE_SIZE, "a CQE has 64 bytes");
static_assert(offsetof(struct cx_cqe, header_types) == 28, "PRM");
static_assert(offsetof(struct cx_cqe, byte_count) == 44, "PRM");
static_assert(offsetof(struct cx_cqe, flow_tag) == 56, "PRM");
static_assert(offsetof(struct cx_error_cqe, syndrome) == 55, "PRM");
static_assert(offsetof(struct cx_error_cqe, wqe_counter) == 60, "PRM");

enum cx_cqe_opcode {
	CQE_SEND = 0x0,
	CQE_RECEIVE = 0x2,
	CQE_SEND_ERROR = 0xd,
	CQE_RECEIVE_ERROR = 0xe,
	CQE_INVALID = 0xf,
};

enum cx_syndrome {
	SYNDROME_LOCAL_LENGTH = 0x01,
	SYNDROME_LOCAL_QP_OPERATION = 0x02,
	SYNDROME_LOCAL_PROTECTION = 0x04,
	SYNDROME_FLUSHED = 0x05,
};

/* header_types */
#define CQE_VLAN_STRIPPED   (1u << 0)
#define CQE_L3_IPV6         (1u << 2)
#define CQE_L3_IPV4         (2u << 2)
#define CQE_L4_TCP          (1u << 4) /* without ACK */
#define CQE_L4_UDP          (2u << 4)
#define CQE_L4_TCP_ACK      (3u << 4) /* ACK, no data */
#define CQE_L4_TCP_ACK_DATA (4u << 4)
#define CQE_FRAGMENT        (1u << 7)
#define CQE_L2_OK           (1u << 8)
#define CQE_L3_OK           (1u << 9)
#define CQE_L4_OK           (1u << 10)

/* op_own, bits 3:2: the title of a session of compressed completions (compress.h) */
#define CQE_COMPRESSED (3u << 2)

/* byte_count of a striding RQ */
#define CQE_STRIDES_SHIFT 16
#define CQE_FILLER        (1u << 31)

#endif
