/*
 * The capability fields by name. Positions are within the capability structure of their group: see
 * cmd_hca_cap, per_protocol_networking_offload_caps and flow_table_nic_cap in the PRM.
 */
#include "azhost/connectx/caps.h"

#include <string.h>

#define GENERAL(name, bit, width)                                     \
	{                                                             \
		CX_CAP_GENERAL, "cap.general." #name, PRM(bit, width) \
	}
#define ETHERNET(name, bit, width)                                      \
	{                                                               \
		CX_CAP_ETHERNET, "cap.ethernet." #name, PRM(bit, width) \
	}
#define FLOW_TABLE(name, bit, width)                                        \
	{                                                                   \
		CX_CAP_FLOW_TABLE, "cap.flow_table." #name, PRM(bit, width) \
	}

static const struct cx_cap caps[] = {
	GENERAL(vhca_id, 48, 16),
	GENERAL(log_max_qp_sz, 136, 8),
	GENERAL(log_max_qp, 155, 5),
	GENERAL(reg_c_preserve, 169, 1),
	GENERAL(log_max_cq_sz, 200, 8),
	GENERAL(log_max_cq, 219, 5),
	GENERAL(relaxed_ordering_write, 232, 1),
	GENERAL(relaxed_ordering_read, 233, 1),
	GENERAL(log_max_mkey, 234, 6),
	GENERAL(log_max_mrw_sz, 265, 7),
	GENERAL(log_max_klm_list_size, 282, 6),
	GENERAL(eth_virt, 419, 1),
	GENERAL(nic_flow_table, 422, 1),
	GENERAL(port_type, 438, 2),
	GENERAL(num_ports, 440, 8),
	GENERAL(cqe_version, 508, 4),
	GENERAL(striding_rq, 513, 1),
	GENERAL(eth_net_offloads, 540, 1),
	GENERAL(max_wqe_sz_sq, 656, 16),
	GENERAL(max_wqe_sz_rq, 688, 16),
	GENERAL(max_flow_counter_31_16, 704, 16),
	GENERAL(flow_counter_bulk_alloc, 784, 8),
	GENERAL(log_max_transport_domain, 803, 5),
	GENERAL(log_max_pd, 811, 5),
	GENERAL(max_flow_counter_15_0, 848, 16),
	GENERAL(flow_counters_dump, 865, 1),
	GENERAL(log_max_rq, 867, 5),
	GENERAL(log_max_sq, 875, 5),
	GENERAL(log_max_tir, 883, 5),
	GENERAL(log_max_tis, 891, 5),
	GENERAL(log_max_rqt, 907, 5),
	GENERAL(log_max_rqt_size, 915, 5),
	GENERAL(log_max_wq_sz, 987, 5),
	GENERAL(sq_ts_format, 1088, 2),
	GENERAL(rq_ts_format, 1090, 2),
	GENERAL(steering_format_version, 1092, 4),
	GENERAL(device_frequency_khz, 1248, 32),
	ETHERNET(csum_cap, 0, 1),
	ETHERNET(vlan_cap, 1, 1),
	ETHERNET(wqe_vlan_insert, 7, 1),
	ETHERNET(max_lso_cap, 11, 5),
	ETHERNET(wqe_inline_mode, 18, 2),
	ETHERNET(rss_ind_tbl_cap, 20, 4),
	ETHERNET(enhanced_multi_pkt_send_wqe, 26, 1),
	FLOW_TABLE(nic_receive_metadata_reg_c_x, 4216, 8),
	FLOW_TABLE(nic_transmit_metadata_reg_c_x, 7288, 8),
};

const struct cx_cap *cx_cap_find(const char *name)
{
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		if (strcmp(caps[i].name, name) == 0)
			return &caps[i];
	}
	return NULL;
}
