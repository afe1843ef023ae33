/*
 * Commands of receive queue tables and TIRs, and the choice of a queue for a frame.
 */
#include "azhost/connectx/caps.h"
#include "azhost/connectx/devx.h"
#include "azhost/connectx/tir.h"

#include <stdlib.h>

struct steer_tir *cx_tir_of(struct mlx5dv_devx_obj *object)
{
	return object->kind == CX_TIR ? &((struct cx_tir *)object)->steer : NULL;
}

static void rqs_release(struct cx_rq **rqs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rqs[i]->object.users--;
	free(rqs);
}

static void rqt_release(struct mlx5dv_devx_obj *object)
{
	struct cx_rqt *rqt = (struct cx_rqt *)object;

	rqs_release(rqt->rqs, rqt->n);
}

/* The list in a command: n queue numbers behind the context, at most max. */
static enum prm_status rqs_read(struct cx_command *command, uint32_t max, struct cx_rq ***ret_rqs,
				uint32_t *ret_n)
{
	const uint8_t *context = command->in + QUEUE_IN_CONTEXT;
	const uint8_t *list = context + RQTC_LIST;
	uint32_t n = prm_get(context, RQTC_ACTUAL_SIZE);
	struct cx_rq **rqs;

	if (prm_get(context, RQTC_LIST_TYPE) != 0 || n == 0 || n > max)
		return PRM_BAD_PARAMETER;
	if ((command->in_bytes - QUEUE_IN_CONTEXT - RQTC_LIST) / sizeof(uint32_t) < n)
		return PRM_BAD_INPUT_LENGTH;
	rqs = calloc(n, sizeof(struct cx_rq *));
	if (!rqs)
		return PRM_NO_RESOURCES;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = prm_get(list + i * sizeof(uint32_t), PRM(8, 24));

		rqs[i] = cx_object_find(&command->device->objects, CX_RQ, number);
		if (!rqs[i]) {
			free(rqs);
			return PRM_BAD_RESOURCE;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		rqs[i]->object.users++;
	*ret_rqs = rqs;
	*ret_n = n;
	return PRM_OK;
}

enum prm_status cx_create_rqt(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	const uint8_t *context = command->in + QUEUE_IN_CONTEXT;
	uint32_t max = prm_get(context, RQTC_MAX_SIZE);
	enum prm_status status;
	struct cx_rqt *rqt;

	if (max >
	    1u << cx_profile_cap(&command->device->profile, CX_CAP_GENERAL, CAP_LOG_MAX_RQT_SIZE))
		return PRM_EXCEED_LIMIT;
	rqt = cx_object_new(command->device, CX_RQT, sizeof(*rqt));
	if (!rqt)
		return PRM_NO_RESOURCES;
	status = rqs_read(command, max, &rqt->rqs, &rqt->n);
	if (status != PRM_OK) {
		free(rqt);
		return status;
	}
	rqt->max_size = max;
	rqt->object.release = rqt_release;
	*ret_object = &rqt->object;
	return PRM_OK;
}

enum prm_status cx_modify_rqt(struct cx_command *command, struct mlx5dv_devx_obj *object)
{
	struct cx_rqt *rqt = (struct cx_rqt *)object;
	enum prm_status status;
	struct cx_rq **rqs;
	uint32_t n;

	if (prm_get(command->in, CMD_NUMBER) != object->number)
		return PRM_BAD_RESOURCE;
	if (prm_get64(command->in, MODIFY_IN_BITMASK) != MODIFY_RQT_LIST)
		return PRM_BAD_PARAMETER;
	status = rqs_read(command, rqt->max_size, &rqs, &n);
	if (status != PRM_OK)
		return status;
	rqs_release(rqt->rqs, rqt->n);
	rqt->rqs = rqs;
	rqt->n = n;
	return PRM_OK;
}

static void tir_release(struct mlx5dv_devx_obj *object)
{
	struct cx_tir *tir = (struct cx_tir *)object;

	if (tir->rq)
		tir->rq->object.users--;
	if (tir->rqt)
		tir->rqt->object.users--;
	if (tir->transport_domain)
		tir->transport_domain->users--;
}

/* The hash that a tirc describes. */
static enum prm_status tir_read_hash(struct cx_tir *tir, const uint8_t *context)
{
	uint32_t function = prm_get(context, TIRC_HASH_FUNCTION);
	uint32_t fields = prm_get(context, TIRC_OUTER_FIELDS);
	bool v6 = prm_get(context, TIRC_OUTER_L3_IS_V6),
	     udp = prm_get(context, TIRC_OUTER_L4_IS_UDP);

	if (prm_get(context, TIRC_SYMMETRIC) || prm_get(context, TIRC_INNER_FIELDS))
		return PRM_BAD_PARAMETER;
	if (function != TIRC_HASH_NONE && function != TIRC_HASH_TOEPLITZ)
		return PRM_BAD_PARAMETER;
	if (fields & ~(uint32_t)HASH_FIELDS)
		return PRM_BAD_PARAMETER;
	tir->hashed = function == TIRC_HASH_TOEPLITZ && fields;
	if (tir->hashed)
		cx_rss_init(&tir->rss, context + TIRC_KEY, fields,
			    v6 ? STEER_L3_IPV6 : STEER_L3_IPV4, udp ? STEER_L4_UDP : STEER_L4_TCP);
	return PRM_OK;
}

static enum prm_status tir_read(struct cx_command *command, struct cx_tir *tir)
{
	const struct cx_object_table *objects = &command->device->objects;
	const uint8_t *context = command->in + QUEUE_IN_CONTEXT;
	uint32_t dispatch = prm_get(context, TIRC_DISPATCH);
	uint32_t domain = prm_get(context, TIRC_TRANSPORT_DOMAIN);

	if (prm_get(context, TIRC_LRO_MASK) || prm_get(context, TIRC_TUNNELED))
		return PRM_BAD_PARAMETER;
	if (dispatch == TIRC_DIRECT)
		tir->rq = cx_object_find(objects, CX_RQ, prm_get(context, TIRC_INLINE_RQN));
	else if (dispatch == TIRC_INDIRECT)
		tir->rqt = cx_object_find(objects, CX_RQT, prm_get(context, TIRC_INDIRECT_TABLE));
	if (!tir->rq && !tir->rqt)
		return PRM_BAD_RESOURCE;
	/* 0 is the context's own domain, which the PMD uses where it has no hairpin queues. */
	tir->transport_domain = cx_object_find(objects, CX_TRANSPORT_DOMAIN, domain);
	if (domain && !tir->transport_domain)
		return PRM_BAD_RESOURCE;
	return tir_read_hash(tir, context);
}

enum prm_status cx_create_tir(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	struct cx_tir *tir = cx_object_new(command->device, CX_TIR, sizeof(*tir));
	enum prm_status status;

	if (!tir)
		return PRM_NO_RESOURCES;
	status = tir_read(command, tir);
	if (status != PRM_OK) {
		free(tir);
		return status;
	}
	if (tir->rq)
		tir->rq->object.users++;
	if (tir->rqt)
		tir->rqt->object.users++;
	if (tir->transport_domain)
		tir->transport_domain->users++;
	tir->object.rules = &tir->steer.rules;
	tir->object.release = tir_release;
	*ret_object = &tir->object;
	return PRM_OK;
}

enum prm_status cx_modify_tir(struct cx_command *command, struct mlx5dv_devx_obj *object)
{
	const uint64_t known = MODIFY_TIR_TABLE | MODIFY_TIR_HASH | MODIFY_TIR_LOOPBACK;
	const uint8_t *context = command->in + QUEUE_IN_CONTEXT;
	uint64_t mask = prm_get64(command->in, MODIFY_IN_BITMASK);
	struct cx_tir *tir = (struct cx_tir *)object;
	struct cx_rqt *rqt = tir->rqt;
	enum prm_status status = PRM_OK;

	if (prm_get(command->in, CMD_NUMBER) != object->number)
		return PRM_BAD_RESOURCE;
	if (mask & ~known)
		return PRM_BAD_PARAMETER;
	if (mask & MODIFY_TIR_TABLE) {
		rqt = cx_object_find(&command->device->objects, CX_RQT,
				     prm_get(context, TIRC_INDIRECT_TABLE));
		if (!rqt || !tir->rqt)
			return PRM_BAD_RESOURCE;
	}
	if (mask & MODIFY_TIR_HASH)
		status = tir_read_hash(tir, context);
	if (status != PRM_OK || rqt == tir->rqt)
		return status;
	tir->rqt->object.users--;
	rqt->object.users++;
	tir->rqt = rqt;
	return PRM_OK;
}

struct cx_rq *cx_tir_choose(const struct cx_tir *tir, const uint8_t *data, uint32_t length,
			    const struct steer_headers *headers, uint32_t *ret_hash,
			    uint8_t *ret_fields)
{
	uint32_t hash = 0, n;

	*ret_fields = 0;
	if (tir->hashed)
		hash = cx_rss_hash(&tir->rss, data, length, headers, ret_fields);
	*ret_hash = hash;
	if (tir->rq)
		return tir->rq;
	n = tir->rqt->n;
	return tir->rqt->rqs[(n & (n - 1)) == 0 ? hash & (n - 1) : hash % n];
}
