/*
 * Policies on disk: see store.h.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/store.h"

#include "base/log.h"
#include "nic/nic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME_MAX 48
#define TEMPORARY     "policy.new"

static const struct json_limits file_limits = { .bytes = 64U << 20 };

struct stored {
	uint64_t generation;
	struct json *summary; /* what the history tells of it; NULL until somebody asked */
};

struct policy_store {
	char *directory;
	int fd;                                    /* of the directory */
	struct stored stored[NIC_HISTORY_MAX + 1]; /* ascending by generation */
	size_t count;
};

static void file_name(uint64_t generation, char *buffer)
{
	(void)snprintf(buffer, FILE_NAME_MAX, "policy-%08" PRIu64 ".json", generation);
}

/* The generation in a file's name, or 0. */
static uint64_t generation_of(const char *name)
{
	char again[FILE_NAME_MAX];
	uint64_t generation;

	if (sscanf(name, "policy-%" SCNu64 ".json", &generation) != 1)
		return 0;
	file_name(generation, again);
	return strcmp(name, again) == 0 ? generation : 0;
}

void policy_hash(const char *text, char *buffer)
{
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a, 64 bits */

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	(void)snprintf(buffer, POLICY_HASH_TEXT, "%016" PRIx64, hash);
}

static void forget_oldest(struct policy_store *store)
{
	char name[FILE_NAME_MAX];

	file_name(store->stored[0].generation, name);
	if (unlinkat(store->fd, name, 0) < 0)
		log_warning("cannot remove an old policy", "file=%s/%s error=\"%s\"",
			    store->directory, name, strerror(errno));
	json_free(store->stored[0].summary);
	store->count--;
	memmove(store->stored, store->stored + 1, store->count * sizeof(store->stored[0]));
}

/* Keeps the list ascending and drops the oldest file where there are too many. */
static void remember(struct policy_store *store, uint64_t generation)
{
	size_t at = store->count;

	while (at > 0 && store->stored[at - 1].generation > generation)
		at--;
	memmove(&store->stored[at + 1], &store->stored[at],
		(store->count - at) * sizeof(store->stored[0]));
	store->stored[at] = (struct stored){ .generation = generation };
	store->count++;
	if (store->count > NIC_HISTORY_MAX)
		forget_oldest(store);
}

static int scan(struct policy_store *store)
{
	int fd = dup(store->fd), r;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	/* a listing that breaks off must not look like an older policy, or like none */
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		uint64_t generation = generation_of(entry->d_name);

		if (generation)
			remember(store, generation);
	}
	r = -errno;
	closedir(dir);
	if (r < 0)
		return r;
	(void)unlinkat(store->fd, TEMPORARY, 0); /* left by a crash: never was in force */
	return 0;
}

/* The directory's own entry: without that a power cut may take it, and what was synced in it. */
static int sync_entry(const char *directory)
{
	char *parent;
	int fd, r;

	if (asprintf(&parent, "%s/..", directory) < 0)
		return -ENOMEM;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* mkdir for the last component and the one above it. */
static int make_directory(const char *state_directory, const char *directory)
{
	if (mkdir(state_directory, 0750) == 0) {
		int r = sync_entry(state_directory);

		if (r < 0) {
			(void)rmdir(state_directory); /* the next start would take it for synced */
			return r;
		}
		log_warning("state directory was absent and is new: no policy is known",
			    "directory=%s", state_directory);
	} else if (errno != EEXIST) {
		return -errno;
	}
	if (mkdir(directory, 0750) < 0 && errno != EEXIST)
		return -errno;
	return sync_entry(directory); /* also where whoever made it may have ended before this */
}

int policy_store_open(const char *state_directory, const char *nic_name, struct policy_store **ret,
		      struct accelnet_error *err)
{
	struct policy_store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	store->fd = -1;
	if (asprintf(&store->directory, "%s/%s", state_directory, nic_name) < 0) {
		free(store);
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	r = make_directory(state_directory, store->directory);
	if (r == 0) {
		store->fd = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = store->fd < 0 ? -errno : scan(store);
	}
	if (r < 0) {
		r = fail(err, ACCELNET_E_IO, NULL, "state directory %s: %s", store->directory,
			 strerror(-r));
		policy_store_close(store);
		return r;
	}
	*ret = store;
	return 0;
}

void policy_store_close(struct policy_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < store->count; i++)
		json_free(store->stored[i].summary);
	if (store->fd >= 0)
		close(store->fd);
	free(store->directory);
	free(store);
}

uint64_t policy_store_newest(const struct policy_store *store)
{
	return store->count ? store->stored[store->count - 1].generation : 0;
}

uint64_t policy_store_before(const struct policy_store *store, uint64_t generation)
{
	uint64_t best = 0;

	for (size_t i = 0; i < store->count && store->stored[i].generation < generation; i++)
		best = store->stored[i].generation;
	return best;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t done = write(fd, text, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		text += done;
		length -= (size_t)done;
	}
	return 0;
}

/* Writes and syncs a file beside the others, then gives it its name and syncs the directory. */
static int write_atomically(int directory, const char *name, const char *text)
{
	int fd = openat(directory, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(directory, TEMPORARY, directory, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(directory, TEMPORARY, 0); /* the first error is the one to tell */
		return r;
	}
	if (fsync(directory) < 0) {
		r = -errno;
		(void)unlinkat(directory, name, 0); /* refused, so it must not come back at start */
	}
	return r;
}

static char *file_text(uint64_t generation, const struct json *document, size_t rules,
		       const char *origin)
{
	JSON_CLEANUP struct json *file = json_new_object();
	char *text = json_print(document);
	char hash[POLICY_HASH_TEXT], now[32];
	time_t seconds = time(NULL);
	struct tm utc;

	policy_hash(text, hash);
	free(text);
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
	json_add_unsigned(file, "generation", generation);
	json_add_string(file, "time", now);
	json_add_string(file, "origin", origin);
	json_add_unsigned(file, "rules", rules);
	json_add_string(file, "hash", hash);
	json_add(file, "document", json_copy(document));
	return json_print(file);
}

int policy_store_save(struct policy_store *store, uint64_t generation, const struct json *document,
		      size_t rules, const char *origin, struct accelnet_error *err)
{
	char *text = file_text(generation, document, rules, origin);
	char name[FILE_NAME_MAX];
	int r;

	file_name(generation, name);
	r = write_atomically(store->fd, name, text);
	free(text);
	if (r < 0)
		return fail(err, ACCELNET_E_IO, NULL, "cannot store the policy as %s/%s: %s",
			    store->directory, name, strerror(-r));
	remember(store, generation);
	return 0;
}

static bool knows(const struct policy_store *store, uint64_t generation)
{
	for (size_t i = 0; i < store->count; i++) {
		if (store->stored[i].generation == generation)
			return true;
	}
	return false;
}

static int load_file(const struct policy_store *store, uint64_t generation, struct json **ret,
		     struct accelnet_error *err)
{
	char name[FILE_NAME_MAX], *path;
	int r;

	file_name(generation, name);
	if (asprintf(&path, "%s/%s", store->directory, name) < 0)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	r = json_load(path, &file_limits, ret, err);
	free(path);
	return r;
}

/* True where the stored hash is that of the stored document. */
static bool is_intact(const struct json_at *file, const struct json_at *document)
{
	char *text = json_print(document->value);
	char hash[POLICY_HASH_TEXT];
	struct json_at stored;
	bool same;

	policy_hash(text, hash);
	free(text);
	same = json_get(file, "hash", &stored) && json_string(&stored) &&
	       strcmp(json_string(&stored), hash) == 0;
	return same;
}

int policy_store_load(const struct policy_store *store, uint64_t generation, struct json **ret,
		      struct accelnet_error *err)
{
	JSON_CLEANUP struct json *file = NULL;
	struct json_at root, document;
	int r;

	if (!knows(store, generation))
		return fail(err, ACCELNET_E_NOT_FOUND, NULL,
			    "generation %" PRIu64
			    " is not stored; \"policy history\" lists those that are",
			    generation);
	r = load_file(store, generation, &file, err);
	if (r < 0)
		return r;
	root = json_root(file);
	if (!json_get(&root, "document", &document) || !is_intact(&root, &document))
		return fail(err, ACCELNET_E_IO, NULL,
			    "the stored policy of generation %" PRIu64 " in %s is damaged",
			    generation, store->directory);
	*ret = json_copy(document.value);
	return 0;
}

/* The file without its document. */
static struct json *summarise(const struct policy_store *store, uint64_t generation)
{
	struct json *file = NULL;

	if (load_file(store, generation, &file, NULL) < 0) {
		file = json_new_object();
		json_add_unsigned(file, "generation", generation);
		json_add_bool(file, "damaged", true);
	}
	json_remove(file, "document");
	return file;
}

struct json *policy_store_history(struct policy_store *store)
{
	struct json *list = json_new_array();

	for (size_t i = store->count; i > 0; i--) {
		struct stored *stored = &store->stored[i - 1];

		if (!stored->summary)
			stored->summary = summarise(store, stored->generation);
		json_add(list, NULL, json_copy(stored->summary));
	}
	return list;
}
