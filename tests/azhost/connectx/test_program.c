/*
 * A program of several threads on two paired VFs with the real device thread between them: one
 * sends, one receives, one keeps making and destroying objects and rules. Frames arrive whole and
 * in order whatever the third one does. Meant for ThreadSanitizer, too.
 */
#include "azhost/connectx/bed.h"
#include "azhost/connectx/lock.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#define FRAMES       20000u
#define FRAME_BYTES  64u
#define IN_FLIGHT    8u
#define PATIENCE_SEC 60

static struct bed sender, receiver;
static atomic_uint received;
static atomic_bool stop, failed;

static void nap(void)
{
	const struct timespec moment = { .tv_nsec = 20000 };

	(void)nanosleep(&moment, NULL);
}

/* A frame carries its number; slots of the packet memory are used in turn. */
static void *send_all(void *argument)
{
	(void)argument;
	for (uint32_t i = 0; i < FRAMES && !atomic_load(&stop); i++) {
		uint8_t *frame = sender.packets + i % (2 * IN_FLIGHT) * FRAME_BYTES;

		while (i - atomic_load(&received) >= IN_FLIGHT && !atomic_load(&stop))
			nap();
		while (bed_completion(&sender, false))
			;
		memcpy(frame + 20, &i, sizeof(i));
		bed_data_segment(bed_wqe(&sender) + 32, FRAME_BYTES, sender.mr->lkey, frame);
		bed_send(&sender, WQE_SEND, 3);
	}
	return NULL;
}

static void *receive_all(void *argument)
{
	uint32_t i = 0;

	(void)argument;
	while (i < FRAMES && !atomic_load(&stop)) {
		uint32_t number;

		if (!bed_completion(&receiver, true)) {
			nap();
			continue;
		}
		memcpy(&number, receiver.packets + i % BED_RING * BED_BUFFER + 20, sizeof(number));
		if (number != i)
			atomic_store(&failed, true);
		i++;
		bed_post_more(&receiver, (uint16_t)(BED_RING - 1 + i));
		atomic_store(&received, i);
	}
	atomic_store(&stop, true);
	return NULL;
}

/* Objects and rules beside the traffic. */
static void bustle(struct bed *bed)
{
	struct bed_command command;
	struct mlx5dv_devx_obj *counter;
	struct steer_action *action;
	uint8_t nothing[64] = { 0 }, out[64];
	struct steer_rule *rule;
	struct steer_matcher *matcher;

	bed_command_simple(&command, PRM_ALLOC_FLOW_COUNTER);
	counter = bed_create(bed, &command, NULL);
	assert_non_null(counter);
	assert_int_equal(steer_action_new_counter(cx_counters_of(counter), 0, &action), 0);
	assert_int_equal(steer_matcher_new(bed->root, 1, 0, nothing, 0, &matcher), 0);
	assert_int_equal(steer_rule_new(matcher, nothing, 0,
					(struct steer_action *[]){ action, bed->to_tir }, 2, &rule),
			 0);
	bed_command_state(&command, bed->rq, PRM_QUEUE_READY, PRM_QUEUE_READY);
	assert_int_equal(bed_modify(bed->rq, &command), PRM_OK);
	bed_command_simple(&command, PRM_QUERY_HCA_CAP);
	assert_int_equal(mlx5dv_devx_general_cmd(bed->context, command.bytes, 16, out, sizeof(out)),
			 0);
	steer_rule_destroy(rule);
	assert_int_equal(steer_matcher_destroy(matcher), 0);
	assert_int_equal(steer_action_destroy(action), 0);
	assert_int_equal(mlx5dv_devx_obj_destroy(counter), 0);
}

static void open_pair(void)
{
	struct mlx5dv_context_attr attributes = { .flags = MLX5DV_CONTEXT_FLAGS_DEVX };
	struct ibv_device **list;
	int n;

	(void)unsetenv("AZHOST_DIR");
	(void)setenv("AZHOST_PROFILES", ACCELNET_SOURCE_DIR "/src/azhost/connectx/profiles", 1);
	(void)setenv("AZHOST_VFS",
		     "t0,0000:00:00.0,n0,cx5-vf-trusted,pair;"
		     "t1,0000:00:00.1,n1,cx5-vf-trusted,pair",
		     1);
	list = ibv_get_device_list(&n);
	assert_int_equal(n, 2);
	bed_equip(&sender, mlx5dv_open_device(list[0], &attributes));
	bed_equip(&receiver, mlx5dv_open_device(list[1], &attributes));
	assert_null(mlx5dv_open_device(list[0], &attributes)); /* it is open already */
	ibv_free_device_list(list);
	bed_start(&sender);
	bed_start(&receiver);
}

static void traffic_and_changes(void **state)
{
	struct ibv_context *contexts[2];
	pthread_t threads[2];
	time_t end = time(NULL) + PATIENCE_SEC;

	(void)state;
	open_pair();
	assert_int_equal(pthread_create(&threads[0], NULL, send_all, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, receive_all, NULL), 0);
	while (!atomic_load(&stop) && time(NULL) < end) {
		bustle(&receiver);
		bustle(&sender);
	}
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&received), FRAMES);
	assert_false(atomic_load(&failed));
	contexts[0] = sender.context;
	contexts[1] = receiver.context;
	bed_close_equipment(&sender);
	bed_close_equipment(&receiver);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(ibv_close_device(contexts[i]), 0);
}

/* A second context by the first one's descriptor: the device lives until both are closed. */
static void imported_context(void **state)
{
	struct mlx5dv_context_attr attributes = { .flags = MLX5DV_CONTEXT_FLAGS_DEVX };
	struct ibv_context *first, *second;
	struct mlx5dv_devx_obj *object;
	struct ibv_async_event event;
	uint8_t in[16] = { 0 }, out[16];
	struct ibv_device **list;
	int n;

	(void)state;
	(void)setenv("AZHOST_VFS", "t0,0000:00:00.0,n0,cx5-vf-trusted,ring", 1);
	list = ibv_get_device_list(&n);
	assert_int_equal(n, 1);
	first = mlx5dv_open_device(list[0], &attributes);
	assert_non_null(first);
	second = ibv_import_device(dup(first->cmd_fd));
	assert_non_null(second);
	assert_ptr_equal(second->device, first->device);
	assert_null(ibv_import_device(STDIN_FILENO));
	cx_lock();
	cx_device_raise(cx_device_from(first), IBV_EVENT_PORT_ERR);
	cx_unlock();
	assert_int_equal(ibv_get_async_event(first, &event), 0);
	assert_int_equal(ibv_get_async_event(second, &event), 0);
	assert_int_equal(event.event_type, IBV_EVENT_PORT_ERR);
	assert_int_equal(ibv_close_device(first), 0);
	prm_set(in, CMD_OPCODE, PRM_ALLOC_TRANSPORT_DOMAIN);
	object = mlx5dv_devx_obj_create(second, in, sizeof(in), out, sizeof(out));
	assert_non_null(object);
	assert_int_equal(mlx5dv_devx_obj_destroy(object), 0);
	assert_null(mlx5dv_open_device(list[0], &attributes)); /* it is open still */
	assert_int_equal(ibv_close_device(second), 0);
	first = mlx5dv_open_device(list[0], &attributes);
	assert_non_null(first);
	assert_int_equal(ibv_close_device(first), 0);
	ibv_free_device_list(list);
}

/* The list follows the environment; a VF that is gone cannot be opened. */
static void list_changes(void **state)
{
	struct mlx5dv_context_attr attributes = { .flags = MLX5DV_CONTEXT_FLAGS_DEVX };
	struct ibv_device **before, **after;
	int n;

	(void)state;
	(void)setenv("AZHOST_VFS",
		     "t0,0,n0,cx5-vf-trusted,ring;half,an,entry;t5,1,n5,cx4lx-vf,ring", 1);
	before = ibv_get_device_list(&n);
	assert_int_equal(n, 2);
	assert_string_equal(ibv_get_device_name(before[1]), "t5");
	(void)setenv("AZHOST_VFS", "t5,2,n5,cx5-vf-trusted,ring", 1);
	after = ibv_get_device_list(&n);
	assert_int_equal(n, 1);
	assert_ptr_equal(after[0], before[1]);
	errno = 0;
	assert_null(mlx5dv_open_device(before[0], &attributes));
	assert_int_equal(errno, ENODEV);
	(void)setenv("AZHOST_VFS", "t5,2,n5,no-such-profile,ring", 1);
	ibv_free_device_list(ibv_get_device_list(&n));
	assert_null(mlx5dv_open_device(after[0], &attributes));
	assert_int_equal(errno, ENOENT);
	ibv_free_device_list(before);
	ibv_free_device_list(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imported_context),
		cmocka_unit_test(list_changes),
		cmocka_unit_test(traffic_and_changes),
	};

	(void)unsetenv("AZHOST_DIR");
	(void)setenv("AZHOST_PROFILES", ACCELNET_SOURCE_DIR "/src/azhost/connectx/profiles", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
