/*
 * Making an interface ready for a packet socket: see kernel_interface.h.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/kernel_interface.h"

#include "base/log.h"
#include "nic/host_stack.h"

#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A frame of net_af_packet's ring, 2048 bytes, less its header and room for a VLAN tag. */
#define MTU_MAX 1900

/*
 * What a socket may have sent and not got back, of which the kernel calls half writable: more than
 * its ring holds, 1024 frames. The kernel doubles the number (Linux, net/core/sock.c).
 */
#define SENT_MAX (8 << 20)

struct kernel_interface {
	char name[IF_NAMESIZE];
	struct host_stack *stack;
	struct kernel_joining joining;
};

/* One request about an interface. 0 or -errno. */
static int ask(unsigned long request, const char *name, struct ifreq *about)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	(void)snprintf(about->ifr_name, sizeof(about->ifr_name), "%s", name);
	r = ioctl(fd, request, about) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int ethtool(const char *name, uint32_t command, uint32_t *value)
{
	struct ethtool_value about = { .cmd = command, .data = *value };
	struct ifreq request = { .ifr_data = (void *)&about };
	int r = ask(SIOCETHTOOL, name, &request);

	if (r == 0)
		*value = about.data;
	return r;
}

/* Neither GRO nor LRO is there on every device: where the kernel refuses, nothing has changed. */
static bool switch_gro(const char *name, bool on)
{
	uint32_t is = 0, wanted = on;

	return ethtool(name, ETHTOOL_GGRO, &is) == 0 && (is != 0) != on &&
	       ethtool(name, ETHTOOL_SGRO, &wanted) == 0;
}

static bool switch_lro(const char *name, bool on)
{
	uint32_t flags = 0;

	if (ethtool(name, ETHTOOL_GFLAGS, &flags) < 0 || ((flags & ETH_FLAG_LRO) != 0) == on)
		return false;
	flags ^= (uint32_t)ETH_FLAG_LRO;
	return ethtool(name, ETHTOOL_SFLAGS, &flags) == 0;
}

void kernel_interface_split(const char *name, struct kernel_joining *was)
{
	was->gro |= switch_gro(name, false);
	was->lro |= switch_lro(name, false);
}

void kernel_interface_join(const char *name, const struct kernel_joining *was)
{
	if (was->gro)
		(void)switch_gro(name, true); /* it may have gone */
	if (was->lro)
		(void)switch_lro(name, true);
}

static int set_up(const char *name)
{
	struct ifreq request = { 0 };
	int r = ask(SIOCGIFFLAGS, name, &request);

	if (r < 0 || (request.ifr_flags & IFF_UP))
		return r;
	request.ifr_flags |= IFF_UP;
	return ask(SIOCSIFFLAGS, name, &request);
}

static int check_mtu(const char *name, struct accelnet_error *err)
{
	struct ifreq request = { 0 };
	int r = ask(SIOCGIFMTU, name, &request);

	if (r < 0)
		return fail(err, ACCELNET_E_DEVICE, NULL, "interface %s: %s", name, strerror(-r));
	if (request.ifr_mtu <= MTU_MAX)
		return 0;
	return fail(err, ACCELNET_E_DEVICE, NULL,
		    "interface %s has an MTU of %d; frames for more than %d do not fit", name,
		    request.ifr_mtu, MTU_MAX);
}

int kernel_interface_open(const char *name, struct kernel_interface **ret,
			  struct accelnet_error *err)
{
	struct kernel_interface *interface;
	int r = check_mtu(name, err);

	if (r < 0)
		return r;
	interface = calloc(1, sizeof(*interface));
	if (!interface)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	(void)snprintf(interface->name, sizeof(interface->name), "%s", name);
	r = host_stack_block(name, &interface->stack, err);
	if (r < 0)
		goto unblocked;
	kernel_interface_split(name, &interface->joining);
	r = set_up(name);
	if (r < 0) {
		r = fail(err, ACCELNET_E_DEVICE, NULL, "interface %s cannot be set up: %s", name,
			 strerror(-r));
		goto not_up;
	}
	*ret = interface;
	return 0;

not_up:
	kernel_interface_close(interface);
	return r;
unblocked:
	free(interface);
	return r;
}

/*
 * A filter, because PACKET_IGNORE_OUTGOING says nothing to a socket that is in a fanout group, as
 * all of net_af_packet's are (Linux, net/packet/af_packet.c, fanout_add()).
 */
static int hear_others(int fd)
{
	struct sock_filter others[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog filter = {
		.len = sizeof(others) / sizeof(others[0]),
		.filter = others,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno
											 : 0;
}

/*
 * Where the next frame of the ring is still under way, net_af_packet waits until the socket is
 * writable, without an end (DPDK 22.11, drivers/net/af_packet/rte_eth_af_packet.c, poll() in
 * eth_af_packet_tx()), and breaks off then if the frame is not back.
 */
static int never_wait(int fd)
{
	const int size = SENT_MAX;

	return setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0 ? -errno : 0;
}

static bool is_socket_on(int fd, unsigned index)
{
	struct sockaddr_ll address = { 0 };
	socklen_t length = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	       address.sll_family == AF_PACKET && (unsigned)address.sll_ifindex == index;
}

/* 1: it is a packet socket on the interface, and is ready; 0: it is none; else -errno. */
static int ready_socket(int fd, unsigned index)
{
	int r;

	if (!is_socket_on(fd, index))
		return 0;
	r = hear_others(fd);
	if (r == 0)
		r = never_wait(fd);
	return r < 0 ? r : 1;
}

int kernel_interface_ready_sockets(const struct kernel_interface *interface,
				   struct accelnet_error *err)
{
	const unsigned index = if_nametoindex(interface->name);
	DIR *descriptors = opendir("/proc/self/fd");
	int ready = 0, r = 0;

	if (!descriptors)
		return fail(err, ACCELNET_E_DEVICE, NULL, "/proc/self/fd: %s", strerror(errno));
	for (struct dirent *entry = readdir(descriptors); entry && r >= 0;
	     entry = readdir(descriptors)) {
		if (entry->d_name[0] != '.')
			r = ready_socket((int)strtol(entry->d_name, NULL, 10), index);
		ready += r > 0;
	}
	closedir(descriptors);
	if (r >= 0 && ready > 0)
		return 0;
	return fail(err, ACCELNET_E_DEVICE, NULL,
		    "the packet sockets on %s cannot be made ready: %s", interface->name,
		    r < 0 ? strerror(-r) : "there are none");
}

void kernel_interface_close(struct kernel_interface *interface)
{
	if (!interface)
		return;
	kernel_interface_join(interface->name, &interface->joining);
	host_stack_release(interface->stack);
	free(interface);
}
