/*
 * The failover's inside, for failover.c, which acts, and path_report.c, which tells.
 */
#ifndef NIC_FAILOVER_PRIVATE_H
#define NIC_FAILOVER_PRIVATE_H

#include "nic/failover.h"
#include "nic/looker.h"

#include <pthread.h>
#include <time.h>

enum path_kind { PATH_KIND_SYNTHETIC, PATH_KIND_VF, PATH_KINDS };

struct path_packets {
	uint64_t packets[PATH_KINDS][DIRECTIONS];
};

struct failover {
	struct failover_options options;
	struct nic_services services;
	struct path path;
	struct uplink_reading reading; /* as of the last attend */
	bool present;                  /* the VF that the machine knows of, and which */
	uint64_t incarnation;
	bool withdrawn;    /* the host took the association back and left the device */
	uint64_t timer_at; /* clock_ms(); 0: none */

	struct looker *looker; /* NULL: looks are made by whoever ticks */

	/* path_report.c's: */
	struct timespec since;
	const char *cause;
	const char *complaint;      /* NULL: nothing is wrong */
	struct path_packets before; /* at the last change */

	pthread_mutex_t lock;        /* of: */
	struct path_packets packets; /* since the start, as of the last look; never backwards */
	struct path_packets vf_base; /* when the VF that is counted now came */
	uint64_t vf_counted;         /* its incarnation */
};

/*
 * Counts packets by path, around a look: what the lanes have exchanged with the uplink before it,
 * and after it what of that was the VF's. The looker.
 */
void path_count_lanes(const struct failover *failover, uint64_t *ret);
void path_count(struct failover *failover, const uint64_t *lanes);
void path_packets(struct failover *failover, struct path_packets *ret); /* any thread */

void path_report_init(struct failover *failover);
void path_report_change(struct failover *failover, const struct path_step *step,
			enum path_event event);
/* A VF lies idle: says so, and what can be done. */
void path_report_idle(struct failover *failover);

#endif
