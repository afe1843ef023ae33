/*
 * Callbacks of ethdev and EAL, and looks at a port that may vanish: see vf_watch.h.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/vf_watch.h"

#include "base/log.h"
#include "nic/port.h"
#include "nic/vf_poll.h"
#include "nic/vf_port.h"
#include "offload/interrupts.h"
#include "offload/port_callback.h"

#include <errno.h>
#include <pthread.h>
#include <rte_alarm.h>
#include <rte_ethdev.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELD_OWNER "accelnet, held" /* of every watch */
#define NO_PORT    RTE_MAX_ETHPORTS

/*
 * Hands off what is going or gone, whosever it is: a driver that closes its port takes the MAC away
 * before DESTROY is told (DPDK 22.11, drivers/net/mlx5/mlx5.c:2181), and ethdev frees the rest
 * behind that.
 */
enum fate {
	FATE_ALIVE,
	FATE_NEW, /* its probe has not returned */
	FATE_GOING,
	FATE_GONE,
};

struct vf_watch {
	struct vf_watch_options options;
	char device[RTE_ETH_NAME_MAX_LEN];
	struct rte_eth_dev_owner owner; /* of a VF that is held */

	pthread_mutex_t lock; /* the barrier: held around calls on the VF's port */
	atomic_uint leaving;  /* so many events want the lock: be quick */
	uint16_t port;        /* NO_PORT: none is known */
	atomic_bool hold;
	/* [port] counts what befell a port id; and what that was */
	_Atomic uint32_t changes[RTE_MAX_ETHPORTS];
	_Atomic enum fate fate[RTE_MAX_ETHPORTS];

	struct vf_poll poll;
	pthread_t interrupts; /* EAL's thread */

	uint64_t on_bus;       /* the incarnation whose device was seen on its bus */
	_Atomic uint16_t dead; /* the port to bury */
	struct vf_sight last; /* what does not change with an incarnation need not be asked again */
	uint64_t told; /* the incarnation that a look has told of; 0: none, counts begin at 1 */
};

static uint64_t incarnation_of(const struct vf_watch *watch, uint16_t port)
{
	return ((uint64_t)atomic_load(&watch->changes[port]) << 16) | port;
}

static bool has_mac(uint16_t port, const struct mac_addr *mac)
{
	struct rte_ether_addr address;

	return rte_eth_macaddr_get(port, &address) == 0 &&
	       memcmp(address.addr_bytes, mac->bytes, sizeof(mac->bytes)) == 0;
}

/* --- callbacks: EAL's interrupt thread, or whoever probes or closes a port --- */

static void befalls(struct vf_watch *watch, uint16_t port, enum fate fate)
{
	atomic_store(&watch->fate[port], fate);
	atomic_fetch_add(&watch->changes[port], 1);
}

static void take(const struct vf_watch *watch, uint16_t port)
{
	struct rte_eth_dev_owner owner;

	/* ethdev complains in its log of those that somebody has */
	if (rte_eth_dev_owner_get(port, &owner) == 0 && owner.id == RTE_ETH_DEV_NO_OWNER)
		(void)rte_eth_dev_owner_set(port, &watch->owner); /* somebody was quicker: fine */
}

static void give_up(const struct vf_watch *watch, uint16_t port)
{
	struct rte_eth_dev_owner owner;

	if (rte_eth_dev_owner_get(port, &owner) == 0 && owner.id == watch->owner.id)
		(void)rte_eth_dev_owner_unset(port, watch->owner.id); /* it is ours */
}

/* Alarms run in the thread that brings VFs in, hence not before a probe there has returned. */
static void on_probed(void *argument)
{
	struct vf_watch *watch = argument;

	for (uint16_t port = 0; port < RTE_MAX_ETHPORTS; port++) {
		enum fate expected = FATE_NEW;

		if (!atomic_compare_exchange_strong(&watch->fate[port], &expected, FATE_ALIVE))
			continue;
		if (!atomic_load(&watch->hold))
			give_up(watch, port);
	}
	watch->options.wake(watch->options.context);
}

static bool is_in_interrupts(const struct vf_watch *watch)
{
	return pthread_equal(pthread_self(), watch->interrupts) != 0;
}

/*
 * The port is ready, and its device has no driver yet: that is set when the probe has returned
 * (DPDK 22.11, drivers/bus/pci/pci_common.c:319), and rte_eth_dev_info_get() reads its name all the
 * same (lib/ethdev/rte_ethdev.c:3372). A worker that gets the VF's note just then would have netvsc
 * ask that: where netvsc looks again by itself, the port is ours until then. What other threads
 * probe are no VFs, nor is what a bifurcated uplink opens there. Whose the MAC is cannot be read
 * yet, either; whoever looks next gives back what is not ours.
 */
static int on_new(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	struct vf_watch *watch = argument;
	const bool is_probing = is_in_interrupts(watch);

	(void)event;
	(void)ret;
	befalls(watch, port, is_probing ? FATE_NEW : FATE_ALIVE);
	if (((is_probing && watch->options.looks_again) || atomic_load(&watch->hold)) &&
	    !vf_port_is_opening())
		take(watch, port);
	if (!is_probing)
		watch->options.wake(watch->options.context);
	else if (rte_eal_alarm_set(1, on_probed, watch) < 0)
		on_probed(watch); /* no memory: it may be early, and netvsc mostly is not */
	return 0;
}

/* The lock, at once: a look that is under way breaks off. */
static void lock_now(struct vf_watch *watch)
{
	atomic_fetch_add(&watch->leaving, 1);
	pthread_mutex_lock(&watch->lock);
	atomic_fetch_sub(&watch->leaving, 1);
}

/*
 * A netvsc port that is told of a VF reads the MAC of every port that nobody owns (DPDK 22.11,
 * drivers/net/netvsc/hn_vf.c:34-50), and that is where it crashes if another netvsc port is closing
 * its VF just then: that one gives the ownership back first (hn_vf.c:116), the driver takes the MAC
 * away next. So it is ours from the moment that it goes; netvsc says that it could not give back
 * what it had not, and goes on. Closing ends the ownership.
 */
static void keep_from_others(struct vf_watch *watch, uint16_t port)
{
	struct rte_eth_dev_owner owner;

	if (rte_eth_dev_owner_get(port, &owner) == 0 && strcmp(owner.name, watch->device) == 0 &&
	    rte_eth_dev_owner_unset(port, owner.id) == 0)
		(void)rte_eth_dev_owner_set(port, &watch->owner); /* nobody else was that quick */
}

static int on_removal(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	struct vf_watch *watch = argument;

	(void)ret;
	if (port == watch->options.netvsc)
		return 0;
	lock_now(watch);
	befalls(watch, port, FATE_GOING);
	if (event == RTE_ETH_EVENT_INTR_RMV)
		keep_from_others(watch, port);
	pthread_mutex_unlock(&watch->lock);
	watch->options.wake(watch->options.context);
	return 0;
}

/* The driver resets its device and restores the port: another one, as far as rules go. */
static int on_recovery(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	struct vf_watch *watch = argument;

	(void)event;
	(void)ret;
	if (port == watch->options.netvsc || watch->fate[port] == FATE_GONE)
		return 0;
	befalls(watch, port, FATE_ALIVE);
	watch->options.wake(watch->options.context);
	return 0;
}

static int on_destroy(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	struct vf_watch *watch = argument;

	(void)event;
	(void)ret;
	lock_now(watch);
	befalls(watch, port, FATE_GONE);
	pthread_mutex_unlock(&watch->lock);
	watch->options.wake(watch->options.context);
	return 0;
}

static const struct {
	enum rte_eth_event_type event;
	rte_eth_dev_cb_fn call;
} callbacks[] = {
	{ RTE_ETH_EVENT_NEW, on_new },
	{ RTE_ETH_EVENT_INTR_RMV, on_removal },
	{ RTE_ETH_EVENT_ERR_RECOVERING, on_removal }, /* no calls until it has ended */
	{ RTE_ETH_EVENT_RECOVERY_SUCCESS, on_recovery },
	{ RTE_ETH_EVENT_RECOVERY_FAILED, on_removal },
	{ RTE_ETH_EVENT_DESTROY, on_destroy },
};

#define CALLBACKS (sizeof(callbacks) / sizeof(callbacks[0]))

static void unregister(struct vf_watch *watch, size_t count)
{
	for (size_t i = count; i > 0; i--)
		port_callback_remove(callbacks[i - 1].event, callbacks[i - 1].call, watch);
}

static void note_thread(void *argument)
{
	*(pthread_t *)argument = pthread_self();
}

int vf_watch_new(const struct vf_watch_options *options, struct vf_watch **ret)
{
	struct vf_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->options = *options;
	watch->port = NO_PORT;
	r = vf_poll_init(&watch->poll, options->qsbr, options->netvsc);
	if (r < 0) {
		free(watch);
		return r;
	}
	(void)snprintf(watch->device, sizeof(watch->device), "%s", options->device);
	(void)snprintf(watch->owner.name, sizeof(watch->owner.name), HELD_OWNER);
	pthread_mutex_init(&watch->lock, NULL);
	interrupts_run(note_thread, &watch->interrupts);
	r = rte_eth_dev_owner_new(&watch->owner.id);
	for (size_t i = 0; i < CALLBACKS && r == 0; i++) {
		r = rte_eth_dev_callback_register(RTE_ETH_ALL, callbacks[i].event,
						  callbacks[i].call, watch);
		if (r < 0)
			unregister(watch, i);
	}
	if (r < 0) {
		vf_poll_fini(&watch->poll);
		free(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

/* The interrupt thread, where the VFs of netvsc come and go, too. */
static void bury(void *argument)
{
	struct vf_watch *watch = argument;
	const uint16_t port = atomic_load(&watch->dead);
	struct rte_eth_dev_info info;
	int r = rte_eth_dev_info_get(port, &info);

	if (r == 0)
		r = rte_eth_dev_close(port);
	if (r == 0 && info.device)
		r = rte_dev_remove(info.device);
	if (r < 0)
		log_warning("a held VF that has gone is not closed", "port=%u error=\"%s\"", port,
			    strerror(-r));
}

void vf_watch_free(struct vf_watch *watch)
{
	if (!watch)
		return;
	vf_watch_hold(watch, false); /* looks at all ports: not without the barrier */
	unregister(watch, CALLBACKS);
	(void)rte_eal_alarm_cancel(bury, watch); /* mostly there is none */
	(void)rte_eal_alarm_cancel(on_probed, watch);
	vf_poll_fini(&watch->poll);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

/* --- looking --- */

/* Another watch holds it, and may be burying it. */
static bool is_held_elsewhere(const struct vf_watch *watch, const struct rte_eth_dev_owner *owner)
{
	return strcmp(owner->name, HELD_OWNER) == 0 && owner->id != watch->owner.id;
}

/*
 * How much a port with the MAC is like the VF: netvsc's is what traffic goes over, whatever else is
 * there (one whose probe has failed half-way, one that has not gone yet); then ours.
 */
enum likeness { UNLIKE, LIKE, LIKE_OURS, LIKE_NETVSCS };

static enum likeness likeness_of(const struct vf_watch *watch, uint16_t port)
{
	struct rte_eth_dev_owner owner;

	if (port == watch->options.netvsc || watch->fate[port] != FATE_ALIVE ||
	    !rte_eth_dev_is_valid_port(port) || rte_eth_dev_owner_get(port, &owner) < 0 ||
	    strcmp(owner.name, PORT_OWNER) == 0 || is_held_elsewhere(watch, &owner))
		return UNLIKE;
	if (!has_mac(port, &watch->options.mac)) {
		give_up(watch, port); /* on_new() could not know */
		return UNLIKE;
	}
	if (strcmp(owner.name, watch->device) == 0)
		return LIKE_NETVSCS;
	return owner.id == watch->owner.id ? LIKE_OURS : LIKE;
}

/* A port with the MAC that is neither netvsc's own, nor an app port, nor going. Lock held. */
static uint16_t find(struct vf_watch *watch)
{
	enum likeness best = UNLIKE;
	uint16_t found = NO_PORT;

	for (uint16_t port = 0; port < RTE_MAX_ETHPORTS; port++) {
		const enum likeness likeness = likeness_of(watch, port);

		if (likeness <= best)
			continue;
		best = likeness;
		found = port;
	}
	return found;
}

/* What stays the same as long as the port is there. */
static void describe(uint16_t port, struct vf_sight *sight)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_get_name_by_port(port, sight->device) < 0)
		sight->device[0] = '\0';
	if (rte_eth_dev_info_get(port, &info) == 0 && info.driver_name)
		(void)snprintf(sight->driver, sizeof(sight->driver), "%s", info.driver_name);
}

/* Sums that hold what the VF took may be told as the synthetic path's: once more at its end. */
static void count_packets(uint16_t port, struct vf_sight *sight)
{
	struct rte_eth_stats stats;

	if (rte_eth_stats_get(port, &stats) < 0)
		return;
	sight->packets[0] = stats.ipackets;
	sight->packets[1] = stats.opackets;
}

static enum vf_poll_answer ask_whether_polled(struct vf_watch *watch, const struct vf_sight *sight)
{
	return sight->claimed ? vf_poll_ask(&watch->poll, watch->port, VF_LOOK_MS, &watch->leaving)
			      : VF_POLL_NO;
}

/* Lock held; the port is known and not going. */
static void look_at(struct vf_watch *watch, struct vf_sight *sight)
{
	const uint64_t incarnation = incarnation_of(watch, watch->port);
	struct rte_eth_dev_owner owner = { 0 };
	enum vf_poll_answer polled;
	bool carried;

	if (sight->incarnation != incarnation || !sight->present) {
		*sight = (struct vf_sight){
			.present = true,
			.port = watch->port,
			.incarnation = incarnation,
		};
		describe(watch->port, sight);
	}
	(void)rte_eth_dev_owner_get(watch->port, &owner); /* fails for ports that are not there */
	/* another NIC's watch may have had it for a moment: neither knew the MAC */
	if (atomic_load(&watch->hold) && owner.id == RTE_ETH_DEV_NO_OWNER &&
	    rte_eth_dev_owner_set(watch->port, &watch->owner) == 0)
		owner = watch->owner;
	sight->held = owner.id == watch->owner.id;
	sight->claimed = strcmp(owner.name, watch->device) == 0;
	carried = sight->carries;
	polled = ask_whether_polled(watch, sight);
	if (polled != VF_POLL_NOBODY_KNOWS) {
		sight->carries = polled == VF_POLL_YES;
		watch->told = incarnation;
	}
	if (sight->carries || carried)
		count_packets(watch->port, sight);
}

/* The device was there and is not any more. Lock held; the port is known, and ours. */
static bool has_lost_its_device(struct vf_watch *watch)
{
	const struct vf_sight *vf = &watch->last;

	if (watch->options.device_is_there(vf->device)) {
		watch->on_bus = vf->incarnation;
		return false;
	}
	return watch->on_bus == vf->incarnation;
}

static void bury_later(struct vf_watch *watch)
{
	atomic_store(&watch->dead, watch->port);
	if (rte_eal_alarm_set(1, bury, watch) < 0)
		return; /* no memory now: the next look tries again */
	log_notice("a held VF has gone", "device=%s vf=%s", watch->device, watch->last.device);
	befalls(watch, watch->port, FATE_GOING);
	watch->last = (struct vf_sight){ 0 };
}

void vf_watch_look(struct vf_watch *watch, struct vf_sight *ret)
{
	pthread_mutex_lock(&watch->lock);
	watch->port = find(watch);
	if (watch->port == NO_PORT)
		watch->last = (struct vf_sight){ 0 };
	else
		look_at(watch, &watch->last);
	if (watch->last.held && has_lost_its_device(watch))
		bury_later(watch);
	*ret = watch->last.incarnation == watch->told ? watch->last : (struct vf_sight){ 0 };
	pthread_mutex_unlock(&watch->lock);
}

bool vf_watch_is_there(const struct vf_watch *watch, uint64_t incarnation)
{
	uint16_t port = (uint16_t)incarnation;

	return port < RTE_MAX_ETHPORTS && incarnation_of(watch, port) == incarnation;
}

/* --- acting --- */

void vf_watch_hold(struct vf_watch *watch, bool on)
{
	pthread_mutex_lock(&watch->lock);
	atomic_store(&watch->hold, on);
	watch->port = find(watch);
	if (watch->port != NO_PORT) {
		if (on)
			take(watch, watch->port);
		else
			give_up(watch, watch->port);
	}
	pthread_mutex_unlock(&watch->lock);
}
