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
 *     probe                sends probes (probe.h) until the next line comes, "stop"
 *     change BEGAN ANSWERED first|second
 *                          what became of them, with a change of policy to the first or second
 *
 * Each line is answered by one: the result, or "ok"; `probe` at once. Not a test by itself:
 * test_wire.py drives it.
 */
#include "policy/read.h"
#include "wire/play.h"
#include "wire/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

struct player {
	struct play *play;
	struct probe *probe;
};

static void print_json(struct json *json)
{
	char *text = json_print(json);

	printf("%s\n", text);
	free(text);
	json_free(json);
}

static void say_ok(void)
{
	printf("ok\n");
}

/* Each returns false where the line is none of its own. */

static bool run_play(struct player *player, const char *line)
{
	unsigned count, rounds;

	if (strncmp(line, "policy ", 7) == 0)
		play_set_policy(player->play, load_policy(line + 7));
	else if (sscanf(line, "first %u", &count) == 1)
		play_first_packets(player->play, count);
	else if (sscanf(line, "lines %u %u", &count, &rounds) == 2)
		play_lines(player->play, count, rounds);
	else
		return false;
	say_ok();
	return true;
}

static bool run_probe(struct player *player, const char *line)
{
	struct probe_change change;
	char to[8];

	if (strcmp(line, "probe") == 0) {
		say_ok();
		probe_run(player->probe, STDIN_FILENO);
		return true;
	}
	if (strcmp(line, "stop") == 0) {
		say_ok();
		return true;
	}
	if (sscanf(line, "change %" SCNu64 " %" SCNu64 " %7s", &change.began, &change.answered,
		   to) != 3)
		return false;
	change.to_first = strcmp(to, "first") == 0;
	print_json(probe_result(player->probe, &change));
	return true;
}

static bool run(struct player *player, const char *line)
{
	if (strcmp(line, "result") == 0) {
		print_json(play_result(player->play));
		return true;
	}
	return run_play(player, line) || run_probe(player, line);
}

int main(int argc, char **argv)
{
	struct player player;
	struct cable *cable;
	char line[1024];
	int status = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: %s REMOTE VM SEED\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see what is not read yet */
	cable = cable_new(argv[1], argv[2]);
	player.play = play_new(cable, strtoull(argv[3], NULL, 10));
	player.probe = probe_new(cable);
	while (status == 0 && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		status = run(&player, line) ? 0 : 2;
	}
	probe_free(player.probe);
	play_free(player.play);
	cable_free(cable);
	return status;
}
