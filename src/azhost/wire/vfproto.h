/*
 * The seam between the host process and the emulated VF, which is a library inside the guest
 * process: what the library finds in its environment, the messages of the socket
 * $AZHOST_DIR/vf.sock, and the shared memory of a VF's wire. It says nothing about mlx5.
 *
 * Environment of the guest:
 *   AZHOST_DIR       directory of this host; holds `vf.sock` and `vfs`
 *   AZHOST_VFS       the VFs as they were when the guest was started; used where `vfs` is absent
 *   AZHOST_SYSFS     root of the fake sysfs (bus/pci/devices/..., class/infiniband/...)
 *   AZHOST_PROFILES  directory of the profile files
 *
 * $AZHOST_DIR/vfs holds the VFs that are there now, in the form of AZHOST_VFS, on one line; the
 * host replaces it by rename, so a reader always sees all of one version. A VF is
 *
 *   ibname,pci,netdev,profile,wire        e.g. azmlx0,0000:3b:00.2,azvf0,cx5-vf-untrusted,ring
 *
 * and VFs are separated by ';'. `wire` is `ring` (this file) or `pair` (VFs two by two, in the
 * order of the list, back to back inside the library). The library reads the file at each
 * ibv_get_device_list(): a VF may come back at another address or with another profile under the
 * same ibname.
 *
 * Socket: AF_UNIX, SOCK_SEQPACKET, one connection for each opened VF, one struct vf_message a
 * packet, little-endian as the machine. The library connects when the device is opened, sends
 * VF_HELLO and waits for VF_ATTACH; the connection ends when either side closes it. The end of the
 * connection is, to the host, the end of the guest's use of the VF; to the library, a wire that has
 * been cut (the device goes on, without packets and without further control messages).
 */
#ifndef AZHOST_WIRE_VFPROTO_H
#define AZHOST_WIRE_VFPROTO_H

#include <stdint.h>

#define VF_PROTOCOL_VERSION 1u
#define VF_NAME_MAX         32
#define VF_SOCKET_NAME      "vf.sock"
#define VF_LIST_NAME        "vfs"

/* File descriptors that come with VF_ATTACH, in this order. */
enum vf_fd {
	VF_FD_WIRE,     /* memfd, sealed against shrinking: struct vf_shared and two rings */
	VF_FD_TO_GUEST, /* eventfd that wakes the library */
	VF_FD_TO_HOST,  /* eventfd that wakes the host */
	VF_FD_NETDEV,   /* TAP behind the VF's kernel interface, non-blocking, no header */
	VF_FD_COUNT,
};

enum vf_message_type {
	/* library to host */
	VF_HELLO = 1,  /* hello */
	VF_READY = 2,  /* value: 1 as soon as one Rx queue has buffers, 0 when none has any more */
	VF_REPORT = 3, /* report: answer to VF_QUERY; several messages, the last with `last` set */

	/* host to library */
	VF_ATTACH = 16, /* attach, with the descriptors where status is 0 */
	VF_FATAL = 17,  /* the device is gone: IBV_EVENT_DEVICE_FATAL, then every command fails EIO.
			 * value: 0 pull it at once, 1 stop completions but tell nobody */
	VF_LINK = 18,   /* value: 1 up, 0 down. The kernel interface has followed already */
	VF_FAULT = 19,  /* fault */
	VF_QUERY = 20,  /* ask for VF_REPORT */
};

/* Faults of a VF: name on the command line of `azhost ctl fault`, and what `value` means. */
#define VF_FAULTS(F)                                                                           \
	F(RX_ERROR, "rxerr", "the next VALUE received packets complete with an error")         \
	F(TX_ERROR, "txerr", "the next VALUE sent packets complete with an error")             \
	F(RULE_FAIL_AT, "rule-fail-at", "the VALUEth rule created from now on fails; 0: none") \
	F(RULE_LIMIT, "rule-limit", "no more than VALUE rules; 0: as the profile says")        \
	F(COUNTER_LIMIT, "counter-limit", "no more than VALUE counters; 0: as the profile says")

enum vf_fault {
#define VF_FAULT_ENUM(id, name, help) VF_FAULT_##id,
	VF_FAULTS(VF_FAULT_ENUM)
#undef VF_FAULT_ENUM
		VF_FAULT_COUNT,
};

#define VF_REPORT_ITEMS 16

struct vf_message {
	uint32_t type; /* enum vf_message_type */
	uint32_t value;
	union {
		struct {
			uint32_t version; /* VF_PROTOCOL_VERSION */
			char ibname[VF_NAME_MAX];
		} hello;
		struct {
			int32_t status; /* 0, or -errno: ENOENT no such VF, ENODEV revoked,
					 * EBUSY open already, EPROTO version */
			uint32_t version;
			uint32_t link_up;
			uint32_t mtu; /* of the kernel interface */
			uint8_t mac[6];
			uint8_t flow_control; /* 1: a frame that finds no buffer in its Rx queue
					       * waits, and those behind it (see device.h);
					       * 0: it is dropped, as no_buffer */
			uint8_t reserved;
			uint64_t to_guest_offset; /* ring read by the library */
			uint64_t to_host_offset;  /* ring written by the library */
			uint64_t wire_bytes;      /* length of the memfd; map it MAP_SHARED */
			uint32_t queue_ms; /* a receive queue takes so long to make; 0: as it is */
			uint32_t rule_us;  /* and a rule so long */
		} attach;
		struct {
			uint32_t fault; /* enum vf_fault */
			uint32_t reserved;
			uint64_t value;
		} fault;
		struct {
			uint32_t count;
			uint32_t last;
			struct {
				char name[24];
				uint64_t value;
			} items[VF_REPORT_ITEMS];
		} report;
	};
};

/*
 * Start of the memfd. The library writes the counters with relaxed atomic stores, at least once for
 * each batch; the host reads them at any time, also after the library has gone: `delivered` less
 * `consumed`, and what is left in the ring, is what was given to the VF and never seen by the
 * guest.
 */
struct vf_shared {
	uint64_t delivered; /* frames written to the guest's Rx queues, with a completion */
	uint64_t consumed; /* of those, the frames that the guest has acknowledged by CQ doorbell */
	uint64_t no_buffer;   /* frames dropped because the Rx queue was empty */
	uint64_t dropped;     /* frames dropped by a rule, a fault or for want of any destination */
	uint64_t to_kernel;   /* frames that matched no rule and went to the kernel interface */
	uint64_t sent;        /* frames that the guest's Tx queues sent to the wire */
	uint64_t kernel_sent; /* frames that the kernel interface sent to the wire */
	uint64_t wire_full;   /* frames that were not sent because the ring to the host was full */
	uint64_t unsent;      /* frames that the guest had posted to send when the device died */
	uint64_t reserved[7];
};

#endif
