/* Short slices, see nimble.h. */
#include "azhost/wire/nimble.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000u /* the shortest that the kernel takes */

void nimble_thread(void)
{
	struct sched_attr attr;

	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0)
		return;
	if (attr.sched_policy != SCHED_NORMAL)
		return;
	attr.sched_runtime = SLICE_NS;
	/* An older kernel ignores it. */
	(void)syscall(SYS_sched_setattr, 0, &attr, 0);
}
