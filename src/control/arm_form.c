/*
 * NSGs as an ARM template: see arm_form.h.
 * https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax
 */
#include "control/arm_form.h"

#include <string.h>

#define SCHEMA "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"

static struct json *as_literal(const struct json_at *at);

/* A string that begins with [ would be an expression; [[ is how a template says [. */
static struct json *literal_string(const char *text)
{
	struct json *array, *string;
	struct json_at root, first;

	if (text[0] != '[')
		return json_new_string(text);
	array = json_new_array();
	json_add_format(array, NULL, "[%s", text);
	root = json_root(array);
	(void)json_first(&root, &first); /* it was just added */
	string = json_copy(first.value);
	json_free(array);
	return string;
}

static struct json *literal_children(const struct json_at *at, struct json *to)
{
	struct json_at child;

	json_foreach(child, at)
		json_add(to, child.key, as_literal(&child));
	return to;
}

static struct json *as_literal(const struct json_at *at)
{
	switch (json_type(at)) {
	case JSON_STRING:
		return literal_string(json_string(at));
	case JSON_ARRAY:
		return literal_children(at, json_new_array());
	case JSON_OBJECT:
		return literal_children(at, json_new_object());
	default:
		return json_copy(at->value);
	}
}

static void add_nsg(struct json *resources, const struct json_at *document, const char *key,
		    const char *default_name)
{
	struct json_at nsg, name, properties;
	struct json *resource;

	if (!json_get(document, key, &nsg) || json_type(&nsg) != JSON_OBJECT)
		return;
	resource = json_add_object(resources, NULL);
	json_add_string(resource, "type", "Microsoft.Network/networkSecurityGroups");
	json_add_string(resource, "apiVersion", "2024-05-01");
	if (json_get(&nsg, "name", &name) && json_string(&name) && json_string(&name)[0])
		json_add(resource, "name", literal_string(json_string(&name)));
	else
		json_add_string(resource, "name", default_name);
	json_add_string(resource, "location", "[resourceGroup().location]");
	if (json_get_fold(&nsg, "properties", &properties))
		json_add(resource, "properties", as_literal(&properties));
	else
		json_add_object(resource, "properties");
}

struct json *arm_form(const struct json *document)
{
	const struct json_at root = json_root(document);
	struct json *template = json_new_object();
	struct json *resources;

	json_add_string(template, "$schema", SCHEMA);
	json_add_string(template, "contentVersion", "1.0.0.0");
	resources = json_add_array(template, "resources");
	add_nsg(resources, &root, "subnetNsg", "subnet-nsg");
	add_nsg(resources, &root, "nicNsg", "nic-nsg");
	return template;
}
