/*
 * Counters that the device lets go backwards are told as ones that do not.
 */
#include "nic/port_totals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void adds_what_was_gained(void **state)
{
	/* a VF with 15 packets comes, goes, and comes again from nothing */
	static const uint64_t seen[] = { 5, 12, 27, 12, 14, 40, 16 };
	static const uint64_t told[] = { 5, 12, 27, 27, 29, 55, 55 };
	struct rte_eth_stats last = { 0 }, now = { 0 };
	struct port_totals totals = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		now.ipackets = now.obytes = seen[i];
		now.rx_nombuf++;
		port_totals_add(&totals, &last, &now);
		assert_int_equal(totals.received_packets, told[i]);
		assert_int_equal(totals.sent_bytes, told[i]);
		assert_int_equal(totals.no_buffer, i + 1);
	}
}

static void takes_each_counter_from_its_own(void **state)
{
	const struct rte_eth_stats now = {
		.ipackets = 1,
		.opackets = 2,
		.ibytes = 3,
		.obytes = 4,
		.imissed = 5,
		.ierrors = 6,
		.oerrors = 7,
		.rx_nombuf = 8,
	};
	struct rte_eth_stats last = { 0 };
	struct port_totals totals = { 0 };

	(void)state;
	port_totals_add(&totals, &last, &now);
	assert_int_equal(totals.received_packets, 1);
	assert_int_equal(totals.sent_packets, 2);
	assert_int_equal(totals.received_bytes, 3);
	assert_int_equal(totals.sent_bytes, 4);
	assert_int_equal(totals.missed, 5);
	assert_int_equal(totals.receive_errors, 6);
	assert_int_equal(totals.send_errors, 7);
	assert_int_equal(totals.no_buffer, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_what_was_gained),
		cmocka_unit_test(takes_each_counter_from_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
