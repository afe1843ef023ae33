/*
 * Service tags by name: see tags.h.
 */
#include "policy/tags.h"

#include "base/suggest.h"
#include "policy/alloc.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ADDR4(a, b, c, d) ((ip_number)(a) << 24 | (b) << 16 | (c) << 8 | (d))

struct builtin {
	const char *name;
	const char *classic; /* spelling of the classic deployment model, or NULL */
	enum address_kind kind;
	enum address_platform platform;
	ip_number hosts[4]; /* IPv4, 0 ends */
};

/* https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
#define WIRE_SERVER ADDR4(168, 63, 129, 16)

static const struct builtin builtins[] = {
	[TAG_VIRTUAL_NETWORK] = { "VirtualNetwork", "VIRTUAL_NETWORK", ADDRESS_PREFIXES },
	[TAG_LOAD_BALANCER] = { "AzureLoadBalancer",
				"AZURE_LOADBALANCER",
				ADDRESS_PREFIXES,
				PLATFORM_NONE,
				{ WIRE_SERVER } },
	[TAG_INTERNET] = { "Internet", NULL, ADDRESS_INTERNET },
	[TAG_PLATFORM_DNS] = { "AzurePlatformDNS",
			       NULL,
			       ADDRESS_PREFIXES,
			       PLATFORM_DNS,
			       { WIRE_SERVER } },
	[TAG_PLATFORM_IMDS] = { "AzurePlatformIMDS",
				NULL,
				ADDRESS_PREFIXES,
				PLATFORM_IMDS,
				{ ADDR4(169, 254, 169, 254) } },
	[TAG_PLATFORM_LKM] = { "AzurePlatformLKM",
			       NULL,
			       ADDRESS_PREFIXES,
			       PLATFORM_LKM,
			       { ADDR4(23, 102, 135, 246), ADDR4(20, 118, 99, 224),
				 ADDR4(40, 83, 235, 53) } },
};

#define BUILTIN_COUNT (sizeof(builtins) / sizeof(builtins[0]))

/* What to do about an unknown tag. */
#define HOW                                                                                \
	"Its prefixes belong in the context: in serviceTags, or in a download of service " \
	"tags that serviceTagsFile names"

bool tag_is_builtin(const char *name, enum builtin_tag *ret)
{
	for (size_t i = 0; i < BUILTIN_COUNT; i++) {
		const struct builtin *tag = &builtins[i];

		if (strcasecmp(name, tag->name) == 0 ||
		    (tag->classic && strcasecmp(name, tag->classic) == 0)) {
			*ret = (enum builtin_tag)i;
			return true;
		}
	}
	return false;
}

static void fill_hosts(struct address_set *set, const ip_number *hosts)
{
	set->prefixes = alloc_zero(3, sizeof(*set->prefixes));
	for (size_t i = 0; hosts[i]; i++)
		set->prefixes[set->prefix_count++] = (struct ip_prefix){
			.family = IP_FAMILY_V4,
			.length = 32,
			.number = hosts[i],
		};
}

struct address_set *tag_builtin(struct reader *reader, enum builtin_tag tag)
{
	const struct builtin *builtin = &builtins[tag];
	struct address_set *set = reader->context.builtin[tag];

	if (set)
		return set;
	set = alloc_zero(1, sizeof(*set));
	set->name = alloc_string(builtin->name);
	set->kind = builtin->kind;
	set->platform = builtin->platform;
	if (builtin->hosts[0])
		fill_hosts(set, builtin->hosts);
	else
		set->prefixes = context_virtual_network(&reader->context, &set->prefix_count);
	reader->context.builtin[tag] = set;
	return reader_own_set(reader, set);
}

/* The nearest of the built-in tags and those of the context, or NULL. */
static const char *nearest(struct reader *reader, const char *name)
{
	struct suggestion best;

	suggestion_init(&best, name);
	for (size_t i = 0; i < BUILTIN_COUNT; i++)
		suggestion_offer(&best, builtins[i].name);
	context_offer_tags(&reader->context, &best);
	return best.found;
}

static void report_unknown(struct reader *reader, const struct json_at *at, const char *name)
{
	const char *near = strcasecmp(name, "any") == 0 || strcasecmp(name, "all") == 0
				   ? "*"
				   : nearest(reader, name);
	const char *regional =
		strchr(name, '.') ? "; a regional tag is not implied by the global one" : "";

	if (near)
		reader_unresolved(
			reader, ACCELNET_E_UNKNOWN_TAG, at, name,
			"service tag \"%.80s\" is not defined: did you mean \"%.80s\"? " HOW "%s",
			name, near, regional);
	else
		reader_unresolved(reader, ACCELNET_E_UNKNOWN_TAG, at, name,
				  "service tag \"%.80s\" is not defined. " HOW "%s", name,
				  regional);
}

struct address_set *tag_resolve(struct reader *reader, const struct json_at *at, const char *name)
{
	struct address_set *set;
	enum builtin_tag tag;

	if (tag_is_builtin(name, &tag)) {
		set = tag_builtin(reader, tag);
		reader->policy->names_platform[set->platform] |= set->platform != PLATFORM_NONE;
		if (tag == TAG_VIRTUAL_NETWORK && !context_has_virtual_network(&reader->context))
			reader_unresolved(
				reader, ACCELNET_E_NO_CONTEXT, at, "virtualNetwork",
				"names VirtualNetwork, but the context's \"virtualNetwork\" is not "
				"given: list the virtual network's prefixes there");
		return set;
	}
	set = context_tag(reader, name);
	if (set)
		return set;
	report_unknown(reader, at, name);
	return reader->undefined;
}
