/* The host process, see host.h. */
#include "azhost/host/host.h"

#include "azhost/host/control.h"
#include "azhost/host/pci.h"
#include "azhost/host/power.h"
#include "azhost/host/say.h"
#include "azhost/host/vf_server.h"
#include "azhost/vmbus/uio_server.h"
#include "azhost/wire/nimble.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONTROL_SOCKET "control.sock"

static void from_uplink(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct uplink *uplink = opaque;

	uplink->received++;
	impair_frame(&uplink->in, frame, length);
}

/* With faults on the wire frames are delayed or lost anyway, in `impair`. */
static bool may_receive(void *opaque)
{
	const struct uplink *uplink = opaque;

	return vswitch_may_input(&uplink->port, loop_now_ns());
}

static bool wire_has_room(void *opaque)
{
	const struct uplink *uplink = opaque;
	const struct wire *wire = uplink->wire;

	return wire == NULL || wire->type->has_room == NULL || wire->type->has_room(wire);
}

static void feeds_vf(void *opaque, bool on)
{
	const struct uplink *uplink = opaque;
	struct host *host = uplink->host;

	for (unsigned i = 0; i < host->nic_count && uplink->port.owner->count == 2; i++)
		if (host->nics[i].uplink == uplink)
			nic_feed_vf(&host->nics[i], on);
}

static const struct wire_callbacks wire_callbacks = {
	.receive = from_uplink,
	.may_receive = may_receive,
	.feeds_vf = feeds_vf,
};

static void into_switch(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct uplink *uplink = opaque;

	vswitch_input(&uplink->port, frame, length);
}

static void to_uplink(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct uplink *uplink = opaque;

	impair_frame(&uplink->out, frame, length);
}

static void onto_wire(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct uplink *uplink = opaque;

	if (uplink->wire->type->send(uplink->wire, frame, length) < 0)
		uplink->lost++;
	else
		uplink->sent++;
}

static int open_uplink(struct host *host, struct uplink *uplink, const char *name)
{
	const char *argument, *why;
	const struct wire_type *type = wire_find(name, &argument);
	int rc;

	if (type == NULL) {
		say("unknown uplink '%s'", name);
		return -EINVAL;
	}
	uplink->host = host;
	uplink->name = name;
	uplink->port = (struct vswitch_port){
		.output = to_uplink,
		.has_room = wire_has_room,
		.opaque = uplink,
		.is_uplink = true,
	};
	impair_init(&uplink->in, &host->loop, into_switch, uplink);
	impair_init(&uplink->out, &host->loop, onto_wire, uplink);
	rc = type->open(&host->loop, argument, &wire_callbacks, uplink, &uplink->wire, &why);
	if (rc < 0)
		say("uplink %s: %s: %s", name, why, strerror(-rc));
	return rc;
}

static void close_uplink(struct uplink *uplink)
{
	impair_fini(&uplink->in);
	impair_fini(&uplink->out);
	if (uplink->wire != NULL)
		uplink->wire->type->close(uplink->wire);
	uplink->wire = NULL;
}

/*
 * One switch with all NICs and the uplink; or, with an uplink for each NIC, one switch for each;
 * or, with `pair`, a switch without uplink for every two.
 */
static int connect_switches(struct host *host)
{
	const struct host_options *options = host->options;
	const bool paired = strcmp(options->uplinks[0], "pair") == 0;

	host->switch_count = paired ? host->nic_count / 2 : options->uplink_count;
	for (unsigned i = 0; i < host->switch_count; i++) {
		int rc = 0;

		vswitch_init(&host->switches[i]);
		host->switches[i].flow_control = options->flow_control;
		if (!paired)
			rc = open_uplink(host, &host->uplinks[i], options->uplinks[i]);
		if (rc == 0 && !paired)
			rc = vswitch_add(&host->switches[i], &host->uplinks[i].port);
		if (rc < 0)
			return rc;
	}
	for (unsigned i = 0; i < host->nic_count; i++) {
		unsigned sw = paired ? i / 2 : host->switch_count == 1 ? 0 : i;
		int rc = vswitch_add(&host->switches[sw], &host->nics[i].port.port);

		if (rc < 0)
			return rc;
		host->nics[i].uplink = paired ? NULL : &host->uplinks[sw];
	}
	return 0;
}

static int make_nics(struct host *host)
{
	const struct host_options *options = host->options;
	int rc = 0;

	if (options->vf != VF_MODE_ONLY && !options->kernel_synthetic)
		rc = uio_server_new(host->tree, &host->loop, &host->uio_server);
	if (rc == 0)
		rc = pci_tree_init(host->tree);
	for (unsigned i = 0; rc == 0 && i < options->nics; i++) {
		host->nic_count++;
		rc = nic_init(&host->nics[i], host, i);
		if (rc == 0 && host->nics[i].netvsc != NULL)
			uio_server_add(host->uio_server, i, host->nics[i].netvsc);
	}
	if (rc < 0)
		say("cannot make the NICs: %s", strerror(-rc));
	return rc;
}

static int plug_vfs(struct host *host)
{
	for (unsigned i = 0; i < host->nic_count; i++) {
		int rc = nic_plug_initial(&host->nics[i]);

		if (rc < 0) {
			say("%s: cannot make the VF: %s", host->nics[i].name, strerror(-rc));
			return rc;
		}
	}
	host_write_vfs(host);
	return 0;
}

void host_write_vfs(struct host *host)
{
	char text[2048];
	size_t used = 0;

	for (unsigned i = 0; i < host->nic_count; i++) {
		char entry[200];

		if (!host->nics[i].has_vf)
			continue;
		vf_list_entry(&host->nics[i].vf, entry, sizeof(entry));
		if (entry[0] == '\0')
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
					 used != 0 ? ";" : "", entry);
	}
	snprintf(text + used, sizeof(text) - used, "\n");

	int rc = tree_replace(host->tree, VF_LIST_NAME, text);

	if (rc < 0)
		say("cannot write the list of VFs: %s", strerror(-rc));
}

struct nic *host_find_nic(struct host *host, const char *name)
{
	for (unsigned i = 0; i < host->nic_count; i++)
		if (strcmp(host->nics[i].name, name) == 0)
			return &host->nics[i];
	return NULL;
}

static void signal_ready(void *opaque, uint32_t events)
{
	struct host *host = opaque;
	struct signalfd_siginfo info;
	ssize_t n = read(host->signals.fd, &info, sizeof(info));

	(void)n;
	(void)events;
	loop_stop(&host->loop);
}

static void supervisor_ready(void *opaque, uint32_t events)
{
	struct host *host = opaque;

	(void)events;
	host->supervisor_gone = true;
	loop_stop(&host->loop);
}

static int watch(struct host *host, pid_t supervisor)
{
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	host->signals = (struct loop_fd){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = signal_ready,
		.opaque = host,
	};
	host->supervisor = (struct loop_fd){
		.fd = (int)syscall(SYS_pidfd_open, supervisor, 0),
		.ready = supervisor_ready,
		.opaque = host,
	};
	if (host->signals.fd < 0 || host->supervisor.fd < 0)
		return -errno;
	rc = loop_fd_add(&host->loop, &host->signals, EPOLLIN);
	return rc < 0 ? rc : loop_fd_add(&host->loop, &host->supervisor, EPOLLIN);
}

static int open_control(struct host *host)
{
	char path[TREE_PATH];
	int rc;

	if (host->options->socket != NULL)
		return control_server_new(host, host->options->socket, &host->control);
	rc = tree_path(host->tree, path, CONTROL_SOCKET);
	return rc < 0 ? rc : control_server_new(host, path, &host->control);
}

static int bring_up(struct host *host, pid_t supervisor)
{
	int rc = loop_init(&host->loop);

	if (rc == 0)
		rc = watch(host, supervisor);
	if (rc < 0) {
		say("cannot start the host: %s", strerror(-rc));
		return rc;
	}
	rc = make_nics(host);
	if (rc < 0)
		return rc;
	rc = vf_server_new(host, &host->vf_server);
	if (rc == 0)
		rc = open_control(host);
	if (rc < 0) {
		say("cannot open the host's sockets: %s", strerror(-rc));
		return rc;
	}
	/* The wires last: who is at their other end finds the host ready. */
	rc = plug_vfs(host);
	return rc < 0 ? rc : connect_switches(host);
}

static void shut_down(struct host *host)
{
	control_server_free(host->control);
	vf_server_free(host->vf_server);
	uio_server_free(host->uio_server);
	for (unsigned i = 0; i < host->nic_count; i++)
		nic_fini(&host->nics[i]);
	for (unsigned i = 0; i < host->switch_count; i++)
		close_uplink(&host->uplinks[i]);
	if (host->signals.fd >= 0)
		close(host->signals.fd);
	if (host->supervisor.fd >= 0)
		close(host->supervisor.fd);
	loop_fini(&host->loop);
}

int host_run(const struct host_options *options, struct tree *tree, int ready, pid_t supervisor)
{
	struct host *host = calloc(1, sizeof(*host));
	const char go = 1;
	int rc;

	if (host == NULL)
		return -ENOMEM;
	host->options = options;
	host->tree = tree;
	host->started_ns = loop_now_ns();
	host->signals.fd = host->supervisor.fd = -1;
	nimble_thread();
	rc = bring_up(host, supervisor);
	if (rc == 0 && write(ready, &go, 1) != 1)
		rc = -errno;
	close(ready);
	if (rc == 0)
		rc = loop_run(&host->loop);
	shut_down(host);
	if (host->supervisor_gone) {
		power_off(tree->root);
		tree_remove(tree);
	}
	free(host);
	return rc;
}
