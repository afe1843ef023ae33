/* The host's policy, see policy.h. */
#include "azhost/vswitch/policy.h"

#include "azhost/vswitch/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct host_policy *policy_new(struct policy_rule *rules, unsigned count)
{
	struct host_policy *policy = calloc(1, sizeof(*policy));

	if (policy == NULL)
		return NULL;
	policy->rules = rules;
	policy->count = count;
	return policy;
}

void policy_free(struct host_policy *policy)
{
	if (policy == NULL)
		return;
	free(policy->rules);
	free(policy);
}

int policy_prefix_parse(const char *text, struct policy_prefix *ret)
{
	char address[64];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct policy_prefix prefix = { 0 };

	if (strcmp(text, "*") == 0) {
		*ret = prefix;
		return 0;
	}
	if (n >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';
	if (inet_pton(AF_INET, address, prefix.address) == 1)
		prefix.version = 4;
	else if (inet_pton(AF_INET6, address, prefix.address) == 1)
		prefix.version = 6;
	else
		return -EINVAL;

	unsigned long bits = prefix.version == 4 ? 32 : 128;

	if (slash != NULL) {
		char *end;
		unsigned long length = strtoul(slash + 1, &end, 10);

		if (end == slash + 1 || *end != '\0' || length > bits)
			return -EINVAL;
		bits = length;
	}
	prefix.length = (uint8_t)bits;
	*ret = prefix;
	return 0;
}

int policy_ports_parse(const char *text, uint16_t ret[2])
{
	char *end;
	unsigned long first, last;

	if (strcmp(text, "*") == 0) {
		ret[0] = 0;
		ret[1] = UINT16_MAX;
		return 0;
	}
	first = last = strtoul(text, &end, 10);
	if (end == text)
		return -EINVAL;
	if (*end == '-') {
		const char *second = end + 1;

		last = strtoul(second, &end, 10);
		if (end == second)
			return -EINVAL;
	}
	if (*end != '\0' || first > last || last > UINT16_MAX)
		return -EINVAL;
	ret[0] = (uint16_t)first;
	ret[1] = (uint16_t)last;
	return 0;
}

static bool prefix_matches(const struct policy_prefix *prefix, uint8_t version,
			   const uint8_t *address)
{
	if (prefix->version == 0)
		return true;
	if (prefix->version != version)
		return false;

	unsigned whole = prefix->length / 8;
	unsigned rest = prefix->length % 8;

	if (memcmp(prefix->address, address, whole) != 0)
		return false;
	if (rest == 0)
		return true;

	uint8_t mask = (uint8_t)(0xff << (8 - rest));

	return ((prefix->address[whole] ^ address[whole]) & mask) == 0;
}

static bool ports_match(const uint16_t range[2], bool has_ports, uint16_t port)
{
	if (range[0] == 0 && range[1] == UINT16_MAX)
		return true;
	return has_ports && port >= range[0] && port <= range[1];
}

static bool rule_matches(const struct policy_rule *rule, enum policy_direction direction,
			 const struct parsed_frame *f)
{
	return rule->direction == direction &&
	       (rule->protocol == 0 || rule->protocol == f->protocol) &&
	       prefix_matches(&rule->source, f->version, f->source) &&
	       prefix_matches(&rule->destination, f->version, f->destination) &&
	       ports_match(rule->source_port, f->has_ports, f->source_port) &&
	       ports_match(rule->destination_port, f->has_ports, f->destination_port);
}

static struct policy_connection connection_of(enum policy_direction direction,
					      const struct parsed_frame *f)
{
	const bool in = direction == POLICY_INBOUND;
	struct policy_connection c = { .version = f->version, .protocol = f->protocol };

	c.ports[0] = in ? f->destination_port : f->source_port;
	c.ports[1] = in ? f->source_port : f->destination_port;
	memcpy(c.local, in ? f->destination : f->source, 16);
	memcpy(c.remote, in ? f->source : f->destination, 16);
	return c;
}

static struct policy_connection *slot_of(struct host_policy *policy,
					 const struct policy_connection *c)
{
	const uint8_t *bytes = (const uint8_t *)c;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(*c); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return &policy->connections[hash % POLICY_CONNECTIONS];
}

bool policy_allows(struct host_policy *policy, enum policy_direction direction,
		   const uint8_t *frame, uint32_t length)
{
	struct parsed_frame f;

	if (!parse_frame(frame, length, &f))
		return true;

	struct policy_connection c = connection_of(direction, &f);
	struct policy_connection *slot = slot_of(policy, &c);

	if (memcmp(slot, &c, sizeof(c)) == 0)
		return true;
	for (unsigned i = 0; i < policy->count; i++) {
		if (!rule_matches(&policy->rules[i], direction, &f))
			continue;
		if (!policy->rules[i].allow)
			return false;
		break;
	}
	*slot = c;
	return true;
}
