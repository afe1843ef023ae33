/*
 * The policies of one NIC on disk: the one in force and those before it.
 *
 * A directory per NIC below the state directory, a file per generation:
 *
 *     DIR/policy-00000042.json   {"generation","time","origin","rules","hash","document"}
 *
 * The highest generation is the one in force. A file appears whole or not at all (written beside,
 * fsync, rename, fsync of the directory), so a crash leaves the old or the new one. The newest
 * NIC_HISTORY_MAX files are kept. Thread: control.
 */
#ifndef NIC_STORE_H
#define NIC_STORE_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

struct policy_store;

/* Makes the directory where it is absent and finds what is there. MEMORY or IO on failure. */
int policy_store_open(const char *state_directory, const char *nic_name, struct policy_store **ret,
		      struct accelnet_error *err);
void policy_store_close(struct policy_store *store);

/* The highest generation on disk, readable or not; 0 where no policy was ever stored. */
uint64_t policy_store_newest(const struct policy_store *store);
/* The highest generation below `generation`; 0 where there is none. */
uint64_t policy_store_before(const struct policy_store *store, uint64_t generation);

/* Stores `document` as `generation`, which must be above policy_store_newest(). On disk at return.
 */
int policy_store_save(struct policy_store *store, uint64_t generation, const struct json *document,
		      size_t rules, const char *origin, struct accelnet_error *err);

/* The document of a generation; the caller frees it. NOT_FOUND; IO where the file is damaged. */
int policy_store_load(const struct policy_store *store, uint64_t generation, struct json **ret,
		      struct accelnet_error *err);

/* An array of {"generation","time","origin","rules","hash"}, newest first. The caller frees it. */
struct json *policy_store_history(struct policy_store *store);

/* 16 hexadecimal digits that name a content (FNV-1a of the canonical text; no protection). */
#define POLICY_HASH_TEXT 17
void policy_hash(const char *text, char *buffer);

#endif
