/*
 * Plays packets through a NIC under test and compares what comes out with what should.
 *
 *     wire_player REMOTE VM SEED
 *
 * REMOTE and VM are the sockets of azhost's two uplinks: the wire before the NIC, and what is
 * behind it. Told what to do by lines on standard input:
 *
 *     policy FILE          the document that is in force from now on
 *     first COUNT          so many first packets
 *     lines COUNT ROUNDS   so many lines, a packet of each in each round
 *     result               all since `policy`, one line of JSON
 *
 * Each line is answered by one: the result, or "ok". Not a test by itself: test_wire.py drives it.
 */
#include "policy/read.h"
#include "wire/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct policy *load_policy(const char *path)
{
	struct policy_read_options options = { 0 };
	JSON_CLEANUP struct json *document = NULL;
	struct accelnet_error err = { 0 };
	struct policy *policy = NULL;
	struct report report;

	report_init(&report);
	if (json_load(path, NULL, &document, &err) < 0 ||
	    policy_build(document, &options, &report, &policy) < 0) {
		(void)report_result(&report, &err);
		fprintf(stderr, "wire: %s: %s\n", path, err.detail);
		exit(1);
	}
	report_fini(&report);
	return policy;
}

static void print_result(const struct play *play)
{
	JSON_CLEANUP struct json *json = play_result(play);
	char *text = json_print(json);

	printf("%s\n", text);
	free(text);
}

/* False where there is no such command. */
static bool run(struct play *play, char *line)
{
	unsigned count, rounds;

	if (strncmp(line, "policy ", 7) == 0) {
		play_set_policy(play, load_policy(line + 7));
	} else if (sscanf(line, "first %u", &count) == 1) {
		play_first_packets(play, count);
	} else if (sscanf(line, "lines %u %u", &count, &rounds) == 2) {
		play_lines(play, count, rounds);
	} else if (strcmp(line, "result") == 0) {
		print_result(play);
		return true;
	} else {
		return false;
	}
	printf("ok\n");
	return true;
}

int main(int argc, char **argv)
{
	struct cable *cable;
	struct play *play;
	char line[1024];
	int status = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: %s REMOTE VM SEED\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	cable = cable_new(argv[1], argv[2]);
	play = play_new(cable, strtoull(argv[3], NULL, 10));
	while (status == 0 && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		status = run(play, line) ? 0 : 2;
	}
	play_free(play);
	cable_free(cable);
	return status;
}
