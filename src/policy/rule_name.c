/*
 * Names of rules and NSGs: rule_check_name().
 */
#include "policy/rule.h"

#include <ctype.h>
#include <string.h>

#define NAME_ARM_MAX   80
#define NAME_MAX_BYTES 256

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

void rule_check_name(struct reader *reader, const struct json_at *at, const char *name)
{
	size_t length = strlen(name);
	bool plain = name_char(name[0]) && name_char(name[length - 1]);

	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f) {
			reader_error(reader, ACCELNET_E_VALUE, at, NULL,
				     "a name cannot hold control characters");
			return;
		}
		plain = plain && (name_char(name[i]) || name[i] == '.' || name[i] == '-');
	}
	if (length > NAME_MAX_BYTES)
		reader_error(reader, ACCELNET_E_RANGE, at, NULL,
			     "the name has %zu bytes; at most %d are accepted", length,
			     NAME_MAX_BYTES);
	else if (length > NAME_ARM_MAX)
		reader_arm(reader, at, "InvalidResourceName",
			   "the name is longer than Azure's %d characters", NAME_ARM_MAX);
	else if (!plain)
		reader_arm(reader, at, "InvalidResourceName",
			   "Azure's names begin with a letter, digit or _, end with one, and hold "
			   "these, '.' and '-' between");
}
