/*
 * The part of the ConnectX programmer's reference (PRM) that this device understands: where the
 * fields of commands and contexts are, and their values. A layout is a big-endian bit string; a
 * field is its first bit, counted from the layout's start, and its width.
 *
 * Field positions follow the PRM's "Command reference" and agree with DPDK 22.11
 * drivers/common/mlx5/mlx5_prm.h and the kernel's include/linux/mlx5/mlx5_ifc.h, where each layout
 * has the same name in lower case.
 */
#ifndef AZHOST_CONNECTX_PRM_H
#define AZHOST_CONNECTX_PRM_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* First bit and width (1..32, inside one 32-bit word) in one number. */
#define PRM(bit, width)  ((uint32_t)(bit) << 8 | (width))
#define PRM_BIT(field)   ((field) >> 8)
#define PRM_WIDTH(field) ((field)&0xff)

static inline uint32_t prm_mask(uint32_t field)
{
	return PRM_WIDTH(field) == 32 ? UINT32_MAX : (1u << PRM_WIDTH(field)) - 1;
}

static inline uint32_t prm_get(const void *layout, uint32_t field)
{
	uint32_t word;

	memcpy(&word, (const uint8_t *)layout + PRM_BIT(field) / 32 * 4, sizeof(word));
	return be32toh(word) >> (32 - PRM_WIDTH(field) - PRM_BIT(field) % 32) & prm_mask(field);
}

static inline void prm_set(void *layout, uint32_t field, uint32_t value)
{
	uint8_t *at = (uint8_t *)layout + PRM_BIT(field) / 32 * 4;
	unsigned int shift = 32 - PRM_WIDTH(field) - PRM_BIT(field) % 32;
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	word = be32toh(word) & ~(prm_mask(field) << shift);
	word = htobe32(word | (value & prm_mask(field)) << shift);
	memcpy(at, &word, sizeof(word));
}

/* 64-bit fields: byte offset of the first byte. */
static inline uint64_t prm_get64(const void *layout, uint32_t offset)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)layout + offset, sizeof(value));
	return be64toh(value);
}

static inline void prm_set64(void *layout, uint32_t offset, uint64_t value)
{
	value = htobe64(value);
	memcpy((uint8_t *)layout + offset, &value, sizeof(value));
}

/* Commands (PRM, command opcodes). */
enum prm_opcode {
	PRM_QUERY_HCA_CAP = 0x100,
	PRM_CREATE_MKEY = 0x200,
	PRM_CREATE_CQ = 0x400,
	PRM_QUERY_NIC_VPORT_CONTEXT = 0x754,
	PRM_ALLOC_Q_COUNTER = 0x771,
	PRM_QUERY_Q_COUNTER = 0x773,
	PRM_ALLOC_TRANSPORT_DOMAIN = 0x816,
	PRM_CREATE_TIR = 0x900,
	PRM_MODIFY_TIR = 0x901,
	PRM_CREATE_SQ = 0x904,
	PRM_MODIFY_SQ = 0x905,
	PRM_CREATE_RQ = 0x908,
	PRM_MODIFY_RQ = 0x909,
	PRM_CREATE_TIS = 0x912,
	PRM_CREATE_RQT = 0x916,
	PRM_MODIFY_RQT = 0x917,
	PRM_ALLOC_FLOW_COUNTER = 0x939,
	PRM_QUERY_FLOW_COUNTER = 0x93b,
};

/* Command status (PRM, command return status), in the first byte of each output. */
enum prm_status {
	PRM_OK = 0x0,
	PRM_INTERNAL_ERROR = 0x1,
	PRM_BAD_OPERATION = 0x2,
	PRM_BAD_PARAMETER = 0x3,
	PRM_BAD_RESOURCE = 0x5,
	PRM_EXCEED_LIMIT = 0x8,
	PRM_BAD_RESOURCE_STATE = 0x9,
	PRM_NO_RESOURCES = 0xf,
	PRM_BAD_INPUT_LENGTH = 0x50,
	PRM_BAD_OUTPUT_LENGTH = 0x51,
};

/* Header of every command: opcode, op_mod; of every answer: status, syndrome. */
#define CMD_OPCODE   PRM(0, 16)
#define CMD_OP_MOD   PRM(48, 16)
#define CMD_NUMBER   PRM(72, 24) /* object number, in modify commands and in create answers */
#define CMD_STATUS   PRM(0, 8)
#define CMD_SYNDROME PRM(32, 32)

/* query_hca_cap */
#define QUERY_HCA_CAP_OUT_CAPABILITY 16
#define QUERY_HCA_CAP_CURRENT        0x1 /* op_mod bit 0: current, not maximum */

/* mkc, at CREATE_MKEY_IN_MKC; klm entries at CREATE_MKEY_IN_KLM */
#define CREATE_MKEY_IN_MKC     16
#define CREATE_MKEY_IN_KLM     272
#define CREATE_MKEY_IN_ENTRIES PRM(768, 32) /* of 16 bytes */
#define CREATE_MKEY_IN_UMEM    PRM(800, 32)
#define CREATE_MKEY_IN_OFFSET  104
#define MKC_ACCESS_MODE_HIGH   PRM(3, 3)
#define MKC_LOCAL_WRITE        PRM(20, 1)
#define MKC_LOCAL_READ         PRM(21, 1)
#define MKC_ACCESS_MODE        PRM(22, 2)
#define MKC_VARIANT            PRM(56, 8)
#define MKC_PD                 PRM(104, 24)
#define MKC_START              16
#define MKC_LENGTH             24
#define MKC_MODE_MTT           1
#define MKC_MODE_KLM           2
#define KLM_BYTES              16
#define KLM_BYTE_COUNT         PRM(0, 32)
#define KLM_MKEY               PRM(32, 32)
#define KLM_ADDRESS            8

/* cqc, at CREATE_CQ_IN_CQC */
#define CREATE_CQ_IN_CQC         16
#define CREATE_CQ_IN_UMEM_OFFSET 80
#define CREATE_CQ_IN_UMEM        PRM(704, 32)
#define CREATE_CQ_IN_UMEM_VALID  PRM(736, 1)
#define CQC_DBR_UMEM_VALID       PRM(6, 1)
#define CQC_CQE_SIZE             PRM(8, 3)
#define CQC_OVERRUN_IGNORE       PRM(14, 1)
#define CQC_COMPRESSION          PRM(17, 1)
#define CQC_MINI_FORMAT          PRM(18, 2)
#define CQC_COMPRESSION_LAYOUT   PRM(25, 7)
#define CQC_MINI_FORMAT_EXT      PRM(92, 2)
#define CQC_DBR_UMEM             PRM(32, 32)
#define CQC_LOG_SIZE             PRM(99, 5)
#define CQC_UAR_PAGE             PRM(104, 24)
#define CQC_EQN                  PRM(184, 8)
#define CQC_DBR_ADDRESS          56
#define CQC_CQE_SIZE_64          0

/* wq, inside rqc and sqc */
#define WQ_TYPE                  PRM(0, 4)
#define WQ_SIGNATURE             PRM(4, 1)
#define WQ_END_PADDING           PRM(5, 2)
#define WQ_CD_SLAVE              PRM(7, 1)
#define WQ_PAGE_OFFSET           PRM(43, 5)
#define WQ_PD                    PRM(72, 24)
#define WQ_UAR_PAGE              PRM(104, 24)
#define WQ_DBR_ADDRESS           16
#define WQ_LOG_STRIDE            PRM(268, 4)
#define WQ_LOG_PAGE              PRM(275, 5)
#define WQ_LOG_SIZE              PRM(283, 5)
#define WQ_DBR_UMEM_VALID        PRM(288, 1)
#define WQ_UMEM_VALID            PRM(289, 1)
#define WQ_STRIDES               PRM(308, 4) /* two's complement: log2(strides of one WQE) - 9 */
#define WQ_TWO_BYTE_SHIFT        PRM(312, 1)
#define WQ_STRIDE_BYTES          PRM(317, 3) /* log2(bytes of a stride) - 6 */
#define WQ_DBR_UMEM              PRM(320, 32)
#define WQ_UMEM                  PRM(352, 32)
#define WQ_UMEM_OFFSET           48
#define WQ_TYPE_CYCLIC           1
#define WQ_TYPE_STRIDING         3
#define WQ_LOG_STRIDES_BIAS      9
#define WQ_LOG_STRIDE_BYTES_BIAS 6

/* Queue states, in commands and contexts. */
enum prm_queue_state {
	PRM_QUEUE_RESET = 0,
	PRM_QUEUE_READY = 1,
	PRM_QUEUE_ERROR = 3,
};

/* rqc and sqc, at QUEUE_IN_CONTEXT of create and modify */
#define QUEUE_IN_CONTEXT      32
#define MODIFY_IN_STATE       PRM(64, 4) /* the state that the queue is believed to be in */
#define MODIFY_IN_BITMASK     16
#define RQC_RESERVED_LKEY     PRM(0, 1)
#define RQC_DELAY_DROP        PRM(1, 1)
#define RQC_SCATTER_FCS       PRM(2, 1)
#define RQC_VLAN_STRIP_OFF    PRM(3, 1)
#define RQC_MEMORY_TYPE       PRM(4, 4)
#define RQC_STATE             PRM(8, 4)
#define RQC_FLUSH_IN_ERROR    PRM(13, 1)
#define RQC_HAIRPIN           PRM(14, 1)
#define RQC_USER_INDEX        PRM(40, 24)
#define RQC_CQN               PRM(72, 24)
#define RQC_COUNTER_SET       PRM(96, 8)
#define RQC_WQ                48
#define MODIFY_RQ_VLAN_STRIP  0x2
#define MODIFY_RQ_COUNTER_SET 0x8
#define SQC_FLUSH_IN_ERROR    PRM(3, 1)
#define SQC_MULTI_PACKET      PRM(4, 1)
#define SQC_MIN_INLINE        PRM(5, 3)
#define SQC_STATE             PRM(8, 4)
#define SQC_SWP               PRM(13, 1)
#define SQC_HAIRPIN           PRM(14, 1)
#define SQC_NON_WIRE          PRM(15, 1)
#define SQC_STATIC            PRM(16, 1)
#define SQC_USER_INDEX        PRM(40, 24)
#define SQC_CQN               PRM(72, 24)
#define SQC_PACING            PRM(240, 16)
#define SQC_TIS_COUNT         PRM(256, 16)
#define SQC_TISN              PRM(360, 24)
#define SQC_WQ                48

/* tisc */
#define TISC_TRANSPORT_DOMAIN PRM(296, 24)

/* rqtc */
#define RQTC_LIST_TYPE   PRM(165, 3)
#define RQTC_MAX_SIZE    PRM(176, 16)
#define RQTC_ACTUAL_SIZE PRM(208, 16)
#define RQTC_LIST        240
#define MODIFY_RQT_LIST  0x1

/* tirc */
#define TIRC_DISPATCH         PRM(32, 4)
#define TIRC_LRO_MASK         PRM(148, 4)
#define TIRC_INLINE_RQN       PRM(232, 24)
#define TIRC_SYMMETRIC        PRM(256, 1)
#define TIRC_TUNNELED         PRM(258, 1)
#define TIRC_INDIRECT_TABLE   PRM(264, 24)
#define TIRC_HASH_FUNCTION    PRM(288, 4)
#define TIRC_SELF_LOOPBACK    PRM(294, 2)
#define TIRC_TRANSPORT_DOMAIN PRM(296, 24)
#define TIRC_KEY              40
#define TIRC_KEY_BYTES        40
#define TIRC_OUTER_L3_IS_V6   PRM(640, 1)
#define TIRC_OUTER_L4_IS_UDP  PRM(641, 1)
#define TIRC_OUTER_FIELDS     PRM(642, 30)
#define TIRC_INNER_FIELDS     PRM(674, 30)
#define TIRC_DIRECT           0
#define TIRC_INDIRECT         1
#define TIRC_HASH_NONE        0
#define TIRC_HASH_TOEPLITZ    2
#define HASH_SOURCE_IP        0x1
#define HASH_DESTINATION_IP   0x2
#define HASH_SOURCE_PORT      0x4
#define HASH_DESTINATION_PORT 0x8
#define HASH_SECURITY_INDEX   0x10 /* SPI of IPsec's ESP */
#define HASH_FIELDS           0x1f
#define MODIFY_TIR_TABLE      0x2
#define MODIFY_TIR_HASH       0x4
#define MODIFY_TIR_LOOPBACK   0x10

/* flow counters */
#define ALLOC_FLOW_COUNTER_BULK    PRM(120, 8) /* in units of 128; one bit set, or 0 for one */
#define ALLOC_FLOW_COUNTER_OUT_ID  PRM(64, 32)
#define QUERY_FLOW_COUNTER_MKEY    PRM(96, 32)
#define QUERY_FLOW_COUNTER_ADDRESS 16
#define QUERY_FLOW_COUNTER_CLEAR   PRM(192, 1)
#define QUERY_FLOW_COUNTER_DUMP    PRM(193, 1)
#define QUERY_FLOW_COUNTER_COUNT   PRM(194, 30)
#define QUERY_FLOW_COUNTER_ID      PRM(224, 32)
#define QUERY_FLOW_COUNTER_OUT     16
#define TRAFFIC_COUNTER_BYTES      16 /* packets, octets: 64 bits each */

/* queue counters */
#define ALLOC_Q_COUNTER_OUT_ID        PRM(88, 8)
#define QUERY_Q_COUNTER_CLEAR         PRM(192, 1)
#define QUERY_Q_COUNTER_ID            PRM(248, 8)
#define QUERY_Q_COUNTER_OUT_OF_BUFFER PRM(384, 32)

/* nic_vport_context, at QUERY_NIC_VPORT_CONTEXT_OUT */
#define QUERY_NIC_VPORT_CONTEXT_OUT 16
#define NIC_VPORT_MIN_INLINE        PRM(5, 3)
#define NIC_VPORT_MTU               PRM(304, 16)

#endif
