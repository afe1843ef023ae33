/*
 * The far end of azhost's uplink `unix:PATH` (src/azhost/wire/unix.c): a SOCK_SEQPACKET socket, one
 * frame a packet, lossless. One thread.
 */
#ifndef TESTS_BENCH_CABLE_H
#define TESTS_BENCH_CABLE_H

#include <stdint.h>
#include <sys/uio.h>

#define CABLE_BURST 32

/* A non-blocking descriptor, or a negative errno. */
int cable_plug(const char *path);

/* How many of at most CABLE_BURST frames were taken: 0 where the socket is full; or -errno. */
int cable_send(int cable, const struct iovec *frames, unsigned count);

/* Bytes of one frame; 0 where there is none; or a negative errno. */
int cable_receive(int cable, uint8_t *frame, unsigned size);

#endif
