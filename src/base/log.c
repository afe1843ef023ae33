/*
 * Log lines to standard error: see log.h.
 *
 * The levels are the one piece of state that every room shares; they are atomic because the
 * control thread may change them while others log. A call site's rate limit is a plain struct:
 * two threads at one site at the same moment may miscount by one line, which harms nobody.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES   2048
#define WINDOW_SECONDS   5
#define LINES_PER_WINDOW 10

static const struct {
	const char *name;
	const char *journal; /* syslog priority, sd-daemon(3) */
} levels[LOG_LEVELS] = {
	[LOG_LEVEL_ERROR] = { "error", "<3>" },   [LOG_LEVEL_WARNING] = { "warning", "<4>" },
	[LOG_LEVEL_NOTICE] = { "notice", "<5>" }, [LOG_LEVEL_INFO] = { "info", "<6>" },
	[LOG_LEVEL_DEBUG] = { "debug", "<7>" },
};

static const char *const room_names[LOG_ROOM_COUNT] = {
#define NAME(name, text) [LOG_ROOM_##name] = text,
	LOG_ROOMS(NAME)
#undef NAME
};

static _Atomic int room_levels[LOG_ROOM_COUNT] = {
#define LEVEL(name, text) [LOG_ROOM_##name] = LOG_LEVEL_INFO,
	LOG_ROOMS(LEVEL)
#undef LEVEL
};

static uint64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec;
}

/* False where this site has said enough. *ret_missed: lines left out before this one. */
static int may_log(struct log_limit *limit, unsigned *ret_missed)
{
	uint64_t now = seconds_now();

	*ret_missed = 0;
	if (now - limit->window_start >= WINDOW_SECONDS) {
		*ret_missed = limit->suppressed;
		*limit = (struct log_limit){ .window_start = now, .in_window = 1 };
		return 1;
	}
	if (limit->in_window < LINES_PER_WINDOW) {
		limit->in_window++;
		return 1;
	}
	limit->suppressed++;
	return 0;
}

void log_write(enum log_room room, enum log_level level, struct log_limit *limit,
	       const char *message, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	unsigned missed;
	va_list args;
	size_t used;

	if ((int)level > atomic_load_explicit(&room_levels[room], memory_order_relaxed))
		return;
	if (!may_log(limit, &missed))
		return;
	used = (size_t)snprintf(line, sizeof(line), "%slevel=%s room=%s msg=\"%s\"",
				getenv("JOURNAL_STREAM") ? levels[level].journal : "",
				levels[level].name, room_names[room], message);
	if (format[1] && used < sizeof(line)) {
		va_start(args, format);
		used += (size_t)vsnprintf(line + used, sizeof(line) - used, format, args);
		va_end(args);
	}
	if (missed && used < sizeof(line))
		used += (size_t)snprintf(line + used, sizeof(line) - used, " suppressed=%u",
					 missed);
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nowhere left to say it */
}

const char *log_quotable(const char *text, char *buffer, size_t size)
{
	size_t i = 0;

	for (; text[i] && i + 1 < size; i++)
		buffer[i] = text[i] == '"' ? '\'' : (unsigned char)text[i] < 0x20 ? ' ' : text[i];
	buffer[i] = '\0';
	return buffer;
}

void log_set_level(enum log_room room, enum log_level level)
{
	atomic_store_explicit(&room_levels[room], (int)level, memory_order_relaxed);
}

enum log_level log_get_level(enum log_room room)
{
	return (enum log_level)atomic_load_explicit(&room_levels[room], memory_order_relaxed);
}

int log_room_parse(const char *text, enum log_room *ret)
{
	for (int i = 0; i < LOG_ROOM_COUNT; i++) {
		if (strcasecmp(text, room_names[i]) == 0) {
			*ret = (enum log_room)i;
			return 0;
		}
	}
	return -ENOENT;
}

int log_level_parse(const char *text, enum log_level *ret)
{
	for (int i = 0; i < LOG_LEVELS; i++) {
		if (strcasecmp(text, levels[i].name) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -ENOENT;
}

const char *log_room_name(enum log_room room)
{
	return room_names[room];
}

const char *log_level_name(enum log_level level)
{
	return levels[level].name;
}
