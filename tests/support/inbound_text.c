/*
 * Policies as text: see inbound_text.h.
 */
#include "support/inbound_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_address(FILE *out, enum ip_family family, ip_number number)
{
	fprintf(out, " %d:%llx:%llx", (int)family, (unsigned long long)(number >> 64),
		(unsigned long long)number);
}

static void print_side(FILE *out, const struct rule_side *side)
{
	for (size_t i = 0; i < side->set_count; i++) {
		const struct address_set *set = side->sets[i];

		fprintf(out, " set %d", (int)set->kind);
		for (size_t k = 0; k < set->prefix_count; k++) {
			print_address(out, set->prefixes[k].family, set->prefixes[k].number);
			fprintf(out, "/%u", set->prefixes[k].length);
		}
	}
	fputc('\n', out);
}

static void print_ports(FILE *out, const struct port_set *ports)
{
	fprintf(out, "%d", ports->any);
	for (size_t i = 0; i < ports->range_count; i++)
		fprintf(out, " %u-%u", ports->ranges[i].first, ports->ranges[i].last);
	fputc('\n', out);
}

static void print_rule(FILE *out, const struct rule *rule)
{
	fprintf(out, "rule %d %d %d\n", (int)rule->access, rule->protocol, rule->matches_nothing);
	print_side(out, &rule->source);
	print_side(out, &rule->destination);
	print_ports(out, &rule->source_ports);
	print_ports(out, &rule->destination_ports);
}

char *inbound_text(const struct policy *policy)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		abort();
	fprintf(out, "guard %d mode %d", policy->source_guard, (int)policy->mode);
	for (size_t i = 0; i <= PLATFORM_LKM; i++)
		fprintf(out, " %d", policy->names_platform[i]);
	for (size_t i = 0; i < policy->address_count; i++)
		print_address(out, policy->addresses[i].family, policy->addresses[i].number);
	fputc('\n', out);
	for (int s = 0; s < STAGES; s++) {
		const struct rule_list *list = &policy->stage[s].list[DIRECTION_INBOUND];

		fprintf(out, "stage %d\n", policy->stage[s].present);
		for (size_t i = 0; i < list->count; i++)
			print_rule(out, &list->rules[i]);
	}
	if (fclose(out) != 0)
		abort();
	return text;
}

bool inbound_texts_have(struct inbound_texts *texts, const struct policy *policy)
{
	char *text = inbound_text(policy);

	for (size_t i = 0; i < texts->count; i++) {
		if (strcmp(texts->texts[i], text) == 0) {
			free(text);
			return true;
		}
	}
	texts->texts = realloc(texts->texts, (texts->count + 1) * sizeof(*texts->texts));
	if (!texts->texts)
		abort();
	texts->texts[texts->count++] = text;
	return false;
}

void inbound_texts_fini(struct inbound_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->texts[i]);
	free(texts->texts);
}
