/*
 * A device built for a test, without thread and host, and a PMD's part in it: memory, queues made
 * by PRM commands, descriptors, doorbells. Tests poll the device themselves.
 */
#ifndef AZHOST_TEST_CONNECTX_BED_H
#define AZHOST_TEST_CONNECTX_BED_H

#include "azhost/connectx/cqe.h"
#include "azhost/connectx/device.h"
#include "azhost/connectx/prm.h"
#include "azhost/connectx/vf.h"

#include <infiniband/mlx5dv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BED_LOG_RING     4u
#define BED_RING         (1u << BED_LOG_RING)
#define BED_UMEM_BYTES   16384u
#define BED_PACKET_BYTES 16384u
#define BED_BUFFER       1024u /* bytes of a receive buffer */

/* Where things are in the umem. */
enum bed_place {
	BED_TX_RING = 0,
	BED_TX_CQ = 4096,
	BED_RX_RING = 6144,
	BED_RX_CQ = 8192,
	BED_TX_DOORBELL = 12288,
	BED_TX_CQ_DOORBELL = 12352,
	BED_RX_DOORBELL = 12416,
	BED_RX_CQ_DOORBELL = 12480,
};

struct bed {
	struct cx_vf vf;
	struct cx_device *device;
	struct ibv_context *context;
	uint8_t *umem_bytes;
	struct mlx5dv_devx_umem *umem;
	struct ibv_pd *pd;
	uint8_t *packets; /* memory region for frames */
	struct ibv_mr *mr;
	struct mlx5dv_devx_obj *domain, *tis, *tx_cq, *rx_cq, *sq, *rq, *rqt, *tir;
	struct steer_domain *steer_domain;
	struct steer_table *root;
	struct steer_matcher *matcher;
	struct steer_action *to_tir;
	struct steer_rule *rule;
	uint16_t sent_blocks;      /* producer index of the SQ */
	uint32_t seen_tx, seen_rx; /* consumer indexes of the CQs */
};

/* A device of that profile, with memory and without queues. */
void bed_open(struct bed *bed, const char *profile);
/* The same around a device that was opened as a program opens it: its own thread works on it. The
 * caller closes it after bed_close_equipment(). */
void bed_equip(struct bed *bed, struct ibv_context *context);
void bed_close_equipment(struct bed *bed);
/* Everything that is left goes with it. */
void bed_close(struct bed *bed);

/* Commands with all fields as this device likes them; the caller may change them, then send. */
struct bed_command {
	uint8_t bytes[512];
	size_t length;
};
void bed_command_cq(const struct bed *bed, struct bed_command *command, enum bed_place ring,
		    enum bed_place doorbell);
void bed_command_sq(const struct bed *bed, struct bed_command *command);
void bed_command_rq(const struct bed *bed, struct bed_command *command);
void bed_command_tis(const struct bed *bed, struct bed_command *command);
void bed_command_rqt(const struct bed *bed, struct bed_command *command);
void bed_command_tir(const struct bed *bed, struct bed_command *command);
/* A key over the umem's first length bytes, whose address space starts at BED_MKEY_START. */
#define BED_MKEY_START 0x1000000u
void bed_command_mkey(const struct bed *bed, struct bed_command *command, uint64_t length);
void bed_command_simple(struct bed_command *command, enum prm_opcode opcode);
/* MODIFY_SQ or MODIFY_RQ from one state to another. */
void bed_command_state(struct bed_command *command, struct mlx5dv_devx_obj *queue, uint32_t from,
		       uint32_t to);

/* Send a command that makes an object. NULL if the device refuses; *ret_status then says why. */
struct mlx5dv_devx_obj *bed_create(struct bed *bed, const struct bed_command *command,
				   enum prm_status *ret_status);
enum prm_status bed_modify(struct mlx5dv_devx_obj *object, const struct bed_command *command);

/* Other memory for frames; what was there is freed, and its key is gone. */
void bed_replace_packets(struct bed *bed);

/* All queues, ready, BED_RING - 1 receive buffers posted, and a rule that leads every frame to
 * them. Asserts that each step works. */
void bed_start(struct bed *bed);

uint8_t *bed_wqe(struct bed *bed); /* the next send descriptor's place, zeroed: one block */
/* Fill in the control segment of what bed_wqe() gave, and ring the doorbell. */
void bed_send(struct bed *bed, uint8_t opcode, unsigned int segments);
/* A pointer data segment. */
void bed_data_segment(uint8_t *at, uint32_t length, uint32_t key, const void *address);

/* Post receive buffer i of the ring at packets + i * BED_BUFFER, and tell the device of n. */
void bed_post_receive(struct bed *bed, uint16_t n);
/* Tell the device of n altogether; the descriptors are there already. */
void bed_post_more(struct bed *bed, uint16_t n);

/* One round of the device, walk brackets included. */
void bed_poll(struct bed *bed);

/* The next completion, or NULL; it is consumed, so the device may write over it a ring later. */
const struct cx_cqe *bed_completion(struct bed *bed, bool receive);
/* Move the receive CQ's consumer index past n slots. */
void bed_consume_receive(struct bed *bed, uint32_t n);

#endif
