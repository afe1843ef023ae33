/*
 * Replacing contexts while everything runs: see reload.h.
 */
#define LOG_ROOM LOG_ROOM_DAEMON
#include "daemon/reload.h"

#include "base/log.h"
#include "daemon/config_changes.h"

#define PROBLEMS_LOGGED 100

/* A limit for each line: an operator asked, and wants them all. */
static void log_problem(const char *path, const struct problem *problem)
{
	char detail[ERROR_DETAIL_MAX], pointer[ERROR_POINTER_MAX];

	log_write(LOG_ROOM, problem->is_warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
		  &(struct log_limit){ 0 },
		  problem->is_warning ? "warning about the configuration"
				      : "configuration is not reloaded",
		  " file=%s pointer=\"%s\" error=\"%s\"", path,
		  log_quotable(problem->pointer, pointer, sizeof(pointer)),
		  log_quotable(problem->detail, detail, sizeof(detail)));
}

static void log_report(const char *path, const struct report *report)
{
	size_t logged = report->count < PROBLEMS_LOGGED ? report->count : PROBLEMS_LOGGED;
	size_t more = report->count - logged + report->suppressed;

	for (size_t i = 0; i < logged; i++)
		log_problem(path, &report->problems[i]);
	if (more)
		log_error("more problems of the configuration", "file=%s count=%zu", path, more);
}

static void log_waiting(const struct daemon_config *running, const struct daemon_config *fresh)
{
	char keys[CONFIG_CHANGES_MAX];

	if (daemon_config_changes(running, fresh, keys)[0])
		log_warning("changes wait for the next start", "keys=%s", keys);
	for (size_t i = 0; i < running->nic_count; i++) {
		const struct nic_config *nic = &running->nics[i];
		const struct nic_config *now = daemon_config_find(fresh, nic->name);

		if (!now)
			log_warning("a NIC that runs is not in the file: it keeps its context",
				    "nic=%s", nic->name);
		else if (nic_config_changes(nic, now, keys)[0])
			log_warning("changes wait for the next start", "nic=%s keys=%s", nic->name,
				    keys);
	}
}

/* False where the NIC keeps the context it had. */
static bool replace_context(const struct nic_set *nics, const struct nic_config *config)
{
	struct nic *nic = nic_set_find(nics, config->name);
	char detail[ERROR_DETAIL_MAX];
	struct accelnet_error err;

	if (!nic) {
		log_warning("a NIC of the file does not run: its context is not used", "nic=%s",
			    config->name);
		return false;
	}
	if (nic_set_context(nic, config->context, &err) == 0)
		return true;
	log_error("context is not reloaded", "nic=%s pointer=%s error=\"%s\"", config->name,
		  err.pointer, log_quotable(err.detail, detail, sizeof(detail)));
	return false;
}

void reload_contexts(const char *path, const struct daemon_config *running,
		     const struct nic_set *nics)
{
	struct daemon_config fresh;
	struct report report;
	size_t replaced = 0;
	int r;

	report_init(&report);
	r = daemon_config_load(path, &fresh, &report);
	log_report(path, &report);
	if (r == 0) {
		for (size_t i = 0; i < fresh.nic_count; i++)
			replaced += replace_context(nics, &fresh.nics[i]);
		log_waiting(running, &fresh);
		log_notice("configuration reloaded", "file=%s contexts=%zu of=%zu", path, replaced,
			   nics->count);
	}
	daemon_config_fini(&fresh);
	report_fini(&report);
}
