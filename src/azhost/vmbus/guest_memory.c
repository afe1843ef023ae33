/* Guest memory, see guest_memory.h. */
#include "azhost/vmbus/guest_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#define RANGES_AT_ONCE 64

int guest_memory_read(pid_t guest, const void *ranges, uint32_t count, uint8_t *to, uint32_t room,
		      uint32_t *ret_bytes)
{
	const struct vmbus_gpa_range *from = ranges;
	uint32_t done = 0;

	while (count != 0) {
		struct iovec remote[RANGES_AT_ONCE];
		uint32_t n = count < RANGES_AT_ONCE ? count : RANGES_AT_ONCE;
		uint32_t bytes = 0;

		for (uint32_t i = 0; i < n; i++) {
			struct vmbus_gpa_range range;

			memcpy(&range, &from[i], sizeof(range));
			if (range.offset >= VMBUS_PAGE || range.length > room - done - bytes ||
			    range.page > UINT64_MAX / VMBUS_PAGE)
				return -EINVAL;
			remote[i].iov_base =
				(void *)(uintptr_t)(range.page * VMBUS_PAGE + range.offset);
			remote[i].iov_len = range.length;
			bytes += range.length;
		}

		struct iovec local = { to + done, bytes };

		if (process_vm_readv(guest, &local, 1, remote, n, 0) != (ssize_t)bytes)
			return -EFAULT;
		done += bytes;
		from += n;
		count -= n;
	}
	*ret_bytes = done;
	return 0;
}
