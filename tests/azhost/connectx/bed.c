/*
 * The PMD's part of a test: see bed.h.
 */
#undef NDEBUG

#include "azhost/connectx/bed.h"

#include "azhost/connectx/devx.h"
#include "azhost/connectx/export.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/queue.h"
#include "azhost/connectx/tir.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *zeroed(size_t bytes)
{
	void *memory = aligned_alloc(64, bytes);

	assert(memory);
	return memset(memory, 0, bytes);
}

static void register_packets(struct bed *bed)
{
	bed->packets = zeroed(BED_PACKET_BYTES);
	bed->mr = ibv_reg_mr_iova2(bed->pd, bed->packets, BED_PACKET_BYTES, (uintptr_t)bed->packets,
				   IBV_ACCESS_LOCAL_WRITE);
	assert(bed->mr);
}

void bed_equip(struct bed *bed, struct ibv_context *context)
{
	bed->context = context;
	bed->device = cx_device_from(context);
	bed->umem_bytes = zeroed(BED_UMEM_BYTES);
	for (uint32_t i = 0; i < BED_RING; i++) {
		bed->umem_bytes[BED_TX_CQ + i * CX_CQE_SIZE + 63] = CQE_INVALID << 4 | 1;
		bed->umem_bytes[BED_RX_CQ + i * CX_CQE_SIZE + 63] = CQE_INVALID << 4 | 1;
	}
	bed->umem = mlx5dv_devx_umem_reg(bed->context, bed->umem_bytes, BED_UMEM_BYTES, 0);
	bed->pd = ibv_alloc_pd(bed->context);
	assert(bed->umem && bed->pd);
	register_packets(bed);
}

void bed_replace_packets(struct bed *bed)
{
	(void)ibv_dereg_mr(bed->mr);
	free(bed->packets);
	register_packets(bed);
}

void bed_open(struct bed *bed, const char *profile)
{
	int r;

	memset(bed, 0, sizeof(*bed));
	(void)snprintf(bed->vf.ibv.name, sizeof(bed->vf.ibv.name), "bed");
	(void)snprintf(bed->vf.profile, sizeof(bed->vf.profile), "%s", profile);
	(void)setenv("AZHOST_PROFILES", ACCELNET_SOURCE_DIR "/src/azhost/connectx/profiles", 1);
	r = cx_device_build(&bed->vf, &bed->device);
	assert(r == 0);
	bed->vf.device = bed->device;
	bed_equip(bed, &bed->device->contexts->verbs.context);
}

static void stop_steering(struct bed *bed)
{
	if (bed->rule)
		steer_rule_destroy(bed->rule);
	if (bed->to_tir)
		(void)steer_action_destroy(bed->to_tir);
	if (bed->matcher)
		(void)steer_matcher_destroy(bed->matcher);
	if (bed->root)
		(void)steer_table_destroy(bed->root);
	if (bed->steer_domain)
		(void)steer_domain_destroy(bed->steer_domain);
}

static void free_memory(struct bed *bed)
{
	free(bed->umem_bytes);
	free(bed->packets);
}

void bed_close(struct bed *bed)
{
	stop_steering(bed);
	(void)ibv_dereg_mr(bed->mr);
	(void)ibv_dealloc_pd(bed->pd);
	cx_device_dismantle(bed->device);
	free_memory(bed);
}

void bed_close_equipment(struct bed *bed)
{
	struct mlx5dv_devx_obj *objects[] = { bed->tir,   bed->rqt,   bed->rq,  bed->sq,
					      bed->rx_cq, bed->tx_cq, bed->tis, bed->domain };

	stop_steering(bed);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		assert(mlx5dv_devx_obj_destroy(objects[i]) == 0);
	(void)ibv_dereg_mr(bed->mr);
	(void)ibv_dealloc_pd(bed->pd);
	assert(mlx5dv_devx_umem_dereg(bed->umem) == 0);
	free_memory(bed);
}

void bed_command_simple(struct bed_command *command, enum prm_opcode opcode)
{
	memset(command, 0, sizeof(*command));
	command->length = CREATE_CONTEXT_BYTES;
	prm_set(command->bytes, CMD_OPCODE, opcode);
}

void bed_command_cq(const struct bed *bed, struct bed_command *command, enum bed_place ring,
		    enum bed_place doorbell)
{
	uint8_t *context = command->bytes + CREATE_CQ_IN_CQC;

	bed_command_simple(command, PRM_CREATE_CQ);
	prm_set(command->bytes, CREATE_CQ_IN_UMEM_VALID, 1);
	prm_set(command->bytes, CREATE_CQ_IN_UMEM, bed->umem->umem_id);
	prm_set64(command->bytes, CREATE_CQ_IN_UMEM_OFFSET, ring);
	prm_set(context, CQC_DBR_UMEM_VALID, 1);
	prm_set(context, CQC_DBR_UMEM, bed->umem->umem_id);
	prm_set64(context, CQC_DBR_ADDRESS, doorbell);
	prm_set(context, CQC_LOG_SIZE, BED_LOG_RING);
	prm_set(context, CQC_COMPRESSION, 1); /* if the profile says so, it does */
	prm_set(context, CQC_UAR_PAGE, CX_UAR_PAGE);
	prm_set(context, CQC_EQN, CX_EQN);
}

void bed_command_mkey(const struct bed *bed, struct bed_command *command, uint64_t length)
{
	uint8_t *context = command->bytes + CREATE_MKEY_IN_MKC;

	bed_command_simple(command, PRM_CREATE_MKEY);
	prm_set(command->bytes, CREATE_MKEY_IN_UMEM, bed->umem->umem_id);
	prm_set(context, MKC_ACCESS_MODE, MKC_MODE_MTT);
	prm_set(context, MKC_LOCAL_WRITE, 1);
	prm_set(context, MKC_VARIANT, 0x42);
	prm_set64(context, MKC_START, BED_MKEY_START);
	prm_set64(context, MKC_LENGTH, length);
}

static void fill_wq(const struct bed *bed, uint8_t *wq, enum bed_place ring,
		    enum bed_place doorbell, uint32_t log_stride)
{
	prm_set(wq, WQ_TYPE, WQ_TYPE_CYCLIC);
	prm_set(wq, WQ_UMEM_VALID, 1);
	prm_set(wq, WQ_UMEM, bed->umem->umem_id);
	prm_set64(wq, WQ_UMEM_OFFSET, ring);
	prm_set(wq, WQ_DBR_UMEM_VALID, 1);
	prm_set(wq, WQ_DBR_UMEM, bed->umem->umem_id);
	prm_set64(wq, WQ_DBR_ADDRESS, doorbell);
	prm_set(wq, WQ_LOG_STRIDE, log_stride);
	prm_set(wq, WQ_LOG_SIZE, BED_LOG_RING);
	prm_set(wq, WQ_UAR_PAGE, CX_UAR_PAGE);
}

static uint32_t number(const struct mlx5dv_devx_obj *object)
{
	return object ? object->number : 0;
}

void bed_command_sq(const struct bed *bed, struct bed_command *command)
{
	uint8_t *context = command->bytes + QUEUE_IN_CONTEXT;

	bed_command_simple(command, PRM_CREATE_SQ);
	prm_set(context, SQC_FLUSH_IN_ERROR, 1);
	prm_set(context, SQC_MULTI_PACKET, bed->device->profile.enhanced_mpw);
	prm_set(context, SQC_MIN_INLINE, bed->device->profile.min_inline ? 1 : 0);
	prm_set(context, SQC_CQN, number(bed->tx_cq));
	prm_set(context, SQC_TIS_COUNT, 1);
	prm_set(context, SQC_TISN, number(bed->tis));
	fill_wq(bed, context + SQC_WQ, BED_TX_RING, BED_TX_DOORBELL, 6);
}

void bed_command_rq(const struct bed *bed, struct bed_command *command)
{
	uint8_t *context = command->bytes + QUEUE_IN_CONTEXT;

	bed_command_simple(command, PRM_CREATE_RQ);
	prm_set(context, RQC_FLUSH_IN_ERROR, 1);
	prm_set(context, RQC_VLAN_STRIP_OFF, 1);
	prm_set(context, RQC_CQN, number(bed->rx_cq));
	fill_wq(bed, context + RQC_WQ, BED_RX_RING, BED_RX_DOORBELL, 4);
}

void bed_command_tis(const struct bed *bed, struct bed_command *command)
{
	bed_command_simple(command, PRM_CREATE_TIS);
	prm_set(command->bytes + QUEUE_IN_CONTEXT, TISC_TRANSPORT_DOMAIN, number(bed->domain));
}

void bed_command_rqt(const struct bed *bed, struct bed_command *command)
{
	uint8_t *context = command->bytes + QUEUE_IN_CONTEXT;

	bed_command_simple(command, PRM_CREATE_RQT);
	command->length += sizeof(uint32_t);
	prm_set(context, RQTC_MAX_SIZE, 1);
	prm_set(context, RQTC_ACTUAL_SIZE, 1);
	prm_set(context + RQTC_LIST, PRM(8, 24), number(bed->rq));
}

void bed_command_tir(const struct bed *bed, struct bed_command *command)
{
	uint8_t *context = command->bytes + QUEUE_IN_CONTEXT;

	bed_command_simple(command, PRM_CREATE_TIR);
	prm_set(context, TIRC_DISPATCH, TIRC_INDIRECT);
	prm_set(context, TIRC_INDIRECT_TABLE, number(bed->rqt));
	prm_set(context, TIRC_HASH_FUNCTION, TIRC_HASH_TOEPLITZ);
	prm_set(context, TIRC_TRANSPORT_DOMAIN, number(bed->domain));
}

void bed_command_state(struct bed_command *command, struct mlx5dv_devx_obj *queue, uint32_t from,
		       uint32_t to)
{
	bed_command_simple(command, queue->kind == CX_SQ ? PRM_MODIFY_SQ : PRM_MODIFY_RQ);
	prm_set(command->bytes, CMD_NUMBER, queue->number);
	prm_set(command->bytes, MODIFY_IN_STATE, from);
	prm_set(command->bytes + QUEUE_IN_CONTEXT, SQC_STATE, to);
}

struct mlx5dv_devx_obj *bed_create(struct bed *bed, const struct bed_command *command,
				   enum prm_status *ret_status)
{
	uint8_t out[512];
	struct mlx5dv_devx_obj *object;

	object = mlx5dv_devx_obj_create(bed->context, command->bytes, command->length, out,
					sizeof(out));
	if (ret_status)
		*ret_status = (enum prm_status)prm_get(out, CMD_STATUS);
	return object;
}

enum prm_status bed_modify(struct mlx5dv_devx_obj *object, const struct bed_command *command)
{
	uint8_t out[16];

	(void)mlx5dv_devx_obj_modify(object, command->bytes, command->length, out, sizeof(out));
	return (enum prm_status)prm_get(out, CMD_STATUS);
}

static struct mlx5dv_devx_obj *must_create(struct bed *bed, const struct bed_command *command)
{
	struct mlx5dv_devx_obj *object = bed_create(bed, command, NULL);

	assert(object);
	return object;
}

static void make_ready(struct mlx5dv_devx_obj *queue)
{
	struct bed_command command;

	bed_command_state(&command, queue, PRM_QUEUE_RESET, PRM_QUEUE_READY);
	assert(bed_modify(queue, &command) == PRM_OK);
}

static void start_steering(struct bed *bed)
{
	struct steering *s = bed->device->steering;
	uint8_t nothing[512] = { 0 };
	int r;

	r = steer_domain_new(s, STEER_RX, &bed->steer_domain);
	assert(r == 0);
	r = steer_table_new(bed->steer_domain, 0, &bed->root);
	assert(r == 0);
	r = steer_matcher_new(bed->root, 0, 0, nothing, 0, &bed->matcher);
	assert(r == 0);
	r = steer_action_new_dest_tir(&((struct cx_tir *)bed->tir)->steer, &bed->to_tir);
	assert(r == 0);
	r = steer_rule_new(bed->matcher, nothing, 0, &bed->to_tir, 1, &bed->rule);
	assert(r == 0);
}

void bed_start(struct bed *bed)
{
	struct bed_command command;

	bed_command_simple(&command, PRM_ALLOC_TRANSPORT_DOMAIN);
	bed->domain = must_create(bed, &command);
	bed_command_tis(bed, &command);
	bed->tis = must_create(bed, &command);
	bed_command_cq(bed, &command, BED_TX_CQ, BED_TX_CQ_DOORBELL);
	bed->tx_cq = must_create(bed, &command);
	bed_command_cq(bed, &command, BED_RX_CQ, BED_RX_CQ_DOORBELL);
	bed->rx_cq = must_create(bed, &command);
	bed_command_sq(bed, &command);
	bed->sq = must_create(bed, &command);
	bed_command_rq(bed, &command);
	bed->rq = must_create(bed, &command);
	bed_command_rqt(bed, &command);
	bed->rqt = must_create(bed, &command);
	bed_command_tir(bed, &command);
	bed->tir = must_create(bed, &command);
	make_ready(bed->sq);
	make_ready(bed->rq);
	bed_post_receive(bed, BED_RING - 1);
	start_steering(bed);
}

static void set_doorbell(struct bed *bed, enum bed_place place, unsigned int word, uint32_t value)
{
	__atomic_store_n((uint32_t *)(bed->umem_bytes + place) + word, htobe32(value),
			 __ATOMIC_RELEASE);
}

uint8_t *bed_wqe(struct bed *bed)
{
	uint8_t *wqe = bed->umem_bytes + BED_TX_RING + bed->sent_blocks % BED_RING * WQE_BLOCK;

	return memset(wqe, 0, WQE_BLOCK);
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, sizeof(value));
}

void bed_send(struct bed *bed, uint8_t opcode, unsigned int segments)
{
	uint8_t *wqe = bed->umem_bytes + BED_TX_RING + bed->sent_blocks % BED_RING * WQE_BLOCK;

	put32(wqe, (uint32_t)bed->sent_blocks << 8 | opcode);
	put32(wqe + 4, bed->sq->number << 8 | segments);
	put32(wqe + 8, 0x8); /* a completion, always */
	bed->sent_blocks = (uint16_t)(bed->sent_blocks + (segments + 3) / 4);
	set_doorbell(bed, BED_TX_DOORBELL, DOORBELL_SEND, bed->sent_blocks);
}

void bed_data_segment(uint8_t *at, uint32_t length, uint32_t key, const void *address)
{
	uint64_t where = htobe64((uintptr_t)address);

	put32(at, length);
	put32(at + 4, key);
	memcpy(at + 8, &where, sizeof(where));
}

void bed_post_receive(struct bed *bed, uint16_t n)
{
	for (uint32_t i = 0; i < BED_RING; i++)
		bed_data_segment(bed->umem_bytes + BED_RX_RING + i * 16, BED_BUFFER, bed->mr->lkey,
				 bed->packets + i * BED_BUFFER);
	bed_post_more(bed, n);
}

void bed_post_more(struct bed *bed, uint16_t n)
{
	set_doorbell(bed, BED_RX_DOORBELL, DOORBELL_RECEIVE, n);
}

void bed_poll(struct bed *bed)
{
	struct cx_device *devices[] = { bed->device, bed->vf.peer ? bed->vf.peer->device : NULL };

	cx_lock();
	for (unsigned int i = 0; i < 2 && devices[i]; i++)
		devices[i]->walk = steer_enter(devices[i]->steering);
	(void)cx_device_poll(bed->device);
	for (unsigned int i = 0; i < 2 && devices[i]; i++)
		cx_device_end_round(devices[i]);
	for (unsigned int i = 0; i < 2 && devices[i]; i++)
		steer_leave(devices[i]->steering, devices[i]->walk);
	cx_unlock();
}

void bed_consume_receive(struct bed *bed, uint32_t n)
{
	bed->seen_rx += n;
	set_doorbell(bed, BED_RX_CQ_DOORBELL, 0, bed->seen_rx);
}

const struct cx_cqe *bed_completion(struct bed *bed, bool receive)
{
	uint32_t *seen = receive ? &bed->seen_rx : &bed->seen_tx;
	const struct cx_cqe *cqe;
	uint8_t own;

	cqe = (const struct cx_cqe *)(bed->umem_bytes + (receive ? BED_RX_CQ : BED_TX_CQ) +
				      *seen % BED_RING * CX_CQE_SIZE);
	own = __atomic_load_n(&cqe->op_own, __ATOMIC_ACQUIRE);
	/* As check_cqe() of the PMD: the owner bit says which round of the ring the entry is of. */
	if ((own & 1) != (*seen >> BED_LOG_RING & 1) || own >> 4 == CQE_INVALID)
		return NULL;
	(*seen)++;
	set_doorbell(bed, receive ? BED_RX_CQ_DOORBELL : BED_TX_CQ_DOORBELL, 0, *seen);
	return cqe;
}
