/*
 * What of a policy decides about packets that arrive, as text: two policies with the same text
 * judge them alike, by rules of the same number. Names and what is only for outbound are left out.
 */
#ifndef TESTS_SUPPORT_INBOUND_TEXT_H
#define TESTS_SUPPORT_INBOUND_TEXT_H

#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>

/* Never NULL. The caller frees it. */
char *inbound_text(const struct policy *policy);

/* Texts that were seen; zeroed at first. */
struct inbound_texts {
	char **texts;
	size_t count;
};

/* Whether the policy's is among them; it is from then on. */
bool inbound_texts_have(struct inbound_texts *texts, const struct policy *policy);
void inbound_texts_fini(struct inbound_texts *texts);

#endif
