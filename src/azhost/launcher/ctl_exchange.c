/* A request over the control socket, see ctl_exchange.h. */
#include "azhost/launcher/ctl_exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX     (1u << 20)
#define ANSWER_SECONDS 10

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

int ctl_exchange(const char *path, const char *request, char **ret_text)
{
	char *text = malloc(ANSWER_MAX);
	size_t used = 0;
	int fd, rc = 0;

	if (text == NULL)
		return -ENOMEM;
	fd = connect_to(path);
	if (fd < 0) {
		free(text);
		return fd;
	}
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
	    send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
		rc = -errno;
	while (rc == 0 && memchr(text, '\n', used) == NULL) {
		ssize_t n = recv(fd, text + used, ANSWER_MAX - 1 - used, 0);

		if (n <= 0)
			rc = n < 0 ? -errno : -ECONNRESET;
		else
			used += (size_t)n;
	}
	close(fd);
	if (rc < 0) {
		free(text);
		return rc;
	}
	text[used] = '\0';
	*ret_text = text;
	return 0;
}
