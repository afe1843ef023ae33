/*
 * Templates: expressions one by one, and whole templates with loops, children and deployments.
 */
#include "build.h"
#include "policy/arm_evaluate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- expressions --- */

/* What the expressions below see. */
static const char scope_text[] =
	"{'parameters':{'port':{'type':'int','defaultValue':443},'none':{'type':'string'},"
	"'list':{'defaultValue':['a','b','c']},'name':{'defaultValue':'web'},"
	"'later':{'defaultValue':'[concat(variables(\\'net\\').prefix, \\'!\\')]'},"
	"'object':{'defaultValue':{'Key':'v','deep':[{'x':1}]}}},"
	"'variables':{'net':{'prefix':'10.1.0.0/16','id':'[reference(\\'x\\').id]'},"
	"'loop':'[variables(\\'pool\\')]','pool':'[variables(\\'loop\\')]',"
	"'copied':{'copy':[{'name':'items','count':2,'input':'[copyIndex(\\'items\\')]'}]},"
	"'copy':[{'name':'made','count':3,'input':'[concat(\\'n\\', copyIndex(\\'made\\', 1))]'}]}}";

struct expression {
	const char *text;  /* ' is a quote here */
	const char *value; /* as JSON; NULL: refused */
	const char *why;
};

static const struct expression expressions[] = {
	{ "[concat('a', 'b', 'c')]", "\"abc\"" },
	{ "[concat('it''s', 1, true())]", "\"it's1True\"" },
	{ "[concat(parameters('list'), createArray('d'))]", "[\"a\",\"b\",\"c\",\"d\"]" },
	{ "[ parameters( 'port' ) ]", "443" },
	{ "[PARAMETERS('Name')]", "\"web\"" },
	{ "[parameters('none')]", NULL, "no default value: give one with --parameters" },
	{ "[parameters('absent')]", NULL, "no parameter \"absent\"" },
	{ "[parameters('later')]", "\"10.1.0.0/16!\"" },
	{ "[parameters('object').key]", "\"v\"" },
	{ "[parameters('object')['KEY']]", "\"v\"" },
	{ "[parameters('object').deep[0].x]", "1" },
	{ "[parameters('object').deep[1].x]", NULL, "outside the list" },
	{ "[parameters('object').other]", NULL, "no property \"other\"" },
	{ "[parameters('port').x]", NULL, "asked of a number" },
	{ "[parameters('list')[sub(length(parameters('list')), 1)]]", "\"c\"" },
	{ "[variables('net').prefix]", "\"10.1.0.0/16\"" },
	{ "[variables('net').id]", NULL, "reference() is known only when it is deployed" },
	{ "[variables('loop')]", NULL, "it refers to itself" },
	{ "[variables('made')]", "[\"n1\",\"n2\",\"n3\"]" },
	{ "[variables('made')[1]]", "\"n2\"" },
	{ "[variables('copied').items]", "[0,1]" },
	{ "[variables('absent')]", NULL, "no variable \"absent\"" },
	{ "[if(equals(1, 1), 'yes', reference('x'))]", "\"yes\"" },
	{ "[if(equals('a', 'A'), 'yes', 'no')]", "\"no\"" },
	{ "[if('a', 1, 2)]", NULL, "not true or false" },
	{ "[and(true(), not(false()))]", "true" },
	{ "[or(false(), false())]", "false" },
	{ "[equals(createObject('a', 1, 'b', 2), json('{\"b\":2,\"a\":1}'))]", "true" },
	{ "[coalesce(null(), 'x')]", "\"x\"" },
	{ "[json('null')]", "null" },
	{ "[json('{')]", NULL, "json()" },
	{ "[greater(length('abc'), 2)]", "true" },
	{ "[greaterOrEquals(2, 2)]", "true" },
	{ "[less('a', 'b')]", "true" },
	{ "[lessOrEquals(3, 2)]", "false" },
	{ "[less(1, 'b')]", NULL, "argument 2" },
	{ "[add(1, mul(2, 3))]", "7" },
	{ "[mod(7, 4)]", "3" },
	{ "[div(-7, 2)]", "-3" },
	{ "[div(1, 0)]", NULL, "division by zero" },
	{ "[int('42')]", "42" },
	{ "[int('4x')]", NULL, "not a number" },
	{ "[string(443)]", "\"443\"" },
	{ "[bool('TRUE')]", "true" },
	{ "[max(createArray(3, 9, 4))]", "9" },
	{ "[min(3, 9, -4)]", "-4" },
	{ "[range(5, 3)]", "[5,6,7]" },
	{ "[toUpper(toLower('MiXed'))]", "\"MIXED\"" },
	{ "[trim('  x ')]", "\"x\"" },
	{ "[replace('a.b.c', '.', '-')]", "\"a-b-c\"" },
	{ "[split('a,b;c', createArray(',', ';'))]", "[\"a\",\"b\",\"c\"]" },
	{ "[split('a, b,c', ', ')]", "[\"a\",\"b,c\"]" },
	{ "[split(',a,', ',')]", "[\"\",\"a\",\"\"]" },
	{ "[split('', ',')]", "[\"\"]" },
	{ "[split('a', '')]", NULL, "argument 2 of split()" },
	{ "[join(createArray('a', 'b'), '-')]", "\"a-b\"" },
	{ "[substring('abcdef', 2, 3)]", "\"cde\"" },
	{ "[substring('abc', 2)]", "\"c\"" },
	{ "[substring('abc', 2, 2)]", NULL, "outside" },
	{ "[startsWith('Abc', 'aB')]", "true" },
	{ "[endsWith('abc', 'BC')]", "true" },
	{ "[indexOf('abc', 'C')]", "2" },
	{ "[lastIndexOf('abCabc', 'C')]", "5" },
	{ "[lastIndexOf('aaa', 'a')]", "2" },
	{ "[lastIndexOf('abc', 'x')]", "-1" },
	{ "[lastIndexOf('abc', '')]", "3" },
	{ "[indexOf(createArray('a', 'b', 'b'), 'b')]", "1" },
	{ "[lastIndexOf(createArray('a', 'b', 'b'), 'b')]", "2" },
	{ "[indexOf(createArray(1), 'b')]", "-1" },
	{ "[items(createObject('b', 1, 'A', createArray(2)))]",
	  "[{\"key\":\"A\",\"value\":[2]},{\"key\":\"b\",\"value\":1}]" },
	{ "[items('a')]", NULL, "argument 1 of items()" },
	{ "[flatten(createArray(createArray(1, 2), createArray(), createArray(createArray(3))))]",
	  "[1,2,[3]]" },
	{ "[flatten(createArray(1))]", NULL, "list of lists" },
	{ "[tryGet(parameters('object'), 'DEEP', 0, 'x')]", "1" },
	{ "[tryGet(parameters('object'), 'deep', 1, 'x')]", "null" },
	{ "[coalesce(tryGet(parameters('object'), 'none'), 'x')]", "\"x\"" },
	{ "[padLeft(7, 3, '0')]", "\"007\"" },
	{ "[format('{0}-{1}{{}}', 'a', 7)]", "\"a-7{}\"" },
	{ "[format('{1}', 'a')]", NULL, "{0}, {1}" },
	{ "[contains('abc', 'b')]", "true" },
	{ "[contains(parameters('list'), 'b')]", "true" },
	{ "[contains(parameters('object'), 'KEY')]", "true" },
	{ "[empty('')]", "true" },
	{ "[empty(parameters('list'))]", "false" },
	{ "[first('abc')]", "\"a\"" },
	{ "[last(parameters('list'))]", "\"c\"" },
	{ "[take(parameters('list'), 2)]", "[\"a\",\"b\"]" },
	{ "[skip('abc', 1)]", "\"bc\"" },
	{ "[union(createArray(1, 2), createArray(2, 3))]", "[1,2,3]" },
	{ "[union(createObject('a', 1), createObject('a', 2))]", "{\"a\":2}" },
	{ "[union(json('{\"n\":{\"a\":1,\"b\":[1]},\"x\":{}}'), "
	  "json('{\"N\":{\"B\":[2],\"c\":3},\"x\":4}'))]",
	  "{\"n\":{\"a\":1,\"b\":[2],\"c\":3},\"x\":4}" },
	{ "[union(createArray(1, 1), createArray(2), createArray(1, 3, 3))]", "[1,2,3]" },
	{ "[union(createArray(1), createObject())]", NULL, "argument 2 of union()" },
	{ "[intersection(createArray(1, 2), createArray(2, 3))]", "[2]" },
	{ "[last(split(resourceId('Microsoft.Network/applicationSecurityGroups', 'web'), '/'))]",
	  "\"web\"" },
	{ "[resourceId('g', 'Microsoft.Network/virtualNetworks/subnets', 'v', 's')]",
	  "\"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/deployment/"
	  "providers/Microsoft.Network/virtualNetworks/v/subnets/s\"" },
	{ "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'v')]", NULL, "too few names" },
	{ "[cidrSubnet('10.0.0.0/16', 24, 3)]", "\"10.0.3.0/24\"" },
	{ "[cidrSubnet('10.0.0.0/16', 24, 256)]", NULL, "no such subnet" },
	{ "[cidrHost('10.0.0.0/24', 3)]", "\"10.0.0.4\"" },
	{ "[cidrHost('10.0.0.0/24', 255)]", NULL, "no such address" },
	{ "[uri('https://a/b/', 'c')]", "\"https://a/b/c\"" },
	{ "[uniqueString(resourceGroup().id)]", NULL, "resourceGroup() is known only" },
	{ "[copyIndex()]", NULL, "outside such a copy loop" },
	{ "[nothing('x')]", NULL, "no function nothing()" },
	{ "[contoso.name('x')]", NULL, "defines itself" },
	{ "[concat('a']", NULL, "expected ',' or ')' at character 12" },
	{ "[concat('a]", NULL, "quote" },
	{ "[concat('a'))]", NULL, "end of the expression" },
	{ "[]", NULL, "expected an expression" },
	{ "[-]", NULL, "digits" },
	{ "[toLower()]", NULL, "does not take 0 arguments" },
	{ "[toLower(1)]", NULL, "cannot be a number" },
	{ "[[literal]", "\"[literal]\"" },
	{ "[open", "\"[open\"" },
	{ "plain", "\"plain\"" },
};

/* Strings in scope_text are written with \' inside: single quotes again once it is read. */
static struct json *read_scope(void)
{
	char *text = strdup(scope_text);
	struct json *json = NULL;
	size_t out = 0;

	assert_non_null(text);
	for (size_t i = 0; text[i]; i++) {
		if (text[i] == '\\' && text[i + 1] == '\'')
			text[out++] = text[++i];
		else
			text[out++] = text[i] == '\'' ? '"' : text[i];
	}
	text[out] = '\0';
	assert_int_equal(json_parse(text, out, NULL, &json, NULL), 0);
	free(text);
	return json;
}

static void check_expression(const struct json *template, const struct expression *t)
{
	struct json_at at = json_root(template), text;
	struct json *written = json_new_string(t->text), *value = NULL;
	const struct arm_scope scope = { .template = &at };
	struct arm_machine machine = { 0 };
	const struct arm_env env = { .machine = &machine, .scope = &scope };
	struct report report;
	char *printed;
	int r;

	report_init(&report);
	machine.report = &report;
	text = json_root(written);
	r = arm_evaluate(&env, &text, &value);
	if ((r == 0) != (t->value != NULL)) {
		print_report(&report);
		fail_msg("%s: %s", t->text, r == 0 ? "accepted" : "refused");
	}
	if (r == 0) {
		printed = json_print(value);
		if (strcmp(printed, t->value) != 0)
			fail_msg("%s: %s, expected %s", t->text, printed, t->value);
		free(printed);
		assert_int_equal(report.count, 0);
	} else {
		assert_int_equal(report.errors, 1);
		if (!strstr(report.problems[0].detail, t->why))
			fail_msg("%s: %s", t->text, report.problems[0].detail);
	}
	json_free(value);
	json_free(written);
	arm_machine_fini(&machine);
	report_fini(&report);
}

static void expressions_evaluate(void **state)
{
	struct json *template = read_scope();

	(void)state;
	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
		check_expression(template, &expressions[i]);
	json_free(template);
}

/* What was too much once is not tried again, and is told once. */
static void giving_up_is_final(void **state)
{
	struct json *written = json_new_string("[add(1, 2)]"), *value = NULL;
	struct arm_machine machine = { .steps = SIZE_MAX / 2 };
	const struct arm_env env = { .machine = &machine };
	struct json_at at = json_root(written);
	struct report report;

	(void)state;
	report_init(&report);
	machine.report = &report;
	for (int i = 0; i < 3; i++)
		assert_true(arm_evaluate(&env, &at, &value) < 0);
	assert_int_equal(report.errors, 1);
	assert_non_null(find_problem(&report, false, "", "\"[add(1, 2)]\" cannot be evaluated"));
	json_free(written);
	arm_machine_fini(&machine);
	report_fini(&report);
}

/* A template that would grow without end is stopped, soon. */
static void evaluation_is_bounded(void **state)
{
	char *text = NULL;
	struct policy_source *source = NULL;
	struct report report;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	fprintf(out, "{\"contentVersion\":\"1.0.0.0\",\"variables\":{\"v0\":\"xxxxxxxxxxxxxxxx\"");
	for (int i = 1; i < 60; i++)
		fprintf(out, ",\"v%d\":\"[concat(variables('v%d'), variables('v%d'))]\"", i, i - 1,
			i - 1);
	fprintf(out, "},\"resources\":[{\"type\":\"Microsoft.Network/networkSecurityGroups\","
		     "\"name\":\"[variables('v59')]\"}]}");
	fclose(out);
	report_init(&report);
	assert_int_equal(policy_source_parse(text, size, NULL, &report, &source), 0);
	assert_true(report.errors > 0);
	assert_true(source->nsgs[0].broken);
	policy_source_free(source);
	report_fini(&report);
	free(text);
}

/* --- templates --- */

#define TEMPLATE(parts)                                                          \
	"{\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/" \
	"deploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\"," parts "}"
#define NSG_TYPE   "\"type\":\"Microsoft.Network/networkSecurityGroups\""
#define RULE_TYPE  "\"type\":\"Microsoft.Network/networkSecurityGroups/securityRules\""
#define DEPLOYMENT "\"type\":\"Microsoft.Resources/deployments\",\"name\":\"d\""
#define FIELDS(priority, port)                                                                   \
	"{\"priority\":" priority ",\"direction\":\"Inbound\",\"access\":\"Allow\","             \
	"\"protocol\":\"Tcp\",\"sourceAddressPrefix\":\"*\",\"destinationAddressPrefix\":\"*\"," \
	"\"sourcePortRange\":\"*\",\"destinationPortRange\":" port "}"
#define RULE(name, priority, port) \
	"{\"name\":\"" name "\",\"properties\":" FIELDS(priority, port) "}"

struct template_case {
	const char *why;
	const char *text;
	const char *found; /* NSGs with their rules and ports */
};

static const struct template_case templates[] = {
	{ "comments, trailing commas, raw line ends",
	  "// first\n" TEMPLATE("\"resources\":[ /* NSG */ {" NSG_TYPE ",\"name\":\"n\", // name\n"
				"\"comments\":\"two\nlines // not a comment\",\"properties\":"
				"{\"securityRules\":[" RULE("a", "100", "\"80\"") ",],},},]"),
	  "n: a/80-80" },
	{ "a loop over NSGs, an expression in a rule",
	  TEMPLATE("\"parameters\":{\"first\":{\"defaultValue\":8000}},\"resources\":[{" NSG_TYPE
		   ",\"name\":\"[concat('n', copyIndex(1))]\",\"copy\":{\"name\":\"c\","
		   "\"count\":2},\"properties\":{\"securityRules\":[" RULE(
			   "a", "100", "\"[add(parameters('first'), copyIndex('c'))]\"") "]}}]"),
	  "n1: a/8000-8000; n2: a/8001-8001" },
	{ "a loop over rules",
	  TEMPLATE("\"variables\":{\"ports\":[22,80]},\"resources\":[{" NSG_TYPE
		   ",\"name\":\"n\",\"properties\":{\"copy\":[{\"name\":\"securityRules\","
		   "\"count\":\"[length(variables('ports'))]\",\"input\":" RULE(
			   "[concat('p', variables('ports')[copyIndex('securityRules')])]",
			   "\"[add(100, copyIndex('securityRules'))]\"",
			   "\"[variables('ports')[copyIndex('securityRules')]]\"") "}]}}]"),
	  "n: p22/22-22 p80/80-80" },
	{ "without a name it is the resource's loop",
	  TEMPLATE("\"resources\":[{" NSG_TYPE ",\"name\":\"[concat('n', copyIndex())]\","
		   "\"copy\":{\"name\":\"c\",\"count\":2},\"properties\":{\"copy\":["
		   "{\"name\":\"securityRules\",\"count\":2,\"input\":" RULE(
			   "[concat('r', copyIndex('securityRules'))]",
			   "\"[add(100, copyIndex('securityRules'))]\"",
			   "\"[copyIndex(8000)]\"") "}]}}]"),
	  "n0: r0/8000-8000 r1/8000-8000; n1: r0/8001-8001 r1/8001-8001" },
	{ "rules as children, inside and beside",
	  TEMPLATE("\"resources\":[{" RULE_TYPE ",\"name\":\"n/b\",\"properties\":" FIELDS(
		  "101", "\"2\"") "},{" NSG_TYPE ",\"name\":\"n\",\"properties\":"
				  "{\"securityRules\":[" RULE(
					  "a", "100",
					  "\"1\"") "]},\"resources\":[{\"type\":\"securityRules\","
						   "\"name\":\"c\",\"properties\":" FIELDS(
							   "102", "\"3\"") "}]}]"),
	  "n: a/1-1 b/2-2 c/3-3" },
	{ "children in a loop; the NSG stands in another template",
	  TEMPLATE("\"resources\":[{" RULE_TYPE ",\"name\":\"[format('there/r{0}', copyIndex())]\","
		   "\"copy\":{\"name\":\"c\",\"count\":2},\"properties\":" FIELDS(
			   "\"[add(200, copyIndex())]\"", "\"1\"") "}]"),
	  "there: r0/1-1 r1/1-1" },
	{ "conditions",
	  TEMPLATE("\"resources\":[{" NSG_TYPE ",\"name\":\"no\",\"condition\":false},{" NSG_TYPE
		   ",\"name\":\"yes\",\"condition\":\"[equals(1, 1)]\"}]"),
	  "yes:" },
	{ "rules given by an expression",
	  TEMPLATE("\"variables\":{\"rules\":[" RULE(
		  "a", "100", "\"1\"") "]},\"resources\":[{" NSG_TYPE
				       ",\"name\":\"n\",\"properties\":{\"securityRules\":"
				       "\"[variables('rules')]\"}}]"),
	  "n: a/1-1" },
	{ "properties given by an expression",
	  TEMPLATE("\"variables\":{\"p\":{\"securityRules\":[" RULE(
		  "a", "100", "\"1\"") "]}},\"resources\":[{" NSG_TYPE
				       ",\"name\":\"n\",\"properties\":\"[variables('p')]\"}]"),
	  "n: a/1-1" },
	{ "a nested deployment sees the outer parameters",
	  TEMPLATE(
		  "\"parameters\":{\"x\":{\"defaultValue\":\"outer\"}},\"resources\":[{" DEPLOYMENT
		  ",\"properties\":{\"template\":" TEMPLATE(
			  "\"parameters\":{\"x\":{\"defaultValue\":\"inner\"}},\"resources\":[{" NSG_TYPE
			  ",\"name\":\"[parameters('x')]\"}]") "}}]"),
	  "outer:" },
	{ "one with inner scope sees its own, and what it is passed",
	  TEMPLATE("\"variables\":{\"v\":\"passed\"},\"resources\":[{" DEPLOYMENT
		   ",\"properties\":{\"expressionEvaluationOptions\":{\"scope\":\"inner\"},"
		   "\"parameters\":{\"y\":{\"value\":\"[variables('v')]\"}},\"template\":" TEMPLATE(
			   "\"parameters\":{\"x\":{\"defaultValue\":\"inner\"},\"y\":{}},"
			   "\"resources\":[{" NSG_TYPE
			   ",\"name\":\"[concat(parameters('x'), parameters('y'))]\"}]") "}}]"),
	  "innerpassed:" },
	{ "resources by symbolic name",
	  TEMPLATE("\"languageVersion\":\"2.0\",\"resources\":{\"one\":{" NSG_TYPE
		   ",\"name\":\"n\"},\"two\":{" NSG_TYPE ",\"existing\":true,\"name\":\"e\"}}"),
	  "n:" },
	{ "what only a deployment knows does not matter beside the rules",
	  TEMPLATE("\"resources\":[{" NSG_TYPE
		   ",\"name\":\"n\",\"location\":\"[resourceGroup().location]\",\"tags\":"
		   "{\"t\":\"[reference('x')]\"},\"properties\":{}},{\"type\":\"Microsoft.Compute/"
		   "virtualMachines\",\"name\":\"[nonsense(\"}]"),
	  "n:" },
	{ "a name that only a deployment knows",
	  TEMPLATE("\"resources\":[{" NSG_TYPE ",\"name\":\"[uniqueString('x')]\"}]"),
	  "[uniqueString('x')]:" },
};

static void describe(const struct policy_source *source, struct report *report, FILE *out)
{
	for (size_t i = 0; i < source->count; i++) {
		struct policy *policy = NULL;
		const struct rule_list *list;

		fprintf(out, "%s%s:", i ? "; " : "", source->nsgs[i].name);
		if (policy_source_build(source, &source->nsgs[i], STAGE_NIC, NULL, report,
					&policy) < 0)
			continue;
		list = &policy->stage[STAGE_NIC].list[DIRECTION_INBOUND];
		for (size_t k = 0; k < list->count && !list->rules[k].is_default; k++)
			fprintf(out, " %s/%u-%u", list->rules[k].name,
				list->rules[k].destination_ports.ranges[0].first,
				list->rules[k].destination_ports.ranges[0].last);
		policy_free(policy);
	}
}

static void templates_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		const struct template_case *t = &templates[i];
		struct policy_source *source = NULL;
		struct report report;
		char *found = NULL;
		size_t size;
		FILE *out = open_memstream(&found, &size);

		assert_non_null(out);
		report_init(&report);
		if (policy_source_parse(t->text, strlen(t->text), NULL, &report, &source) == 0) {
			assert_int_equal(source->form, POLICY_FORM_ARM);
			describe(source, &report, out);
		}
		fclose(out);
		if (report.errors || strcmp(found, t->found) != 0) {
			print_report(&report);
			fail_msg("%s: \"%s\", expected \"%s\"", t->why, found, t->found);
		}
		policy_source_free(source);
		report_fini(&report);
		free(found);
	}
}

/* --- where problems point --- */

struct place {
	const char *text;
	enum accelnet_code code;
	const char *pointer;
	const char *detail;
};

static const struct place places[] = {
	{ TEMPLATE("\"resources\":[{" NSG_TYPE
		   ",\"name\":\"n\",\"properties\":{\"securityRules\":[" RULE(
			   "a", "100", "\"[parameters('x')]\"") "]}}]"),
	  ACCELNET_E_EXPRESSION,
	  "/resources/0/properties/securityRules/0/properties/destinationPortRange",
	  "\"[parameters('x')]\" cannot be evaluated" },
	{ TEMPLATE("\"resources\":[{" NSG_TYPE
		   ",\"name\":\"n\",\"properties\":{\"securityRules\":[" RULE(
			   "a", "100", "\"[reference('x')]\"") "]}}]"),
	  ACCELNET_E_EXPRESSION,
	  "/resources/0/properties/securityRules/0/properties/destinationPortRange",
	  "known only when it is deployed" },
	{ TEMPLATE("\"resources\":[{" NSG_TYPE
		   ",\"name\":\"n\",\"properties\":{\"securityRules\":[" RULE(
			   "a", "100", "\"[concat('x', 'y')]\"") "]}}]"),
	  ACCELNET_E_PORT_RANGE,
	  "/resources/0/properties/securityRules/0/properties/destinationPortRange", "\"xy\"" },
	{ TEMPLATE("\"resources\":[{" RULE_TYPE ",\"name\":\"n/b\",\"properties\":" FIELDS(
		  "101", "\"x\"") "},{" NSG_TYPE ",\"name\":\"n\"}]"),
	  ACCELNET_E_PORT_RANGE, "/resources/0/properties/destinationPortRange", "\"x\"" },
	{ TEMPLATE("\"variables\":{\"rules\":[" RULE(
		  "a", "100", "\"x\"") "]},\"resources\":[{" NSG_TYPE
				       ",\"name\":\"n\",\"properties\":{\"securityRules\":"
				       "\"[variables('rules')]\"}}]"),
	  ACCELNET_E_PORT_RANGE, "/resources/0/properties/securityRules", "\"x\"" },
	{ TEMPLATE("\"resources\":[{" NSG_TYPE ",\"name\":\"n\",\"copy\":{\"name\":\"c\","
		   "\"count\":801}}]"),
	  ACCELNET_E_RANGE, "/resources/0/copy/count", "0 to 800" },
	{ TEMPLATE("\"resources\":[{" NSG_TYPE ",\"name\":\"n\",\"condition\":\"yes\"}]"),
	  ACCELNET_E_EXPRESSION, "/resources/0/condition", "true or false" },
	{ TEMPLATE("\"resources\":[{" NSG_TYPE "}]"), ACCELNET_E_MISSING, "/resources/0",
	  "no \"name\"" },
	{ TEMPLATE("\"resources\":[{\"name\":\"n\"},{" NSG_TYPE ",\"name\":\"n\"}]"),
	  ACCELNET_E_MISSING, "/resources/0", "no \"type\"" },
	{ TEMPLATE("\"resources\":[\"n\",{" NSG_TYPE ",\"name\":\"n\"}]"), ACCELNET_E_TYPE,
	  "/resources/0", "is an object" },
	{ TEMPLATE("\"resources\":[{" NSG_TYPE ",\"name\":\"n\",\"resources\":{}}]"),
	  ACCELNET_E_TYPE, "/resources/0/resources", "is a list" },
	{ TEMPLATE("\"resources\":[]"), ACCELNET_E_FORM, "", "no network security group" },
	{ "{\"resources\":[1,]}", ACCELNET_E_SYNTAX, "", "expected a value" },
};

static void problems_point_into_the_template(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct place *t = &places[i];
		struct policy_source *source = NULL;
		struct report report;
		const struct problem *problem;

		report_init(&report);
		if (policy_source_parse(t->text, strlen(t->text), NULL, &report, &source) == 0)
			(void)policy_source_check(source, NULL, &report); /* the report has it */
		problem = find_problem(&report, false, t->pointer, t->detail);
		if (!problem || problem->code != t->code || report.errors != 1) {
			print_report(&report);
			fail_msg("expected %s at \"%s\" (%s) in %s", error_symbol(t->code),
				 t->pointer, t->detail, t->text);
		}
		policy_source_free(source);
		report_fini(&report);
	}
}

/* One NSG that cannot be evaluated does not keep the others from being used. */
static void a_broken_nsg_harms_no_other(void **state)
{
	static const char text[] =
		TEMPLATE("\"resources\":[{" NSG_TYPE
			 ",\"name\":\"bad\",\"properties\":{\"securityRules\":[" RULE(
				 "a", "100", "\"[reference('x')]\"") "]}},{" NSG_TYPE
								     ",\"name\":\"good\"}]");
	const struct policy_source_nsg *nsg = NULL;
	struct policy_source *source = NULL;
	struct policy *policy = NULL;
	struct accelnet_error err;
	struct report report;

	(void)state;
	report_init(&report);
	assert_int_equal(policy_source_parse(text, strlen(text), NULL, &report, &source), 0);
	assert_int_equal(report.errors, 1);
	assert_int_equal(source->nsgs[0].user_rules, 1);
	assert_true(policy_source_pick(source, "bad", &nsg, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_EXPRESSION);
	assert_int_equal(policy_source_pick(source, "good", &nsg, &err), 0);
	assert_int_equal(policy_source_build(source, nsg, STAGE_NIC, NULL, &report, &policy), 0);
	policy_free(policy);
	policy_source_free(source);
	report_fini(&report);
}

/* --- what cannot be told --- */

#define OPEN_NSG     \
	"{" NSG_TYPE \
	",\"name\":\"web\",\"properties\":{\"securityRules\":[" RULE("all", "200", "\"*\"") "]}"
#define BESIDE(more, name)                                \
	OPEN_NSG "},{" RULE_TYPE more ",\"name\":\"" name \
		 "\",\"properties\":" FIELDS("100", "\"22\"") "}"
#define INSIDE(more)                                                                     \
	OPEN_NSG ",\"resources\":[{\"type\":\"securityRules\"" more ",\"name\":\"ssh\"," \
		 "\"properties\":" FIELDS("100", "\"22\"") "}]}"
#define UNKNOWN(resources) TEMPLATE("\"parameters\":{\"p\":{}},\"resources\":[" resources "]")
#define LOOP               ",\"copy\":{\"name\":\"c\",\"count\":\"[parameters('p')]\"}"
#define WHEN               ",\"condition\":\"[equals(parameters('p'), 1)]\""

struct unknown {
	const char *text;
	const char *pointer; /* of the error */
	const char *names;   /* of the NSGs */
	bool missing;        /* no NSG of the template can be used */
};

static const struct unknown unknowns[] = {
	{ UNKNOWN(BESIDE(WHEN, "web/ssh")), "/resources/1/condition", "web ", false },
	{ UNKNOWN(BESIDE(LOOP, "[concat('web/r', copyIndex())]")), "/resources/1/copy/count",
	  "web ", true },
	{ UNKNOWN(BESIDE("", "[concat('web/', parameters('p'))]")), "/resources/1/name", "web ",
	  true },
	{ UNKNOWN(BESIDE("", "[json('1')]")), "/resources/1/name", "web ", true },
	{ UNKNOWN(BESIDE("", "[concat('web', uniqueString('x'), '/ssh')]")), "/resources/1/name",
	  "web ", true },
	{ UNKNOWN(INSIDE(WHEN)), "/resources/0/resources/0/condition", "web ", false },
	{ UNKNOWN(INSIDE(LOOP)), "/resources/0/resources/0/copy/count", "web ", false },
	{ UNKNOWN(OPEN_NSG "},{" DEPLOYMENT WHEN
			   ",\"properties\":{\"template\":{\"resources\":[{" RULE_TYPE
			   ",\"name\":\"web/ssh\",\"properties\":" FIELDS("100", "\"22\"") "}]}}}"),
	  "/resources/1/condition", "web ", true },
	{ UNKNOWN(OPEN_NSG WHEN "}"), "/resources/0/condition", "web ", false },
	{ UNKNOWN(OPEN_NSG "},{\"type\":\"[concat('Microsoft.Network/networkSecurityGroups', "
			   "'/securityRules')]\",\"name\":\"web/ssh\",\"properties\":" FIELDS(
				   "100", "\"22\"") "}"),
	  "/resources/1/type", "web ", true },
	{ UNKNOWN(OPEN_NSG ",\"resources\":[{\"type\":\"[parameters('p')]\",\"name\":\"ssh\"}]}"),
	  "/resources/0/resources/0/type", "web ", true },
	{ UNKNOWN(OPEN_NSG "},{" DEPLOYMENT
			   ",\"properties\":{\"template\":{\"resources\":[{\"type\":"
			   "\"[parameters('p')]\",\"name\":\"web/ssh\"}]}}}"),
	  "/resources/1/properties/template/resources/0/type", "web ", true },
	{ UNKNOWN("{" NSG_TYPE LOOP ",\"name\":\"[concat('w', copyIndex())]\"},{" RULE_TYPE
		  ",\"name\":\"web/ssh\",\"properties\":" FIELDS("100", "\"22\"") "}"),
	  "/resources/0/copy/count", "[concat('w', copyIndex())] web ", false },
};

static void check_unknown(const struct unknown *t)
{
	const struct policy_source_nsg *nsg = NULL;
	struct policy_source *source = NULL;
	struct accelnet_error err;
	struct report report;
	char names[200] = "";
	size_t used = 0;

	report_init(&report);
	assert_int_equal(policy_source_parse(t->text, strlen(t->text), NULL, &report, &source), 0);
	for (size_t i = 0; i < source->count; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s ",
					 source->nsgs[i].name);
	if (report.errors != 1 || !find_problem(&report, false, t->pointer, "") ||
	    strcmp(names, t->names) != 0 || (source->missing.code != 0) != t->missing) {
		print_report(&report);
		fail_msg("\"%s\" in %s", names, t->text);
	}
	if (policy_source_pick(source, "web", &nsg, &err) == 0)
		fail_msg("the NSG is used without a rule: %s", t->text);
	assert_int_equal(err.code, ACCELNET_E_EXPRESSION);
	assert_string_equal(err.pointer, t->missing ? t->pointer : "");
	policy_source_free(source);
	report_fini(&report);
}

/* A rule that may be in force makes its NSG unusable, or all where its NSG is not known. */
static void no_rule_vanishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unknowns) / sizeof(unknowns[0]); i++)
		check_unknown(&unknowns[i]);
}

/* NSGs and rules in another file are not seen: that is said, once, and is no error. */
static void linked_templates_are_told(void **state)
{
	static const char text[] = TEMPLATE(
		"\"resources\":[{" NSG_TYPE ",\"name\":\"n\"},{" DEPLOYMENT
		",\"condition\":\"[reference('x')]\",\"properties\":{\"templateLink\":"
		"{\"uri\":\"[parameters('u')]\"}}},{\"type\":\"Microsoft.Resources/deployments\","
		"\"name\":\"outer\",\"properties\":{\"template\":{\"resources\":[{\"type\":"
		"\"Microsoft.Resources/deployments\",\"name\":\"inner\",\"properties\":"
		"{\"template\":\"[variables('t')]\"}}]}}}]");
	struct policy_source *source = NULL;
	struct report report;

	(void)state;
	report_init(&report);
	assert_int_equal(policy_source_parse(text, strlen(text), NULL, &report, &source), 0);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.warnings, 1);
	assert_non_null(find_problem(&report, true, "/resources", "2 (\"d\", \"inner\")"));
	assert_int_equal(source->count, 1);
	assert_false(source->nsgs[0].broken);
	policy_source_free(source);
	report_fini(&report);
}

static void parameters_are_given(void **state)
{
	static const char text[] =
		TEMPLATE("\"parameters\":{\"p\":{\"type\":\"string\"},\"q\":{\"defaultValue\":1}},"
			 "\"resources\":[{" NSG_TYPE
			 ",\"name\":\"[concat(parameters('p'), parameters('q'))]\"}]");
	static const char *const given[] = {
		"{'p':'web','q':{'value':2}}",
		"{'parameters':{'P':{'value':'web'},'q':{'value':2}}}",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct json *parameters = json_of(given[i]);
		const struct policy_read_options options = { .parameters = parameters };
		struct policy_source *source = NULL;
		struct report report;

		report_init(&report);
		assert_int_equal(
			policy_source_parse(text, strlen(text), &options, &report, &source), 0);
		assert_int_equal(report.count, 0);
		assert_string_equal(source->nsgs[0].name, "web2");
		policy_source_free(source);
		json_free(parameters);
		report_fini(&report);
	}
}

/* A value that goes nowhere was meant for another parameter: nothing of the template is used. */
static void given_parameters_are_checked(void **state)
{
	static const char text[] = TEMPLATE(
		"\"parameters\":{\"ports\":{\"defaultValue\":\"22\"},"
		"\"os\":{\"allowedValues\":[\"Linux\",\"Windows\"]}},\"resources\":[{" NSG_TYPE
		",\"name\":\"[parameters('os')]\"}]");
	static const struct {
		const char *given;
		const char *detail; /* of the error */
	} cases[] = {
		{ "{'os':'Linux'}", NULL },
		{ "{'$schema':'x','contentVersion':'1.0.0.0','os':{'value':'Linux'}}", NULL },
		{ "{'os':'Linux','port':'80'}", "did you mean \"ports\"?" },
		{ "{'parameters':{'os':{'value':'Linux'},'xyz':{'value':1}}}",
		  "given for \"xyz\", but the template has no such parameter" },
		{ "{'parameters':{'os':{'type':'string'}}}", "no \"value\" for \"os\"" },
		{ "{'os':'linux'}", NULL },
		{ "{'os':'Solaris'}", "not one of its allowedValues" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *parameters = json_of(cases[i].given);
		const struct policy_read_options options = { .parameters = parameters };
		const struct policy_source_nsg *nsg;
		struct policy_source *source = NULL;
		struct report report;
		bool usable;

		report_init(&report);
		assert_int_equal(
			policy_source_parse(text, strlen(text), &options, &report, &source), 0);
		usable = policy_source_pick(source, NULL, &nsg, NULL) == 0;
		if (report.errors != (cases[i].detail ? 1 : 0) ||
		    usable == (cases[i].detail != NULL) ||
		    (cases[i].detail && !strstr(report.problems[0].detail, cases[i].detail))) {
			print_report(&report);
			fail_msg("%s", cases[i].given);
		}
		policy_source_free(source);
		json_free(parameters);
		report_fini(&report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_evaluate),
		cmocka_unit_test(giving_up_is_final),
		cmocka_unit_test(evaluation_is_bounded),
		cmocka_unit_test(templates_are_read),
		cmocka_unit_test(problems_point_into_the_template),
		cmocka_unit_test(a_broken_nsg_harms_no_other),
		cmocka_unit_test(no_rule_vanishes),
		cmocka_unit_test(linked_templates_are_told),
		cmocka_unit_test(parameters_are_given),
		cmocka_unit_test(given_parameters_are_checked),
	};

	return cmocka_run_group_tests_name("policy_arm", tests, NULL, NULL);
}
