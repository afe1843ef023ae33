/* Namespaces, see namespace.h. */
#include "azhost/launcher/namespace.h"

#include "azhost/wire/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int map_root(uid_t uid, gid_t gid)
{
	char map[64];
	int rc;

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
	rc = write_text("/proc/self/uid_map", map);
	/* Without this an ordinary user may not write a gid_map (user_namespaces(7)). */
	if (rc == 0)
		rc = write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", (unsigned)gid);
	if (rc == 0)
		rc = write_text("/proc/self/gid_map", map);
	return rc;
}

int namespace_enter(bool *ret_user, const char **ret_why)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	int rc;

	*ret_user = false;
	*ret_why = "cannot make a network namespace";
	if (unshare(CLONE_NEWNET) < 0) {
		if (errno != EPERM)
			return -errno;
		*ret_why = "cannot make a user and network namespace as an ordinary user "
			   "(kernel.unprivileged_userns_clone, user.max_user_namespaces?)";
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			return -errno;
		*ret_why = "cannot become root of the user namespace";
		rc = map_root(uid, gid);
		if (rc < 0)
			return rc;
		*ret_user = true;
	}
	*ret_why = "cannot set the loopback interface up";
	return netdev_up("lo", 0);
}
