/*
 * The DevX command processor. The PMD hands over PRM commands as they would go to the firmware;
 * each is checked against its least lengths, then run under cx_lock() by its handler in
 * command_*.c.
 *
 * Handlers return an enum prm_status: 0, or the status that the firmware would answer, which the
 * program sees as errno EREMOTEIO with the status in the answer's first byte. A handler that fails
 * has changed nothing. It refuses what is asked for and not modelled (PRM_BAD_PARAMETER), so that
 * no program believes to have it.
 */
#ifndef AZHOST_CONNECTX_DEVX_H
#define AZHOST_CONNECTX_DEVX_H

#include "azhost/connectx/device.h"
#include "azhost/connectx/prm.h"

#include <stddef.h>
#include <stdint.h>

/* A command on its way. in and out have at least the bytes that the command's table entry says; out
 * is zeroed. */
struct cx_command {
	struct cx_device *device;
	const uint8_t *in;
	size_t in_bytes;
	uint8_t *out;
	size_t out_bytes;
};

/* The numbers that this device has one of. */
#define CX_UAR_PAGE 1u
#define CX_EQN      1u

/* Makes an object. It is numbered (CMD_NUMBER in the answer) when the handler has returned 0. */
typedef enum prm_status cx_create_fn(struct cx_command *command,
				     struct mlx5dv_devx_obj **ret_object);
/* Modifies or queries an object of the handler's kind. */
typedef enum prm_status cx_object_fn(struct cx_command *command, struct mlx5dv_devx_obj *object);
/* Needs no object. */
typedef enum prm_status cx_general_fn(struct cx_command *command);

cx_general_fn cx_query_hca_cap, cx_query_nic_vport_context;
cx_create_fn cx_create_mkey, cx_create_cq, cx_create_sq, cx_create_rq, cx_create_tis;
cx_create_fn cx_alloc_transport_domain, cx_create_rqt, cx_create_tir;
cx_create_fn cx_alloc_flow_counter, cx_alloc_q_counter;
cx_object_fn cx_modify_sq, cx_modify_rq, cx_modify_rqt, cx_modify_tir;
cx_object_fn cx_query_flow_counter, cx_query_q_counter;

/* Bytes that each kind of layout takes, with the header. */
#define CREATE_CONTEXT_BYTES 272

/* Run a query command on an object: 0, -EREMOTEIO (status in the answer), -EIO. Takes the lock. */
int cx_devx_query(struct mlx5dv_devx_obj *object, const void *in, size_t in_bytes, void *out,
		  size_t out_bytes);

#endif
