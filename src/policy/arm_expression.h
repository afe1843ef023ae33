/*
 * Template expressions: text to tree.
 *
 * Grammar: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
 *
 *     expression := primary ( '.' name | '[' expression ']' )*
 *     primary    := name '(' [ expression ( ',' expression )* ] ')' | 'text' | integer
 *
 * Inside a text '' stands for one quote. Internal to the policy room.
 */
#ifndef POLICY_ARM_EXPRESSION_H
#define POLICY_ARM_EXPRESSION_H

#include "base/error.h"

#include <stdint.h>

#define ARM_EXPRESSION_MAX   24576 /* characters: Azure's own limit */
#define ARM_EXPRESSION_DEPTH 64

enum arm_node_kind {
	ARM_TEXT,    /* text */
	ARM_INTEGER, /* integer */
	ARM_CALL,    /* text(child, ...) */
	ARM_MEMBER,  /* child[0].text */
	ARM_INDEX,   /* child[0][child[1]] */
};

struct arm_node {
	enum arm_node_kind kind;
	char *text;
	int64_t integer;
	struct arm_node **child;
	size_t count;
};

/* True where a template string is an expression: [...], but not [[... */
bool arm_is_expression(const char *text);
/* Parses such a string, brackets included. The caller frees *ret. */
int arm_expression_parse(const char *text, struct arm_node **ret, struct accelnet_error *err);
void arm_node_free(struct arm_node *node);

#endif
