/*
 * DevX objects: what a CREATE or ALLOC command makes. The PMD holds an opaque handle, struct
 * mlx5dv_devx_obj; commands name objects by number. One number space serves all kinds.
 *
 * An object that others are built on (a CQ under an RQ, an RQ in an RQT, ...) counts them in users
 * and cannot be destroyed before them: firmware answers BAD_RES_STATE.
 *
 * Everything here is called with cx_lock() held.
 */
#ifndef AZHOST_CONNECTX_OBJECT_H
#define AZHOST_CONNECTX_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cx_device;

enum cx_kind {
	CX_MKEY,
	CX_CQ,
	CX_SQ,
	CX_RQ,
	CX_TIS,
	CX_TRANSPORT_DOMAIN,
	CX_RQT,
	CX_TIR,
	CX_FLOW_COUNTER,
	CX_Q_COUNTER,
	CX_KINDS,
};

/* First member of each kind's struct. */
struct mlx5dv_devx_obj {
	struct cx_device *device;
	enum cx_kind kind;
	uint32_t number; /* 24 bits, unique on the device; 0 is never used */
	uint32_t users;  /* objects built on this one */
	/* Rules that name this object; they use it without a lock. NULL: kind not used by rules. */
	_Atomic uint32_t *rules;
	/* Unlink from the device and drop what it is built on; does not free the object itself. */
	void (*release)(struct mlx5dv_devx_obj *object);
};

struct cx_object_table {
	struct mlx5dv_devx_obj **slots;
	uint32_t size;
	uint32_t next; /* where the search for a free number starts */
	uint32_t alive[CX_KINDS];
};

void cx_object_table_init(struct cx_object_table *table);
/* Releases and frees what is left, users before what they use. */
void cx_object_table_fini(struct cx_object_table *table);

/*
 * A zeroed object of size bytes, not numbered yet: fill it, then cx_object_publish() it, or free()
 * it. NULL without memory.
 */
void *cx_object_new(struct cx_device *device, enum cx_kind kind, size_t size);
/* 0 or -ENOSPC, -ENOMEM. */
int cx_object_publish(struct cx_object_table *table, struct mlx5dv_devx_obj *object);

/* The object of that kind and number, or NULL. */
void *cx_object_find(const struct cx_object_table *table, enum cx_kind kind, uint32_t number);

/* -EBUSY while something uses it, unless forced (a device that is gone forgets everything). */
int cx_object_destroy(struct cx_object_table *table, struct mlx5dv_devx_obj *object, bool forced);

#endif
