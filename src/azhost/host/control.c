/*
 * The control socket, see control.h. JSON-RPC 2.0, one object a line, as accelnetd's. Methods
 * answer at once, so a client is served to the end of a line without waiting for anything; a client
 * that does not read its answers, or sends a line without end, is dropped.
 */
#include "azhost/host/control.h"

#include "azhost/host/host.h"
#include "azhost/host/listen.h"
#include "azhost/host/methods.h"
#include "azhost/host/say.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENTS_MAX    16
#define LINE_MAX_BYTES (64u << 10)

struct client {
	struct control_server *server;
	struct loop_fd socket; /* fd -1: free */
	size_t used;
	char line[LINE_MAX_BYTES];
};

struct control_server {
	struct host *host;
	char path[TREE_PATH];
	struct loop_fd listener;
	struct client *clients[CLIENTS_MAX]; /* owned; NULL: free */
};

static void drop(struct client *client)
{
	struct control_server *server = client->server;

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (server->clients[i] == client)
			server->clients[i] = NULL;
	loop_fd_remove(&server->host->loop, &client->socket);
	close(client->socket.fd);
	free(client);
}

static void add_error(struct json *response, const struct accelnet_error *err)
{
	struct json *error = json_add_object(response, "error");
	struct json *data;

	json_add_integer(error, "code", error_rpc_code(err->code));
	json_add_string(error, "message", err->detail);
	data = json_add_object(error, "data");
	json_add_string(data, "symbol", error_symbol(err->code));
	json_add_string(data, "pointer", err->pointer);
}

static int call(struct host *host, const struct json_at *request, struct json *result,
		struct accelnet_error *err)
{
	struct json_at name, params;
	const struct method *method;
	struct report report;
	int rc;

	if (!json_get(request, "method", &name) || json_string(&name) == NULL)
		return fail(err, ACCELNET_E_REQUEST, NULL, "no method");
	method = method_find(json_string(&name));
	if (method == NULL)
		return fail(err, ACCELNET_E_METHOD, NULL, "no method '%s'", json_string(&name));
	if (!json_get(request, "params", &params))
		return fail(err, ACCELNET_E_REQUEST, NULL, "no params");
	report_init(&report);
	(void)json_check_members(&params, method->members, method->member_count, &report);
	rc = report_result(&report, err);
	report_fini(&report);
	return rc < 0 ? rc : method->call(host, &params, result, err);
}

/* The answer to one line; the caller frees it. */
static char *serve(struct host *host, const char *line, size_t length)
{
	struct json *request JSON_CLEANUP = NULL;
	struct json *response JSON_CLEANUP = json_new_object();
	struct accelnet_error err = { 0 };
	struct json *result;
	struct json_at root, id;
	int rc;

	json_add_string(response, "jsonrpc", "2.0");
	rc = json_parse(line, length, NULL, &request, &err);
	if (rc == 0) {
		int64_t number = 0;

		root = json_root(request);
		if (json_get(&root, "id", &id))
			(void)json_integer(&id, &number);
		json_add_integer(response, "id", number);
		result = json_add_object(response, "result");
		rc = call(host, &root, result, &err);
	}
	if (rc < 0) {
		json_remove(response, "result");
		add_error(response, &err);
	}
	return json_print(response);
}

static bool answer(struct client *client, size_t length)
{
	char *text = serve(client->server->host, client->line, length);
	size_t n;
	bool ok;

	if (text == NULL)
		return false;
	n = strlen(text);
	text[n] = '\n'; /* in place of the NUL: the length is known */
	ok = send(client->socket.fd, text, n + 1, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(n + 1);
	free(text);
	return ok;
}

/* Every whole line in the buffer. False: the client is to be dropped. */
static bool serve_lines(struct client *client)
{
	char *end;

	while ((end = memchr(client->line, '\n', client->used)) != NULL) {
		size_t length = (size_t)(end - client->line);

		if (!answer(client, length))
			return false;
		client->used -= length + 1;
		memmove(client->line, end + 1, client->used);
	}
	return client->used < sizeof(client->line);
}

static void client_ready(void *opaque, uint32_t events)
{
	struct client *client = opaque;
	ssize_t n = recv(client->socket.fd, client->line + client->used,
			 sizeof(client->line) - client->used, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(client);
		return;
	}
	client->used += (size_t)n;
	if (!serve_lines(client))
		drop(client);
}

static bool admit(struct control_server *server, int fd)
{
	struct client *client;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (server->clients[i] != NULL)
			continue;
		client = calloc(1, sizeof(*client));
		if (client == NULL)
			return false;
		client->server = server;
		client->socket =
			(struct loop_fd){ .fd = fd, .ready = client_ready, .opaque = client };
		if (loop_fd_add(&server->host->loop, &client->socket, EPOLLIN) < 0) {
			free(client);
			return false;
		}
		server->clients[i] = client;
		return true;
	}
	return false;
}

static void listener_ready(void *opaque, uint32_t events)
{
	struct control_server *server = opaque;
	int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0 && !admit(server, fd))
		close(fd);
}

int control_server_new(struct host *host, const char *path, struct control_server **ret)
{
	struct control_server *server = calloc(1, sizeof(*server));
	int rc;

	if (server == NULL)
		return -ENOMEM;
	server->host = host;
	server->listener = (struct loop_fd){ .fd = -1, .ready = listener_ready, .opaque = server };
	strncpy(server->path, path, sizeof(server->path) - 1);
	rc = listen_at(path, SOCK_STREAM, &server->listener.fd);
	/* For this user alone: it can take a VM's devices away. */
	if (rc == 0 && chmod(path, 0600) < 0)
		rc = -errno;
	if (rc == 0)
		rc = loop_fd_add(&host->loop, &server->listener, EPOLLIN);
	if (rc < 0) {
		say("control socket %s: %s", path, strerror(-rc));
		control_server_free(server);
		return rc;
	}
	*ret = server;
	return 0;
}

void control_server_free(struct control_server *server)
{
	if (server == NULL)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (server->clients[i] != NULL)
			drop(server->clients[i]);
	if (server->listener.fd >= 0) {
		loop_fd_remove(&server->host->loop, &server->listener);
		close(server->listener.fd);
		(void)unlink(server->path);
	}
	free(server);
}
