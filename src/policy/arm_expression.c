/*
 * Lexer and parser of template expressions: see arm_expression.h.
 */
#include "policy/arm_expression.h"

#include "policy/alloc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *start;
	const char *at;
	const char *end; /* the bracket that closes the whole */
	unsigned depth;
	struct accelnet_error *err;
};

bool arm_is_expression(const char *text)
{
	size_t length = strlen(text);

	return length >= 2 && text[0] == '[' && text[1] != '[' && text[length - 1] == ']';
}

void arm_node_free(struct arm_node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++)
		arm_node_free(node->child[i]);
	free(node->child);
	free(node->text);
	free(node);
}

static struct arm_node *new_node(enum arm_node_kind kind)
{
	struct arm_node *node = alloc_zero(1, sizeof(*node));

	node->kind = kind;
	return node;
}

static void add_child(struct arm_node *node, struct arm_node *child)
{
	node->child = alloc_grow(node->child, node->count, sizeof(struct arm_node *));
	node->child[node->count++] = child;
}

static int expected(struct parser *p, const char *what)
{
	return fail(p->err, ACCELNET_E_EXPRESSION, NULL, "expected %s at character %zu", what,
		    (size_t)(p->at - p->start) + 1);
}

static void skip_blanks(struct parser *p)
{
	while (p->at < p->end && isspace((unsigned char)*p->at))
		p->at++;
}

static bool take(struct parser *p, char c)
{
	skip_blanks(p);
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static char *take_name(struct parser *p)
{
	const char *from;

	skip_blanks(p);
	from = p->at;
	while (p->at < p->end && is_name_char(*p->at))
		p->at++;
	return alloc_trimmed(from, p->at);
}

static int parse_text(struct parser *p, struct arm_node **ret)
{
	struct arm_node *node = new_node(ARM_TEXT);
	size_t length = 0;

	node->text = alloc_zero((size_t)(p->end - p->at) + 1, 1);
	for (p->at++; p->at < p->end; p->at++) {
		if (*p->at == '\'') {
			if (p->at + 1 == p->end || p->at[1] != '\'') {
				p->at++;
				*ret = node;
				return 0;
			}
			p->at++;
		}
		node->text[length++] = *p->at;
	}
	arm_node_free(node);
	return expected(p, "the quote that ends a text");
}

static int parse_integer(struct parser *p, struct arm_node **ret)
{
	const char *from = p->at;
	struct arm_node *node;
	int64_t value = 0;
	bool negative = *p->at == '-';

	p->at += negative;
	for (; p->at < p->end && isdigit((unsigned char)*p->at); p->at++) {
		if (value > INT32_MAX)
			return expected(p, "a smaller number");
		value = value * 10 + (*p->at - '0');
	}
	if (p->at == from + negative)
		return expected(p, "digits");
	node = new_node(ARM_INTEGER);
	node->integer = negative ? -value : value;
	*ret = node;
	return 0;
}

static int parse_expression(struct parser *p, struct arm_node **ret);

static int parse_arguments(struct parser *p, struct arm_node *call)
{
	if (take(p, ')'))
		return 0;
	do {
		struct arm_node *argument = NULL;
		int r = parse_expression(p, &argument);

		if (r < 0)
			return r;
		add_child(call, argument);
	} while (take(p, ','));
	return take(p, ')') ? 0 : expected(p, "',' or ')'");
}

static int parse_call(struct parser *p, struct arm_node **ret)
{
	struct arm_node *node = new_node(ARM_CALL);
	int r;

	node->text = take_name(p);
	if (take(p, '.')) { /* namespace.function(): the template's own functions */
		arm_node_free(node);
		return fail(p->err, ACCELNET_E_EXPRESSION, NULL,
			    "functions that the template defines itself are not supported");
	}
	r = take(p, '(') ? parse_arguments(p, node) : expected(p, "'('");
	if (r < 0) {
		arm_node_free(node);
		return r;
	}
	*ret = node;
	return 0;
}

static int parse_primary(struct parser *p, struct arm_node **ret)
{
	skip_blanks(p);
	if (p->at == p->end)
		return expected(p, "an expression");
	if (*p->at == '\'')
		return parse_text(p, ret);
	if (*p->at == '-' || isdigit((unsigned char)*p->at))
		return parse_integer(p, ret);
	if (is_name_char(*p->at))
		return parse_call(p, ret);
	return expected(p, "a function, a text or a number");
}

/* What may follow a primary. Takes over `*node` and gives back what stands in its place. */
static int parse_access(struct parser *p, struct arm_node **node)
{
	struct arm_node *access, *index = NULL;
	int r;

	if (take(p, '.')) {
		access = new_node(ARM_MEMBER);
		add_child(access, *node);
		*node = access;
		access->text = take_name(p);
		return *access->text ? 0 : expected(p, "a property name");
	}
	p->at++;
	access = new_node(ARM_INDEX);
	add_child(access, *node);
	*node = access;
	r = parse_expression(p, &index);
	if (r < 0)
		return r;
	add_child(access, index);
	return take(p, ']') ? 0 : expected(p, "']'");
}

static int parse_expression(struct parser *p, struct arm_node **ret)
{
	struct arm_node *node = NULL;
	unsigned accesses = 0;
	int r;

	if (++p->depth > ARM_EXPRESSION_DEPTH)
		return fail(p->err, ACCELNET_E_EXPRESSION, NULL, "nested more than %d deep",
			    ARM_EXPRESSION_DEPTH);
	r = parse_primary(p, &node);
	skip_blanks(p);
	while (r == 0 && p->at < p->end && (*p->at == '.' || *p->at == '[')) {
		if (++accesses > ARM_EXPRESSION_DEPTH)
			r = expected(p, "fewer properties in a row");
		else
			r = parse_access(p, &node);
		skip_blanks(p);
	}
	p->depth--;
	if (r < 0) {
		arm_node_free(node);
		return r;
	}
	*ret = node;
	return 0;
}

int arm_expression_parse(const char *text, struct arm_node **ret, struct accelnet_error *err)
{
	size_t length = strlen(text);
	struct parser p = {
		.start = text,
		.at = text + 1,
		.end = text + length - 1,
		.err = err,
	};
	struct arm_node *node = NULL;
	int r;

	if (length > ARM_EXPRESSION_MAX)
		return fail(err, ACCELNET_E_EXPRESSION, NULL, "longer than %d characters",
			    ARM_EXPRESSION_MAX);
	r = parse_expression(&p, &node);
	if (r < 0)
		return r;
	skip_blanks(&p);
	if (p.at != p.end) {
		arm_node_free(node);
		return expected(&p, "the end of the expression");
	}
	*ret = node;
	return 0;
}
