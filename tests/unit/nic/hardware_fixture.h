/*
 * A NIC whose uplink takes rules: the offload room on a device in memory, the datapath on rings.
 * For tests of the hardware behind a NIC, which start EAL once and have a NIC of their own each.
 * Helpers assert that they succeed; what is waited for has 10 s. The test's thread is control
 * thread and worker in turns.
 */
#ifndef TESTS_UNIT_NIC_HARDWARE_FIXTURE_H
#define TESTS_UNIT_NIC_HARDWARE_FIXTURE_H

#include "nic/clock.h"
#include "nic/events.h"
#include "nic/hardware.h"
#include "nic/nic_private.h"
#include "support/fake_flow.h"

#define WAIT_MS 10000

#define POLICY_TEXT_BYTES 2048

struct fixture {
	char state[64]; /* directory */
	struct rte_ring *rings[4];
	struct rte_rcu_qsbr *qsbr;
	struct event_log *events;
	struct nic_config config;
	struct fake_flow fake;
	struct offload *offload;
	struct nic *nic;
};

/* Negative: there is no EAL to be had here. */
int start_eal(void);

/* Of the group: EAL has been started. */
int set_up_group(void **state);
int tear_down_group(void **state);
/* Of a test: a device of tier T2, and a NIC without a policy. */
int set_up(void **state);
/* No rule is left, and nothing was done to the device that may not be. */
int tear_down(void **state);

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* As the daemon's loop and its workers would go on. */
void turn(struct fixture *f);
/* COMPLETE: with a plan that fits. */
void wait_state(struct fixture *f, enum offload_state state);

/* A policy that lets TCP in to those ports of the VM, and the options `offload` and `mode`. */
void policy_text(char ret[POLICY_TEXT_BYTES], const char *ports, const char *offload,
		 const char *mode);

/* What nic_policy_apply() answers; of *ret the numbers are left. */
int try_document(struct fixture *f, const char *text, bool dry_run, struct nic_apply_result *ret,
		 struct accelnet_error *err);
void apply_document(struct fixture *f, const char *text, bool dry_run,
		    struct nic_apply_result *ret);
/* policy_text() of it, enforced. */
struct nic_apply_result apply(struct fixture *f, const char *ports, const char *offload);

/* What the device does with a TCP packet from anywhere to that port of the VM. */
struct plan_answer receive(struct fixture *f, uint8_t flags, uint16_t port);

#endif
