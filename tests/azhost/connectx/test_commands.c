/* DevX commands: what is refused and how, lifetimes, keys, counters, and a device that is gone. */
#include "azhost/connectx/bed.h"

#include "azhost/connectx/devx.h"
#include "azhost/connectx/objects.h"
#include "azhost/connectx/queue.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_open(bed, "cx5-vf-trusted");
	bed_start(bed);
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	bed_close(*state);
	free(*state);
	return 0;
}

typedef void make_fn(const struct bed *bed, struct bed_command *command);

static void make_cq(const struct bed *bed, struct bed_command *command)
{
	bed_command_cq(bed, command, BED_TX_CQ, BED_TX_CQ_DOORBELL);
}

#define CQ(field)   (CREATE_CQ_IN_CQC * 8 * 256 + (field))
#define CTX(field)  (QUEUE_IN_CONTEXT * 8 * 256 + (field))
#define RQWQ(field) (CTX(RQC_WQ * 8 * 256 + (field)))

/* One field of a good command is changed. */
static void wrong_fields(void **state)
{
	static const struct {
		const char *what;
		make_fn *make;
		uint32_t field; /* from the command's start */
		uint32_t value;
		enum prm_status status;
	} cases[] = {
		{ "opcode", make_cq, CMD_OPCODE, 0x999, PRM_BAD_OPERATION },
		{ "opcode of a query", make_cq, CMD_OPCODE, PRM_QUERY_HCA_CAP, PRM_BAD_OPERATION },
		{ "no umem", make_cq, CREATE_CQ_IN_UMEM_VALID, 0, PRM_BAD_PARAMETER },
		{ "umem", make_cq, CREATE_CQ_IN_UMEM, 99, PRM_BAD_PARAMETER },
		{ "umem offset", make_cq, PRM(672, 32), BED_UMEM_BYTES - 64, PRM_BAD_PARAMETER },
		{ "umem offset, far", make_cq, PRM(640, 32), 1, PRM_BAD_PARAMETER },
		{ "alignment", make_cq, PRM(672, 32), 4100, PRM_BAD_PARAMETER },
		{ "record alignment", make_cq, CQ(PRM(480, 32)), 12289, PRM_BAD_PARAMETER },
		{ "record outside", make_cq, CQ(PRM(480, 32)), BED_UMEM_BYTES, PRM_BAD_PARAMETER },
		{ "CQE size", make_cq, CQ(CQC_CQE_SIZE), 1, PRM_BAD_PARAMETER },
		{ "UAR", make_cq, CQ(CQC_UAR_PAGE), 2, PRM_BAD_RESOURCE },
		{ "EQ", make_cq, CQ(CQC_EQN), 2, PRM_BAD_RESOURCE },
		{ "CQ size", make_cq, CQ(CQC_LOG_SIZE), 23, PRM_EXCEED_LIMIT },
		{ "CQ past its umem", make_cq, CQ(CQC_LOG_SIZE), 9, PRM_BAD_PARAMETER },
		{ "SQ state", bed_command_sq, CTX(SQC_STATE), 1, PRM_BAD_PARAMETER },
		{ "CQ of SQ", bed_command_sq, CTX(SQC_CQN), 77, PRM_BAD_RESOURCE },
		{ "TIS of SQ", bed_command_sq, CTX(SQC_TISN), 1, PRM_BAD_RESOURCE },
		{ "TIS count", bed_command_sq, CTX(SQC_TIS_COUNT), 2, PRM_BAD_PARAMETER },
		{ "hairpin SQ", bed_command_sq, CTX(SQC_HAIRPIN), 1, PRM_BAD_PARAMETER },
		{ "pacing", bed_command_sq, CTX(SQC_PACING), 1, PRM_BAD_PARAMETER },
		{ "software parser", bed_command_sq, CTX(SQC_SWP), 1, PRM_BAD_PARAMETER },
		{ "SQ type", bed_command_sq, RQWQ(WQ_TYPE), 0, PRM_BAD_PARAMETER },
		{ "SQ stride", bed_command_sq, RQWQ(WQ_LOG_STRIDE), 7, PRM_BAD_PARAMETER },
		{ "SQ size", bed_command_sq, RQWQ(WQ_LOG_SIZE), 16, PRM_EXCEED_LIMIT },
		{ "SQ past its umem", bed_command_sq, RQWQ(WQ_LOG_SIZE), 12, PRM_BAD_PARAMETER },
		{ "SQ's UAR", bed_command_sq, RQWQ(WQ_UAR_PAGE), 0, PRM_BAD_RESOURCE },
		{ "WQ signature", bed_command_sq, RQWQ(WQ_SIGNATURE), 1, PRM_BAD_PARAMETER },
		{ "RQ state", bed_command_rq, CTX(RQC_STATE), 3, PRM_BAD_PARAMETER },
		{ "RMP", bed_command_rq, CTX(RQC_MEMORY_TYPE), 1, PRM_BAD_PARAMETER },
		{ "FCS", bed_command_rq, CTX(RQC_SCATTER_FCS), 1, PRM_BAD_PARAMETER },
		{ "delay drop", bed_command_rq, CTX(RQC_DELAY_DROP), 1, PRM_BAD_PARAMETER },
		{ "hairpin RQ", bed_command_rq, CTX(RQC_HAIRPIN), 1, PRM_BAD_PARAMETER },
		{ "queue counter", bed_command_rq, CTX(RQC_COUNTER_SET), 9, PRM_BAD_RESOURCE },
		{ "RQ type", bed_command_rq, RQWQ(WQ_TYPE), 2, PRM_BAD_PARAMETER },
		{ "RQ stride", bed_command_rq, RQWQ(WQ_LOG_STRIDE), 3, PRM_BAD_PARAMETER },
		{ "striding RQ", bed_command_rq, RQWQ(WQ_TYPE), 3, PRM_BAD_PARAMETER },
		{ "byte shift", bed_command_rq, RQWQ(WQ_TWO_BYTE_SHIFT), 1, PRM_BAD_PARAMETER },
		{ "domain of TIS", bed_command_tis, CTX(TISC_TRANSPORT_DOMAIN), 5000,
		  PRM_BAD_RESOURCE },
		{ "RQT size", bed_command_rqt, CTX(RQTC_MAX_SIZE), 4096, PRM_EXCEED_LIMIT },
		{ "empty RQT", bed_command_rqt, CTX(RQTC_ACTUAL_SIZE), 0, PRM_BAD_PARAMETER },
		{ "RQT over its size", bed_command_rqt, CTX(RQTC_ACTUAL_SIZE), 2,
		  PRM_BAD_PARAMETER },
		{ "RQT list type", bed_command_rqt, CTX(RQTC_LIST_TYPE), 1, PRM_BAD_PARAMETER },
		{ "RQ of RQT", bed_command_rqt, CTX(PRM(RQTC_LIST * 8 + 8, 24)), 1,
		  PRM_BAD_RESOURCE },
		{ "dispatch", bed_command_tir, CTX(TIRC_DISPATCH), 7, PRM_BAD_RESOURCE },
		{ "RQT of TIR", bed_command_tir, CTX(TIRC_INDIRECT_TABLE), 1, PRM_BAD_RESOURCE },
		{ "LRO", bed_command_tir, CTX(TIRC_LRO_MASK), 1, PRM_BAD_PARAMETER },
		{ "tunnels", bed_command_tir, CTX(TIRC_TUNNELED), 1, PRM_BAD_PARAMETER },
		{ "inner hash", bed_command_tir, CTX(TIRC_INNER_FIELDS), 1, PRM_BAD_PARAMETER },
		{ "hash function", bed_command_tir, CTX(TIRC_HASH_FUNCTION), 1, PRM_BAD_PARAMETER },
		{ "symmetric", bed_command_tir, CTX(TIRC_SYMMETRIC), 1, PRM_BAD_PARAMETER },
		{ "hash fields", bed_command_tir, CTX(TIRC_OUTER_FIELDS), 0x20, PRM_BAD_PARAMETER },
		{ "domain of TIR", bed_command_tir, CTX(TIRC_TRANSPORT_DOMAIN), 5000,
		  PRM_BAD_RESOURCE },
	};
	struct bed *bed = *state;
	uint32_t sqs = bed->device->n_sqs, rqs = bed->device->n_rqs;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed_command command;
		enum prm_status status;

		cases[i].make(bed, &command);
		prm_set(command.bytes, cases[i].field, cases[i].value);
		errno = 0;
		if (bed_create(bed, &command, &status) || status != cases[i].status ||
		    errno != EREMOTEIO)
			fail_msg("%s: status %#x, errno %d", cases[i].what, status, errno);
		cases[i].make(bed, &command);
		command.length = 100;
		assert_null(bed_create(bed, &command, &status));
		assert_int_equal(status, PRM_BAD_INPUT_LENGTH);
	}
	assert_int_equal(bed->device->n_sqs, sqs);
	assert_int_equal(bed->device->n_rqs, rqs);
	assert_int_equal(((struct cx_cq *)bed->tx_cq)->object.users, 1);
}

static void short_answers(void **state)
{
	struct bed *bed = *state;
	struct bed_command command;
	uint8_t out[8];

	bed_command_simple(&command, PRM_ALLOC_TRANSPORT_DOMAIN);
	assert_null(mlx5dv_devx_obj_create(bed->context, command.bytes, 16, out, sizeof(out)));
	assert_int_equal(errno, EREMOTEIO);
	assert_null(mlx5dv_devx_obj_create(bed->context, command.bytes, 3, out, 0));
}

/* What is built on must stay. */
static void lifetimes(void **state)
{
	struct bed *bed = *state;
	struct mlx5dv_devx_obj *used[] = { bed->domain, bed->tis, bed->tx_cq, bed->rx_cq,
					   bed->rq,     bed->rqt, bed->tir };

	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
		assert_int_equal(mlx5dv_devx_obj_destroy(used[i]), EREMOTEIO);
		assert_int_equal(errno, EREMOTEIO);
	}
	assert_int_equal(mlx5dv_devx_umem_dereg(bed->umem), EBUSY);
	steer_rule_destroy(bed->rule);
	bed->rule = NULL;
	assert_int_equal(steer_action_destroy(bed->to_tir), 0);
	bed->to_tir = NULL;
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->tir), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->rqt), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->rq), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->rx_cq), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->sq), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->tx_cq), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->tis), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->domain), 0);
	assert_int_equal(mlx5dv_devx_umem_dereg(bed->umem), 0);
}

static void queue_states(void **state)
{
	static const struct {
		uint32_t from, to;
		enum prm_status status;
	} cases[] = {
		/* the queue is ready at first */
		{ PRM_QUEUE_RESET, PRM_QUEUE_READY, PRM_BAD_RESOURCE_STATE },
		{ PRM_QUEUE_READY, 2, PRM_BAD_RESOURCE_STATE },
		{ PRM_QUEUE_READY, PRM_QUEUE_READY, PRM_OK },
		{ PRM_QUEUE_READY, PRM_QUEUE_ERROR, PRM_OK },
		{ PRM_QUEUE_ERROR, PRM_QUEUE_READY, PRM_BAD_RESOURCE_STATE },
		{ PRM_QUEUE_ERROR, PRM_QUEUE_RESET, PRM_OK },
		{ PRM_QUEUE_READY, PRM_QUEUE_READY, PRM_BAD_RESOURCE_STATE },
		{ PRM_QUEUE_RESET, PRM_QUEUE_READY, PRM_OK },
	};
	struct bed *bed = *state;
	struct bed_command command;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bed_command_state(&command, bed->sq, cases[i].from, cases[i].to);
		assert_int_equal(bed_modify(bed->sq, &command), cases[i].status);
		bed_command_state(&command, bed->rq, cases[i].from, cases[i].to);
		assert_int_equal(bed_modify(bed->rq, &command), cases[i].status);
	}
	assert_int_equal(bed_modify(bed->sq, &command),
			 PRM_BAD_RESOURCE); /* a command for the RQ */
	bed_command_state(&command, bed->sq, PRM_QUEUE_READY, PRM_QUEUE_READY);
	prm_set(command.bytes, CMD_NUMBER, 1234);
	assert_int_equal(bed_modify(bed->sq, &command), PRM_BAD_RESOURCE);
}

static struct mlx5dv_devx_obj *make_mkey(struct bed *bed, uint64_t length, uint32_t *ret_key)
{
	struct bed_command command;
	struct mlx5dv_devx_obj *mkey;
	uint8_t out[16];

	bed_command_mkey(bed, &command, length);
	mkey = mlx5dv_devx_obj_create(bed->context, command.bytes, command.length, out,
				      sizeof(out));
	*ret_key = prm_get(out, CMD_NUMBER) << 8 | 0x42;
	return mkey;
}

static void memory_keys(void **state)
{
	struct bed *bed = *state;
	const struct cx_memory *memory = &bed->device->memory;
	uint64_t start = (uintptr_t)bed->packets;
	uint32_t key, lkey = bed->mr->lkey;
	struct mlx5dv_devx_obj *mkey;

	assert_ptr_equal(cx_memory_at(memory, lkey, start, 1, true), bed->packets);
	assert_non_null(cx_memory_at(memory, lkey, start, BED_PACKET_BYTES, true));
	assert_null(cx_memory_at(memory, lkey, start, BED_PACKET_BYTES + 1, true));
	assert_null(cx_memory_at(memory, lkey, start + BED_PACKET_BYTES, 1, true));
	assert_null(cx_memory_at(memory, lkey, start - 1, 2, true));
	assert_null(cx_memory_at(memory, lkey, UINT64_MAX, 8, true));
	assert_null(cx_memory_at(memory, lkey ^ 1, start, 1, true));
	assert_null(cx_memory_at(memory, UINT32_MAX, start, 1, true));
	mkey = make_mkey(bed, 4096, &key);
	assert_non_null(mkey);
	assert_ptr_equal(cx_memory_at(memory, key, BED_MKEY_START + 5, 8, true),
			 bed->umem_bytes + 5);
	assert_null(cx_memory_at(memory, key, BED_MKEY_START + 4090, 8, true));
	assert_int_equal(mlx5dv_devx_obj_destroy(mkey), 0);
	assert_null(cx_memory_at(memory, key, BED_MKEY_START, 8, true));
	assert_null(make_mkey(bed, BED_UMEM_BYTES + 1, &key));
}

/* A key over two stretches of another, and one over itself. */
static void indirect_keys(void **state)
{
	struct bed *bed = *state;
	struct cx_memory *memory = &bed->device->memory;
	struct cx_klm klms[] = {
		{ bed->mr->lkey, 100, (uintptr_t)bed->packets + 1000 },
		{ bed->mr->lkey, 50, (uintptr_t)bed->packets },
	};
	struct cx_mkey key = {
		.writable = true, .start = 7, .length = 150, .n_klms = 2, .klms = klms
	};

	assert_int_equal(cx_mkey_add(memory, &key), 0);
	assert_ptr_equal(cx_memory_at(memory, key.key, 7, 100, true), bed->packets + 1000);
	assert_ptr_equal(cx_memory_at(memory, key.key, 107, 50, true), bed->packets);
	assert_null(cx_memory_at(memory, key.key, 100, 50, true)); /* over the seam */
	assert_null(cx_memory_at(memory, key.key, 157, 1, true));
	klms[0] = (struct cx_klm){ key.key, 100, 7 };
	assert_null(cx_memory_at(memory, key.key, 7, 1, true));
	cx_mkey_remove(memory, &key);
}

static void flow_counters(void **state)
{
	struct bed *bed = *state;
	struct bed_command command;
	struct mlx5dv_devx_obj *bulk;
	struct steer_counters *counters;
	enum prm_status status;
	uint8_t out[64];
	uint32_t key, id;
	struct mlx5dv_devx_obj *mkey = make_mkey(bed, BED_UMEM_BYTES, &key);

	bed_command_simple(&command, PRM_ALLOC_FLOW_COUNTER);
	prm_set(command.bytes, ALLOC_FLOW_COUNTER_BULK, 3);
	assert_null(bed_create(bed, &command, &status));
	assert_int_equal(status, PRM_BAD_PARAMETER);
	prm_set(command.bytes, ALLOC_FLOW_COUNTER_BULK, 4);
	bulk = mlx5dv_devx_obj_create(bed->context, command.bytes, 16, out, sizeof(out));
	assert_non_null(bulk);
	id = prm_get(out, ALLOC_FLOW_COUNTER_OUT_ID);
	counters = cx_counters_of(bulk);
	assert_int_equal(counters->n, 512);
	assert_null(cx_counters_of(bed->sq));
	counters->cells[3].packets = 11;
	counters->cells[3].octets = 2200;

	bed_command_simple(&command, PRM_QUERY_FLOW_COUNTER);
	prm_set(command.bytes, QUERY_FLOW_COUNTER_ID, id + 3);
	assert_int_equal(mlx5dv_devx_obj_query(bulk, command.bytes, 32, out, 32), 0);
	assert_int_equal(prm_get64(out, 16), 11);
	assert_int_equal(prm_get64(out, 24), 2200);
	assert_int_equal(mlx5dv_devx_obj_query(bulk, command.bytes, 32, out, 16), EREMOTEIO);
	prm_set(command.bytes, QUERY_FLOW_COUNTER_CLEAR, 1);
	assert_int_equal(mlx5dv_devx_obj_query(bulk, command.bytes, 32, out, 32), 0);
	assert_int_equal(mlx5dv_devx_obj_query(bulk, command.bytes, 32, out, 32), 0);
	assert_int_equal(prm_get64(out, 16), 0);
	counters->cells[3].packets = 12;

	prm_set(command.bytes, QUERY_FLOW_COUNTER_ID, id);
	prm_set(command.bytes, QUERY_FLOW_COUNTER_DUMP, 1);
	prm_set(command.bytes, QUERY_FLOW_COUNTER_COUNT, 512);
	prm_set(command.bytes, QUERY_FLOW_COUNTER_MKEY, key);
	prm_set64(command.bytes, QUERY_FLOW_COUNTER_ADDRESS, BED_MKEY_START);
	assert_int_equal(mlx5dv_devx_obj_query(bulk, command.bytes, 32, out, 16), 0);
	assert_int_equal(prm_get64(bed->umem_bytes, 3 * 16), 1);
	prm_set(command.bytes, QUERY_FLOW_COUNTER_COUNT, 513);
	assert_int_equal(mlx5dv_devx_obj_query(bulk, command.bytes, 32, out, 16), EREMOTEIO);
	prm_set(command.bytes, QUERY_FLOW_COUNTER_COUNT, 512);
	prm_set64(command.bytes, QUERY_FLOW_COUNTER_ADDRESS, BED_MKEY_START + BED_UMEM_BYTES - 100);
	assert_int_equal(mlx5dv_devx_obj_query(bulk, command.bytes, 32, out, 16), EREMOTEIO);
	assert_int_equal(prm_get(out, CMD_STATUS), PRM_BAD_RESOURCE);
	assert_int_equal(mlx5dv_devx_obj_destroy(mkey), 0);
}

static void counter_limit(void **state)
{
	struct bed *bed = *state;
	struct bed_command command;
	struct mlx5dv_devx_obj *two[2];
	enum prm_status status;

	bed->device->counters_limit = 2;
	bed_command_simple(&command, PRM_ALLOC_FLOW_COUNTER);
	two[0] = bed_create(bed, &command, NULL);
	two[1] = bed_create(bed, &command, NULL);
	assert_true(two[0] && two[1]);
	assert_null(bed_create(bed, &command, &status));
	assert_int_equal(status, PRM_NO_RESOURCES);
	assert_int_equal(mlx5dv_devx_obj_destroy(two[0]), 0);
	assert_non_null(bed_create(bed, &command, NULL));
}

static void asynchronous_query(void **state)
{
	struct bed *bed = *state;
	struct bed_command command;
	struct mlx5dv_devx_obj *counter;
	struct mlx5dv_devx_cmd_comp *completion = mlx5dv_devx_create_cmd_comp(bed->context);
	uint64_t answer[1 + 4];
	struct mlx5dv_devx_async_cmd_hdr *header = (struct mlx5dv_devx_async_cmd_hdr *)answer;

	bed_command_simple(&command, PRM_ALLOC_FLOW_COUNTER);
	counter = bed_create(bed, &command, NULL);
	cx_counters_of(counter)->cells[0].packets = 5;
	bed_command_simple(&command, PRM_QUERY_FLOW_COUNTER);
	prm_set(command.bytes, QUERY_FLOW_COUNTER_ID, 0x100);
	assert_int_equal(
		mlx5dv_devx_obj_query_async(counter, command.bytes, 32, 32, 77, completion), 0);
	assert_int_equal(mlx5dv_devx_get_async_cmd_comp(completion, header, sizeof(answer)), 0);
	assert_int_equal(header->wr_id, 77);
	assert_int_equal(prm_get64(header->out_data, 16), 5);
	mlx5dv_devx_destroy_cmd_comp(completion);
}

/* The event comes once for each arming, when there is a completion to see. */
static void completion_events(void **state)
{
	struct bed *bed = *state;
	struct mlx5dv_devx_event_channel *channel;
	struct mlx5dv_devx_async_event_hdr event;
	uint16_t types[] = { 0, 1 };
	uint32_t arm = htobe32(1u << 28);

	channel = mlx5dv_devx_create_event_channel(bed->context, 0);
	assert_int_equal(mlx5dv_devx_subscribe_devx_event(channel, bed->rq, 2, types, 1),
			 EOPNOTSUPP);
	assert_int_equal(mlx5dv_devx_subscribe_devx_event(channel, bed->rx_cq, 4, types, 1),
			 EOPNOTSUPP);
	assert_int_equal(mlx5dv_devx_subscribe_devx_event(channel, bed->rx_cq, 2, types, 99), 0);
	memcpy(bed->umem_bytes + BED_RX_CQ_DOORBELL + 4, &arm, sizeof(arm));
	bed->vf.peer = &bed->vf; /* what it sends comes back */
	for (unsigned int i = 0; i < 3; i++) {
		bed_data_segment(bed_wqe(bed) + 32, 60, bed->mr->lkey, bed->packets);
		bed_send(bed, WQE_SEND, 3);
		bed_poll(bed);
	}
	assert_int_equal(mlx5dv_devx_get_event(channel, &event, sizeof(event)), sizeof(event));
	assert_int_equal(event.cookie, 99);
	arm = htobe32(2u << 28 | 1); /* there are newer ones already */
	memcpy(bed->umem_bytes + BED_RX_CQ_DOORBELL + 4, &arm, sizeof(arm));
	bed_poll(bed);
	assert_int_equal(mlx5dv_devx_get_event(channel, &event, sizeof(event)), sizeof(event));
	arm = htobe32(3u << 28 | 3); /* there are none */
	memcpy(bed->umem_bytes + BED_RX_CQ_DOORBELL + 4, &arm, sizeof(arm));
	bed_poll(bed);
	assert_int_equal(poll(&(struct pollfd){ .fd = channel->fd, .events = POLLIN }, 1, 0), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->sq), 0);
	((struct cx_cq *)bed->rx_cq)->channel = NULL;
	mlx5dv_devx_destroy_event_channel(channel);
}

static void failed_device(void **state)
{
	struct bed *bed = *state;
	struct bed_command command;
	struct ibv_device_attr attributes;
	uint8_t out[16];

	cx_device_raise(bed->device, IBV_EVENT_DEVICE_FATAL);
	bed_command_simple(&command, PRM_ALLOC_TRANSPORT_DOMAIN);
	errno = 0;
	assert_null(mlx5dv_devx_obj_create(bed->context, command.bytes, 16, out, 16));
	assert_int_equal(errno, EIO);
	bed_command_state(&command, bed->sq, PRM_QUEUE_READY, PRM_QUEUE_RESET);
	assert_int_equal(mlx5dv_devx_obj_modify(bed->sq, command.bytes, command.length, out, 16),
			 EIO);
	assert_int_equal(ibv_query_device(bed->context, &attributes), EIO);
	assert_int_equal(mlx5dv_devx_obj_destroy(bed->sq), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(wrong_fields),      TEST(short_answers), TEST(lifetimes),
		TEST(queue_states),      TEST(memory_keys),   TEST(indirect_keys),
		TEST(flow_counters),     TEST(counter_limit), TEST(asynchronous_query),
		TEST(completion_events), TEST(failed_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
