/*
 * Sessions of compressed completions.
 */
#include "azhost/connectx/compress.h"

#include <endian.h>
#include <stdlib.h>

struct cx_session *cx_session_new(enum cx_mini_format format)
{
	struct cx_session *session = calloc(1, sizeof(*session));

	if (session)
		session->format = format;
	return session;
}

void cx_session_free(struct cx_session *session)
{
	free(session);
}

/* Timestamps may differ: a program that wants them allows no compression (mlx5_devx.c). */
bool cx_session_takes_next(const struct cx_session *session)
{
	const struct cx_cqe *title = &session->title, *next = &session->next;

	if (session->n == 0)
		return true;
	if (session->n == CX_SESSION_MAX)
		return false;
	if (next->header_types != title->header_types || next->vlan_info != title->vlan_info ||
	    next->user_index != title->user_index || next->metadata != title->metadata ||
	    next->flow_tag != title->flow_tag || next->rx_hash_type != title->rx_hash_type)
		return false;
	if (session->format == CX_MINI_STRIDE)
		return next->rx_hash_result == title->rx_hash_result;
	/* Descriptors one after the other, or strides, which the program counts by itself. */
	return next->wqe_id == title->wqe_id ||
	       (uint16_t)(be16toh(title->wqe_id) + session->n) == be16toh(next->wqe_id);
}

void cx_session_add_next(struct cx_session *session)
{
	struct cx_mini_cqe *mini = &session->minis[session->n];

	if (session->n == 0)
		session->title = session->next;
	if (session->format == CX_MINI_STRIDE)
		*mini = (struct cx_mini_cqe){ .stride = session->next.wqe_counter };
	else
		mini->rx_hash_result = session->next.rx_hash_result;
	mini->byte_count = session->next.byte_count;
	session->n++;
}
