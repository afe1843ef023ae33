/*
 * Drops that would cut Azure's own services off: see plan_builder.h.
 *
 * Software lets neighbour discovery through and the replies of platform services, before acl is
 * asked (classify/platform.c has the services and their source). An opener is no reply. Whether
 * rules name a service, which would put it under the rules, is not looked at: unmarked is always
 * right.
 */
#include "compile/plan_builder.h"

static const struct service {
	enum plan_kind kind;
	struct ip_prefix source;
	uint16_t port; /* 0: any */
} services[] = {
	{ PLAN_TCP_SETTLED, { IP_FAMILY_V4, 32, 0xa83f8110 }, 53 }, /* 168.63.129.16 */
	{ PLAN_TCP_SETTLED, { IP_FAMILY_V4, 32, 0xa83f8110 }, 80 },
	{ PLAN_TCP_SETTLED, { IP_FAMILY_V4, 32, 0xa83f8110 }, 32526 },
	{ PLAN_TCP_SETTLED, { IP_FAMILY_V4, 32, 0xa9fea9fe }, 80 }, /* 169.254.169.254 */
	{ PLAN_UDP, { IP_FAMILY_V4, 32, 0xa83f8110 }, 53 },
	{ PLAN_UDP, { IP_FAMILY_V4, 32, 0xa83f8110 }, 67 },
	{ PLAN_UDP, { IP_FAMILY_V6, 10, (ip_number)0xfe80 << 112 }, 547 },
	{ PLAN_ICMP, { IP_FAMILY_V6, 0, 0 }, 0 }, /* types of ICMPv6 are not told apart */
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static struct region region_of(const struct service *service)
{
	return (struct region){
		.family = service->source.family,
		.kind = service->kind,
		.source = service->source,
		.destination = { .family = service->source.family },
		.source_ports = { service->port, service->port ? service->port : UINT16_MAX },
		.destination_ports = { 0, UINT16_MAX },
	};
}

bool plan_platform_meets(const struct region *region)
{
	for (size_t i = 0; i < SERVICES; i++) {
		struct region service = region_of(&services[i]);

		if (region_overlaps(&service, region))
			return true;
	}
	return false;
}

int plan_add_platform(struct plan_builder *builder, enum plan_kind kind, enum ip_family family,
		      uint32_t group, uint32_t priority)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SERVICES; i++) {
		struct region service = region_of(&services[i]);
		struct plan_rule rule = plan_rule_for(
			&service,
			port_mask_around(service.source_ports.first, service.source_ports.last),
			port_mask_around(0, UINT16_MAX));

		if (service.kind != kind || service.family != family)
			continue;
		rule.group = group;
		rule.priority = priority;
		rule.action = PLAN_UNMARKED;
		rule.cause = PLAN_FOR_PLATFORM;
		rule.entry = UINT32_MAX;
		r = plan_add(builder, &rule);
	}
	return r;
}
