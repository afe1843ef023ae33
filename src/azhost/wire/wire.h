/*
 * A wire: where frames enter and leave the virtual switch. TAP, unix socket, rings, pcap file; each
 * behind the same functions. Called by the host process's only thread.
 */
#ifndef AZHOST_WIRE_WIRE_H
#define AZHOST_WIRE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct wire;

struct wire_callbacks {
	/* The wire received a frame, which is valid during the call. */
	void (*receive)(void *opaque, const uint8_t *frame, uint32_t length);
	/* May it receive one now? If not, frames are left where they come from. */
	bool (*may_receive)(void *opaque);
	/* The peer begins or ceases to feed the VF that is offered to it (offer_vf) by itself. */
	void (*feeds_vf)(void *opaque, bool on);
};

/* The ring that leads into a VF, and its consumer's eventfd; descriptors are the VF's. */
struct wire_vf {
	int memory;
	int event;
	uint64_t bytes;  /* of the memory */
	uint64_t offset; /* of the ring in it */
};

struct wire_type {
	const char *name; /* the word before ':' in --uplink */
	const char *help;

	/*
	 * Open @argument, the text after ':'. On success the wire calls @callbacks, which are
	 * copied, until close(). -errno, and @ret_why says what failed in words; it is static text.
	 */
	int (*open)(struct loop *loop, const char *argument, const struct wire_callbacks *callbacks,
		    void *opaque, struct wire **ret_wire, const char **ret_why);

	/* Send a frame. 0, -EAGAIN (full: the frame is lost), or another -errno (lost too). */
	int (*send)(struct wire *wire, const uint8_t *frame, uint32_t length);

	/* Optional. Whether a burst of frames would be taken now. */
	bool (*has_room)(const struct wire *wire);

	/* Optional. The first guest can receive now: what was held back may start. */
	void (*guest_ready)(struct wire *wire);

	/* Optional. Show or hide carrier, as a cable that is pulled. */
	void (*set_link)(struct wire *wire, bool up);

	/* Optional. Unicast may go straight into this VF from now on; NULL: no longer. Copied. */
	void (*offer_vf)(struct wire *wire, const struct wire_vf *vf);

	void (*close)(struct wire *wire);
};

/* First member of every wire. */
struct wire {
	const struct wire_type *type;
};

extern const struct wire_type wire_tap;
extern const struct wire_type wire_unix;
extern const struct wire_type wire_ring;
extern const struct wire_type wire_pcap;

/* The type that @uplink ("tap:azhost0") names, and its argument; NULL where there is none. */
const struct wire_type *wire_find(const char *uplink, const char **ret_argument);

/* All types, ended by NULL: for help. */
extern const struct wire_type *const wire_types[];

#endif
