/*
 * libFuzzer: any text as a template expression, evaluated with parameters and variables around it.
 * What evaluates must evaluate to the same again.
 */
#include "policy/arm_evaluate.h"

#include <stdlib.h>
#include <string.h>

static const char scope_text[] =
	"{\"parameters\":{\"p\":{\"defaultValue\":443},\"l\":{\"defaultValue\":[\"a\",\"b\"]},"
	"\"e\":{\"defaultValue\":\"[variables('v').x]\"}},"
	"\"variables\":{\"v\":{\"x\":\"10.1.0.0/16\",\"y\":[1,{\"z\":2}]},"
	"\"a\":\"[variables('b')]\",\"b\":\"[concat(variables('a'), 'x')]\","
	"\"copy\":[{\"name\":\"c\",\"count\":3,\"input\":\"[copyIndex('c')]\"}]}}";

/* The result as text, NULL where there is none. */
static char *evaluate(const struct json *template, const struct json *text)
{
	struct json_at at = json_root(template), written = json_root(text);
	const struct arm_scope scope = { .template = &at };
	struct arm_machine machine = { 0 };
	const struct arm_env env = { .machine = &machine, .scope = &scope };
	struct json *value = NULL;
	struct report report;
	char *printed = NULL;

	report_init(&report);
	machine.report = &report;
	if (arm_evaluate(&env, &written, &value) == 0)
		printed = json_print(value);
	else if (report.errors == 0)
		abort();
	json_free(value);
	arm_machine_fini(&machine);
	report_fini(&report);
	return printed;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct json *template = NULL, *text;
	char *copy = strndup((const char *)data, size), *first, *second;

	if (!copy || json_parse(scope_text, strlen(scope_text), NULL, &template, NULL) < 0)
		abort();
	text = json_new_string(copy);
	first = evaluate(template, text);
	second = evaluate(template, text);
	if (!first != !second || (first && strcmp(first, second) != 0))
		abort();
	free(first);
	free(second);
	free(copy);
	json_free(text);
	json_free(template);
	return 0;
}
