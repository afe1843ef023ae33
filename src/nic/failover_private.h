/*
 * The failover's inside, for failover.c, which acts, path_count.c, which counts, and path_report.c,
 * which tells.
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
	/* What the machine has been told. */
	struct {
		enum vf_level { VF_NONE, VF_IDLE, VF_CARRYING } vf;
		uint64_t incarnation; /* of it, where it is not VF_NONE */
		bool rules;           /* since they were attached, something of them: */
		enum path_event rules_event;
	} told;
	bool withdrawn; /* the VF stopped carrying, and its device stays */
	bool has_timer;
	uint64_t timer_at; /* failover_now() */

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
struct lane_sums {
	uint64_t all[DIRECTIONS];
	uint64_t vf[DIRECTIONS]; /* where the lanes know: bifurcated */
};
void path_count_lanes(const struct failover *failover, struct lane_sums *ret);
void path_count(struct failover *failover, const struct lane_sums *lanes);
void path_packets(struct failover *failover, struct path_packets *ret); /* any thread */

void path_report_init(struct failover *failover);
void path_report_change(struct failover *failover, const struct path_step *step,
			enum path_event event);
/* A VF lies idle, or waits for rules: says so, once, and what can be done. */
void path_report_complaint(struct failover *failover);

#endif
