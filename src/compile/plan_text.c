/*
 * Plans as testpmd commands: see plan_text.h.
 */
#include "compile/plan_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line under construction; `failed` once something did not fit. */
struct line {
	char *text;
	size_t size;
	size_t used;
	bool failed;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
	size_t left = line->size - line->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line->text + line->used, left, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= left)
		line->failed = true;
	else
		line->used += (size_t)length;
}

static void put_eth(struct line *line, const struct plan_text_options *options)
{
	char mac[MAC_TEXT_MAX];

	put(line, " eth has_vlan is 0");
	if (options->has_mac)
		put(line, " dst is %s", mac_addr_format(&options->mac, mac));
}

static void put_prefix(struct line *line, const char *side, const struct ip_prefix *prefix)
{
	struct ip_addr addr = { .family = prefix->family, .number = prefix->number };
	char text[IP_TEXT_MAX];

	if (prefix->length == 0)
		return;
	put(line, " %s spec %s %s prefix %u", side, ip_addr_format(&addr, text), side,
	    prefix->length);
}

static void put_ip(struct line *line, const struct plan_match *match)
{
	bool is_v4 = match->family == IP_FAMILY_V4;

	put(line, " / %s", is_v4 ? "ipv4" : "ipv6");
	put_prefix(line, "src", &match->source);
	put_prefix(line, "dst", &match->destination);
	if (!match->has_kind)
		return;
	/* no fragment, first or later: offset and more-fragments are 0 */
	if (is_v4)
		put(line, " fragment_offset spec 0 fragment_offset mask 0x3fff");
	else
		put(line, " has_frag_ext is 0");
}

static void put_port(struct line *line, const char *side, uint16_t value, uint16_t mask)
{
	if (mask == 0xffff)
		put(line, " %s is %u", side, value);
	else if (mask)
		put(line, " %s spec %u %s mask %u", side, value, side, mask);
}

static void put_l4(struct line *line, const struct plan_match *match)
{
	if (!match->has_kind)
		return;
	if (match->kind == PLAN_ICMP) {
		put(line, match->family == IP_FAMILY_V4 ? " / icmp" : " / icmp6");
		return;
	}
	put(line, match->kind == PLAN_UDP ? " / udp" : " / tcp");
	put_port(line, "src", match->source_port, match->source_port_mask);
	put_port(line, "dst", match->destination_port, match->destination_port_mask);
	if (match->kind == PLAN_TCP_SETTLED)
		put(line, " flags spec 0x10 flags mask 0x17");
	else if (match->kind == PLAN_TCP_OPENER)
		put(line, " flags spec 0x02 flags mask 0x12");
}

static void put_tags(struct line *line, const struct plan_match *match)
{
	for (int t = 0; t < PLAN_TAGS; t++) {
		if (match->tags[t])
			put(line, " / tag data spec 0x%x data mask 0x%x index is %d",
			    match->tags[t], match->tags[t], t);
	}
}

/*
 * The port's own hash, and no type that would make the PMD add rules for deeper layers. At the end
 * of the last group it has to: everything of a flow that no rule marks is to stay on the flow's
 * queue, and nothing else is there that the added rules could cross.
 */
static const char *rss_types(const struct plan_rule *rule)
{
	const struct plan_match *match = &rule->match;
	bool is_v4 = match->family == IP_FAMILY_V4;

	if (rule->cause == PLAN_FOR_STAGE)
		return is_v4 ? "ipv4 ipv4-tcp ipv4-udp" : "ipv6 ipv6-tcp ipv6-udp";
	if (!match->has_kind || match->kind == PLAN_ICMP)
		return is_v4 ? "ipv4" : "ipv6";
	if (match->kind == PLAN_UDP)
		return is_v4 ? "ipv4-udp" : "ipv6-udp";
	return is_v4 ? "ipv4-tcp" : "ipv6-tcp";
}

static void put_queues(struct line *line, const struct plan_rule *rule,
		       const struct plan_text_options *options)
{
	if (options->queues == 1) {
		put(line, " queue index 0");
		return;
	}
	put(line, " rss types %s end queues", rss_types(rule));
	for (uint16_t q = 0; q < options->queues; q++)
		put(line, " %u", q);
	put(line, " end");
}

static void put_actions(struct line *line, const struct plan_rule *rule,
			const struct plan_text_options *options)
{
	switch (rule->action) {
	case PLAN_DROP:
		put(line, " drop");
		break;
	case PLAN_MARK:
		put(line, " mark id %u /", plan_mark_value(rule->slot));
		put_queues(line, rule, options);
		break;
	case PLAN_UNMARKED:
		put_queues(line, rule, options);
		break;
	case PLAN_NEXT:
		for (int t = 0; t < PLAN_TAGS; t++) {
			if (rule->tags[t])
				put(line, " set_tag data 0x%x index %d mask 0x%x /", rule->tags[t],
				    t, rule->tags[t]);
		}
		put(line, " jump group %u", rule->group + 1);
		break;
	}
}

int plan_rule_text(const struct plan_rule *rule, const struct plan_text_options *options,
		   char *buffer, size_t size)
{
	struct line line = { .text = buffer, .size = size };

	put(&line, "flow create %u ingress group %u priority %u pattern", options->port,
	    rule->group, rule->priority);
	put_eth(&line, options);
	put_ip(&line, &rule->match);
	put_l4(&line, &rule->match);
	put_tags(&line, &rule->match);
	put(&line, " / end actions");
	put_actions(&line, rule, options);
	put(&line, " / end");
	return line.failed ? -ENOSPC : 0;
}

void plan_rule_origin(const struct plan *plan, const struct program *program,
		      const struct plan_rule *rule, char *buffer, size_t size)
{
	struct line line = { .text = buffer, .size = size };
	const struct plan_entry *entry;

	buffer[0] = '\0';
	if (rule->entry == UINT32_MAX)
		return;
	entry = &plan->entries[rule->entry];
	for (int s = 0; s < STAGES; s++) {
		const struct program_chain *chain = &program->chain[DIRECTION_INBOUND][s];

		if (entry->rule[s] != UINT16_MAX)
			put(&line, "%s%s: %s", line.used ? ", " : "", stage_name((enum stage)s),
			    chain->rules[entry->rule[s]].rule->name);
	}
}

const char *plan_action_name(enum plan_action action)
{
	static const char *const names[] = {
		[PLAN_UNMARKED] = "unmarked",
		[PLAN_MARK] = "mark",
		[PLAN_DROP] = "drop",
		[PLAN_NEXT] = "next",
	};

	return names[action];
}

const char *plan_cause_name(enum plan_cause cause)
{
	static const char *const names[] = {
		[PLAN_FOR_RULE] = "rule",           [PLAN_FOR_EXCEPTION] = "exception",
		[PLAN_FOR_ISOLATION] = "isolation", [PLAN_FOR_PLATFORM] = "platform",
		[PLAN_FOR_STAGE] = "stage",
	};

	return names[cause];
}

const char *plan_kind_name(enum plan_kind kind)
{
	static const char *const names[PLAN_KINDS] = {
		[PLAN_TCP_SETTLED] = "tcp-settled",
		[PLAN_TCP_OPENER] = "tcp-opener",
		[PLAN_UDP] = "udp",
		[PLAN_ICMP] = "icmp",
	};

	return names[kind];
}
