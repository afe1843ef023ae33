/*
 * Flow counters, which rules count with, and queue counters, which count frames that found no
 * buffer.
 */
#include "azhost/connectx/caps.h"
#include "azhost/connectx/devx.h"
#include "azhost/connectx/tir.h"

#include <stdatomic.h>
#include <stdlib.h>

#define BULK_UNIT      128u
#define ID_ALIGNMENT   4u /* the PMD keeps 2 bits for itself in counter numbers */
#define MAX_Q_COUNTERS 255u

struct counter_values {
	uint64_t packets;
	uint64_t octets;
};

struct flow_counter {
	struct mlx5dv_devx_obj object;
	uint32_t id; /* of the first */
	struct steer_counters steer;
	struct counter_values *cleared; /* values at the last clearing query */
};

struct steer_counters *cx_counters_of(struct mlx5dv_devx_obj *object)
{
	return object->kind == CX_FLOW_COUNTER ? &((struct flow_counter *)object)->steer : NULL;
}

static void flow_counter_release(struct mlx5dv_devx_obj *object)
{
	struct flow_counter *counter = (struct flow_counter *)object;

	object->device->counters_alive -= counter->steer.n;
	free(counter->steer.cells);
	free(counter->cleared);
}

static bool counters_left(const struct cx_device *device, uint32_t n)
{
	uint64_t wanted = (uint64_t)device->counters_alive + n;

	if (device->counters_limit && wanted > device->counters_limit)
		return false;
	return !device->profile.max_counters || wanted <= device->profile.max_counters;
}

enum prm_status cx_alloc_flow_counter(struct cx_command *command,
				      struct mlx5dv_devx_obj **ret_object)
{
	struct cx_device *device = command->device;
	uint32_t bulk = prm_get(command->in, ALLOC_FLOW_COUNTER_BULK);
	uint32_t bulks = cx_profile_cap(&device->profile, CX_CAP_GENERAL, CAP_COUNTER_BULKS);
	uint32_t n = bulk ? bulk * BULK_UNIT : 1;
	struct flow_counter *counter;

	if (bulk & (bulk - 1) || bulk & ~bulks)
		return PRM_BAD_PARAMETER;
	if (!counters_left(device, n))
		return PRM_NO_RESOURCES;
	counter = cx_object_new(device, CX_FLOW_COUNTER, sizeof(*counter));
	if (!counter)
		return PRM_NO_RESOURCES;
	counter->steer.n = n;
	counter->steer.cells = calloc(n, sizeof(struct steer_count));
	counter->cleared = calloc(n, sizeof(struct counter_values));
	if (!counter->steer.cells || !counter->cleared) {
		free(counter->steer.cells);
		free(counter->cleared);
		free(counter);
		return PRM_NO_RESOURCES;
	}
	counter->object.rules = &counter->steer.rules;
	counter->object.release = flow_counter_release;
	counter->id = device->next_counter_id;
	device->next_counter_id += (n + ID_ALIGNMENT - 1) & ~(ID_ALIGNMENT - 1);
	device->counters_alive += n;
	prm_set(command->out, ALLOC_FLOW_COUNTER_OUT_ID, counter->id);
	*ret_object = &counter->object;
	return PRM_OK;
}

static struct counter_values read_counter(struct flow_counter *counter, uint32_t i, bool clear)
{
	struct counter_values now = {
		atomic_load_explicit(&counter->steer.cells[i].packets, memory_order_relaxed),
		atomic_load_explicit(&counter->steer.cells[i].octets, memory_order_relaxed),
	};
	struct counter_values since = {
		now.packets - counter->cleared[i].packets,
		now.octets - counter->cleared[i].octets,
	};

	if (clear)
		counter->cleared[i] = now;
	return since;
}

static void write_counter(uint8_t *at, struct counter_values values)
{
	prm_set64(at, 0, values.packets);
	prm_set64(at, 8, values.octets);
}

enum prm_status cx_query_flow_counter(struct cx_command *command, struct mlx5dv_devx_obj *object)
{
	struct flow_counter *counter = (struct flow_counter *)object;
	uint32_t first = prm_get(command->in, QUERY_FLOW_COUNTER_ID) - counter->id;
	uint32_t n = prm_get(command->in, QUERY_FLOW_COUNTER_COUNT);
	bool clear = prm_get(command->in, QUERY_FLOW_COUNTER_CLEAR);
	bool dump = prm_get(command->in, QUERY_FLOW_COUNTER_DUMP);
	uint8_t *at = command->out + QUERY_FLOW_COUNTER_OUT;

	if (n == 0)
		n = 1;
	if (first >= counter->steer.n || n > counter->steer.n - first)
		return PRM_BAD_PARAMETER;
	if (dump && !cx_profile_cap(&object->device->profile, CX_CAP_GENERAL, CAP_COUNTER_DUMP))
		return PRM_BAD_PARAMETER;
	if (dump)
		at = cx_memory_at(&object->device->memory,
				  prm_get(command->in, QUERY_FLOW_COUNTER_MKEY),
				  prm_get64(command->in, QUERY_FLOW_COUNTER_ADDRESS),
				  n * TRAFFIC_COUNTER_BYTES, true);
	else if ((command->out_bytes - QUERY_FLOW_COUNTER_OUT) / TRAFFIC_COUNTER_BYTES < n)
		return PRM_BAD_OUTPUT_LENGTH;
	if (!at)
		return PRM_BAD_RESOURCE;
	for (uint32_t i = 0; i < n; i++)
		write_counter(at + i * TRAFFIC_COUNTER_BYTES,
			      read_counter(counter, first + i, clear));
	return PRM_OK;
}

struct cx_q_counter *cx_q_counter_by_id(const struct cx_device *device, uint32_t id)
{
	for (uint32_t i = 1; i < device->objects.size; i++) {
		struct cx_q_counter *counter = cx_object_find(&device->objects, CX_Q_COUNTER, i);

		if (counter && counter->id == id)
			return counter;
	}
	return NULL;
}

enum prm_status cx_alloc_q_counter(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	struct cx_q_counter *counter;
	uint32_t id = 1;

	while (id <= MAX_Q_COUNTERS && cx_q_counter_by_id(command->device, id))
		id++;
	if (id > MAX_Q_COUNTERS)
		return PRM_NO_RESOURCES;
	counter = cx_object_new(command->device, CX_Q_COUNTER, sizeof(*counter));
	if (!counter)
		return PRM_NO_RESOURCES;
	counter->id = (uint8_t)id;
	prm_set(command->out, ALLOC_Q_COUNTER_OUT_ID, id);
	*ret_object = &counter->object;
	return PRM_OK;
}

enum prm_status cx_query_q_counter(struct cx_command *command, struct mlx5dv_devx_obj *object)
{
	struct cx_q_counter *counter = (struct cx_q_counter *)object;

	if (prm_get(command->in, QUERY_Q_COUNTER_ID) != counter->id)
		return PRM_BAD_RESOURCE;
	prm_set(command->out, QUERY_Q_COUNTER_OUT_OF_BUFFER,
		counter->out_of_buffer - counter->cleared);
	if (prm_get(command->in, QUERY_Q_COUNTER_CLEAR))
		counter->cleared = counter->out_of_buffer;
	return PRM_OK;
}
