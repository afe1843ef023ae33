/*
 * The wire `pcap:FILE`. Where FILE exists its frames are played to the guests as soon as the first
 * of them can receive, and what the guests send goes to FILE.out; where it does not exist, nothing
 * is played and what the guests send goes to FILE. The classic format, microseconds or nanoseconds,
 * either byte order, is read; nanoseconds are written (pcap-savefile(5)).
 */
#include "azhost/host/loop.h"
#include "azhost/wire/ring.h"
#include "azhost/wire/wire.h"

#include <byteswap.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCAP_MAGIC_US 0xa1b2c3d4u
#define PCAP_MAGIC_NS 0xa1b23c4du
#define PCAP_ETHERNET 1u

/* Played in bursts: 32 frames each 100 us, so that a receiver's queue of 512 is not run over. */
#define PLAY_BURST   32
#define PLAY_STEP_NS 100000u

/* The guest is given this long to finish its start after it says that it can receive. */
#define PLAY_DELAY_NS 500000000u

struct pcap_header {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t reserved[2];
	uint32_t snaplen;
	uint32_t linktype;
};

struct pcap_record {
	uint32_t seconds;
	uint32_t fraction;
	uint32_t captured;
	uint32_t length;
};

struct pcap_wire {
	struct wire wire;
	struct loop *loop;
	FILE *in; /* NULL: nothing to play, or all played */
	bool swapped;
	FILE *out;
	bool flush_pending;
	struct loop_timer play;
	struct loop_timer flush;
	struct wire_callbacks callbacks;
	void *opaque;
};

/* 1: a frame; 0: end of file or a record that cannot be. */
static int read_frame(struct pcap_wire *p, uint8_t *frame, uint32_t *ret_length)
{
	struct pcap_record record;

	if (fread(&record, sizeof(record), 1, p->in) != 1)
		return 0;

	uint32_t captured = p->swapped ? bswap_32(record.captured) : record.captured;

	if (captured == 0 || captured > RING_FRAME_MAX)
		return 0;
	if (fread(frame, captured, 1, p->in) != 1)
		return 0;
	*ret_length = captured;
	return 1;
}

static void play(void *opaque)
{
	struct pcap_wire *p = opaque;
	uint8_t frame[RING_FRAME_MAX];
	uint32_t length;

	for (unsigned i = 0; i < PLAY_BURST && p->callbacks.may_receive(p->opaque); i++) {
		if (read_frame(p, frame, &length) == 0) {
			fclose(p->in);
			p->in = NULL;
			return;
		}
		p->callbacks.receive(p->opaque, frame, length);
	}
	loop_timer_set(p->loop, &p->play, PLAY_STEP_NS);
}

static void flush(void *opaque)
{
	struct pcap_wire *p = opaque;

	p->flush_pending = false;
	fflush(p->out);
}

static int open_input(struct pcap_wire *p, const char *path)
{
	struct pcap_header header;

	p->in = fopen(path, "rbe");
	if (p->in == NULL)
		return errno == ENOENT ? 0 : -errno;
	if (fread(&header, sizeof(header), 1, p->in) != 1)
		return -EINVAL;
	p->swapped =
		header.magic == bswap_32(PCAP_MAGIC_US) || header.magic == bswap_32(PCAP_MAGIC_NS);
	if (!p->swapped && header.magic != PCAP_MAGIC_US && header.magic != PCAP_MAGIC_NS)
		return -EINVAL;
	if ((p->swapped ? bswap_32(header.linktype) : header.linktype) != PCAP_ETHERNET)
		return -EINVAL;
	return 0;
}

static int open_output(struct pcap_wire *p, const char *path)
{
	const struct pcap_header header = {
		.magic = PCAP_MAGIC_NS,
		.major = 2,
		.minor = 4,
		.snaplen = RING_FRAME_MAX,
		.linktype = PCAP_ETHERNET,
	};
	char name[4096];
	int n = snprintf(name, sizeof(name), "%s%s", path, p->in != NULL ? ".out" : "");

	if (n < 0 || (size_t)n >= sizeof(name))
		return -ENAMETOOLONG;
	p->out = fopen(name, "wbe");
	if (p->out == NULL)
		return -errno;
	return fwrite(&header, sizeof(header), 1, p->out) == 1 ? 0 : -EIO;
}

static void pcap_close(struct wire *wire)
{
	struct pcap_wire *p = (struct pcap_wire *)wire;

	loop_timer_cancel(p->loop, &p->play);
	loop_timer_cancel(p->loop, &p->flush);
	if (p->in != NULL)
		fclose(p->in);
	if (p->out != NULL)
		fclose(p->out);
	free(p);
}

static int pcap_open(struct loop *loop, const char *argument,
		     const struct wire_callbacks *callbacks, void *opaque, struct wire **ret_wire,
		     const char **ret_why)
{
	struct pcap_wire *p = calloc(1, sizeof(*p));
	int rc;

	*ret_why = "not a readable pcap file of Ethernet frames";
	if (p == NULL)
		return -ENOMEM;
	*p = (struct pcap_wire){
		.wire.type = &wire_pcap,
		.loop = loop,
		.play = { .fire = play, .opaque = p },
		.flush = { .fire = flush, .opaque = p },
		.callbacks = *callbacks,
		.opaque = opaque,
	};
	rc = open_input(p, argument);
	if (rc == 0) {
		*ret_why = "cannot write the pcap file";
		rc = open_output(p, argument);
	}
	if (rc < 0) {
		pcap_close(&p->wire);
		return rc;
	}
	/* The header is there for whoever reads along. */
	fflush(p->out);
	*ret_wire = &p->wire;
	return 0;
}

static int pcap_send(struct wire *wire, const uint8_t *frame, uint32_t length)
{
	struct pcap_wire *p = (struct pcap_wire *)wire;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);

	const struct pcap_record record = {
		.seconds = (uint32_t)now.tv_sec,
		.fraction = (uint32_t)now.tv_nsec,
		.captured = length,
		.length = length,
	};

	if (fwrite(&record, sizeof(record), 1, p->out) != 1 ||
	    fwrite(frame, length, 1, p->out) != 1)
		return -EIO;
	if (!p->flush_pending) {
		p->flush_pending = true;
		loop_timer_set(p->loop, &p->flush, PLAY_STEP_NS);
	}
	return 0;
}

static void pcap_guest_ready(struct wire *wire)
{
	struct pcap_wire *p = (struct pcap_wire *)wire;

	if (p->in != NULL && !p->play.armed)
		loop_timer_set(p->loop, &p->play, PLAY_DELAY_NS);
}

const struct wire_type wire_pcap = {
	.name = "pcap",
	.help = "pcap:FILE   play FILE to the guests, record what they send in FILE.out\n"
		"              (where FILE does not exist: record in FILE)",
	.open = pcap_open,
	.send = pcap_send,
	.guest_ready = pcap_guest_ready,
	.close = pcap_close,
};
