/* A request over the control socket, see ctl_exchange.h. */
#include "azhost/launcher/ctl_exchange.h"

#include "base/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX     (1u << 20)
#define ANSWER_SECONDS 10

/* An answer that is not complete is asked for again, so often and after so long. */
#define AGAIN_TIMES 100
#define AGAIN_US    20000

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

static int exchange(const char *path, const char *request, char **ret_text)
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

		if (n < 0)
			rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
		else if (n == 0)
			rc = -ECONNRESET;
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

static bool is_complete(const char *text)
{
	struct json *json JSON_CLEANUP = NULL;
	struct accelnet_error err = { 0 };
	struct json_at root, result, at;
	bool complete = true;

	if (json_parse(text, strlen(text), NULL, &json, &err) < 0)
		return true;
	root = json_root(json);
	if (json_get(&root, "result", &result) && json_get(&result, "complete", &at))
		(void)json_bool(&at, &complete);
	return complete;
}

int ctl_ask(const char *path, struct json *request, struct json *params, char **ret_answer)
{
	char *text = json_print(request), *answer;
	int rc = exchange(path, text, &answer);

	free(text);
	for (unsigned i = 0; rc == 0 && i < AGAIN_TIMES && !is_complete(answer); i++) {
		free(answer);
		usleep(AGAIN_US);
		if (i == 0)
			json_add_bool(params, "again", true);
		text = json_print(request);
		rc = exchange(path, text, &answer);
		free(text);
	}
	if (rc == 0)
		*ret_answer = answer;
	return rc;
}
