/*
 * The host's end of one VF: its kernel interface, its PCI entry, and the wire to the VF library in
 * the guest (wire/vfproto.h). What happens to a VF, in which order and when, is vf_life.h's matter.
 *
 * A VF is `present` while the guest's bus shows it, and attached while a guest has it open. The
 * host process's only thread; everything that comes from the guest's side is checked.
 */
#ifndef AZHOST_HOST_VF_H
#define AZHOST_HOST_VF_H

#include "azhost/host/loop.h"
#include "azhost/host/pci.h"
#include "azhost/host/tree.h"
#include "azhost/wire/ring.h"
#include "azhost/wire/vfproto.h"
#include "azhost/wire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of the frames that were given to the VF. */
struct vf_losses {
	uint64_t undelivered; /* left in the wire's ring when the guest let go of the VF */
	uint64_t unseen;    /* in the guest's Rx queues, never acknowledged: after its last poll */
	uint64_t unsent;    /* in the guest's Tx queues when the device died */
	uint64_t no_buffer; /* the guest was too slow: its Rx queues were empty of buffers */
	uint64_t no_rule;   /* no rule led to a queue: to the VF's kernel interface, or dropped */
};

/* What the library answered to the last question. */
struct vf_report {
	bool complete; /* else more is on its way */
	uint32_t count;
	struct {
		char name[24];
		uint64_t value;
	} items[4 * VF_REPORT_ITEMS];
};

struct vf_callbacks {
	/* The guest's VF sent a frame. */
	void (*receive)(void *opaque, const uint8_t *frame, uint32_t length);
	/* Whether frames of the guest may be taken now; else they are left where they are. */
	bool (*may_receive)(void *opaque);
	/* Frames that no rule took, where `under_synthetic`. */
	void (*unmatched)(void *opaque, const uint8_t *frame, uint32_t length);
	/* vf_usable() may have changed, or the guest can receive now. */
	void (*changed)(void *opaque);
};

struct vf {
	/* Identity. Address and profile may change while the VF is away. */
	char ibname[VF_NAME_MAX];
	const char *view; /* of the NIC (tree.h) */
	char netdev[16];
	char address[16];
	char profile[64];
	uint8_t mac[6];
	uint32_t mtu;
	bool pair; /* the wire is inside the library */
	bool flow_control;
	uint32_t open_ms;     /* a guest that opens it waits so long */
	uint32_t queue_ms;    /* and when it makes a receive queue, so long */
	uint32_t rule_us;     /* and a rule so long */
	bool under_synthetic; /* the guest's kernel has it as the lower device of another: frames
			       * that no rule takes come here, not to the VF's own interface */

	const struct tree *tree;
	struct loop *loop;
	const struct vf_callbacks *callbacks;
	void *opaque;

	bool present;
	bool cut; /* the host has stopped the wire: revoked or fatal */
	bool link_up;
	int netdev_fd; /* -1: no interface */

	struct loop_fd control; /* connection to the library; fd -1: not attached */
	bool ready;             /* the guest has Rx buffers */
	int memory_fd;
	void *memory; /* mapping of the wire */
	size_t memory_bytes;
	struct vf_shared *shared;
	struct ring to_guest;
	struct ring to_host;
	struct loop_fd to_host_event;
	struct loop_fd unmatched; /* where under_synthetic: they come here; else fd -1 */
	int to_guest_event;
	struct loop_poller poller;
	bool kick;        /* frames were put since the last kick */
	bool held;        /* frames of the guest have to wait */
	uint64_t leaving; /* of a wire that is cut: frames that had left the VF before */

	uint64_t attaches;
	uint64_t ring_full;
	uint64_t discarded; /* frames of the guest that came after the wire was cut */
	uint64_t protocol_errors;
	struct vf_losses losses; /* of all attachments that have ended */
	struct vf_report report;
};

void vf_init(struct vf *vf, const struct tree *tree, struct loop *loop,
	     const struct vf_callbacks *callbacks, void *opaque);
/* Detach and take the VF off the bus. */
void vf_fini(struct vf *vf);

/* Put the VF on the guest's bus (interface, PCI entry), or take it off. */
int vf_plug(struct vf *vf);
void vf_unplug(struct vf *vf);

/* The device dies: VF_FATAL with @value, and no more frames. */
void vf_fatal(struct vf *vf, uint32_t value);
/* Stop or restart the wire, without telling the guest. */
void vf_cut(struct vf *vf, bool cut);
void vf_set_link(struct vf *vf, bool up);
/* -ENOTCONN where no guest has the VF open. */
int vf_fault(struct vf *vf, enum vf_fault fault, uint64_t value);
/* Ask for a new report. */
int vf_query(struct vf *vf);

/* Frames can be sent through it. */
bool vf_usable(const struct vf *vf);

/*
 * The way into the guest, for somebody else to feed in the place of vf_send(); valid while the VF
 * is usable. vf_take_back(): nobody else does any more.
 */
struct wire_vf vf_wire(const struct vf *vf);
void vf_take_back(struct vf *vf);

enum vf_send_result { VF_SENT, VF_SEND_FULL };

/* A burst, or the segments of a large send, would be taken. */
bool vf_has_room(const struct vf *vf);

enum vf_send_result vf_send(struct vf *vf, const uint8_t *frame, uint32_t length);

/* Frames that the guest has been given and has not yet acknowledged, now. */
struct vf_losses vf_in_flight(const struct vf *vf);

/* A library said hello on @fd, which is taken over. Answers it, whatever comes of it. */
void vf_attach(struct vf *vf, int fd);
/* Answer a hello with an error and hang up. */
void vf_refuse(int fd, int status);

/* --- vf_wire.c, for vf.c --- */

/* The loop's poller while a guest has the VF open. */
unsigned vf_poll_wire(void *opaque);
bool vf_wire_may_sleep(void *opaque);
/* Call before the wire is cut: what the guest had sent by then has left the VF. */
void vf_note_leaving(struct vf *vf);
/* Take what the guest had sent before it let go of the VF, room or not. */
void vf_drain(struct vf *vf);

/* Take a frame that no rule took; false where there is none. */
bool vf_take_unmatched(struct vf *vf);

/* --- vf.c, for vf_wire.c --- */

/* The guest's side broke the rules: as good as gone. */
void vf_reject(struct vf *vf, const char *what);

/* --- */

/* How the VF appears in $AZHOST_DIR/vfs; empty where it is not there. */
void vf_list_entry(const struct vf *vf, char *text, size_t size);

#endif
