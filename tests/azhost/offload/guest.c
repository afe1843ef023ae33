/*
 * The offload room on a real port, by commands: one port, two queues, plans of policy documents.
 *
 *     attach | detach | halt | stop | start | remove
 *     apply FILE | none      change of policy, in the order that offload.h wants; "again": the same
 *     begin FILE             the same as apply, but does not wait for what goes on behind it
 *     status | rules | device
 *     receive MS             what comes within that time: queue, mark and what it means
 *     quit
 *
 * Each answer ends with a line "ok". Not a test by itself: test_offload.py drives it in a VM.
 */
#include "nic/port.h"
#include "offload/offload.h"
#include "policy/read.h"

#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_mbuf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUES 2
#define BURST  32

struct guest {
	struct port port;
	bool stopped, hurried;
	struct rte_mempool *pool;
	struct offload *offload;
	struct offload_nic *nic;
	struct mark_table *table;
	struct policy *policy;
	_Atomic unsigned news;
	uint64_t tickets;
};

static void on_change(void *context)
{
	struct guest *guest = context;

	atomic_fetch_add(&guest->news, 1);
}

/* The one thread that receives drains by hand. */
static uint64_t take_ticket(void *context)
{
	struct guest *guest = context;

	return ++guest->tickets;
}

static bool is_drained(void *context, uint64_t ticket)
{
	const struct guest *guest = context;

	return ticket < guest->tickets;
}

/* --- waiting --- */

static bool is_at_rest(const struct offload_status *status)
{
	return status->state != OFFLOAD_STATE_WAITING && status->state != OFFLOAD_STATE_INSTALLING;
}

static void wait_for_rest(struct guest *guest)
{
	struct offload_status status;

	for (int ms = 0; ms < 20000; ms++) {
		offload_status(guest->nic, &status);
		if (is_at_rest(&status))
			return;
		rte_delay_us_sleep(1000);
	}
	printf("it does not come to rest\n");
}

static void show_status(struct guest *guest)
{
	struct offload_status status;

	offload_status(guest->nic, &status);
	printf("status state=%s tier=%s priorities=%u counts=%d fits=%d planned=%zu installed=%zu "
	       "refused=%zu epoch=%" PRIu64 " dropped=%" PRIu64
	       " uncounted=%d errno=%d message=\"%s\" why=\"%s\"\n",
	       offload_state_name(status.state),
	       status.has_tier ? plan_tier_name(status.device.tier) : "none",
	       status.device.priorities, status.counts, status.plan_fits, status.planned,
	       status.installed, status.refused, status.epoch, status.dropped,
	       status.drops_uncounted, status.pmd_error, status.pmd_message, status.why_tier);
}

/* --- changes --- */

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
		printf("error %s\n", err.detail);
	}
	report_fini(&report);
	return policy;
}

static struct plan *make_plan(struct guest *guest, const struct policy *policy)
{
	struct offload_status status;
	struct plan_options options;
	struct program *program;
	struct plan *plan = NULL;

	offload_status(guest->nic, &status);
	options = status.device;
	options.drops = true;
	if (program_new(policy, &program, NULL) < 0)
		return NULL;
	if (plan_new(policy, program, &options, &plan, NULL) < 0)
		plan = NULL;
	program_free(program);
	return plan;
}

static void take_table(struct guest *guest, struct mark_table *table)
{
	if (!table)
		return;
	free(guest->table);
	guest->table = table;
}

static void change(struct guest *guest, struct plan *plan)
{
	struct offload_change *change;
	struct offload_delta delta;
	uint64_t start = rte_get_tsc_cycles(), prepared, withdrawn;

	if (offload_prepare(guest->nic, plan, &change, NULL) < 0) {
		printf("error no memory\n");
		return;
	}
	prepared = rte_get_tsc_cycles();
	offload_delta(change, &delta);
	take_table(guest, offload_marks_before(change));
	offload_withdraw(change);
	withdrawn = rte_get_tsc_cycles();
	take_table(guest, offload_marks_after(change));
	offload_commit(change);
	if (!guest->stopped && !guest->hurried)
		wait_for_rest(guest);
	printf("change kept=%zu added=%zu removed=%zu withdrawn=%zu prepare_us=%.0f "
	       "withdraw_us=%.0f commit_us=%.0f\n",
	       delta.kept, delta.added, delta.removed, delta.withdrawn,
	       (double)(prepared - start) * 1e6 / (double)rte_get_tsc_hz(),
	       (double)(withdrawn - prepared) * 1e6 / (double)rte_get_tsc_hz(),
	       (double)(rte_get_tsc_cycles() - withdrawn) * 1e6 / (double)rte_get_tsc_hz());
}

static void apply(struct guest *guest, const char *path)
{
	struct policy *policy = load_policy(path);

	if (!policy)
		return;
	policy_free(guest->policy);
	guest->policy = policy;
	change(guest, make_plan(guest, policy));
}

static void begin(struct guest *guest, const char *path)
{
	guest->hurried = true;
	apply(guest, path);
	guest->hurried = false;
}

static void apply_again(struct guest *guest, const char *argument)
{
	(void)argument;
	if (guest->policy)
		change(guest, make_plan(guest, guest->policy));
}

static void apply_none(struct guest *guest, const char *argument)
{
	(void)argument;
	change(guest, NULL);
}

/* --- what there is --- */

static const char *const action_names[] = { "unmarked", "mark", "drop", "next" };

static void show_rules(struct guest *guest, const char *argument)
{
	size_t count = offload_rules(guest->nic, NULL, 0);
	struct offload_rule *rules = calloc(count + 1, sizeof(*rules));

	(void)argument;
	count = offload_rules(guest->nic, rules, count);
	for (size_t i = 0; i < count; i++)
		printf("rule action=%s mark=%u installed=%d blocked=%d counted=%d hits=%" PRIu64
		       " errno=%d message=\"%s\"\n",
		       action_names[rules[i].rule->action], rules[i].mark, rules[i].installed,
		       rules[i].blocked, rules[i].counted, rules[i].hits, rules[i].pmd_error,
		       rules[i].pmd_message);
	free(rules);
}

static void show_packet(const struct guest *guest, uint16_t queue, const struct rte_mbuf *packet)
{
	uint32_t mark = packet->ol_flags & RTE_MBUF_F_RX_FDIR_ID ? packet->hash.fdir.hi : 0;
	const struct mark_slot *slot = mark ? mark_look_up(guest->table, mark) : NULL;

	/* the frames of the test are told apart by their last byte */
	printf("packet id=%u queue=%u mark=%u kind=%d nic-rule=%d\n",
	       *rte_pktmbuf_mtod_offset(packet, uint8_t *, rte_pktmbuf_pkt_len(packet) - 1), queue,
	       mark, slot ? slot->kind : 0, slot ? slot->verdict.rule[STAGE_NIC] : -1);
}

static void receive(struct guest *guest, const char *argument)
{
	uint64_t end =
		rte_get_tsc_cycles() + strtoull(argument, NULL, 10) * rte_get_tsc_hz() / 1000;
	struct rte_mbuf *packets[BURST];

	while (rte_get_tsc_cycles() < end) {
		for (uint16_t q = 0; q < QUEUES; q++) {
			uint16_t n = rte_eth_rx_burst(guest->port.id, q, packets, BURST);

			for (uint16_t i = 0; i < n; i++) {
				show_packet(guest, q, packets[i]);
				rte_pktmbuf_free(packets[i]);
			}
		}
		rte_delay_us_sleep(100);
	}
}

/* What the device itself has, the PMD's own rules among it: azhost writes a line for each. */
static void show_device(struct guest *guest, const char *argument)
{
	FILE *dump = tmpfile();
	struct rte_flow_error error;
	unsigned rules = 0;
	char line[1024];

	(void)argument;
	if (!dump || rte_flow_dev_dump(guest->port.id, NULL, dump, &error) < 0)
		printf("error no dump\n");
	if (!dump)
		return;
	rewind(dump);
	while (fgets(line, sizeof(line), dump))
		rules += strncmp(line + strspn(line, " \t"), "rule", 4) == 0;
	(void)fclose(dump);
	printf("device rules=%u\n", rules);
}

/* --- the port --- */

static void attach(struct guest *guest, const char *argument)
{
	(void)argument;
	offload_attach(guest->nic, guest->port.id);
	if (!guest->stopped)
		wait_for_rest(guest);
}

static void detach_wholly(struct guest *guest)
{
	struct offload_status status;

	offload_detach(guest->nic);
	for (offload_status(guest->nic, &status); status.detaching;
	     offload_status(guest->nic, &status))
		usleep(1000);
}

static void detach(struct guest *guest, const char *argument)
{
	(void)argument;
	detach_wholly(guest);
}

static void stop_port(struct guest *guest, const char *argument)
{
	(void)argument;
	detach_wholly(guest);
	if (rte_eth_dev_stop(guest->port.id) < 0)
		printf("error stop\n");
	guest->stopped = true;
}

static void start_port(struct guest *guest, const char *argument)
{
	(void)argument;
	if (rte_eth_dev_start(guest->port.id) < 0)
		printf("error start\n");
	guest->stopped = false;
	wait_for_rest(guest);
}

/* By others, as it were, who do not say so: the room has to see it for itself. */
static void halt_port(struct guest *guest, const char *argument)
{
	(void)argument;
	if (rte_eth_dev_stop(guest->port.id) < 0)
		printf("error stop\n");
	guest->stopped = true;
}

/* After the port was reported gone: it is closed, its rules with it, and the device forgotten. */
static void remove_port(struct guest *guest, const char *argument)
{
	(void)argument;
	port_fini(&guest->port);
}

static void status(struct guest *guest, const char *argument)
{
	(void)argument;
	show_status(guest);
}

static const struct {
	const char *name;
	void (*run)(struct guest *guest, const char *argument);
} commands[] = {
	{ "attach", attach },      { "detach", detach },   { "stop", stop_port },
	{ "start", start_port },   { "halt", halt_port },  { "apply", apply },
	{ "again", apply_again },  { "none", apply_none }, { "status", status },
	{ "rules", show_rules },   { "receive", receive }, { "device", show_device },
	{ "remove", remove_port }, { "begin", begin },
};

static void run_command(struct guest *guest, char *line)
{
	char *argument = strchr(line, ' ');

	if (argument)
		*argument++ = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(line, commands[i].name) == 0) {
			commands[i].run(guest, argument ? argument : "");
			printf("ok\n");
			return;
		}
	}
	printf("error unknown command\nok\n");
}

static int open_guest(struct guest *guest, const char *device)
{
	const struct port_setup setup = { .device = device, .queues = QUEUES, .pool = guest->pool };
	struct offload_nic_options options = {
		.name = "guest",
		.queues = QUEUES,
		.changed = on_change,
		.drain_ticket = take_ticket,
		.drained = is_drained,
		.context = guest,
	};
	struct accelnet_error err;

	if (port_init(&guest->port, &setup, &err) < 0 ||
	    offload_new(NULL, &guest->offload, &err) < 0) {
		fprintf(stderr, "%s\n", err.detail);
		return 1;
	}
	options.mac = guest->port.mac;
	return offload_nic_new(guest->offload, &options, &guest->nic, &err) < 0;
}

int main(int argc, char **argv)
{
	struct guest guest = { 0 };
	char line[512];
	int used = rte_eal_init(argc, argv);

	if (used < 0 || argc - used < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	guest.pool = rte_pktmbuf_pool_create("guest", 8191, 128, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (!guest.pool || open_guest(&guest, argv[used + 1]) != 0)
		return 1;
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strcmp(line, "quit") == 0)
			break;
		run_command(&guest, line);
	}
	detach_wholly(&guest);
	offload_nic_free(guest.nic);
	offload_free(guest.offload);
	port_fini(&guest.port);
	free(guest.table);
	policy_free(guest.policy);
	printf("bye news=%u\n", atomic_load(&guest.news));
	return 0;
}
