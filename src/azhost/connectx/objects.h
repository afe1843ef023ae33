/*
 * What the mlx5dv_dr_* entry points may know of the rest of the device: which VF a context belongs
 * to, its steering, and the steering's view of two kinds of DevX objects.
 *
 * No lock is needed for any of these. A VF stays open, and an object alive, for as long as the
 * caller's own handle on it: the PMD never closes a device or destroys an object under a call.
 */
#ifndef AZHOST_CONNECTX_OBJECTS_H
#define AZHOST_CONNECTX_OBJECTS_H

#include "azhost/connectx/steering/steering.h"

#include <stdbool.h>

struct ibv_context;
struct mlx5dv_devx_obj;
struct cx_device;

/* The VF that an open context belongs to. */
struct cx_device *cx_device_of(struct ibv_context *context);

/* Its steering: one for each VF, made when the device is opened, freed when it is closed. */
struct steering *cx_device_steering(const struct cx_device *device);

/* True after a fatal event: every command then fails with EIO, as after a removal from PCI. */
bool cx_device_failed(const struct cx_device *device);

/* The destination inside a TIR, NULL if the object is none. The TIR cannot be destroyed while
 * steer_tir.rules is not 0. */
struct steer_tir *cx_tir_of(struct mlx5dv_devx_obj *object);

/* The cells of a bulk of flow counters, NULL if the object is none. The bulk cannot be destroyed
 * while steer_counters.rules is not 0. */
struct steer_counters *cx_counters_of(struct mlx5dv_devx_obj *object);

#endif
