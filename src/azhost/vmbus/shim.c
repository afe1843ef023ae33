/*
 * The preload shim: the guest's view of the kernel. It stands between DPDK and libc for four
 * things, and passes everything else through untouched:
 *
 *   /dev/uioN                    opened by the host's socket; mmap() of it takes the offset as the
 *                                number of a region, as uio does
 *   .../channels/<relid>/ring    the rings of a sub-channel, from the host's socket
 *   /sys/bus/vmbus, /sys/bus/pci, /sys/class/infiniband
 *                                the fake ones (the vmbus bus and netvsc's hot-add have these paths
 *                                built in: vmbus_bus.c:22, hn_ethdev.c:588)
 *   /sys/kernel/iommu_groups     the fake one, which is not empty: EAL then chooses IOVA as VA by
 *                                itself (is_iommu_enabled() in lib/eal/linux/eal.c), without which
 *                                the host could not find the guest's memory
 *
 * Loaded into every process of COMMAND; any thread. Without $AZHOST_DIR it does nothing.
 */
#include "azhost/vmbus/uio_proto.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT    __attribute__((visibility("default")))
#define SHIM_PATH 4096
#define FILES_MAX 64
#define PAGE      4096

/* The next definition of a function, that is libc's. */
#define NEXT(name)                                                     \
	({                                                             \
		static __typeof__(&name) next_;                        \
		if (next_ == NULL)                                     \
			next_ = (__typeof__(&name))next_symbol(#name); \
		next_;                                                 \
	})

struct uio_file {
	int fd; /* 0: free; a uio device is never standard input */
	int connection;
	struct uio_answer answer;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct uio_file files[FILES_MAX];
static unsigned files_used; /* fast path: nothing is open */

static void *next_symbol(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	/* Without libc there is nobody left to complain to. */
	if (symbol == NULL)
		abort();
	return symbol;
}

static const char *redirect(const char *path, char *buffer)
{
	static const char *const prefixes[] = {
		"/sys/bus/vmbus",
		"/sys/bus/pci",
		"/sys/class/infiniband",
		"/sys/kernel/iommu_groups",
	};
	const char *sysfs;

	if (path == NULL || strncmp(path, "/sys/", 5) != 0)
		return path;
	sysfs = getenv("AZHOST_SYSFS");
	if (sysfs == NULL)
		return path;
	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(path, prefixes[i], n) != 0 || (path[n] != '\0' && path[n] != '/'))
			continue;
		if ((size_t)snprintf(buffer, SHIM_PATH, "%s%s", sysfs, path + 4) >= SHIM_PATH)
			return path;
		return buffer;
	}
	return path;
}

static int connect_host(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *dir = getenv("AZHOST_DIR");
	int n, fd;

	if (dir == NULL) {
		errno = ENOENT;
		return -1;
	}
	n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, UIO_SOCKET_NAME);
	if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int reason = errno;

		NEXT(close)(fd);
		errno = reason;
		return -1;
	}
	return fd;
}

static int receive_answer(int connection, struct uio_answer *answer)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = { answer, sizeof(*answer) };
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(connection, &header, 0) != sizeof(*answer)) {
		errno = EIO;
		return -1;
	}
	c = CMSG_FIRSTHDR(&header);
	if (answer->status != 0 || c == NULL || c->cmsg_type != SCM_RIGHTS) {
		errno = answer->status != 0 ? -answer->status : EIO;
		return -1;
	}
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Ask the host; the memfd that it gives, and the connection in *ret_connection. */
static int ask(const struct uio_request *request, struct uio_answer *answer, int *ret_connection)
{
	int connection = connect_host();
	int fd = -1, reason;

	if (connection < 0)
		return -1;
	if (send(connection, request, sizeof(*request), MSG_NOSIGNAL) == sizeof(*request))
		fd = receive_answer(connection, answer);
	if (fd >= 0) {
		*ret_connection = connection;
		return fd;
	}
	reason = errno;
	NEXT(close)(connection);
	errno = reason;
	return -1;
}

static int open_device(unsigned index)
{
	const struct uio_request request = { .type = UIO_OPEN_DEVICE, .index = index };
	struct uio_file file;

	file.fd = ask(&request, &file.answer, &file.connection);
	if (file.fd < 0)
		return -1;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < FILES_MAX; i++) {
		if (files[i].fd != 0)
			continue;
		files[i] = file;
		files_used++;
		pthread_mutex_unlock(&lock);
		return file.fd;
	}
	pthread_mutex_unlock(&lock);
	NEXT(close)(file.connection);
	NEXT(close)(file.fd);
	errno = EMFILE;
	return -1;
}

static int open_ring(const char *guid, unsigned relid)
{
	struct uio_request request = { .type = UIO_OPEN_RING, .relid = relid };
	struct uio_answer answer;
	int connection, fd;

	snprintf(request.guid, sizeof(request.guid), "%s", guid);
	fd = ask(&request, &answer, &connection);
	if (fd >= 0)
		NEXT(close)(connection);
	return fd;
}

/* True where @path is one of the host's files; *ret_fd is then what open() returns. */
static bool open_special(const char *path, int *ret_fd)
{
	char guid[40], tail[8];
	unsigned number;
	int used = 0;

	if (path == NULL || getenv("AZHOST_DIR") == NULL)
		return false;
	if (sscanf(path, "/dev/uio%u%n", &number, &used) == 1 && path[used] == '\0') {
		*ret_fd = open_device(number);
		return true;
	}
	if (sscanf(path, "/sys/bus/vmbus/devices/%39[^/]/channels/%u/%7s", guid, &number, tail) ==
		    3 &&
	    strcmp(tail, "ring") == 0) {
		*ret_fd = open_ring(guid, number);
		return true;
	}
	return false;
}

/* The mode that open() takes only with these flags. */
#define MODE_OF(flags, last)                                  \
	({                                                    \
		mode_t mode_ = 0;                             \
		if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
			va_list args_;                        \
			va_start(args_, last);                \
			mode_ = va_arg(args_, mode_t);        \
			va_end(args_);                        \
		}                                             \
		mode_;                                        \
	})

EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode = MODE_OF(flags, flags);
	char buffer[SHIM_PATH];
	int fd;

	if (open_special(path, &fd))
		return fd;
	return NEXT(open)(redirect(path, buffer), flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	mode_t mode = MODE_OF(flags, flags);
	char buffer[SHIM_PATH];
	int fd;

	if (open_special(path, &fd))
		return fd;
	return NEXT(open64)(redirect(path, buffer), flags, mode);
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	char buffer[SHIM_PATH];

	return NEXT(fopen)(redirect(path, buffer), mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	char buffer[SHIM_PATH];

	return NEXT(fopen64)(redirect(path, buffer), mode);
}

EXPORT DIR *opendir(const char *path)
{
	char buffer[SHIM_PATH];

	return NEXT(opendir)(redirect(path, buffer));
}

EXPORT int access(const char *path, int mode)
{
	char buffer[SHIM_PATH];

	return NEXT(access)(redirect(path, buffer), mode);
}

EXPORT ssize_t readlink(const char *path, char *target, size_t size)
{
	char buffer[SHIM_PATH];

	return NEXT(readlink)(redirect(path, buffer), target, size);
}

EXPORT char *realpath(const char *path, char *resolved)
{
	char buffer[SHIM_PATH];

	return NEXT(realpath)(redirect(path, buffer), resolved);
}

EXPORT int stat(const char *path, struct stat *st)
{
	char buffer[SHIM_PATH];

	return NEXT(stat)(redirect(path, buffer), st);
}

EXPORT int stat64(const char *path, struct stat64 *st)
{
	char buffer[SHIM_PATH];

	return NEXT(stat64)(redirect(path, buffer), st);
}

/* The offset in the memfd of a uio device's region; others as they are. */
static off64_t translate(int fd, off64_t offset)
{
	if (fd < 0 || __atomic_load_n(&files_used, __ATOMIC_RELAXED) == 0)
		return offset;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < FILES_MAX; i++) {
		off64_t region = offset / PAGE;

		if (files[i].fd == 0 || files[i].fd != fd)
			continue;
		if (region < UIO_REGIONS)
			offset = (off64_t)files[i].answer.regions[region].offset;
		break;
	}
	pthread_mutex_unlock(&lock);
	return offset;
}

EXPORT void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	return NEXT(mmap)(address, length, protection, flags, fd, translate(fd, offset));
}

EXPORT void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
	return NEXT(mmap64)(address, length, protection, flags, fd, translate(fd, offset));
}

EXPORT int close(int fd)
{
	int connection = -1;

	if (fd > 0 && __atomic_load_n(&files_used, __ATOMIC_RELAXED) != 0) {
		pthread_mutex_lock(&lock);
		for (unsigned i = 0; i < FILES_MAX; i++) {
			if (files[i].fd != fd)
				continue;
			connection = files[i].connection;
			files[i].fd = 0;
			files_used--;
			break;
		}
		pthread_mutex_unlock(&lock);
	}
	if (connection >= 0)
		NEXT(close)(connection);
	return NEXT(close)(fd);
}
