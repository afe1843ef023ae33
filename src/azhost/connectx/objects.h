/*
 * What the steering of an emulated VF may know of the rest of the device: the lock, the profile,
 * flow counters, TIRs, and the account of rules. Nothing else of the device is reachable from
 * steering/, and steering/ is reachable from here only through steering/steering.h.
 *
 * Threads: the device thread holds cx_lock() while it moves packets, every control entry point
 * holds it while it changes state. There is one lock for all VFs of the process, since two paired
 * VFs deliver into each other. Every function below is called with the lock held unless it says
 * otherwise. Nothing may block while holding it.
 */
#ifndef AZHOST_CONNECTX_OBJECTS_H
#define AZHOST_CONNECTX_OBJECTS_H

#include "profile.h"

#include <stdbool.h>
#include <stdint.h>

struct ibv_context;
struct mlx5dv_devx_obj;
struct cx_device;
struct steer;

/* Without the lock. A waiter gets it before the device thread takes it again. */
void cx_lock(void);
void cx_unlock(void);

/* The VF that an open context belongs to. Valid until ibv_close_device(). No lock needed. */
struct cx_device *cx_device_of(struct ibv_context *context);

/* Immutable while the device is open. No lock needed. */
const struct cx_profile *cx_device_profile(const struct cx_device *device);

/* The device's name (that of its RDMA device), for messages. No lock needed. */
const char *cx_device_name(const struct cx_device *device);

/* The steering of the device: made by steer_new() when the device is opened, freed by steer_free()
 * when it is closed. */
struct steer *cx_device_steer(const struct cx_device *device);

/* True after a fatal event: every command then fails with EIO, as after a PCI removal. */
bool cx_device_failed(const struct cx_device *device);

/* One flow counter, host byte order. Written by the device thread, under the lock. */
struct cx_counter {
	uint64_t packets;
	uint64_t bytes; /* without FCS */
};

/*
 * The counter at offset (>= 0) of a DevX object made by ALLOC_FLOW_COUNTER.
 * -EINVAL: no such object kind, or offset past the object's bulk (the PMD probes for exactly this
 * answer, DPDK 22.11 drivers/net/mlx5/linux/mlx5_flow_os / mlx5_flow_dv.c:18552).
 * The counter lives as long as the object is held.
 */
int cx_counter_get(struct mlx5dv_devx_obj *object, uint32_t offset,
		   struct cx_counter **ret_counter);

/* True if the object is a TIR (made by CREATE_TIR). */
bool cx_is_tir(const struct mlx5dv_devx_obj *object);

/* The object's number on the device: tirn, first counter id, ... */
uint32_t cx_object_number(const struct mlx5dv_devx_obj *object);

/*
 * A rule that names an object holds it, so that the object outlives its own destroy call.
 * The last put frees it.
 */
struct mlx5dv_devx_obj *cx_object_hold(struct mlx5dv_devx_obj *object);
void cx_object_put(struct mlx5dv_devx_obj *object);

/*
 * Account of rules: to be called first by each attempt to create a rule. 0, or the -errno with
 * which this attempt must fail: -ENOMEM past the profile's or an injected limit, -EREMOTEIO for a
 * call that fault injection picked ("the Nth call fails"). Each success is given back once with
 * cx_rule_release().
 */
int cx_rule_admit(struct cx_device *device);
void cx_rule_release(struct cx_device *device);

#endif
