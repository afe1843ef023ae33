/*
 * The listening socket: see listen.h.
 */
#include "control/listen.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOG_ROOM    LOG_ROOM_CONTROL
#define SOCKET_MODE 0660
#define BACKLOG     128

static int fail_errno(struct accelnet_error *err, const char *what, const char *path)
{
	return fail(err, ACCELNET_E_IO, NULL, "cannot %s %s: %s", what, path, strerror(errno));
}

/* The socket's own directory is made where it is absent; those above it must be there. */
static int make_directory(const char *path, struct accelnet_error *err)
{
	char copy[PATH_MAX];
	const char *directory;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	if (mkdir(directory, 0755) == 0 || errno == EEXIST)
		return 0;
	return fail_errno(err, "make directory", directory);
}

/* True where the file that we hold open is still the one at `path`. */
static bool is_same_file(int fd, const char *path)
{
	struct stat open_file, named_file;

	return fstat(fd, &open_file) == 0 && stat(path, &named_file) == 0 &&
	       open_file.st_dev == named_file.st_dev && open_file.st_ino == named_file.st_ino;
}

/* A daemon that ends removes its lock file, so the lock counts only on the file that is there now.
 */
static int take_lock(struct listen_socket *socket, struct accelnet_error *err)
{
	for (;;) {
		int fd = open(socket->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return fail_errno(err, "open the lock file", socket->lock_path);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			close(fd);
			if (errno == EWOULDBLOCK)
				return fail(err, ACCELNET_E_STATE, NULL,
					    "another daemon serves %s (it holds %s)", socket->path,
					    socket->lock_path);
			return fail_errno(err, "lock", socket->lock_path);
		}
		if (is_same_file(fd, socket->lock_path)) {
			socket->lock_fd = fd;
			return 0;
		}
		close(fd);
	}
}

static int remove_stale(const char *path, struct accelnet_error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "look at", path);
	if (!S_ISSOCK(st.st_mode))
		return fail(err, ACCELNET_E_IO, NULL, "%s is there and is not a socket", path);
	return unlink(path) < 0 ? fail_errno(err, "remove the stale socket", path) : 0;
}

static int bind_socket(struct listen_socket *socket, struct accelnet_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t umask_before;
	struct stat st;
	int r;

	if (strlen(socket->path) >= sizeof(address.sun_path))
		return fail(err, ACCELNET_E_RANGE, NULL, "socket path %s is longer than %zu bytes",
			    socket->path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, socket->path);
	/* Nobody may connect before mode and group are right: the file is born without permissions.
	 */
	umask_before = umask(0777);
	r = bind(socket->fd, (const struct sockaddr *)&address, sizeof(address));
	umask(umask_before);
	if (r < 0)
		return fail_errno(err, "bind", socket->path);
	if (lstat(socket->path, &st) < 0)
		return fail_errno(err, "look at", socket->path);
	socket->device = st.st_dev;
	socket->inode = st.st_ino;
	return 0;
}

static int open_to_group(struct listen_socket *socket, const char *name, struct accelnet_error *err)
{
	const struct group *group;

	name = name ? name : LISTEN_GROUP;
	group = getgrnam(name);
	socket->group = group ? group->gr_gid : getegid();
	if (!group)
		log_warning("no such group, the control socket keeps the daemon's own",
			    "group=%s gid=%u", name, (unsigned)socket->group);
	if (chown(socket->path, (uid_t)-1, socket->group) < 0) {
		log_warning("the control socket cannot be given to the group",
			    "group=%s error=\"%s\"", name, strerror(errno));
		socket->group = getegid();
	}
	if (chmod(socket->path, SOCKET_MODE) < 0)
		return fail_errno(err, "set the mode of", socket->path);
	return 0;
}

int listen_init(struct listen_socket *ret, const char *path, const char *group,
		struct accelnet_error *err)
{
	int r;

	*ret = (struct listen_socket){ .lock_fd = -1, .fd = -1 };
	ret->path = strdup(path);
	if (!ret->path || asprintf(&ret->lock_path, "%s.lock", path) < 0) {
		ret->lock_path = NULL;
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	r = make_directory(path, err);
	if (r == 0)
		r = take_lock(ret, err);
	if (r == 0)
		r = remove_stale(path, err);
	if (r < 0)
		return r;
	ret->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ret->fd < 0)
		return fail_errno(err, "make a socket for", path);
	r = bind_socket(ret, err);
	if (r == 0 && listen(ret->fd, BACKLOG) < 0)
		r = fail_errno(err, "listen on", path);
	if (r == 0)
		r = open_to_group(ret, group, err);
	return r;
}

void listen_fini(struct listen_socket *socket)
{
	struct stat st;

	if (socket->fd >= 0)
		close(socket->fd);
	if (socket->inode && lstat(socket->path, &st) == 0 && st.st_dev == socket->device &&
	    st.st_ino == socket->inode)
		(void)unlink(socket->path); /* nobody is left to tell */
	if (socket->lock_fd >= 0) {
		(void)unlink(socket->lock_path);
		close(socket->lock_fd);
	}
	free(socket->lock_path);
	free(socket->path);
	*socket = (struct listen_socket){ .lock_fd = -1, .fd = -1 };
}
