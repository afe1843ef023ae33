/*
 * Tuples as people and programs write them: a line of `verify --tuples`, or options of `verify`.
 *
 * Thread: any; pure.
 */
#ifndef CONTROL_TUPLE_TEXT_H
#define CONTROL_TUPLE_TEXT_H

#include "base/json.h"
#include "compile/tuple.h"

/* The opener's port where none is given: the first of the dynamic ones (RFC 6335 section 6). */
#define TUPLE_ASSUMED_PORT 49152

/* A name (tcp, udp, icmp, icmpv6, sctp, esp, ah; any case) or a number 0-255. 0 or -EINVAL. */
int protocol_parse(const char *text, uint8_t *ret);
/* A name, or the number as text. Returns `buffer`, of at least 8 bytes, or a constant. */
const char *protocol_text(uint8_t protocol, char *buffer);

/* "in", "out", "Inbound", "Outbound" in any case. 0 or -EINVAL. */
int direction_parse(const char *text, enum direction *ret);

/* "10.1.0.4", "10.1.0.4:443", "fd00::4", "[fd00::4]:443"; prefixes too where `ret` takes them. */
struct endpoint {
	struct ip_prefix prefix;
	bool has_port;
	uint16_t port;
};
/* 0 or -EINVAL. */
int endpoint_parse(const char *text, struct endpoint *ret);
/* The same text back; returns `buffer`, of at least ENDPOINT_TEXT_MAX bytes. */
#define ENDPOINT_TEXT_MAX 64
char *endpoint_format(const struct ip_addr *addr, bool has_port, uint16_t port, char *buffer);

/* A line: {"direction","protocol","source","sourcePort","destination","destinationPort"}. */
int tuple_from_json(const struct json_at *at, struct tuple *ret, struct accelnet_error *err);

/* The same back, without ports where the protocol has none. The caller frees it. */
struct json *tuple_json(const struct tuple *tuple);

/* What the options of `verify` say. The error's pointer names the option: "/remote". */
struct tuple_words {
	const char *direction;
	const char *protocol;
	const char *local;
	const char *remote;
};
/* *ret_assumed is true where the opener's port was not given. */
int tuple_from_words(const struct tuple_words *words, struct tuple *ret, bool *ret_assumed,
		     struct accelnet_error *err);

#endif
