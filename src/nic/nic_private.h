/*
 * The NIC itself, for the files of this room.
 */
#ifndef NIC_NIC_PRIVATE_H
#define NIC_NIC_PRIVATE_H

#include "nic/connection_marks.h"
#include "nic/failover.h"
#include "nic/generations.h"
#include "nic/hardware.h"
#include "nic/lane.h"
#include "nic/nic.h"
#include "nic/port.h"
#include "nic/store.h"
#include "nic/uplink.h"

struct nic {
	const struct nic_config *config;
	struct nic_services services;
	struct json *context; /* for policies that bring none; owned; may be NULL */
	struct mac_addr mac;
	struct rte_mempool *pool;
	struct uplink *uplink;
	struct failover *failover;
	struct hardware hardware;
	struct connection_marks marks;
	struct port app;
	bool link_was_up[DIRECTIONS];
	struct policy_store *store;
	struct json *document; /* in force, canonical; NULL: none */
	char *content;         /* of the document: policy_document_content(); NULL with it */
	uint64_t generation;   /* of the policy in force; 0: none was ever applied */
	uint64_t epoch; /* of the rule set in force: a change of context makes a new one, too */
	struct generations generations;
	uint64_t settle_at;     /* ms: not before, see settle.c */
	unsigned settle_failed; /* times in a row */
	struct nic_view view;
};

/* `verifies`: the uplink's device says of each packet whether its checksums are right. */
void nic_set_settled_flags(struct nic_view *view, bool verifies);

/* snapshot.c: builds one of `policy`, which it takes over (NULL: no policy is in force). */
int snapshot_new(const struct nic *nic, struct policy *policy, uint64_t generation,
		 struct snapshot **ret, struct accelnet_error *err);
/* The same rule set and counters with other marks, which it takes over, on failure too. -ENOMEM. */
int snapshot_new_marks(const struct snapshot *of, struct mark_table *marks, struct snapshot **ret);
/* Before it is published. Takes the marks over. */
void snapshot_set_marks(struct snapshot *snapshot, struct mark_table *marks);
void snapshot_free(struct snapshot *snapshot);

/* Swaps the snapshot in and frees the old one once no worker can be reading it. */
void nic_publish(struct nic *nic, struct snapshot *snapshot);

/* settle.c: a rule set that was patched gets a classifier of its own a little later. */
void settle_later(struct nic *nic);
void settle_attend(struct nic *nic);

/* The policy on disk, if there is one, in force; else none. Fails only for want of memory. */
int nic_restore(struct nic *nic, struct accelnet_error *err);

#endif
