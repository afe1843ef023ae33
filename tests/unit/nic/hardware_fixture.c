/* A NIC on a device in memory, see hardware_fixture.h. */
#include "hardware_fixture.h"

#include "datapath/forward.h"

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RING_SIZE 256

static const char document_text[] =
	"{\"apiVersion\":\"accelnet/v1\",\"nicNsg\":{\"name\":\"web\",\"properties\":{"
	"\"securityRules\":[{\"name\":\"http\",\"properties\":{\"priority\":100,"
	"\"direction\":\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Tcp\","
	"\"sourceAddressPrefix\":\"*\",\"sourcePortRange\":\"*\","
	"\"destinationAddressPrefix\":\"10.1.0.4\",\"destinationPortRange\":\"%s\"}}]}},"
	"\"context\":{\"addresses\":[\"10.1.0.4\"],\"virtualNetwork\":[\"10.1.0.0/16\"]},"
	"\"options\":{\"offload\":\"%s\",\"mode\":\"%s\"}}";

int start_eal(void)
{
	char *args[] = { (char *)"test",        (char *)"--no-huge", (char *)"--no-shconf",
			 (char *)"--no-pci",    (char *)"-m",        (char *)"128",
			 (char *)"-l",          (char *)"0",         (char *)"--no-telemetry",
			 (char *)"--log-level", (char *)"error" };

	return rte_eal_init(sizeof(args) / sizeof(args[0]), args);
}

static void make_device(struct fixture *f, int at, const char *name)
{
	for (int i = 0; i < 2; i++) {
		char ring[32];

		(void)snprintf(ring, sizeof(ring), "%s_%d", name, i);
		f->rings[at + i] = rte_ring_create(ring, RING_SIZE, SOCKET_ID_ANY, 0);
	}
	assert_true(rte_eth_from_rings(name, &f->rings[at], 1, &f->rings[at + 1], 1, 0) >= 0);
}

int set_up_group(void **state)
{
	static struct fixture f;

	strcpy(f.state, "/tmp/accelnet-hardware-XXXXXX");
	assert_non_null(mkdtemp(f.state));
	f.qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), 64);
	rte_rcu_qsbr_init(f.qsbr, 1);
	make_device(&f, 0, "up");
	make_device(&f, 2, "app");
	f.config = (struct nic_config){
		.name = "eth1",
		.has_mac = true,
		.mac = { { 0x00, 0x0d, 0x3a, 0, 0, 1 } },
		.uplink_device = (char *)"net_ring_up",
		.app_device = (char *)"net_ring_app",
		.queues = 1,
		.connections_max = 4096,
		.timeouts = conn_timeouts_default,
	};
	*state = &f;
	return 0;
}

int tear_down_group(void **state)
{
	struct fixture *f = *state;
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->state);
	return system(command);
}

static void ignore(void *context)
{
	(void)context;
}

int set_up(void **state)
{
	struct fixture *f = *state;
	struct nic_services services = {
		.state_directory = f->state,
		.qsbr = f->qsbr,
		.wake = ignore,
	};

	fake_flow_init(&f->fake, TIER_T2);
	assert_int_equal(offload_new(&f->fake.backend, &f->offload, NULL), 0);
	f->events = event_log_new();
	services.events = f->events;
	services.offload = f->offload;
	assert_int_equal(nic_new(&f->config, &services, &f->nic, NULL), 0);
	return 0;
}

int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	nic_free(f->nic); /* the rules end with the uplink's port */
	fake_flow_stop(&f->fake);
	assert_int_equal(f->fake.misuses, 0);
	assert_int_equal(f->fake.conflicts, 0);
	offload_free(f->offload);
	fake_flow_fini(&f->fake);
	event_log_free(f->events);
	f->config.offload_off = false;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'/*", f->state);
	return system(command);
}

void turn(struct fixture *f)
{
	struct lane *lane = &nic_get_view(f->nic)->lanes[0];
	static struct forward_scratch scratch;

	forward_poll(lane, DIRECTION_INBOUND, nic_snapshot(f->nic), clock_ms(), &scratch);
	nic_look(f->nic);
	nic_attend(f->nic);
	usleep(1000);
}

void wait_state(struct fixture *f, enum offload_state state)
{
	uint64_t end = clock_ms() + WAIT_MS;
	struct offload_status status = { 0 };

	do {
		turn(f);
		assert_true(hardware_status(f->nic, &status));
		if (status.state == state &&
		    (state != OFFLOAD_STATE_COMPLETE || status.plan_fits)) {
			nic_attend(f->nic); /* it may have come about since the last time */
			return;
		}
	} while (clock_ms() < end);
	fail_msg("%s instead of %s", offload_state_name(status.state), offload_state_name(state));
}

void policy_text(char ret[POLICY_TEXT_BYTES], const char *ports, const char *offload,
		 const char *mode)
{
	(void)snprintf(ret, POLICY_TEXT_BYTES, document_text, ports, offload, mode);
}

int try_document(struct fixture *f, const char *text, bool dry_run, struct nic_apply_result *ret,
		 struct accelnet_error *err)
{
	const struct nic_apply_options options = { .origin = "test", .dry_run = dry_run };
	struct json *document;
	int rc;

	assert_int_equal(json_parse(text, strlen(text), NULL, &document, NULL), 0);
	rc = nic_policy_apply(f->nic, document, &options, ret, err);
	nic_apply_result_fini(ret);
	json_free(document);
	return rc;
}

void apply_document(struct fixture *f, const char *text, bool dry_run, struct nic_apply_result *ret)
{
	struct accelnet_error err;

	if (try_document(f, text, dry_run, ret, &err) < 0)
		fail_msg("%s: %s", err.pointer, err.detail);
}

struct nic_apply_result apply(struct fixture *f, const char *ports, const char *offload)
{
	struct nic_apply_result result;
	char text[POLICY_TEXT_BYTES];

	policy_text(text, ports, offload, "enforce");
	apply_document(f, text, false, &result);
	return result;
}

struct plan_answer receive(struct fixture *f, uint8_t flags, uint16_t port)
{
	const struct plan_packet packet = {
		.family = IP_FAMILY_V4,
		.source = 0xcb007109, /* 203.0.113.9 */
		.destination = 0x0a010004,
		.protocol = IP_PROTOCOL_TCP,
		.source_port = 40000,
		.destination_port = port,
		.tcp_flags = flags,
	};
	struct plan_answer answer;

	fake_flow_receive(&f->fake, &packet, &answer);
	return answer;
}
