/*
 * Policies on disk: what is saved is found again, what is damaged is not used.
 */
#include "nic/nic.h"
#include "nic/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What was synced, in this order, and the number of the sync that fails; 0: none. */
static struct {
	ino_t inodes[64];
	unsigned count, fails;
} syncs;

int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	if (syncs.count < sizeof(syncs.inodes) / sizeof(syncs.inodes[0]))
		syncs.inodes[syncs.count] = status.st_ino;
	if (++syncs.count == syncs.fails) {
		errno = EIO;
		return -1;
	}
	return __real_fsync(fd);
}

struct fixture {
	char state[64];
	struct policy_store *store;
};

static void open_store(struct fixture *f)
{
	struct accelnet_error err;

	if (policy_store_open(f->state, "eth1", &f->store, &err) < 0)
		fail_msg("%s", err.detail);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->state, "/tmp/accelnet-store-XXXXXX");
	if (!mkdtemp(f->state))
		return -1;
	open_store(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	policy_store_close(f->store);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->state);
	if (system(command) != 0)
		return -1;
	free(f);
	return 0;
}

static struct json *document(int number)
{
	struct json *json = json_new_object();

	json_add_string(json, "apiVersion", "accelnet/v1");
	json_add_integer(json, "number", number);
	return json;
}

static void save(struct fixture *f, uint64_t generation)
{
	struct json *json = document((int)generation);
	struct accelnet_error err;

	if (policy_store_save(f->store, generation, json, 3, "test", &err) < 0)
		fail_msg("%s", err.detail);
	json_free(json);
}

static int64_t number_of(const struct json *json)
{
	struct json_at root = json_root(json), member;
	int64_t number = -1;

	assert_true(json_get(&root, "number", &member));
	assert_true(json_integer(&member, &number));
	return number;
}

static void is_empty_at_first(void **state)
{
	struct fixture *f = *state;
	struct accelnet_error err;
	struct json *json;

	assert_int_equal(policy_store_newest(f->store), 0);
	assert_int_equal(policy_store_before(f->store, 5), 0);
	assert_true(policy_store_load(f->store, 1, &json, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_NOT_FOUND);
}

static void finds_policies_again_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct accelnet_error err;
	struct json *json;

	save(f, 1);
	save(f, 2);
	save(f, 7);
	policy_store_close(f->store);
	open_store(f);
	assert_int_equal(policy_store_newest(f->store), 7);
	assert_int_equal(policy_store_before(f->store, 7), 2);
	assert_int_equal(policy_store_before(f->store, 2), 1);
	assert_int_equal(policy_store_load(f->store, 2, &json, &err), 0);
	assert_int_equal(number_of(json), 2);
	json_free(json);
}

static void keeps_the_newest_generations(void **state)
{
	struct fixture *f = *state;
	struct json_at root, first, member;
	struct json *history;
	int64_t number;

	for (uint64_t g = 1; g <= NIC_HISTORY_MAX + 5; g++)
		save(f, g);
	policy_store_close(f->store);
	open_store(f);
	history = policy_store_history(f->store);
	root = json_root(history);
	assert_int_equal(json_count(&root), NIC_HISTORY_MAX);
	assert_true(json_first(&root, &first));
	assert_true(json_get(&first, "generation", &member));
	assert_true(json_integer(&member, &number));
	assert_int_equal(number, NIC_HISTORY_MAX + 5);
	assert_false(json_get(&first, "document", &member));
	json_free(history);
}

static void file_path(const struct fixture *f, uint64_t generation, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/eth1/policy-%08lu.json", f->state, generation);
}

static void damage(const struct fixture *f, uint64_t generation, const char *text, off_t at)
{
	char path[128];
	int fd;

	file_path(f, generation, path, sizeof(path));
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
	close(fd);
}

static void refuses_a_damaged_file_and_still_counts_it(void **state)
{
	struct fixture *f = *state;
	struct accelnet_error err;
	struct json *json = NULL;
	char path[128];

	save(f, 1);
	save(f, 2);
	damage(f, 2, "#", 0);
	assert_int_equal(policy_store_newest(f->store), 2);
	assert_true(policy_store_load(f->store, 2, &json, &err) < 0);
	assert_null(json);

	save(f, 3);
	file_path(f, 3, path, sizeof(path));
	assert_int_equal(truncate(path, 40), 0);
	assert_true(policy_store_load(f->store, 3, &json, &err) < 0);
}

/* A flipped digit leaves good JSON: the hash tells. */
static void notices_changed_content(void **state)
{
	struct fixture *f = *state;
	char path[128], text[1024];
	struct accelnet_error err;
	struct json *json;
	ssize_t length;
	char *digit;
	int fd;

	save(f, 1);
	file_path(f, 1, path, sizeof(path));
	fd = open(path, O_RDONLY);
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(length > 0);
	text[length] = '\0';
	digit = strstr(text, "\"number\":1");
	assert_non_null(digit);
	damage(f, 1, "9", digit - text + 9);
	assert_true(policy_store_load(f->store, 1, &json, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_IO);
	assert_non_null(strstr(err.detail, "damaged"));
}

static void ignores_strangers_and_what_a_crash_left(void **state)
{
	static const char *const names[] = { "policy.new", "policy-1.json", "policy-00000009.json~",
					     "notes.txt", "policy-x.json" };
	struct fixture *f = *state;
	char path[160];

	save(f, 4);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/eth1/%s", f->state, names[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	policy_store_close(f->store);
	open_store(f);
	assert_int_equal(policy_store_newest(f->store), 4);
	(void)snprintf(path, sizeof(path), "%s/eth1/policy.new", f->state);
	assert_int_equal(access(path, F_OK), -1);
}

static void says_why_it_cannot_save(void **state)
{
	struct fixture *f = *state;
	struct json *json = document(1);
	struct accelnet_error err;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/eth1", f->state);
	assert_int_equal(rmdir(path), 0);
	assert_true(policy_store_save(f->store, 1, json, 0, NULL, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_IO);
	assert_int_equal(policy_store_newest(f->store), 0);
	json_free(json);
}

static ino_t inode_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_ino;
}

/* A power cut must not take a directory whose policy was promised to be stored. */
static void syncs_new_directories(void **state)
{
	struct fixture *f = *state;
	struct policy_store *store;
	struct accelnet_error err;
	char directory[128];

	(void)snprintf(directory, sizeof(directory), "%s/new", f->state);
	syncs.count = 0;
	assert_int_equal(policy_store_open(directory, "eth1", &store, &err), 0);
	assert_int_equal(syncs.count, 2);
	assert_int_equal(syncs.inodes[0], inode_of(f->state));
	assert_int_equal(syncs.inodes[1], inode_of(directory));
	policy_store_close(store);
}

static void opens_no_directory_that_is_not_synced(void **state)
{
	struct fixture *f = *state;
	struct policy_store *store;
	struct accelnet_error err;
	char directory[128];

	(void)snprintf(directory, sizeof(directory), "%s/new", f->state);
	for (unsigned fails = 1; fails <= 2; fails++) {
		syncs.count = 0;
		syncs.fails = fails;
		assert_true(policy_store_open(directory, "eth1", &store, &err) < 0);
		syncs.fails = 0;
		assert_int_equal(err.code, ACCELNET_E_IO);
	}
	syncs.count = 0;
	assert_int_equal(policy_store_open(directory, "eth1", &store, &err), 0);
	assert_int_equal(syncs.count, 1); /* the NIC's was left by the second try */
	assert_int_equal(syncs.inodes[0], inode_of(directory));
	policy_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_empty_at_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(finds_policies_again_after_a_restart, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(keeps_the_newest_generations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_damaged_file_and_still_counts_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(notices_changed_content, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ignores_strangers_and_what_a_crash_left, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(says_why_it_cannot_save, set_up, tear_down),
		cmocka_unit_test_setup_teardown(syncs_new_directories, set_up, tear_down),
		cmocka_unit_test_setup_teardown(opens_no_directory_that_is_not_synced, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
