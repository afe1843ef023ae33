/*
 * The reader of profile files. Pure: no device, no thread.
 */
#include "azhost/connectx/profile.h"

#include "azhost/connectx/caps.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 256

struct reader {
	struct cx_profile *profile;
	unsigned int line;
	uint64_t seen; /* bit i: keys[i] was set */
	char *reason;
	size_t reason_size;
};

/* Where a number goes, and its range. width is that of the member in bytes. */
struct key {
	const char *name;
	size_t offset;
	size_t width;
	uint32_t min;
	uint32_t max;
};

#define NUMBER(name, member, min, max)                                     \
	{                                                                  \
		name, offsetof(struct cx_profile, member),                 \
			sizeof(((struct cx_profile *)0)->member), min, max \
	}

static const struct key keys[] = {
	NUMBER("pci.device", device_id, 1, UINT16_MAX),
	NUMBER("tx.enhanced_mpw", enhanced_mpw, 0, 1),
	NUMBER("tx.min_inline", min_inline, 0, 64),
	NUMBER("rx.compress", compress, 0, 1),
	NUMBER("max.counters", max_counters, 0, UINT32_MAX),
	NUMBER("max.queues", max_queues, 1, 4096),
	NUMBER("steering.tables_above_root", steering.sw_steering, 0, 1),
	NUMBER("steering.root_by_layer", steering.root_by_layer, 0, 1),
	NUMBER("steering.root_conflicts", steering.root_conflicts, 0, 1),
	NUMBER("steering.root_priorities", steering.root_priorities, 1, UINT16_MAX),
	NUMBER("max.tables", steering.max_tables, 0, UINT32_MAX),
	NUMBER("max.matchers", steering.max_matchers, 0, UINT32_MAX),
	NUMBER("max.root_rules", steering.max_root_rules, 0, UINT32_MAX),
	NUMBER("max.rules", steering.max_rules, 0, UINT32_MAX),
	NUMBER("max.rule_actions", steering.max_rule_actions, 0, UINT32_MAX),
	NUMBER("max.modify_actions", steering.max_modify_actions, 0, UINT32_MAX),
	NUMBER("max.root_modify_actions", steering.max_root_modify_actions, 0, UINT32_MAX),
	NUMBER("steering.tie_seed", steering.tie_seed, 0, UINT32_MAX),
};

#define N_KEYS        (sizeof(keys) / sizeof(keys[0]))
#define SEEN_FIRMWARE (UINT64_C(1) << N_KEYS)
#define SEEN_TIE      (UINT64_C(1) << (N_KEYS + 1))
#define SEEN_ALL      ((UINT64_C(1) << (N_KEYS + 2)) - 1)

__attribute__((format(printf, 2, 3))) static int refuse(struct reader *reader, const char *format,
							...)
{
	int used = snprintf(reader->reason, reader->reason_size, "line %u: ", reader->line);
	va_list arguments;

	if (used < 0 || (size_t)used >= reader->reason_size)
		return -EINVAL;
	va_start(arguments, format);
	(void)vsnprintf(reader->reason + used, reader->reason_size - (size_t)used, format,
			arguments);
	va_end(arguments);
	return -EINVAL;
}

static int parse_number(struct reader *reader, const char *text, uint32_t min, uint32_t max,
			uint32_t *ret_value)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return refuse(reader, "\"%s\" is not a number", text);
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || *end)
		return refuse(reader, "\"%s\" is not a number", text);
	if (value < min || value > max)
		return refuse(reader, "%llu is not in %u..%u", value, min, max);
	*ret_value = (uint32_t)value;
	return 0;
}

static void store(struct cx_profile *profile, const struct key *key, uint32_t value)
{
	uint8_t *at = (uint8_t *)profile + key->offset;
	uint16_t value16 = (uint16_t)value;
	bool flag = value != 0;

	if (key->width == sizeof(bool))
		memcpy(at, &flag, sizeof(flag));
	else if (key->width == sizeof(value16))
		memcpy(at, &value16, sizeof(value16));
	else
		memcpy(at, &value, sizeof(value));
}

static int set_tie(struct reader *reader, const char *text)
{
	static const char *const names[] = {
		[STEER_TIE_NEWEST] = "newest",
		[STEER_TIE_OLDEST] = "oldest",
		[STEER_TIE_SHUFFLED] = "shuffled",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			reader->profile->steering.tie = i;
			return 0;
		}
	}
	return refuse(reader, "a tie goes to newest, oldest or shuffled, not \"%s\"", text);
}

static int set_firmware(struct reader *reader, const char *text)
{
	if (strlen(text) >= sizeof(reader->profile->firmware))
		return refuse(reader, "the firmware's version is too long");
	strcpy(reader->profile->firmware, text);
	return 0;
}

static int mark_seen(struct reader *reader, const char *key, uint64_t bit)
{
	if (reader->seen & bit)
		return refuse(reader, "\"%s\" is there twice", key);
	reader->seen |= bit;
	return 0;
}

static int set_cap(struct reader *reader, const char *key, const char *text)
{
	const struct cx_cap *cap = cx_cap_find(key);
	uint32_t value;
	int r;

	if (!cap)
		return refuse(reader, "no capability \"%s\"", key);
	r = parse_number(reader, text, 0, prm_mask(cap->field), &value);
	if (r < 0)
		return r;
	prm_set(reader->profile->caps[cap->group], cap->field, value);
	return 0;
}

static int set_key(struct reader *reader, const char *key, const char *text)
{
	uint32_t value;
	int r;

	if (strncmp(key, "cap.", 4) == 0)
		return set_cap(reader, key, text);
	if (strcmp(key, "firmware") == 0) {
		r = mark_seen(reader, key, SEEN_FIRMWARE);
		return r < 0 ? r : set_firmware(reader, text);
	}
	if (strcmp(key, "steering.tie") == 0) {
		r = mark_seen(reader, key, SEEN_TIE);
		return r < 0 ? r : set_tie(reader, text);
	}
	for (unsigned int i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		r = mark_seen(reader, key, UINT64_C(1) << i);
		if (r < 0)
			return r;
		r = parse_number(reader, text, keys[i].min, keys[i].max, &value);
		if (r < 0)
			return r;
		store(reader->profile, &keys[i], value);
		return 0;
	}
	return refuse(reader, "no key \"%s\"", key);
}

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

static int read_line(struct reader *reader, char *line)
{
	char *comment = strchr(line, '#'), *equals;

	if (comment)
		*comment = '\0';
	line = trim(line);
	if (!*line)
		return 0;
	equals = strchr(line, '=');
	if (!equals)
		return refuse(reader, "\"%s\" is not \"key = value\"", line);
	*equals = '\0';
	return set_key(reader, trim(line), trim(equals + 1));
}

static int read_all(struct reader *reader, FILE *file)
{
	char line[LINE_MAX_BYTES];
	int r;

	while (fgets(line, sizeof(line), file)) {
		reader->line++;
		if (!strchr(line, '\n') && !feof(file))
			return refuse(reader, "the line is too long");
		r = read_line(reader, line);
		if (r < 0)
			return r;
	}
	if (ferror(file))
		return -EIO;
	for (unsigned int i = 0; i < N_KEYS; i++) {
		if (!(reader->seen & UINT64_C(1) << i))
			return refuse(reader, "the file ends without \"%s\"", keys[i].name);
	}
	if (reader->seen != SEEN_ALL)
		return refuse(reader, "the file ends without firmware or steering.tie");
	return 0;
}

int cx_profile_load(const char *directory, const char *name, struct cx_profile *ret_profile,
		    char *reason, size_t reason_size)
{
	struct cx_profile *profile;
	struct reader reader = { .reason = reason, .reason_size = reason_size };
	const char *base = strrchr(name, '/');
	char path[4096];
	FILE *file;
	int r;

	if (base || !directory)
		(void)snprintf(path, sizeof(path), "%s", name);
	else
		(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	(void)snprintf(reason, reason_size, "%s", path);
	profile = calloc(1, sizeof(*profile));
	if (!profile)
		return -ENOMEM;
	(void)snprintf(profile->name, sizeof(profile->name), "%s", base ? base + 1 : name);
	steer_limits_default(&profile->steering);
	reader.profile = profile;
	file = fopen(path, "re");
	if (!file) {
		r = -errno;
		free(profile);
		return r;
	}
	r = read_all(&reader, file);
	(void)fclose(file); /* opened for reading */
	if (r == 0)
		*ret_profile = *profile;
	free(profile);
	return r;
}

uint32_t cx_profile_cap(const struct cx_profile *profile, enum cx_cap_group group, uint32_t field)
{
	return prm_get(profile->caps[group], field);
}
