/*
 * From a line to a method and from its result to a line: see request.h.
 */
#include "control/request.h"

#include "base/log.h"
#include "control/rpc_error.h"

#include <stdlib.h>
#include <string.h>

#define LOG_ROOM    LOG_ROOM_CONTROL
#define ID_MAX      256 /* bytes of a string that we are ready to send back */
#define RPC_VERSION "2.0"

static const call_handler handlers[METHOD_COUNT] = {
#define HANDLER_(id, function) [METHOD_##id] = handle_##function,
	METHODS(HANDLER_, METHOD_PASS_OVER)
#undef HANDLER_
};

struct request {
	struct json_at root;
	struct json *id; /* a copy; NULL: a notification, or not known yet */
	bool notification;
	enum method_id method;
	struct json_at params;
};

static struct json *new_response(struct json *id)
{
	struct json *response = json_new_object();

	json_add_string(response, "jsonrpc", RPC_VERSION);
	if (id)
		json_add(response, "id", id);
	else
		json_add_null(response, "id");
	return response;
}

/* Frees `json`. */
static char *to_line(struct json *json)
{
	char *text = json_print(json);
	size_t length = strlen(text);
	char *line = realloc(text, length + 2);

	if (!line)
		abort();
	line[length] = '\n';
	line[length + 1] = '\0';
	json_free(json);
	return line;
}

static char *error_line(struct json *id, const struct call_error *error)
{
	struct json *response = new_response(id);

	json_add(response, "error", rpc_error_json(error));
	return to_line(response);
}

char *request_error_line(enum accelnet_code code, const char *detail)
{
	struct call_error error = { 0 };

	(void)fail(&error.what, code, NULL, "%s", detail);
	return error_line(NULL, &error);
}

char *request_notification(const char *method, const struct json *params)
{
	struct json *notification = json_new_object();

	json_add_string(notification, "jsonrpc", RPC_VERSION);
	json_add_string(notification, "method", method);
	json_add(notification, "params", json_copy(params));
	return to_line(notification);
}

/* The id first, so that the errors after it can carry it. */
static int read_id(struct request *request, struct accelnet_error *err)
{
	struct json_at at;
	int64_t number;

	if (!json_get(&request->root, "id", &at)) {
		request->notification = true;
		return 0;
	}
	switch (json_type(&at)) {
	case JSON_NULL:
		return 0;
	case JSON_NUMBER:
		if (!json_integer(&at, &number))
			break;
		request->id = json_copy(at.value);
		return 0;
	case JSON_STRING:
		if (strlen(json_string(&at)) > ID_MAX)
			break;
		request->id = json_copy(at.value);
		return 0;
	default:
		break;
	}
	return fail(err, ACCELNET_E_REQUEST, &at,
		    "id must be a string of at most %d bytes, a whole number or null", ID_MAX);
}

static int read_method(struct request *request, struct accelnet_error *err)
{
	struct json_at at;

	if (!json_get(&request->root, "jsonrpc", &at) || !json_string(&at) ||
	    strcmp(json_string(&at), RPC_VERSION) != 0)
		return fail(err, ACCELNET_E_REQUEST, &request->root,
			    "the request must say \"jsonrpc\": \"2.0\"");
	if (!json_get(&request->root, "method", &at) || !json_string(&at))
		return fail(
			err, ACCELNET_E_REQUEST, &request->root,
			"the request must have a method, which is a string; rpc.list tells them");
	request->method = method_find(json_string(&at));
	if (request->method == METHOD_COUNT)
		return fail(err, ACCELNET_E_METHOD, &at,
			    "no method \"%.60s\"; rpc.list tells those that there are",
			    json_string(&at));
	return 0;
}

static int read_params(struct request *request, const struct json *empty,
		       struct accelnet_error *err)
{
	request->params = json_root(empty);
	if (!json_get(&request->root, "params", &request->params))
		return 0;
	if (json_type(&request->params) != JSON_OBJECT)
		return fail(err, ACCELNET_E_PARAMS, &request->params,
			    "params must be an object (parameters by name), not %s",
			    json_type_name(json_type(&request->params)));
	request->params = json_root(request->params.value); /* pointers begin at params */
	return 0;
}

static int refuse_members(const struct json_at *root, struct accelnet_error *err)
{
	static const char *const known[] = { "jsonrpc", "method", "params", "id" };
	struct json_at member;

	json_foreach(member, root) {
		bool found = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found |= strcmp(member.key, known[i]) == 0;
		if (!found)
			return fail(err, ACCELNET_E_REQUEST, &member,
				    "a request has jsonrpc, method, params and id; not \"%.60s\"",
				    member.key);
	}
	return 0;
}

static int read_request(struct request *request, const struct json *json, const struct json *empty,
			struct accelnet_error *err)
{
	int r;

	request->root = json_root(json);
	if (json_type(&request->root) == JSON_ARRAY)
		return fail(err, ACCELNET_E_REQUEST, NULL,
			    "batches are not supported; send one request a line");
	if (json_type(&request->root) != JSON_OBJECT)
		return fail(err, ACCELNET_E_REQUEST, NULL, "a request is an object, not %s",
			    json_type_name(json_type(&request->root)));
	r = read_id(request, err);
	if (r == 0)
		r = refuse_members(&request->root, err);
	if (r == 0)
		r = read_method(request, err);
	if (r == 0)
		r = read_params(request, empty, err);
	if (r == 0)
		r = method_check_params(&methods[request->method], &request->params, err);
	return r;
}

static void log_failure(const struct call *call, const char *origin)
{
	const struct call_error *error = &call->error;
	char pointer[ERROR_POINTER_MAX], detail[ERROR_DETAIL_MAX];

	log_info("request refused",
		 "method=%s origin=\"%s\" nic=%s symbol=%s pointer=\"%s\" detail=\"%s\"",
		 call->method ? call->method->name : "-", origin, error->nic[0] ? error->nic : "-",
		 error_symbol(error->what.code),
		 log_quotable(error->what.pointer, pointer, sizeof(pointer)),
		 log_quotable(error->what.detail, detail, sizeof(detail)));
}

/* Takes ownership of `result`. NULL where the response is longer than the scope allows. */
static char *result_line(const struct request_scope *scope, struct json **id, struct json *result,
			 struct accelnet_error *err)
{
	struct json *response = new_response(*id);
	char *line;

	*id = NULL;
	json_add(response, "result", result);
	line = to_line(response);
	if (strlen(line) <= scope->response_bytes)
		return line;
	(void)fail(err, ACCELNET_E_TOO_LARGE, NULL,
		   "the response has %zu bytes, the limit is %zu; ask for less", strlen(line),
		   scope->response_bytes);
	free(line);
	return NULL;
}

static void run(const struct request_scope *scope, struct request *request, struct call *call,
		char **ret)
{
	struct json *result = NULL;
	struct json *id = request->id ? json_copy(request->id) : NULL;
	char *line = NULL;

	call->method = &methods[request->method];
	call->params = request->params;
	if (handlers[request->method](call, &result) < 0) {
		log_failure(call, scope->origin);
		line = error_line(id, &call->error);
		call->subscription.wanted = false;
	} else {
		line = result_line(scope, &id, result, &call->error.what);
		if (!line)
			line = error_line(request->id ? json_copy(request->id) : NULL,
					  &call->error);
	}
	*ret = line;
}

void request_answer(const struct request_scope *scope, const char *line, size_t length, char **ret,
		    struct subscription *subscription)
{
	JSON_CLEANUP struct json *json = NULL;
	JSON_CLEANUP struct json *empty = json_new_object();
	struct request request = { 0 };
	struct call call = {
		.nics = scope->nics,
		.service = scope->service,
		.origin = scope->origin,
	};
	char *answer = NULL;
	int r;

	report_init(&call.error.problems);
	r = json_parse(line, length, &scope->limits, &json, &call.error.what);
	if (r == 0)
		r = read_request(&request, json, empty, &call.error.what);
	if (r < 0) {
		log_failure(&call, scope->origin);
		answer = error_line(request.id ? json_copy(request.id) : NULL, &call.error);
		/* A notification that cannot be understood is answered all the same. */
	} else {
		run(scope, &request, &call, &answer);
		if (request.notification) {
			free(answer);
			answer = NULL;
		}
	}
	*subscription = call.subscription;
	*ret = answer;
	json_free(request.id);
	report_fini(&call.error.problems);
}
