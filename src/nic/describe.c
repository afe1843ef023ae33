/*
 * What is known of a NIC, for `status`, `nic list` and `nic show`, and its policy's history.
 */
#include "classify/conn.h"
#include "nic/nic.h"
#include "nic/nic_private.h"

#include <string.h>

static const char *const uplink_names[] = {
	[UPLINK_PLAIN] = "plain",
	[UPLINK_NETVSC] = "netvsc",
	[UPLINK_BIFURCATED] = "bifurcated",
};

const struct json *nic_policy_document(const struct nic *nic)
{
	return nic->document;
}

const struct json *nic_get_context(const struct nic *nic)
{
	return nic->context;
}

const struct snapshot *nic_snapshot(const struct nic *nic)
{
	return atomic_load(&nic->view.snapshot);
}

const struct policy *nic_policy(const struct nic *nic)
{
	return nic->document ? nic_snapshot(nic)->ruleset->policy : NULL;
}

uint64_t nic_generation(const struct nic *nic)
{
	return nic->generation;
}

bool nic_generation_of(const struct nic *nic, uint16_t generation, uint64_t *ret)
{
	return generations_find(&nic->generations, generation, ret);
}

struct json *nic_policy_history(const struct nic *nic)
{
	struct json *list = policy_store_history(nic->store);
	struct json_at root = json_root(list), entry, generation;

	json_foreach(entry, &root) {
		int64_t number;
		bool current = json_get(&entry, "generation", &generation) &&
			       json_integer(&generation, &number) &&
			       (uint64_t)number == nic->generation;

		/* the list is ours: cursors are read-only views of it */
		json_add_bool((struct json *)(uintptr_t)entry.value, "current", current);
	}
	return list;
}

int nic_policy_load(const struct nic *nic, uint64_t generation, struct json **ret,
		    struct accelnet_error *err)
{
	return policy_store_load(nic->store, generation, ret, err);
}

uint64_t nic_policy_previous(const struct nic *nic)
{
	return policy_store_before(nic->store, nic->generation);
}

static const char *policy_state(const struct nic *nic)
{
	const struct ruleset *ruleset = nic_snapshot(nic)->ruleset;

	if (!ruleset->has_policy)
		return "required, and none in force";
	if (!nic->document)
		return "none: everything is allowed";
	return ruleset->audit ? "audit" : "enforce";
}

struct json *nic_describe(const struct nic *nic)
{
	struct json *json = json_new_object();
	struct hardware_split split;
	struct conn_stats connections;
	struct json *rules;
	char mac[MAC_TEXT_MAX];

	json_add_string(json, "name", nic->config->name);
	json_add_string(json, "mac", mac_addr_format(&nic->mac, mac));
	json_add_string(json, "uplink", uplink_names[nic->config->uplink]);
	failover_describe(nic->failover, json);
	json_add_unsigned(json, "generation", nic->generation);
	json_add_string(json, "mode", policy_state(nic));
	rules = json_add_object(json, "rules");
	hardware_now(nic, &split);
	json_add_unsigned(rules, "hardware", split.hardware);
	json_add_unsigned(rules, "software", split.software);
	json_add_unsigned(rules, "refused", split.refused);
	conn_table_stats(nic->view.connections, &connections);
	json_add_unsigned(json, "connections", connections.live);
	return json;
}

static void describe_connections(const struct nic *nic, struct json *to)
{
	struct json *json = json_add_object(to, "connectionTable");
	struct conn_stats stats;

	conn_table_stats(nic->view.connections, &stats);
	json_add_unsigned(json, "live", stats.live);
	json_add_unsigned(json, "unreplied", stats.unreplied);
	json_add_unsigned(json, "ipv4", stats.families[IP_FAMILY_V4]);
	json_add_unsigned(json, "ipv6", stats.families[IP_FAMILY_V6]);
	json_add_unsigned(json, "max", stats.max);
	json_add_unsigned(json, "created", stats.created);
	json_add_unsigned(json, "expired", stats.expired);
	json_add_unsigned(json, "evicted", stats.evicted);
	json_add_unsigned(json, "refusedFull", stats.refused_full);
	json_add_unsigned(json, "refusedBucket", stats.refused_bucket);
	json_add_unsigned(json, "cut", stats.cut);
	json_add_unsigned(json, "bytes", stats.memory);
	json_add_string(json, "simd", conn_table_simd_name(nic->view.connections));
}

static void describe_classifier(const struct nic *nic, struct json *to)
{
	const struct classifier *classifier = nic_snapshot(nic)->ruleset->classifier;
	struct json *json;

	if (!classifier)
		return;
	json = json_add_object(to, "classifier");
	json_add_string(json, "simd", classifier_simd_name(classifier));
	json_add_unsigned(json, "bytes", classifier_memory(classifier));
}

struct json *nic_describe_fully(const struct nic *nic)
{
	const struct nic_config *config = nic->config;
	struct json *json = nic_describe(nic);

	json_add_unsigned(json, "queues", config->queues);
	json_add_string(json, "vlan", config->vlan == FRAMES_PASS ? "pass" : "drop");
	json_add_string(json, "nonIp", config->non_ip == FRAMES_PASS ? "pass" : "drop");
	failover_describe_fully(nic->failover, json);
	json_add(json, "uplinkPort", uplink_describe(nic->uplink));
	json_add(json, "appPort", port_describe_fully(&nic->app, config->app_device));
	describe_connections(nic, json);
	describe_classifier(nic, json);
	hardware_describe(nic, json);
	return json;
}
