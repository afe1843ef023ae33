/* The virtual switch: forwarding, the choice of the path, the host's policy, and the faults of a
 * wire. */
#include "azhost/vswitch/parse.h"
#include "azhost/vswitch/policy.h"
#include "azhost/vswitch/vmport.h"
#include "azhost/wire/impair.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t mac_a[6] = { 0x00, 0x0d, 0x3a, 0, 0, 1 };
static const uint8_t mac_b[6] = { 0x00, 0x0d, 0x3a, 0, 0, 2 };
static const uint8_t mac_far[6] = { 0x02, 0, 0, 0, 0, 9 };
static const uint8_t mac_inner[6] = { 0x02, 0, 0, 0, 0, 7 };
static const uint8_t mac_all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

struct sink {
	unsigned frames;
	uint8_t last[128];
};

static void take(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct sink *sink = opaque;

	sink->frames++;
	memcpy(sink->last, frame, length < sizeof(sink->last) ? length : sizeof(sink->last));
}

static uint32_t make(uint8_t *frame, const uint8_t *to, const uint8_t *from)
{
	memset(frame, 0, 60);
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	return 60;
}

/* IPv4, 10.0.0.<source> to 10.0.0.<destination>. */
static uint32_t make_ip(uint8_t *frame, uint8_t protocol, uint8_t source, uint8_t destination,
			uint16_t source_port, uint16_t destination_port, uint8_t tcp_flags)
{
	(void)make(frame, mac_a, mac_far);
	frame[12] = 0x08;
	frame[14] = 0x45;
	frame[17] = 46;
	frame[23] = protocol;
	memcpy(frame + 26, (uint8_t[]){ 10, 0, 0, source, 10, 0, 0, destination }, 8);
	frame[34] = (uint8_t)(source_port >> 8);
	frame[35] = (uint8_t)source_port;
	frame[36] = (uint8_t)(destination_port >> 8);
	frame[37] = (uint8_t)destination_port;
	frame[46] = 0x50;
	frame[47] = tcp_flags;
	return 60;
}

static void test_cable(void **state)
{
	struct sink nic = { 0 }, wire = { 0 };
	struct vswitch_port a = { .output = take, .opaque = &nic };
	struct vswitch_port up = { .output = take, .opaque = &wire, .is_uplink = true };
	struct vswitch sw;
	uint8_t frame[60];

	(void)state;
	vswitch_init(&sw);
	memcpy(a.mac, mac_a, 6);
	assert_int_equal(vswitch_add(&sw, &up), 0);
	assert_int_equal(vswitch_add(&sw, &a), 0);
	/* With one NIC everything passes, to whomever it is. */
	vswitch_input(&up, frame, make(frame, mac_far, mac_inner));
	assert_int_equal(nic.frames, 1);
	vswitch_input(&a, frame, make(frame, mac_a, mac_far));
	assert_int_equal(wire.frames, 1);
	vswitch_input(&a, frame, 13);
	assert_int_equal(wire.frames, 1);
}

static void test_forwarding(void **state)
{
	struct sink to_a = { 0 }, to_b = { 0 }, to_wire = { 0 };
	struct vswitch_port a = { .output = take, .opaque = &to_a };
	struct vswitch_port b = { .output = take, .opaque = &to_b };
	struct vswitch_port up = { .output = take, .opaque = &to_wire, .is_uplink = true };
	struct vswitch sw;
	uint8_t frame[60];

	(void)state;
	vswitch_init(&sw);
	memcpy(a.mac, mac_a, 6);
	memcpy(b.mac, mac_b, 6);
	(void)vswitch_add(&sw, &up);
	(void)vswitch_add(&sw, &a);
	(void)vswitch_add(&sw, &b);

	vswitch_input(&a, frame, make(frame, mac_b, mac_a));
	assert_int_equal(to_b.frames, 1);
	vswitch_input(&a, frame, make(frame, mac_far, mac_a));
	assert_int_equal(to_wire.frames, 1);
	/* To itself: back to where it came from in the first place. */
	vswitch_input(&a, frame, make(frame, mac_a, mac_far));
	assert_int_equal(to_wire.frames, 2);
	vswitch_input(&up, frame, make(frame, mac_b, mac_far));
	assert_int_equal(to_b.frames, 2);
	vswitch_input(&up, frame, make(frame, mac_all, mac_far));
	assert_true(to_a.frames == 1 && to_b.frames == 3 && to_wire.frames == 2);
	vswitch_input(&b, frame, make(frame, mac_all, mac_b));
	assert_true(to_a.frames == 2 && to_b.frames == 3 && to_wire.frames == 3);
	/* Unknown from the wire: nobody's, until a NIC has used the address. */
	vswitch_input(&up, frame, make(frame, mac_inner, mac_far));
	assert_int_equal(sw.unknown, 1);
	vswitch_input(&b, frame, make(frame, mac_far, mac_inner));
	vswitch_input(&up, frame, make(frame, mac_inner, mac_far));
	assert_int_equal(to_b.frames, 4);
}

struct two_ways {
	unsigned frames[VM_PATHS];
	enum vm_delivery answer;
};

static enum vm_delivery to_synthetic(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct two_ways *ways = opaque;

	(void)frame;
	(void)length;
	ways->frames[VM_PATH_SYNTHETIC] += ways->answer == VM_DELIVERED;
	return ways->answer;
}

static enum vm_delivery to_vf(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct two_ways *ways = opaque;

	(void)frame;
	(void)length;
	ways->frames[VM_PATH_VF] += ways->answer == VM_DELIVERED;
	return ways->answer;
}

static void init_port(struct vm_port *port, struct two_ways *ways)
{
	vm_port_init(port, mac_a, ways);
	port->to_guest[VM_PATH_SYNTHETIC] = to_synthetic;
	port->to_guest[VM_PATH_VF] = to_vf;
}

static void deliver(struct vm_port *port, const uint8_t *frame, uint32_t length)
{
	port->port.output(port->port.opaque, frame, length);
}

static void test_paths(void **state)
{
	struct two_ways ways = { .answer = VM_DELIVERED };
	struct vm_port port;
	uint8_t plain[60], syn[60], syn_ack[60], broadcast[60];

	(void)state;
	init_port(&port, &ways);
	make_ip(plain, 6, 1, 2, 3, 80, 0x10);
	make_ip(syn, 6, 1, 2, 3, 80, 0x02);
	make_ip(syn_ack, 6, 1, 2, 3, 80, 0x12);
	(void)make(broadcast, mac_all, mac_far);

	/* Neither asked for nor there; asked for and not there; both. */
	deliver(&port, plain, 60);
	port.vf_asked = true;
	deliver(&port, plain, 60);
	assert_int_equal(ways.frames[VM_PATH_SYNTHETIC], 2);
	port.vf_usable = true;
	deliver(&port, plain, 60);
	deliver(&port, syn_ack, 60);
	assert_int_equal(ways.frames[VM_PATH_VF], 2);
	deliver(&port, syn, 60);
	deliver(&port, broadcast, 60);
	assert_int_equal(ways.frames[VM_PATH_SYNTHETIC], 4);
	port.openers_synthetic = port.multicast_synthetic = false;
	deliver(&port, syn, 60);
	deliver(&port, broadcast, 60);
	assert_int_equal(ways.frames[VM_PATH_VF], 4);
	assert_int_equal(port.received[VM_PATH_VF].frames, 4);
	assert_int_equal(port.received[VM_PATH_VF].bytes, 240);
}

static void test_drops(void **state)
{
	struct two_ways ways = { .answer = VM_FULL };
	struct vm_port port;
	uint8_t frame[60];

	(void)state;
	init_port(&port, &ways);
	make_ip(frame, 17, 1, 2, 3, 4, 0);
	deliver(&port, frame, 60);
	assert_int_equal(port.dropped[VM_DROP_FULL], 1);
	ways.answer = VM_FILTERED;
	deliver(&port, frame, 60);
	assert_int_equal(port.dropped[VM_DROP_FILTER], 1);
	port.link_up = false;
	deliver(&port, frame, 60);
	assert_int_equal(port.dropped[VM_DROP_LINK], 1);
	port.link_up = true;
	port.vf_only = true;
	deliver(&port, frame, 60);
	assert_int_equal(port.dropped[VM_DROP_NO_PATH], 1);
	assert_int_equal(port.received[VM_PATH_SYNTHETIC].frames, 0);
}

static struct host_policy *deny_ssh(void)
{
	struct policy_rule *rules = calloc(2, sizeof(*rules));

	rules[0] = (struct policy_rule){ .direction = POLICY_INBOUND,
					 .allow = true,
					 .source_port = { 0, UINT16_MAX },
					 .destination_port = { 22, 22 } };
	assert_int_equal(policy_prefix_parse("10.0.0.7", &rules[0].source), 0);
	rules[1] = (struct policy_rule){ .direction = POLICY_INBOUND,
					 .protocol = 6,
					 .source_port = { 0, UINT16_MAX },
					 .destination_port = { 20, 30 } };
	return policy_new(rules, 2);
}

static void test_policy(void **state)
{
	struct host_policy *policy = deny_ssh();
	uint8_t frame[60];

	(void)state;
	make_ip(frame, 6, 1, 2, 5000, 22, 0x02);
	assert_false(policy_allows(policy, POLICY_INBOUND, frame, 60));
	assert_true(policy_allows(policy, POLICY_OUTBOUND, frame, 60));
	make_ip(frame, 6, 7, 2, 5000, 22, 0x02);
	assert_true(policy_allows(policy, POLICY_INBOUND, frame, 60));
	make_ip(frame, 6, 1, 2, 5000, 80, 0x02);
	assert_true(policy_allows(policy, POLICY_INBOUND, frame, 60));
	make_ip(frame, 17, 1, 2, 5000, 25, 0);
	assert_true(policy_allows(policy, POLICY_INBOUND, frame, 60));
	/* The guest opens a connection to a port that may not come in: its answers may. */
	make_ip(frame, 6, 3, 2, 25, 25, 0x12);
	assert_false(policy_allows(policy, POLICY_INBOUND, frame, 60));
	make_ip(frame, 6, 2, 3, 25, 25, 0x02);
	assert_true(policy_allows(policy, POLICY_OUTBOUND, frame, 60));
	make_ip(frame, 6, 3, 2, 25, 25, 0x12);
	assert_true(policy_allows(policy, POLICY_INBOUND, frame, 60));
	policy_free(policy);
}

static void test_policy_on_port(void **state)
{
	struct two_ways ways = { .answer = VM_DELIVERED };
	struct vm_port port;
	uint8_t frame[60];

	(void)state;
	init_port(&port, &ways);
	port.policy = deny_ssh();
	make_ip(frame, 6, 1, 2, 5000, 22, 0x10);
	deliver(&port, frame, 60);
	assert_int_equal(port.dropped[VM_DROP_POLICY], 1);
	/* The VF bypasses the host, and so its policy, unless it is told to cover all paths. */
	port.vf_asked = port.vf_usable = true;
	deliver(&port, frame, 60);
	assert_int_equal(ways.frames[VM_PATH_VF], 1);
	port.policy_all_paths = true;
	deliver(&port, frame, 60);
	assert_int_equal(port.dropped[VM_DROP_POLICY], 2);
	policy_free(port.policy);
}

static void test_parse_texts(void **state)
{
	struct policy_prefix prefix;
	uint16_t ports[2];

	(void)state;
	assert_int_equal(policy_prefix_parse("2001:db8::/33", &prefix), 0);
	assert_int_equal(prefix.length, 33);
	assert_int_equal(policy_prefix_parse("10.0.0.0/33", &prefix), -EINVAL);
	assert_int_equal(policy_prefix_parse("10.0.0", &prefix), -EINVAL);
	assert_int_equal(policy_prefix_parse("10.0.0.0/", &prefix), -EINVAL);
	assert_int_equal(policy_ports_parse("80-90", ports), 0);
	assert_true(ports[0] == 80 && ports[1] == 90);
	assert_int_equal(policy_ports_parse("90-80", ports), -EINVAL);
	assert_int_equal(policy_ports_parse("65536", ports), -EINVAL);
	assert_int_equal(policy_ports_parse("", ports), -EINVAL);
}

static void test_parse_frames(void **state)
{
	struct parsed_frame f;
	uint8_t frame[80] = { 0 };

	(void)state;
	make_ip(frame, 6, 1, 2, 5000, 22, 0x02);
	assert_true(parse_frame(frame, 60, &f));
	assert_true(f.tcp_opener && f.destination_port == 22 && f.l4 == 34);
	frame[20] = 0x00;
	frame[21] = 0x05; /* a later fragment has no ports */
	assert_true(parse_frame(frame, 60, &f));
	assert_true(f.later_fragment && !f.has_ports && !f.tcp_opener);
	for (uint32_t cut = 0; cut < 60; cut++)
		assert_false(parse_frame(frame, cut, &f));

	/* IPv6 with a hop-by-hop header, behind two tags. */
	memset(frame, 0, sizeof(frame));
	memcpy(frame + 12, "\x88\xa8\x00\x01\x81\x00\x00\x02\x86\xdd", 10);
	frame[22] = 0x60;
	frame[22 + 5] = 16;
	frame[22 + 6] = 0;
	frame[62] = 17;
	frame[70] = 0x12;
	frame[71] = 0x34;
	assert_true(parse_frame(frame, 78, &f));
	assert_int_equal(f.protocol, 17);
	assert_int_equal(f.source_port, 0x1234);
	frame[63] = 9; /* a header that leads outside */
	assert_false(parse_frame(frame, 78, &f));
}

static void test_wire_faults(void **state)
{
	struct impair *impair = malloc(sizeof(*impair));
	struct sink sink = { 0 };
	struct loop loop;
	uint8_t frame[60];

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	impair_init(impair, &loop, take, &sink);
	(void)make(frame, mac_a, mac_far);
	for (unsigned i = 0; i < 100; i++)
		impair_frame(impair, frame, 60);
	assert_int_equal(sink.frames, 100);
	impair->loss_ppm = 1000000;
	impair_frame(impair, frame, 60);
	assert_int_equal(impair->lost, 1);
	impair->loss_ppm = 100000;
	for (unsigned i = 0; i < 10000; i++)
		impair_frame(impair, frame, 60);
	assert_in_range(impair->lost, 800, 1200);
	assert_int_equal(sink.frames + impair->lost, 10101);

	/* One frame is overtaken by the next. */
	impair->loss_ppm = 0;
	impair->reorder_ppm = 1000000;
	sink.frames = 0;
	frame[20] = 1;
	impair_frame(impair, frame, 60);
	assert_int_equal(sink.frames, 0);
	frame[20] = 2;
	impair_frame(impair, frame, 60);
	assert_int_equal(sink.frames, 2);
	assert_int_equal(sink.last[20], 1);

	/* Delayed ones wait for the clock, in order, and a full queue loses the rest. */
	impair->reorder_ppm = 0;
	impair->delay_us = 1000000;
	impair->lost = 0;
	for (unsigned i = 0; i < IMPAIR_QUEUE + 5; i++)
		impair_frame(impair, frame, 60);
	assert_int_equal(sink.frames, 2);
	assert_int_equal(impair->lost, 5);
	assert_true(impair->timer.armed);
	impair_fini(impair);
	assert_false(impair->timer.armed);
	loop_fini(&loop);
	free(impair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cable),       cmocka_unit_test(test_forwarding),
		cmocka_unit_test(test_paths),       cmocka_unit_test(test_drops),
		cmocka_unit_test(test_policy),      cmocka_unit_test(test_policy_on_port),
		cmocka_unit_test(test_parse_texts), cmocka_unit_test(test_parse_frames),
		cmocka_unit_test(test_wire_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
