/*
 * The client library: see accelnet/client.h.
 */
#include "accelnet/client.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX     (4U << 20)  /* what the daemon takes, line feed not counted */
#define RESPONSE_MAX    (64U << 20) /* far above what it sends */
#define READ_STEP       (64U << 10)
#define CONNECT_SECONDS 5

/* A notification that came while an answer was awaited. */
struct kept {
	struct kept *next;
	char *text;
};

struct accelnet_client {
	int fd;
	int64_t last_id;
	char *buffer; /* bytes received and not used yet */
	size_t used;
	size_t capacity;
	size_t scanned; /* bytes known to hold no line feed */
	struct kept *first;
	struct kept **tail;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When a timeout ends; negative: never. */
static int64_t deadline_of(int timeout)
{
	return timeout < 0 ? -1 : now_ms() + timeout;
}

/* --- life --- */

/* Waits where the daemon has not accepted those who came before; -ETIMEDOUT after CONNECT_SECONDS.
 */
static int connect_to(int fd, const struct sockaddr_un *address)
{
	const struct timeval patience = { .tv_sec = CONNECT_SECONDS };
	int flags;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		if (errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int accelnet_client_open(const char *path, struct accelnet_client **ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct accelnet_client *client;
	int r;

	if (!path)
		path = getenv(ACCELNET_SOCKET_ENVIRONMENT);
	if (!path || !*path)
		path = ACCELNET_SOCKET_DEFAULT;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->tail = &client->first;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = client->fd < 0 ? -errno : connect_to(client->fd, &address);
	if (r < 0) {
		accelnet_client_close(client);
		return r;
	}
	*ret = client;
	return 0;
}

void accelnet_client_close(struct accelnet_client *client)
{
	struct kept *kept;

	if (!client)
		return;
	while ((kept = client->first)) {
		client->first = kept->next;
		free(kept->text);
		free(kept);
	}
	if (client->fd >= 0)
		close(client->fd);
	free(client->buffer);
	free(client);
}

int accelnet_client_fd(const struct accelnet_client *client)
{
	return client->fd;
}

/* --- bytes --- */

/* Waits until the socket is ready. 0, -ETIMEDOUT or -errno. */
static int wait_for(const struct accelnet_client *client, short events, int64_t deadline)
{
	struct pollfd item = { .fd = client->fd, .events = events };

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();
		int n;

		if (deadline >= 0 && left < 0)
			left = 0;
		n = poll(&item, 1, (int)left);
		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int send_all(const struct accelnet_client *client, const char *data, size_t length,
		    int64_t deadline)
{
	while (length > 0) {
		ssize_t n = send(client->fd, data, length, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			length -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			int r = wait_for(client, POLLOUT, deadline);

			if (r < 0)
				return r;
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static int make_room(struct accelnet_client *client)
{
	char *grown;

	if (client->capacity - client->used >= READ_STEP)
		return 0;
	if (client->used > RESPONSE_MAX)
		return -EMSGSIZE;
	grown = realloc(client->buffer, client->capacity * 2 + READ_STEP);
	if (!grown)
		return -ENOMEM;
	client->capacity = client->capacity * 2 + READ_STEP;
	client->buffer = grown;
	return 0;
}

static int receive_some(struct accelnet_client *client, int64_t deadline)
{
	ssize_t n;
	int r = make_room(client);

	if (r < 0)
		return r;
	for (;;) {
		n = recv(client->fd, client->buffer + client->used, client->capacity - client->used,
			 0);
		if (n > 0) {
			client->used += (size_t)n;
			return 0;
		}
		if (n == 0)
			return -EPIPE;
		if (errno == EAGAIN) {
			r = wait_for(client, POLLIN, deadline);
			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

/* Takes the first line out of the buffer and parses it. */
static int take_line(struct accelnet_client *client, size_t length, struct json **ret)
{
	const struct json_limits limits = { .bytes = RESPONSE_MAX, .depth = 128 };
	int r = json_parse(client->buffer, length, &limits, ret, NULL);

	client->used -= length + 1;
	memmove(client->buffer, client->buffer + length + 1, client->used);
	client->scanned = 0;
	return r < 0 ? -EPROTO : 0;
}

static int next_line(struct accelnet_client *client, int64_t deadline, struct json **ret)
{
	for (;;) {
		size_t fresh = client->used - client->scanned;
		char *end = fresh ? memchr(client->buffer + client->scanned, '\n', fresh) : NULL;
		int r;

		if (end)
			return take_line(client, (size_t)(end - client->buffer), ret);
		client->scanned = client->used;
		r = receive_some(client, deadline);
		if (r < 0)
			return r;
	}
}

/* --- calls --- */

static int make_request(struct accelnet_client *client, const char *method, const char *params,
			char **ret)
{
	struct json *request = json_new_object(), *parsed = NULL;
	struct json_at root;
	char *line;
	size_t length;

	json_add_string(request, "jsonrpc", "2.0");
	json_add_integer(request, "id", ++client->last_id);
	json_add_string(request, "method", method);
	if (params) {
		const struct json_limits limits = { .bytes = RESPONSE_MAX, .depth = 128 };

		if (json_parse(params, strlen(params), &limits, &parsed, NULL) < 0) {
			json_free(request);
			return -EINVAL;
		}
		root = json_root(parsed);
		json_add(request, "params", parsed);
		if (json_type(&root) != JSON_OBJECT) {
			json_free(request);
			return -EINVAL;
		}
	}
	line = json_print(request);
	json_free(request);
	length = strlen(line);
	if (length > REQUEST_MAX) {
		free(line);
		return -EMSGSIZE;
	}
	line[length] = '\n'; /* instead of the NUL: a line is bytes and a length from here on */
	*ret = line;
	return (int)length + 1;
}

static int keep_event(struct accelnet_client *client, const struct json_at *params)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	kept->text = json_print(params->value);
	*client->tail = kept;
	client->tail = &kept->next;
	return 0;
}

/* True where the message is the answer to our request; null is an error before the id was read. */
static bool is_answer(const struct accelnet_client *client, const struct json_at *message)
{
	struct json_at id;
	int64_t number;

	if (!json_get(message, "id", &id))
		return false;
	if (json_type(&id) == JSON_NULL)
		return true;
	return json_integer(&id, &number) && number == client->last_id;
}

static int read_answer(const struct json_at *message, char **ret)
{
	struct json_at part;

	if (json_get(message, "result", &part)) {
		*ret = json_print(part.value);
		return 0;
	}
	if (json_get(message, "error", &part)) {
		*ret = json_print(part.value);
		return ACCELNET_CLIENT_REFUSED;
	}
	return -EPROTO;
}

static int await_answer(struct accelnet_client *client, int64_t deadline, char **ret)
{
	for (;;) {
		JSON_CLEANUP struct json *json = NULL;
		struct json_at message, params;
		int r = next_line(client, deadline, &json);

		if (r < 0)
			return r;
		message = json_root(json);
		if (is_answer(client, &message))
			return read_answer(&message, ret);
		if (json_get(&message, "params", &params)) {
			r = keep_event(client, &params);
			if (r < 0)
				return r;
		}
	}
}

int accelnet_client_call(struct accelnet_client *client, const char *method, const char *params,
			 int timeout, char **ret)
{
	const int64_t deadline = deadline_of(timeout);
	char *line;
	int length = make_request(client, method, params, &line);
	int r, answered;

	if (length < 0)
		return length;
	r = send_all(client, line, (size_t)length, deadline);
	free(line);
	/* A daemon that hangs up in the middle of a request has said why: read that. */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return r;
	answered = await_answer(client, deadline, ret);
	return answered < 0 && r < 0 ? r : answered;
}

int accelnet_client_event(struct accelnet_client *client, int timeout, char **ret)
{
	const int64_t deadline = deadline_of(timeout);
	struct kept *kept = client->first;

	if (kept) {
		client->first = kept->next;
		if (!client->first)
			client->tail = &client->first;
		*ret = kept->text;
		free(kept);
		return 0;
	}
	for (;;) {
		JSON_CLEANUP struct json *json = NULL;
		struct json_at message, params;
		int r = next_line(client, deadline, &json);

		if (r < 0)
			return r;
		message = json_root(json);
		if (json_get(&message, "params", &params)) {
			*ret = json_print(params.value);
			return 0;
		}
	}
}
