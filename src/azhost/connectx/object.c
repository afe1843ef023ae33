/*
 * The table of DevX objects of one device: numbers, kinds, and the order in which they may go.
 */
#include "azhost/connectx/object.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256u
#define MAX_SLOTS   (1u << 20)

void cx_object_table_init(struct cx_object_table *table)
{
	memset(table, 0, sizeof(*table));
	table->next = 1;
}

/* Kinds that are built on others first. */
static const enum cx_kind release_order[CX_KINDS] = {
	CX_TIR,          CX_RQT,       CX_SQ,   CX_RQ, CX_CQ, CX_TIS, CX_TRANSPORT_DOMAIN,
	CX_FLOW_COUNTER, CX_Q_COUNTER, CX_MKEY,
};

void cx_object_table_fini(struct cx_object_table *table)
{
	for (unsigned int k = 0; k < CX_KINDS; k++) {
		for (uint32_t i = 1; i < table->size; i++) {
			if (table->slots[i] && table->slots[i]->kind == release_order[k])
				(void)cx_object_destroy(table, table->slots[i], true);
		}
	}
	free(table->slots);
	cx_object_table_init(table);
}

void *cx_object_new(struct cx_device *device, enum cx_kind kind, size_t size)
{
	struct mlx5dv_devx_obj *object = calloc(1, size);

	if (!object)
		return NULL;
	object->device = device;
	object->kind = kind;
	return object;
}

static int table_grow(struct cx_object_table *table)
{
	uint32_t size = table->size ? table->size * 2 : FIRST_SLOTS;
	struct mlx5dv_devx_obj **slots;

	if (size > MAX_SLOTS)
		return -ENOSPC;
	slots = reallocarray(table->slots, size, sizeof(struct mlx5dv_devx_obj *));
	if (!slots)
		return -ENOMEM;
	memset(slots + table->size, 0, (size - table->size) * sizeof(struct mlx5dv_devx_obj *));
	table->slots = slots;
	table->size = size;
	return 0;
}

int cx_object_publish(struct cx_object_table *table, struct mlx5dv_devx_obj *object)
{
	uint32_t number = 0;
	int r;

	for (uint32_t i = table->next; i < table->size && !number; i++) {
		if (!table->slots[i])
			number = i;
	}
	for (uint32_t i = 1; i < table->next && i < table->size && !number; i++) {
		if (!table->slots[i])
			number = i;
	}
	if (!number) {
		number = table->size ? table->size : 1;
		r = table_grow(table);
		if (r < 0)
			return r;
	}
	object->number = number;
	table->slots[number] = object;
	table->next = number + 1;
	table->alive[object->kind]++;
	return 0;
}

void *cx_object_find(const struct cx_object_table *table, enum cx_kind kind, uint32_t number)
{
	struct mlx5dv_devx_obj *object = number < table->size ? table->slots[number] : NULL;

	return object && object->kind == kind ? object : NULL;
}

int cx_object_destroy(struct cx_object_table *table, struct mlx5dv_devx_obj *object, bool forced)
{
	bool in_rules = object->rules && atomic_load(object->rules) > 0;

	if (!forced && (object->users > 0 || in_rules))
		return -EBUSY;
	table->slots[object->number] = NULL;
	table->alive[object->kind]--;
	if (object->release)
		object->release(object);
	free(object);
	return 0;
}
