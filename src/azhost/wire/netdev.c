/* TAP interfaces, see netdev.h. */
#include "azhost/wire/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_mac(int tap, const uint8_t *mac)
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	/* The ioctl of the TAP's own descriptor needs no interface name. */
	return ioctl(tap, SIOCSIFHWADDR, &ifr) < 0 ? -errno : 0;
}

/*
 * No IPv6 address of its own accord, and with it no router solicitations and multicast reports:
 * what a test sees on the interface is what it sent. Addresses that are added by hand work.
 */
static void keep_quiet(const char *name)
{
	char path[64 + IFNAMSIZ];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;

	/* Without it there is noise, and nothing worse. */
	ssize_t n = write(fd, "1", 1);

	(void)n;
	close(fd);
}

int netdev_tap(const char *name, const uint8_t *mac, int *ret_fd)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd, rc;

	if (strlen(name) >= IFNAMSIZ)
		return -ENAMETOOLONG;
	memcpy(ifr.ifr_name, name, strlen(name));
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : 0;
	if (rc == 0 && mac != NULL)
		rc = set_mac(fd, mac);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	keep_quiet(name);
	*ret_fd = fd;
	return 0;
}

/* libnl's error numbers as errno: only those that differ in a way that a user could notice. */
static int nl_errno(int nl_error)
{
	switch (-nl_error) {
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	case NLE_PERM:
		return -EPERM;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_INVAL:
		return -EINVAL;
	default:
		return -EIO;
	}
}

/* Connect to the namespace that this process is in now. */
static int route_socket(struct nl_sock **ret)
{
	struct nl_sock *nl = nl_socket_alloc();
	int rc;

	if (nl == NULL)
		return -ENOMEM;
	rc = nl_connect(nl, NETLINK_ROUTE);
	if (rc < 0) {
		nl_socket_free(nl);
		return nl_errno(rc);
	}
	*ret = nl;
	return 0;
}

int netdev_up(const char *name, uint32_t mtu)
{
	struct nl_sock *nl = NULL;
	struct rtnl_link *now = NULL;
	struct rtnl_link *change;
	int rc = route_socket(&nl);

	if (rc < 0)
		return rc;
	rc = rtnl_link_get_kernel(nl, 0, name, &now);
	if (rc < 0)
		goto out_socket;
	change = rtnl_link_alloc();
	if (change == NULL) {
		rc = -NLE_NOMEM;
		goto out_now;
	}
	rtnl_link_set_flags(change, IFF_UP);
	if (mtu != 0)
		rtnl_link_set_mtu(change, mtu);
	rc = rtnl_link_change(nl, now, change, 0);
	rtnl_link_put(change);
out_now:
	rtnl_link_put(now);
out_socket:
	nl_socket_free(nl);
	return rc < 0 ? nl_errno(rc) : 0;
}

int netdev_carrier(int tap_fd, bool on)
{
	int value = on;

	return ioctl(tap_fd, TUNSETCARRIER, &value) < 0 ? -errno : 0;
}

int netdev_delete(const char *name)
{
	struct nl_sock *nl = NULL;
	struct rtnl_link *link;
	int rc = route_socket(&nl);

	if (rc < 0)
		return rc;
	link = rtnl_link_alloc();
	if (link != NULL) {
		rtnl_link_set_name(link, name);
		rc = rtnl_link_delete(nl, link);
		rtnl_link_put(link);
	} else {
		rc = -NLE_NOMEM;
	}
	nl_socket_free(nl);
	return rc < 0 ? nl_errno(rc) : 0;
}

bool netdev_is_up(const char *name)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	if (fd < 0 || strlen(name) >= IFNAMSIZ)
		return false;
	memcpy(ifr.ifr_name, name, strlen(name));
	up = ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_UP) != 0;
	close(fd);
	return up;
}

int netdev_watch_changes(int *ret_fd)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

void netdev_drain_changes(int fd)
{
	char message[4096];

	/* ENOBUFS says that messages were lost: that something changed is all that is wanted. */
	while (recv(fd, message, sizeof(message), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
}

unsigned netdev_index(const char *name)
{
	return if_nametoindex(name);
}
