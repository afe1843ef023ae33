/*
 * Between the preload shim in the guest and the host: opening a file of the VMBus. The shim
 * connects to $AZHOST_DIR/uio.sock (SOCK_SEQPACKET), sends one struct uio_request and receives one
 * struct uio_answer, with a memfd by SCM_RIGHTS where status is 0. The connection stands for the
 * open file: it stays as long as the file is open, and the kernel closes it however the guest ends.
 */
#ifndef AZHOST_VMBUS_UIO_PROTO_H
#define AZHOST_VMBUS_UIO_PROTO_H

#include <stdint.h>

#define UIO_SOCKET_NAME "uio.sock"
#define UIO_REGIONS     5

enum uio_request_type {
	UIO_OPEN_DEVICE = 1, /* /dev/uio<index>: regions in one memfd, mapped by number */
	UIO_OPEN_RING = 2,   /* a sub-channel's rings, mapped at 0; the connection may be closed */
};

struct uio_request {
	uint32_t type;
	uint32_t index; /* UIO_OPEN_DEVICE */
	uint32_t relid; /* UIO_OPEN_RING */
	char guid[40];  /* UIO_OPEN_RING */
};

struct uio_answer {
	int32_t status; /* 0 or -errno */
	uint32_t reserved;
	struct {
		uint64_t offset;
		uint64_t size;
	} regions[UIO_REGIONS];
};

#endif
