/*
 * The kernel's network interfaces, as far as an uplink needs to know of them: netlink tells that
 * one has come, gone or changed, and then all are asked for. Whatever is lost on the way, the next
 * look has the truth.
 *
 * Thread: any; locks inside, of which none but link_watch_read()'s is held over the kernel's
 * answer.
 */
#ifndef NIC_LINK_WATCH_H
#define NIC_LINK_WATCH_H

#include "base/net.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

struct link_watch;

struct link_sight {
	unsigned index; /* never used again for another */
	char name[IF_NAMESIZE];
	struct mac_addr mac; /* zero where it has none of six bytes */
	bool up;             /* wanted up */
	bool carrier;
	unsigned mtu;
};

/* -ENOMEM, or what netlink says. */
int link_watch_new(struct link_watch **ret);
void link_watch_free(struct link_watch *watch); /* NULL is fine */

/* Readable when there is news: for the event loop. */
int link_watch_fd(const struct link_watch *watch);
/*
 * Takes the news in, and no more: what they tell is for the next reading. Never waits for the
 * kernel.
 */
void link_watch_hear(struct link_watch *watch);
/*
 * Asks the kernel where there were news. It answers under its lock for interfaces, which a driver
 * may hold for seconds while a VF goes: not for a thread that others wait for.
 */
void link_watch_read(struct link_watch *watch);

/* As of the last reading. False where there is none. */
bool link_watch_named(struct link_watch *watch, const char *name, struct link_sight *ret);
bool link_watch_indexed(struct link_watch *watch, unsigned index, struct link_sight *ret);
/* All with the MAC, at most `max`; returns how many. */
size_t link_watch_with_mac(struct link_watch *watch, const struct mac_addr *mac,
			   struct link_sight *ret, size_t max);

#endif
