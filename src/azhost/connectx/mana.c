/*
 * libmana.so.1 for the child: from Debian 13 on DPDK loads a mana PMD, too, and the real libmana
 * wants private symbols of the real libibverbs. No MANA is emulated, so neither function is ever
 * called. Their header, infiniband/manadv.h, is younger than Debian 12's rdma-core.
 */
#include "azhost/connectx/export.h"

#include <errno.h>

struct ibv_context;
struct manadv_obj;

int manadv_init_obj(struct manadv_obj *object, unsigned long type);
int manadv_set_context_attr(struct ibv_context *context, int type, void *attribute);

CX_EXPORT int manadv_init_obj(struct manadv_obj *object, unsigned long type)
{
	(void)object;
	(void)type;
	return EOPNOTSUPP;
}

CX_EXPORT int manadv_set_context_attr(struct ibv_context *context, int type, void *attribute)
{
	(void)context;
	(void)type;
	(void)attribute;
	return EOPNOTSUPP;
}
