/*
 * A NIC: one MAC, one policy, one connection table, an uplink and an app port.
 *
 * The control thread owns everything here. Workers see only what nic/lane.h shows them. All
 * functions are called on the control thread.
 */
#ifndef NIC_NIC_H
#define NIC_NIC_H

#include "base/error.h"
#include "base/json.h"
#include "base/net.h"
#include "nic/config.h"
#include "nic/path.h"
#include "policy/policy.h"

struct nic;
struct conn_table;
struct snapshot;
struct event_log;
struct offload;
struct rte_rcu_qsbr;

/* What a NIC needs from the daemon; everything is borrowed and outlives the NIC. */
struct nic_services {
	const char *state_directory;
	struct event_log *events;
	struct rte_rcu_qsbr *qsbr; /* the workers are its readers */
	struct offload *offload;   /* NULL: nothing goes to hardware, and looks at the uplink are
				      made by whoever asks for them */
	struct link_watch *links;  /* NULL: no uplink is bifurcated */
	/* Has nic_attend() called soon, for every NIC. Any thread; does not block. */
	void (*wake)(void *context);
	/* The same, some milliseconds later: for a thread that is to lose no time to those whom it
	 * wakes. */
	void (*wake_soon)(void *context);
	void *context;
};

/*
 * Opens the ports and puts the last good policy from disk in force. Where that one cannot be read
 * or built, no policy is in force and everything but platform traffic is dropped: never an older
 * one, never "allow all". DEVICE, IO, MEMORY.
 */
int nic_new(const struct nic_config *config, const struct nic_services *services, struct nic **ret,
	    struct accelnet_error *err);
/*
 * Ends the looks at the uplink; no nic_look() follows. A look goes through the ports of all NICs,
 * so all are quiesced before the first is freed and closes its own.
 */
void nic_quiesce(struct nic *nic);
/* Workers have stopped, and every NIC is quiesced. NULL is fine. */
void nic_free(struct nic *nic);
/* Once a second: link changes become events, and long flows get their marks or lose them. */
void nic_tick(struct nic *nic);
/* Every FAILOVER_LOOK_MS: has the uplink looked at, and settles a patched rule set. */
void nic_look(struct nic *nic);
/* The kernel has told of its interfaces. */
void nic_links_changed(struct nic *nic);
/* Something may have changed on the uplink: see nic_services.wake. */
void nic_attend(struct nic *nic);
/* Adds "path", "pathSince" and what goes with them. */
void nic_describe_path(const struct nic *nic, struct json *to);
/* Where the operator wants the traffic: STATE with the reason where that cannot be. */
int nic_failover(struct nic *nic, enum path_wish wish, struct accelnet_error *err);
/*
 * Replaces the configured context (NULL: none) and builds the policy in force anew with it. The old
 * one stays where that fails.
 */
int nic_set_context(struct nic *nic, const struct json *context, struct accelnet_error *err);
/* How errors in it are told. */
#define NIC_CONTEXT_NAME "the context of the NIC's configuration"
/* NULL: none. Borrowed until it is replaced. */
const struct json *nic_get_context(const struct nic *nic);

/* What an apply did. Free with nic_apply_result_fini(). */
struct nic_apply_result {
	uint64_t generation; /* now in force */
	bool unchanged;      /* the same content was in force already: nothing was done */
	size_t rules_added;
	size_t rules_kept;
	size_t rules_removed;
	size_t in_hardware;
	size_t in_software;
	size_t refused;
	struct report report; /* warnings; on failure the errors */
};

struct nic_apply_options {
	bool dry_run;
	bool has_if_generation;
	uint64_t if_generation;
	const char *origin; /* who asked, for the history: "uid 1000 pid 4242"; may be NULL */
};

/*
 * Puts a policy document in force, whole or not at all. It is on disk before this returns 0, and
 * every packet judged after that is judged by it. `document` stays the caller's.
 * Errors: whatever policy_build() and the classifier refuse; GENERATION_MISMATCH; IO where the
 * state directory cannot be written (nothing is changed then).
 */
int nic_policy_apply(struct nic *nic, const struct json *document,
		     const struct nic_apply_options *options, struct nic_apply_result *ret,
		     struct accelnet_error *err);
void nic_apply_result_fini(struct nic_apply_result *result);

/* The document and policy in force; NULL before the first apply. Borrowed until the next apply. */
const struct json *nic_policy_document(const struct nic *nic);
const struct policy *nic_policy(const struct nic *nic);
const struct snapshot *nic_snapshot(const struct nic *nic);
uint64_t nic_generation(const struct nic *nic);
/*
 * The policy by whose rules a connection was last judged, of conn_info.generation; 0: none was in
 * force. False where that is too long ago to tell.
 */
bool nic_generation_of(const struct nic *nic, uint16_t generation, uint64_t *ret);

/*
 * An array of {"generation","time","origin","rules","hash","current"}, newest first. The newest
 * NIC_HISTORY_MAX generations are kept.
 */
#define NIC_HISTORY_MAX 32
struct json *nic_policy_history(const struct nic *nic);
/* The stored document of a generation; the caller frees it. NOT_FOUND. */
int nic_policy_load(const struct nic *nic, uint64_t generation, struct json **ret,
		    struct accelnet_error *err);
/* The newest generation before the one in force; 0 where there is none. */
uint64_t nic_policy_previous(const struct nic *nic);

/* `nic list` (brief) and `nic show` (everything that is known). The caller frees them. */
struct json *nic_describe(const struct nic *nic);
struct json *nic_describe_fully(const struct nic *nic);

const struct nic_config *nic_get_config(const struct nic *nic);
struct conn_table *nic_connections(struct nic *nic);

/* All NICs of the daemon, in the order of the configuration. */
struct nic_set {
	struct nic **nics;
	size_t count;
	struct event_log *events;
};
struct nic *nic_set_find(const struct nic_set *set, const char *name);

#endif
