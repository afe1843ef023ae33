/*
 * Link events and a table of interfaces: see link_watch.h.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/link_watch.h"

#include "base/log.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct link_watch {
	pthread_mutex_t hearing; /* of: */
	struct nl_sock *events;
	atomic_bool stale;

	pthread_mutex_t asking; /* held while the kernel answers; of: */
	struct nl_sock *questions;

	pthread_mutex_t lock; /* of: */
	struct link_sight *links;
	size_t count;
};

static int on_event(struct nl_msg *message, void *argument)
{
	struct link_watch *watch = argument;

	(void)message;
	atomic_store(&watch->stale, true);
	return NL_OK;
}

static void describe(struct rtnl_link *link, struct link_sight *ret)
{
	struct nl_addr *address = rtnl_link_get_addr(link);

	*ret = (struct link_sight){
		.index = (unsigned)rtnl_link_get_ifindex(link),
		.up = rtnl_link_get_flags(link) & IFF_UP,
		.carrier = rtnl_link_get_carrier(link),
		.mtu = rtnl_link_get_mtu(link),
	};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", rtnl_link_get_name(link));
	if (address && nl_addr_get_len(address) == sizeof(ret->mac.bytes))
		memcpy(ret->mac.bytes, nl_addr_get_binary_addr(address), sizeof(ret->mac.bytes));
}

static int ask_for_all(struct nl_sock *questions, struct link_sight **ret, size_t *ret_count)
{
	struct link_sight *links;
	struct nl_cache *cache;
	size_t count = 0;
	int r = rtnl_link_alloc_cache(questions, AF_UNSPEC, &cache);

	if (r < 0)
		return r;
	links = calloc((size_t)nl_cache_nitems(cache) + 1, sizeof(*links));
	if (links) {
		for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o))
			describe((struct rtnl_link *)o, &links[count++]);
		*ret = links;
		*ret_count = count;
	}
	nl_cache_free(cache);
	return links ? 0 : -NLE_NOMEM;
}

/*
 * News that come while the kernel answers make it stale again. Where it fails, what was known
 * stays, and the next reading tries again.
 */
static int refresh(struct link_watch *watch)
{
	struct link_sight *links;
	size_t count;
	int r;

	if (!atomic_exchange(&watch->stale, false))
		return 0;
	r = ask_for_all(watch->questions, &links, &count);
	if (r < 0) {
		atomic_store(&watch->stale, true);
		return r;
	}
	pthread_mutex_lock(&watch->lock);
	free(watch->links);
	watch->links = links;
	watch->count = count;
	pthread_mutex_unlock(&watch->lock);
	return 0;
}

static int open_events(struct link_watch *watch)
{
	int r = nl_connect(watch->events, NETLINK_ROUTE);

	if (r == 0)
		r = nl_socket_add_memberships(watch->events, RTNLGRP_LINK, 0);
	if (r == 0)
		r = nl_socket_set_nonblocking(watch->events);
	if (r == 0)
		r = nl_socket_modify_cb(watch->events, NL_CB_VALID, NL_CB_CUSTOM, on_event, watch);
	nl_socket_disable_seq_check(watch->events);
	return r;
}

int link_watch_new(struct link_watch **ret)
{
	struct link_watch *watch = calloc(1, sizeof(*watch));
	int r = -NLE_NOMEM;

	if (!watch)
		return -ENOMEM;
	pthread_mutex_init(&watch->hearing, NULL);
	pthread_mutex_init(&watch->asking, NULL);
	pthread_mutex_init(&watch->lock, NULL);
	atomic_init(&watch->stale, true);
	watch->events = nl_socket_alloc();
	watch->questions = nl_socket_alloc();
	if (watch->events && watch->questions) {
		r = open_events(watch);
		if (r == 0)
			r = nl_connect(watch->questions, NETLINK_ROUTE);
		if (r == 0)
			r = refresh(watch);
	}
	if (r < 0) {
		link_watch_free(watch);
		return r == -NLE_NOMEM ? -ENOMEM : -EIO;
	}
	*ret = watch;
	return 0;
}

void link_watch_free(struct link_watch *watch)
{
	if (!watch)
		return;
	nl_socket_free(watch->events);
	nl_socket_free(watch->questions);
	pthread_mutex_destroy(&watch->hearing);
	pthread_mutex_destroy(&watch->asking);
	pthread_mutex_destroy(&watch->lock);
	free(watch->links);
	free(watch);
}

int link_watch_fd(const struct link_watch *watch)
{
	return nl_socket_get_fd(watch->events);
}

void link_watch_hear(struct link_watch *watch)
{
	int r;

	pthread_mutex_lock(&watch->hearing);
	do {
		r = nl_recvmsgs_default(watch->events);
	} while (r >= 0);
	if (r != -NLE_AGAIN)
		atomic_store(&watch->stale, true); /* some were lost */
	pthread_mutex_unlock(&watch->hearing);
}

void link_watch_read(struct link_watch *watch)
{
	int r;

	link_watch_hear(watch);
	pthread_mutex_lock(&watch->asking);
	r = refresh(watch);
	pthread_mutex_unlock(&watch->asking);
	if (r < 0)
		log_warning("interfaces cannot be asked for", "error=\"%s\"", nl_geterror(r));
}

static bool find(struct link_watch *watch, const char *name, unsigned index, struct link_sight *ret)
{
	bool found = false;

	pthread_mutex_lock(&watch->lock);
	for (size_t i = 0; i < watch->count && !found; i++) {
		found = name ? strcmp(watch->links[i].name, name) == 0
			     : watch->links[i].index == index;
		if (found)
			*ret = watch->links[i];
	}
	pthread_mutex_unlock(&watch->lock);
	return found;
}

bool link_watch_named(struct link_watch *watch, const char *name, struct link_sight *ret)
{
	return find(watch, name, 0, ret);
}

bool link_watch_indexed(struct link_watch *watch, unsigned index, struct link_sight *ret)
{
	return find(watch, NULL, index, ret);
}

size_t link_watch_with_mac(struct link_watch *watch, const struct mac_addr *mac,
			   struct link_sight *ret, size_t max)
{
	size_t count = 0;

	pthread_mutex_lock(&watch->lock);
	for (size_t i = 0; i < watch->count && count < max; i++) {
		if (memcmp(&watch->links[i].mac, mac, sizeof(*mac)) == 0)
			ret[count++] = watch->links[i];
	}
	pthread_mutex_unlock(&watch->lock);
	return count;
}
