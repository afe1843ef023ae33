/*
 * The table that keeps the kernel's stack off: see host_stack.h.
 *
 * Messages: linux/netfilter/nf_tables.h; a transaction is a batch in one datagram
 * (net/netfilter/nfnetlink.c of Linux, nfnetlink_rcv_batch()).
 */
#include "nic/host_stack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before the tables of others, which might accept. */
#define CHAIN_PRIORITY (-1000)
#define CHAIN          "in"

struct host_stack {
	struct nl_sock *socket; /* owns the table */
};

/* --- a batch of messages --- */

struct batch {
	uint8_t data[2048];
	size_t length;
	unsigned sequence;
	bool failed; /* no memory, or no room */
};

static void append(struct batch *batch, struct nl_msg *message)
{
	struct nlmsghdr *header = message ? nlmsg_hdr(message) : NULL;
	size_t size = header ? NLMSG_ALIGN(header->nlmsg_len) : 0;

	if (!header || batch->length + size > sizeof(batch->data)) {
		batch->failed = true;
	} else {
		header->nlmsg_seq = batch->sequence++;
		memcpy(batch->data + batch->length, header, header->nlmsg_len);
		batch->length += size;
	}
	nlmsg_free(message);
}

static struct nl_msg *new_message(int type, int flags, uint8_t family, uint16_t resource)
{
	const struct nfgenmsg general = {
		.nfgen_family = family,
		.version = NFNETLINK_V0,
		.res_id = htons(resource),
	};
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (message &&
	    nlmsg_append(message, (void *)&general, sizeof(general), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static void add_bound(struct batch *batch, int type)
{
	append(batch, new_message(type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static void add_table(struct batch *batch, const char *table)
{
	struct nl_msg *message = new_message((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWTABLE,
					     NLM_F_CREATE | NLM_F_EXCL, NFPROTO_NETDEV, 0);

	if (message && (nla_put_string(message, NFTA_TABLE_NAME, table) < 0 ||
			nla_put_u32(message, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER)) < 0))
		batch->failed = true;
	append(batch, message);
}

static int put_hook(struct nl_msg *message, const char *interface)
{
	struct nlattr *nest = nla_nest_start(message, NFTA_CHAIN_HOOK | NLA_F_NESTED);

	if (!nest || nla_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(NF_NETDEV_INGRESS)) < 0 ||
	    nla_put_u32(message, NFTA_HOOK_PRIORITY, htonl((uint32_t)CHAIN_PRIORITY)) < 0 ||
	    nla_put_string(message, NFTA_HOOK_DEV, interface) < 0)
		return -NLE_NOMEM;
	return nla_nest_end(message, nest);
}

/* Everything that comes to the hook is dropped. The last message of the batch: it is answered. */
static void add_chain(struct batch *batch, const char *table, const char *interface)
{
	struct nl_msg *message = new_message((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWCHAIN,
					     NLM_F_CREATE | NLM_F_ACK, NFPROTO_NETDEV, 0);

	if (message && (nla_put_string(message, NFTA_CHAIN_TABLE, table) < 0 ||
			nla_put_string(message, NFTA_CHAIN_NAME, CHAIN) < 0 ||
			put_hook(message, interface) < 0 ||
			nla_put_u32(message, NFTA_CHAIN_POLICY, htonl(NF_DROP)) < 0 ||
			nla_put_string(message, NFTA_CHAIN_TYPE, "filter") < 0))
		batch->failed = true;
	append(batch, message);
}

/* 0 or -NLE_*. */
static int transact(struct nl_sock *socket, const char *table, const char *interface)
{
	struct batch batch = { .sequence = 1 };
	int r;

	add_bound(&batch, NFNL_MSG_BATCH_BEGIN);
	add_table(&batch, table);
	add_chain(&batch, table, interface);
	add_bound(&batch, NFNL_MSG_BATCH_END);
	if (batch.failed)
		return -NLE_NOMEM;
	r = nl_sendto(socket, batch.data, batch.length);
	return r < 0 ? r : nl_recvmsgs_default(socket);
}

static int open_socket(struct nl_sock **ret)
{
	struct nl_sock *socket = nl_socket_alloc();
	int r = socket ? nl_connect(socket, NETLINK_NETFILTER) : -NLE_NOMEM;

	if (r < 0) {
		nl_socket_free(socket);
		return r;
	}
	nl_socket_disable_seq_check(socket); /* the numbers of a batch are ours */
	*ret = socket;
	return 0;
}

int host_stack_block(const char *interface, struct host_stack **ret, struct accelnet_error *err)
{
	struct host_stack *stack = calloc(1, sizeof(*stack));
	char table[64];
	int r;

	if (!stack)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	(void)snprintf(table, sizeof(table), "accelnet_%s", interface);
	r = open_socket(&stack->socket);
	if (r == 0)
		r = transact(stack->socket, table, interface);
	if (r < 0) {
		host_stack_release(stack);
		return fail(err, ACCELNET_E_DEVICE, NULL,
			    "the kernel's stack cannot be kept off %s: %s%s; needed are nf_tables "
			    "with the netdev family, Linux 5.12 or newer, and CAP_NET_ADMIN",
			    interface, nl_geterror(r),
			    r == -NLE_EXIST || r == -NLE_PERM ? " (does another accelnetd have it?)"
							      : "");
	}
	*ret = stack;
	return 0;
}

void host_stack_release(struct host_stack *stack)
{
	if (!stack)
		return;
	nl_socket_free(stack->socket); /* takes the table with it */
	free(stack);
}
