/*
 * Reading the guest's memory: the pages that a VMBUS_GPA_DIRECT packet names. EAL runs with IOVA as
 * VA, so a guest page number is a virtual address of the guest process.
 */
#ifndef AZHOST_VMBUS_GUEST_MEMORY_H
#define AZHOST_VMBUS_GUEST_MEMORY_H

#include "azhost/vmbus/abi.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Gather @count ranges into @to, @room bytes long. The ranges are unaligned bytes of a packet.
 * -EINVAL: a range that cannot be, or too much in all; -EFAULT: memory that is not there.
 */
int guest_memory_read(pid_t guest, const void *ranges, uint32_t count, uint8_t *to, uint32_t room,
		      uint32_t *ret_bytes);

#endif
