/*
 * The listening socket's place in the file system: stale ones go, live ones and other files stay.
 */
#include "control/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char directory[64];
	char path[128];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->directory, "/tmp/accelnet-test-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/run/control.sock", place->directory);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char run[96];

	snprintf(run, sizeof(run), "%s/run", place->directory);
	(void)rmdir(run); /* made by the first use */
	assert_int_equal(rmdir(place->directory), 0);
	free(place);
	return 0;
}

static int can_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int r;

	strcpy(address.sun_path, path);
	r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return r == 0;
}

static void makes_its_directory_and_cleans_up(void **state)
{
	const struct place *place = *state;
	struct listen_socket socket;
	struct stat st;

	assert_int_equal(listen_init(&socket, place->path, "root", NULL), 0);
	assert_true(can_connect(place->path));
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	listen_fini(&socket);
	assert_int_equal(access(place->path, F_OK), -1);
}

static void takes_over_from_one_that_was_killed(void **state)
{
	const struct place *place = *state;
	struct listen_socket socket;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(listen_init(&socket, place->path, "root", NULL) == 0 ? 0 : 1); /* no fini */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(place->path, F_OK), 0); /* the stale socket */
	assert_false(can_connect(place->path));
	assert_int_equal(listen_init(&socket, place->path, "root", NULL), 0);
	assert_true(can_connect(place->path));
	listen_fini(&socket);
}

static void leaves_a_live_one_alone(void **state)
{
	const struct place *place = *state;
	struct listen_socket first, second;
	struct accelnet_error err;

	assert_int_equal(listen_init(&first, place->path, "root", NULL), 0);
	assert_true(listen_init(&second, place->path, "root", &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_STATE);
	assert_non_null(strstr(err.detail, "another daemon"));
	listen_fini(&second);
	assert_true(can_connect(place->path));
	listen_fini(&first);
}

static void leaves_other_files_alone(void **state)
{
	const struct place *place = *state;
	struct listen_socket socket;
	struct accelnet_error err;
	char run[96];
	FILE *file;

	snprintf(run, sizeof(run), "%s/run", place->directory);
	assert_int_equal(mkdir(run, 0755), 0);
	file = fopen(place->path, "w");
	assert_non_null(file);
	fclose(file);
	assert_true(listen_init(&socket, place->path, "root", &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_IO);
	assert_non_null(strstr(err.detail, place->path));
	listen_fini(&socket);
	assert_int_equal(unlink(place->path), 0); /* it was still there */
}

static void refuses_a_path_that_is_too_long(void **state)
{
	const struct place *place = *state;
	struct listen_socket socket;
	struct accelnet_error err;
	char path[300];

	snprintf(path, sizeof(path), "%s/run/%0200d", place->directory, 0);
	assert_true(listen_init(&socket, path, "root", &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_RANGE);
	listen_fini(&socket);
}

static void keeps_its_own_group_where_there_is_no_other(void **state)
{
	const struct place *place = *state;
	struct listen_socket socket;

	assert_int_equal(listen_init(&socket, place->path, "no-such-group", NULL), 0);
	assert_int_equal(socket.group, getegid());
	listen_fini(&socket);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(makes_its_directory_and_cleans_up),
		TEST(takes_over_from_one_that_was_killed),
		TEST(leaves_a_live_one_alone),
		TEST(leaves_other_files_alone),
		TEST(refuses_a_path_that_is_too_long),
		TEST(keeps_its_own_group_where_there_is_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
