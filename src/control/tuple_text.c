/*
 * Tuples from text: see tuple_text.h.
 */
#include "control/tuple_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	uint8_t protocol;
} protocols[] = {
	{ "tcp", IP_PROTOCOL_TCP },   { "udp", IP_PROTOCOL_UDP },
	{ "icmp", IP_PROTOCOL_ICMP }, { "icmpv6", IP_PROTOCOL_ICMPV6 },
	{ "sctp", IP_PROTOCOL_SCTP }, { "esp", IP_PROTOCOL_ESP },
	{ "ah", IP_PROTOCOL_AH },
};

#define PROTOCOLS_TEXT "tcp, udp, icmp, icmpv6, sctp, esp, ah or a number 0-255"

/* Decimal digits only, without sign or blanks. */
static int number_parse(const char *text, unsigned long max, unsigned long *ret)
{
	size_t length = strspn(text, "0123456789");
	unsigned long value;

	if (length == 0 || length > 9 || text[length])
		return -EINVAL;
	value = strtoul(text, NULL, 10);
	if (value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

int protocol_parse(const char *text, uint8_t *ret)
{
	unsigned long number;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcasecmp(text, protocols[i].name) == 0) {
			*ret = protocols[i].protocol;
			return 0;
		}
	}
	if (number_parse(text, 255, &number) < 0)
		return -EINVAL;
	*ret = (uint8_t)number;
	return 0;
}

const char *protocol_text(uint8_t protocol, char *buffer)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (protocols[i].protocol == protocol)
			return protocols[i].name;
	}
	sprintf(buffer, "%u", protocol);
	return buffer;
}

int direction_parse(const char *text, enum direction *ret)
{
	static const char *const words[DIRECTIONS][2] = { { "in", "Inbound" },
							  { "out", "Outbound" } };

	for (int i = 0; i < DIRECTIONS; i++) {
		if (strcasecmp(text, words[i][0]) == 0 || strcasecmp(text, words[i][1]) == 0) {
			*ret = (enum direction)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Cuts "[v6]:port" and "v4:port"; text with two colons and no bracket is an IPv6 address. */
static int split_port(char *text, char **ret_address, char **ret_port)
{
	char *colon = strrchr(text, ':');

	*ret_address = text;
	*ret_port = NULL;
	if (text[0] == '[') {
		char *close = strchr(text, ']');

		if (!close || (close[1] && close[1] != ':'))
			return -EINVAL;
		*close = '\0';
		*ret_address = text + 1;
		*ret_port = close[1] ? close + 2 : NULL;
	} else if (colon && strchr(text, ':') == colon) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret)
{
	struct endpoint endpoint = { 0 };
	char copy[ENDPOINT_TEXT_MAX + 8], *address, *port;
	unsigned long number;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	if (split_port(copy, &address, &port) < 0 || ip_prefix_parse(address, &endpoint.prefix) < 0)
		return -EINVAL;
	if (port) {
		if (number_parse(port, 65535, &number) < 0)
			return -EINVAL;
		endpoint.has_port = true;
		endpoint.port = (uint16_t)number;
	}
	*ret = endpoint;
	return 0;
}

char *endpoint_format(const struct ip_addr *addr, bool has_port, uint16_t port, char *buffer)
{
	char text[IP_TEXT_MAX];

	ip_addr_format(addr, text);
	if (!has_port)
		return strcpy(buffer, text);
	snprintf(buffer, ENDPOINT_TEXT_MAX, addr->family == IP_FAMILY_V6 ? "[%s]:%u" : "%s:%u",
		 text, port);
	return buffer;
}

/* --- a line of --tuples --- */

static int want(const struct json_at *tuple, const char *key, struct json_at *ret,
		struct accelnet_error *err)
{
	if (json_get(tuple, key, ret))
		return 0;
	return fail(err, ACCELNET_E_MISSING, tuple, "%s is missing", key);
}

static int read_direction(const struct json_at *tuple, enum direction *ret,
			  struct accelnet_error *err)
{
	struct json_at at;
	int r = want(tuple, "direction", &at, err);

	if (r < 0)
		return r;
	if (!json_string(&at) || direction_parse(json_string(&at), ret) < 0)
		return fail(err, ACCELNET_E_VALUE, &at,
			    "direction must be \"Inbound\" or \"Outbound\"");
	return 0;
}

static int read_protocol(const struct json_at *tuple, uint8_t *ret, struct accelnet_error *err)
{
	struct json_at at;
	int64_t number;
	int r = want(tuple, "protocol", &at, err);

	if (r < 0)
		return r;
	if (json_string(&at) && protocol_parse(json_string(&at), ret) == 0)
		return 0;
	if (json_integer(&at, &number) && number >= 0 && number <= 255) {
		*ret = (uint8_t)number;
		return 0;
	}
	return fail(err, ACCELNET_E_VALUE, &at, "protocol must be " PROTOCOLS_TEXT);
}

static int read_address(const struct json_at *tuple, const char *key, struct ip_addr *ret,
			struct accelnet_error *err)
{
	struct json_at at;
	int r = want(tuple, key, &at, err);

	if (r < 0)
		return r;
	if (!json_string(&at) || ip_addr_parse(json_string(&at), ret) < 0)
		return fail(err, ACCELNET_E_ADDRESS, &at, "%s must be an IPv4 or IPv6 address",
			    key);
	return 0;
}

static int read_port(const struct json_at *tuple, const char *key, uint8_t protocol, uint16_t *ret,
		     struct accelnet_error *err)
{
	struct json_at at;
	int64_t port;

	*ret = 0;
	if (!ip_protocol_has_ports(protocol))
		return 0;
	if (want(tuple, key, &at, NULL) < 0)
		return fail(err, ACCELNET_E_MISSING, tuple, "%s is missing: protocol %u has ports",
			    key, protocol);
	if (!json_integer(&at, &port) || port < 0 || port > 65535)
		return fail(err, ACCELNET_E_PORT_RANGE, &at, "%s must be a number 0-65535", key);
	*ret = (uint16_t)port;
	return 0;
}

static int check_families(const struct tuple *tuple, const struct json_at *at,
			  struct accelnet_error *err)
{
	if (tuple->source.family == tuple->destination.family)
		return 0;
	return fail(err, ACCELNET_E_ADDRESS, at, "one address is IPv4, the other IPv6");
}

int tuple_from_json(const struct json_at *at, struct tuple *ret, struct accelnet_error *err)
{
	struct tuple tuple = { 0 };
	int r;

	if (json_type(at) != JSON_OBJECT)
		return fail(err, ACCELNET_E_TYPE, at, "a packet is an object, not %s",
			    json_type_name(json_type(at)));
	r = read_direction(at, &tuple.direction, err);
	if (r == 0)
		r = read_protocol(at, &tuple.protocol, err);
	if (r == 0)
		r = read_address(at, "source", &tuple.source, err);
	if (r == 0)
		r = read_address(at, "destination", &tuple.destination, err);
	if (r == 0)
		r = check_families(&tuple, at, err);
	if (r == 0)
		r = read_port(at, "sourcePort", tuple.protocol, &tuple.source_port, err);
	if (r == 0)
		r = read_port(at, "destinationPort", tuple.protocol, &tuple.destination_port, err);
	if (r == 0)
		*ret = tuple;
	return r;
}

/* --- options of verify --- */

static int fail_at(struct accelnet_error *err, const char *pointer, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail_at(struct accelnet_error *err, const char *pointer, const char *format, ...)
{
	char detail[ERROR_DETAIL_MAX];
	va_list args;
	int r;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	r = fail(err, ACCELNET_E_VALUE, NULL, "%s", detail);
	if (err)
		snprintf(err->pointer, sizeof(err->pointer), "%s", pointer);
	return r;
}

static int word_endpoint(const char *text, const char *pointer, struct endpoint *ret,
			 struct accelnet_error *err)
{
	if (endpoint_parse(text, ret) == 0 &&
	    ret->prefix.length == ip_family_bits(ret->prefix.family))
		return 0;
	return fail_at(
		err, pointer,
		"\"%.60s\" is not an address, IPv4:PORT or [IPv6]:PORT with a port up to 65535",
		text);
}

/* The ports of a packet from `opener` to `opened`. */
static int word_ports(const struct endpoint *opener, const struct endpoint *opened,
		      const char *pointer, struct tuple *tuple, bool *ret_assumed,
		      struct accelnet_error *err)
{
	*ret_assumed = false;
	if (!ip_protocol_has_ports(tuple->protocol))
		return 0;
	if (!opened->has_port)
		return fail_at(err, pointer,
			       "protocol %u has ports: give this side as IPv4:PORT or [IPv6]:PORT",
			       tuple->protocol);
	tuple->destination_port = opened->port;
	*ret_assumed = !opener->has_port;
	tuple->source_port = opener->has_port ? opener->port : TUPLE_ASSUMED_PORT;
	return 0;
}

struct json *tuple_json(const struct tuple *tuple)
{
	struct json *json = json_new_object();
	char text[IP_TEXT_MAX];

	json_add_string(json, "direction", direction_name(tuple->direction));
	json_add_unsigned(json, "protocol", tuple->protocol);
	json_add_string(json, "source", ip_addr_format(&tuple->source, text));
	if (ip_protocol_has_ports(tuple->protocol))
		json_add_unsigned(json, "sourcePort", tuple->source_port);
	json_add_string(json, "destination", ip_addr_format(&tuple->destination, text));
	if (ip_protocol_has_ports(tuple->protocol))
		json_add_unsigned(json, "destinationPort", tuple->destination_port);
	return json;
}

static struct ip_addr address_of(const struct endpoint *endpoint)
{
	return (struct ip_addr){ .family = endpoint->prefix.family,
				 .number = endpoint->prefix.number };
}

int tuple_from_words(const struct tuple_words *words, struct tuple *ret, bool *ret_assumed,
		     struct accelnet_error *err)
{
	struct endpoint local, remote;
	struct tuple tuple = { 0 };
	bool inbound;
	int r;

	if (direction_parse(words->direction, &tuple.direction) < 0)
		return fail_at(err, "/direction", "\"%.20s\" is no direction; say in or out",
			       words->direction);
	if (protocol_parse(words->protocol, &tuple.protocol) < 0)
		return fail_at(err, "/protocol", "\"%.20s\" is no protocol; say " PROTOCOLS_TEXT,
			       words->protocol);
	r = word_endpoint(words->local, "/local", &local, err);
	if (r == 0)
		r = word_endpoint(words->remote, "/remote", &remote, err);
	if (r < 0)
		return r;
	inbound = tuple.direction == DIRECTION_INBOUND;
	tuple.source = address_of(inbound ? &remote : &local);
	tuple.destination = address_of(inbound ? &local : &remote);
	if (tuple.source.family != tuple.destination.family)
		return fail_at(err, "/remote", "one address is IPv4, the other IPv6");
	/* icmp is what people say in both families */
	if (tuple.protocol == IP_PROTOCOL_ICMP && tuple.source.family == IP_FAMILY_V6 &&
	    strcasecmp(words->protocol, "icmp") == 0)
		tuple.protocol = IP_PROTOCOL_ICMPV6;
	r = inbound ? word_ports(&remote, &local, "/local", &tuple, ret_assumed, err)
		    : word_ports(&local, &remote, "/remote", &tuple, ret_assumed, err);
	if (r == 0)
		*ret = tuple;
	return r;
}
