/* Answers of the host as text, see ctl_print.h. */
#include "azhost/launcher/ctl_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAY_MAX 256

static const char *text_of(const struct json_at *object, const char *key)
{
	struct json_at at;

	if (!json_get(object, key, &at) || json_string(&at) == NULL)
		return "-";
	return json_string(&at);
}

static bool is_true(const struct json_at *object, const char *key)
{
	struct json_at at;
	bool value = false;

	return json_get(object, key, &at) && json_bool(&at, &value) && value;
}

void ctl_print_nics(const struct json_at *result)
{
	struct json_at nics, nic, vf;

	if (!json_get(result, "nics", &nics))
		return;
	printf("%-6s %-17s  %-36s  %-12s  %-9s  %-4s  %-9s  %s\n", "NIC", "MAC", "GUID", "PCI",
	       "INTERFACE", "LINK", "DATAPATH", "VF");
	json_foreach(nic, &nics) {
		const char *profile = "-", *state = "";

		if (json_get(&nic, "vf", &vf) && json_type(&vf) == JSON_OBJECT) {
			profile = text_of(&vf, "profile");
			state = is_true(&vf, "open")      ? " (in use)"
				: is_true(&vf, "present") ? ""
							  : " (revoked)";
		}
		printf("%-6s %-17s  %-36s  %-12s  %-9s  %-4s  %-9s  %s%s\n", text_of(&nic, "name"),
		       text_of(&nic, "mac"), text_of(&nic, "guid"), text_of(&nic, "pci"),
		       text_of(&nic, "interface"), is_true(&nic, "linkUp") ? "up" : "down",
		       text_of(&nic, "datapath"), profile, state);
	}
	printf("network namespace: %s\n", text_of(result, "networkNamespace"));
}

static void print_value(const char *way, const struct json_at *at)
{
	bool truth;

	switch (json_type(at)) {
	case JSON_STRING:
		printf("%s %s\n", way, json_string(at));
		break;
	case JSON_NUMBER:
		printf("%s %.16g\n", way, json_double(at));
		break;
	case JSON_BOOL:
		if (json_bool(at, &truth))
			printf("%s %s\n", way, truth ? "yes" : "no");
		break;
	default:
		printf("%s -\n", way);
	}
}

static void print_below(const char *way, const struct json_at *at)
{
	struct json_at child;

	if (json_type(at) != JSON_OBJECT && json_type(at) != JSON_ARRAY) {
		print_value(way, at);
		return;
	}
	json_foreach(child, at) {
		char longer[WAY_MAX], number[16];
		const char *step = child.key;

		/* An element of a list goes by its name, where it has one. */
		if (step == NULL) {
			step = text_of(&child, "name");
			if (strcmp(step, "-") == 0) {
				snprintf(number, sizeof(number), "%zu", child.index);
				step = number;
			}
		} else if (strcmp(step, "name") == 0) {
			continue;
		}
		snprintf(longer, sizeof(longer), "%s%s%s", way, way[0] != '\0' ? "." : "", step);
		print_below(longer, &child);
	}
}

void ctl_print_flat(const struct json_at *result)
{
	print_below("", result);
}

void ctl_print_error(const struct accelnet_error *err)
{
	struct json *json JSON_CLEANUP = json_new_object();
	struct json *error = json_add_object(json, "error");
	struct json *data;
	char *text;

	json_add_integer(error, "code", error_rpc_code(err->code));
	json_add_string(error, "message", err->detail);
	data = json_add_object(error, "data");
	json_add_string(data, "symbol", error_symbol(err->code));
	json_add_string(data, "pointer", err->pointer);
	text = json_print(json);
	puts(text);
	free(text);
}
