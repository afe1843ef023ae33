/*
 * Log lines: key=value, a level per room that can change at run time, a rate limit per call site.
 *
 *     level=warning room=nic msg="link is down" nic=eth1 seconds=3
 *
 * Lines go to standard error, one write() each; where that is the journal (JOURNAL_STREAM), the
 * syslog priority prefix "<4>" stands in front. Never used by a worker on its packet path.
 * Thread: any. Each file that logs says which room it is in: #define LOG_ROOM LOG_ROOM_NIC
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
#define LOG_LEVELS 5

#define LOG_ROOMS(X)            \
	X(BASE, "base")         \
	X(POLICY, "policy")     \
	X(COMPILE, "compile")   \
	X(CLASSIFY, "classify") \
	X(OFFLOAD, "offload")   \
	X(NIC, "nic")           \
	X(DATAPATH, "datapath") \
	X(CONTROL, "control")   \
	X(DAEMON, "daemon")     \
	X(CLI, "cli")           \
	X(TESTPMD, "testpmd")   \
	X(AZHOST, "azhost")

enum log_room {
#define LOG_ROOM_(name, text) LOG_ROOM_##name,
	LOG_ROOMS(LOG_ROOM_)
#undef LOG_ROOM_
		LOG_ROOM_COUNT
};

/* One per call site: at most 10 lines in 5 seconds, then one that says how many were left out. */
struct log_limit {
	uint64_t window_start;
	unsigned in_window;
	unsigned suppressed;
};

/*
 * `format` begins with a space; what follows makes the key=value part: " nic=%s port=%u". Callers
 * use the macros: log_warning("link is down", "nic=%s", name), or log_warning("link is down").
 */
void log_write(enum log_room room, enum log_level level, struct log_limit *limit,
	       const char *message, const char *format, ...) __attribute__((format(printf, 5, 6)));

#define log_at(level, message, ...)                                                    \
	do {                                                                           \
		static struct log_limit log_limit_;                                    \
		log_write(LOG_ROOM, (level), &log_limit_, (message), " " __VA_ARGS__); \
	} while (0)

#define log_error(message, ...)   log_at(LOG_LEVEL_ERROR, message, __VA_ARGS__)
#define log_warning(message, ...) log_at(LOG_LEVEL_WARNING, message, __VA_ARGS__)
#define log_notice(message, ...)  log_at(LOG_LEVEL_NOTICE, message, __VA_ARGS__)
#define log_info(message, ...)    log_at(LOG_LEVEL_INFO, message, __VA_ARGS__)
#define log_debug(message, ...)   log_at(LOG_LEVEL_DEBUG, message, __VA_ARGS__)

/*
 * Copies what others wrote, cut where it is longer than `size`, so that between double quotes it
 * looks like no field or line of ours. Returns `buffer`.
 */
const char *log_quotable(const char *text, char *buffer, size_t size);

void log_set_level(enum log_room room, enum log_level level);
enum log_level log_get_level(enum log_room room);
/* 0 or -ENOENT. */
int log_room_parse(const char *text, enum log_room *ret);
int log_level_parse(const char *text, enum log_level *ret);
const char *log_room_name(enum log_room room);
const char *log_level_name(enum log_level level);

#endif
