/*
 * The table of methods and commands: see methods.h.
 */
#include "control/methods.h"

#include "base/log.h"

#define PARAMS(array) .params = (array), .param_count = sizeof(array) / sizeof((array)[0])

#define FILE_TEXT                                                                          \
	"a policy document, an NSG object or a list of them, or an ARM template; - reads " \
	"standard input"
#define NIC_REQUIRED                                                                         \
	{                                                                                    \
		.name = "nic", .option = "--nic", .value = "NIC", .type = JSON_STRING,       \
		.flags = PARAM_REQUIRED, .help = "the NIC, by its name in the configuration" \
	}
#define NIC_OPTIONAL                                                                   \
	{                                                                              \
		.name = "nic", .option = "--nic", .value = "NIC", .type = JSON_STRING, \
		.help = "only this NIC; all of them otherwise"                         \
	}
#define CONTEXT_FILE                                                                             \
	{                                                                                        \
		.option = "--context", .value = "FILE",                                          \
		.help = "a context object (addresses, virtualNetwork, serviceTags, ...), alone " \
			"or in a policy document: over the context in force for an NSG, for "    \
			"what it leaves out beside a document"                                   \
	}
#define PARAMETERS_FILE                                                                      \
	{                                                                                    \
		.option = "--parameters", .value = "FILE",                                   \
		.help = "values for the parameters of an ARM template, over their defaults " \
			"(a parameters file, or an object of names and values)"              \
	}
#define NSG_NAME                                                        \
	{                                                               \
		.option = "--nsg", .value = "NAME",                     \
		.help = "which NSG of the file, where it holds several" \
	}
#define POLICY_OBJECTS                                                                 \
	{ .name = "document",                                                          \
	  .type = JSON_OBJECT,                                                         \
	  .help = "a whole policy document; either this or nsg" },                     \
		{ .name = "nsg",                                                       \
		  .type = JSON_OBJECT,                                                 \
		  .help = "an NSG object, put in place of the NSG at `level`" },       \
	{                                                                              \
		.name = "context", .type = JSON_OBJECT,                                \
		.help = "with nsg: goes over the context in force, member by member; " \
			"groups and tags name by name"                                 \
	}
#define LEVEL                                                                                   \
	{                                                                                       \
		.name = "level", .option = "--level", .value = "LEVEL", .type = JSON_STRING,    \
		.choices = "nic|subnet",                                                        \
		.help = "where a bare NSG goes, nic by default; the other level stays as it is" \
	}

static const struct method_param nic_show_params[] = {
	{ .name = "nic",
	  .value = "NIC",
	  .type = JSON_STRING,
	  .flags = PARAM_REQUIRED,
	  .help = "the NIC, by its name in the configuration" },
};

static const struct method_param nic_failover_params[] = {
	{ .name = "nic",
	  .value = "NIC",
	  .type = JSON_STRING,
	  .flags = PARAM_REQUIRED,
	  .help = "the NIC, by its name in the configuration" },
	{ .name = "to",
	  .option = "--to",
	  .value = "PATH",
	  .type = JSON_STRING,
	  .flags = PARAM_REQUIRED,
	  .choices = "synthetic|vf|auto",
	  .help = "synthetic: stay there, also when a VF returns; auto: the NIC's own choice again; "
		  "vf: the same at once, without the wait for a VF to last, and refused where "
		  "there is no VF to go to" },
};

static const struct method_param policy_apply_params[] = {
	{ .value = "FILE", .flags = PARAM_REQUIRED, .help = FILE_TEXT },
	NIC_REQUIRED,
	POLICY_OBJECTS,
	NSG_NAME,
	LEVEL,
	CONTEXT_FILE,
	PARAMETERS_FILE,
	{ .name = "dryRun",
	  .option = "--dry-run",
	  .type = JSON_BOOL,
	  .help = "say what would change, change nothing" },
	{ .name = "ifGeneration",
	  .option = "--if-generation",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .help = "only if generation N is in force (0: none yet), else generation-mismatch" },
};

static const struct method_param policy_show_params[] = {
	NIC_REQUIRED,
	{ .name = "form",
	  .option = "--form",
	  .value = "FORM",
	  .type = JSON_STRING,
	  .choices = "document|arm",
	  .help = "document (default): all of it; arm: its NSGs as an ARM template" },
};

static const struct method_param policy_check_params[] = {
	{ .value = "FILE", .flags = PARAM_REQUIRED, .help = FILE_TEXT },
	{ .name = "policy",
	  .type = JSON_OBJECT,
	  .flags = PARAM_SOCKET_REQUIRED,
	  .help = "a policy document or an NSG object" },
	{ .name = "context", .type = JSON_OBJECT, .help = "for an NSG that brings none" },
	{ .name = "strict",
	  .option = "--strict",
	  .type = JSON_BOOL,
	  .help = "refuse what Azure Resource Manager refuses, instead of warning" },
	CONTEXT_FILE,
	PARAMETERS_FILE,
	{ .option = "--analyse",
	  .help = "also tell the rules that never decide or could go; takes some seconds with "
		  "thousands of rules" },
};

static const struct method_param policy_compile_params[] = {
	{ .value = "FILE", .flags = PARAM_REQUIRED, .help = FILE_TEXT },
	{ .option = "--target",
	  .value = "TARGET",
	  .flags = PARAM_REQUIRED,
	  .choices = "rte_flow|software",
	  .help = "rte_flow: what goes into a NIC; software: what the classifier is made from" },
	{ .option = "--tier",
	  .value = "TIER",
	  .choices = "T3|T2|T1|T0",
	  .help = "with --target rte_flow: what the NIC can do; T3 by default" },
	{ .option = "--format",
	  .value = "FORMAT",
	  .choices = "testpmd|json",
	  .help = "testpmd (default): commands for stock dpdk-testpmd; json: one object" },
	{ .option = "--port",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .max = UINT16_MAX,
	  .help = "testpmd's number of the port; 0 by default" },
	{ .option = "--queues",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .min = 1,
	  .max = 64,
	  .help = "receive queues that packets are spread over; 1 by default" },
	NSG_NAME,
	LEVEL,
	CONTEXT_FILE,
	PARAMETERS_FILE,
};

static const struct method_param policy_diff_params[] = {
	{ .value = "FILE", .help = FILE_TEXT " (new; what is in force is old)" },
	NIC_REQUIRED,
	POLICY_OBJECTS,
	NSG_NAME,
	LEVEL,
	CONTEXT_FILE,
	PARAMETERS_FILE,
	{ .name = "from",
	  .option = "--from",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .help = "generation that is old" },
	{ .name = "to",
	  .option = "--to",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .help = "generation that is new" },
	{ .name = "documents",
	  .type = JSON_BOOL,
	  .help = "answer with both documents and the NIC's context too" },
};

static const struct method_param nic_params[] = { NIC_REQUIRED };
static const struct method_param any_nic_params[] = { NIC_OPTIONAL };

static const struct method_param policy_rollback_params[] = {
	NIC_REQUIRED,
	{ .name = "to",
	  .option = "--to",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .help = "the generation whose content is put in force again; the one before by default" },
};

static const struct method_param rule_list_params[] = {
	NIC_REQUIRED,
	{ .name = "effective",
	  .option = "--effective",
	  .type = JSON_BOOL,
	  .help = "tags and application security groups as the addresses they stand for" },
};

static const struct method_param rule_explain_params[] = {
	{ .name = "name",
	  .value = "NAME",
	  .type = JSON_STRING,
	  .flags = PARAM_REQUIRED,
	  .help = "the rule, at every level and in both directions" },
	NIC_REQUIRED,
	{ .name = "documents",
	  .type = JSON_BOOL,
	  .help = "answer with the document in force and the NIC's context too" },
};

static const struct method_param verify_params[] = {
	{ .name = "nic",
	  .option = "--nic",
	  .value = "NIC",
	  .type = JSON_STRING,
	  .flags = PARAM_SOCKET_REQUIRED,
	  .help = "ask the daemon about the policy in force on this NIC" },
	{ .option = "--policy",
	  .value = "FILE",
	  .help = "ask this file, without a daemon; - reads standard input" },
	{ .name = "direction",
	  .option = "--direction",
	  .value = "in|out",
	  .type = JSON_STRING,
	  .flags = PARAM_SOCKET_REQUIRED,
	  .choices = "in|out",
	  .help = "of the packet, seen from the VM" },
	{ .name = "protocol",
	  .option = "--protocol",
	  .value = "P",
	  .type = JSON_STRING,
	  .flags = PARAM_SOCKET_REQUIRED,
	  .help = "tcp, udp, icmp, icmpv6, sctp, esp, ah or a number" },
	{ .name = "local",
	  .option = "--local",
	  .value = "IP[:PORT]",
	  .type = JSON_STRING,
	  .flags = PARAM_SOCKET_REQUIRED,
	  .help = "the VM's side; [IP]:PORT for IPv6" },
	{ .name = "remote",
	  .option = "--remote",
	  .value = "IP[:PORT]",
	  .type = JSON_STRING,
	  .flags = PARAM_SOCKET_REQUIRED,
	  .help = "the other side" },
	{ .option = "--tuples",
	  .value = "FILE",
	  .help = "with --policy: packets as NDJSON, answers as NDJSON in the same order" },
	NSG_NAME,
	CONTEXT_FILE,
	PARAMETERS_FILE,
	{ .option = "--engine",
	  .value = "ENGINE",
	  .choices = "reference|software|rte_flow",
	  .help = "with --policy: software (default), as the daemon judges; reference, rule by rule; "
		  "rte_flow, as a NIC with the rules of --tier does" },
	{ .option = "--tier",
	  .value = "TIER",
	  .choices = "T3|T2|T1|T0",
	  .help = "with --engine rte_flow: what the NIC can do; T3 by default" },
	{ .name = "explain",
	  .option = "--explain",
	  .type = JSON_BOOL,
	  .help = "every rule that was looked at, and which of its fields matched" },
};

#define FLOW_FILTERS                                                                               \
	{ .name = "protocol",                                                                      \
	  .option = "--protocol",                                                                  \
	  .value = "P",                                                                            \
	  .type = JSON_STRING,                                                                     \
	  .help = "tcp, udp, icmp, ... or a number" },                                             \
		{ .name = "local",                                                                 \
		  .option = "--local",                                                             \
		  .value = "PREFIX[:PORT]",                                                        \
		  .type = JSON_STRING,                                                             \
		  .help = "the VM's side: address or prefix, and port" },                          \
		{ .name = "remote",                                                                \
		  .option = "--remote",                                                            \
		  .value = "PREFIX[:PORT]",                                                        \
		  .type = JSON_STRING,                                                             \
		  .help = "the other side" },                                                      \
		{ .name = "direction",                                                             \
		  .option = "--direction",                                                         \
		  .value = "in|out",                                                               \
		  .type = JSON_STRING,                                                             \
		  .choices = "in|out",                                                             \
		  .help = "in: opened by the other side; out: by the VM" },                        \
	{                                                                                          \
		.name = "state", .option = "--state", .value = "STATE", .type = JSON_STRING,       \
		.choices = "half-open|unconfirmed|established|closing|reset|udp|udp-replied|icmp|" \
			   "other|stale|tombstone",                                                \
		.help = "half-open, unconfirmed, established, closing, reset, udp, udp-replied, "  \
			"icmp, other, stale or tombstone (cut)"                                    \
	}

static const struct method_param flow_list_params[] = {
	NIC_REQUIRED,
	FLOW_FILTERS,
	{ .name = "limit",
	  .option = "--limit",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .min = 1,
	  .max = 10000,
	  .help = "at most N connections, 100 by default" },
};

static const struct method_param flow_kill_params[] = {
	NIC_REQUIRED,
	FLOW_FILTERS,
	{ .name = "limit",
	  .option = "--limit",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .min = 1,
	  .max = 100000000,
	  .help = "at most N connections; all that match by default" },
	{ .name = "all",
	  .option = "--all",
	  .type = JSON_BOOL,
	  .help = "every connection; asked for where there is no filter" },
};

static const struct method_param tags_load_params[] = {
	{ .value = "FILE",
	  .flags = PARAM_REQUIRED,
	  .help = "the public download, ServiceTags_Public_*.json, or what `az network "
		  "list-service-tags` prints; - reads standard input" },
	NIC_REQUIRED,
	{ .name = "tags",
	  .type = JSON_OBJECT,
	  .flags = PARAM_SOCKET_REQUIRED,
	  .help = "lists of prefixes by name; those that no rule names are passed over" },
	{ .name = "changeNumber", .type = JSON_STRING, .help = "the download's, for the history" },
	{ .name = "dryRun",
	  .option = "--dry-run",
	  .type = JSON_BOOL,
	  .help = "say what would change, change nothing" },
	{ .name = "ifGeneration",
	  .type = JSON_NUMBER,
	  .help = "only if generation N is in force, else generation-mismatch" },
};

static const struct method_param stats_params[] = {
	NIC_OPTIONAL,
	{ .option = "--watch", .help = "again every second, with rates, until interrupted" },
};

static const struct method_param events_params[] = {
	NIC_OPTIONAL,
	{ .name = "after",
	  .option = "--after",
	  .value = "N",
	  .type = JSON_NUMBER,
	  .help = "only events with a sequence number above N" },
	{ .option = "--follow", .help = "go on with new ones until interrupted" },
};

static const struct method_param subscribe_params[] = {
	{ .name = "nic", .type = JSON_STRING, .help = "only this NIC's events" },
	{ .name = "after",
	  .type = JSON_NUMBER,
	  .help = "first those kept with a sequence number above this" },
};

#define ROOM_CHOICE(name, text) text "|"

static const struct method_param log_level_params[] = {
	{ .name = "room",
	  .value = "ROOM",
	  .type = JSON_STRING,
	  .choices = LOG_ROOMS(ROOM_CHOICE) "all",
	  .help = "part of the program, or all; the present levels are shown without it" },
	{ .name = "level",
	  .value = "LEVEL",
	  .type = JSON_STRING,
	  .choices = "error|warning|notice|info|debug",
	  .help = "error, warning, notice, info or debug" },
};

const struct method methods[METHOD_COUNT] = {
	[METHOD_STATUS] = {
		.name = "status",
		.words = "status",
		.summary = "the daemon, its versions and its NICs at a glance",
		.details = "Shows for each NIC the path that its traffic takes, the policy generation "
			   "in force, and how many rules are enforced in hardware, in software, or "
			   "were refused.",
		.examples = "accelnetctl status\n"
			    "accelnetctl status --json | jq .nics[].generation\n",
		.result = "daemon, versions, nics",
	},
	[METHOD_NIC_LIST] = {
		.name = "nic.list",
		.words = "nic list",
		.summary = "the NICs, a line each",
		.result = "nics",
	},
	[METHOD_NIC_SHOW] = {
		.name = "nic.show",
		.words = "nic show",
		.summary = "everything that is known about one NIC",
		.result = "the NIC",
		PARAMS(nic_show_params),
	},
	[METHOD_NIC_FAILOVER] = {
		.name = "nic.failover",
		.words = "nic failover",
		.summary = "say which path a NIC's traffic is to take",
		.details = "On a bifurcated uplink traffic goes where it is told to: vf does not wait for "
			   "the VF to have lasted, auto does; there has to be a VF.\n\n"
			   "A netvsc uplink switches by itself, in the driver, and traffic that is on "
			   "the VF cannot be called back from it. What can be done there is to keep a "
			   "VF that is away from being taken up when it returns; where that does not "
			   "work either, the answer is the error wrong-state with the reason.\n\n"
			   "What was asked for lasts until auto, or until the daemon ends.",
		.examples = "accelnetctl nic failover eth1 --to synthetic\n"
			    "accelnetctl nic failover eth1 --to auto\n",
		.result = "nic, path, held",
		PARAMS(nic_failover_params),
	},
	[METHOD_POLICY_APPLY] = {
		.name = "policy.apply",
		.words = "policy apply",
		.summary = "put a policy in force, whole or not at all",
		.details = "A policy document replaces the whole policy of the NIC. A bare NSG, as "
			   "`az network nsg show` prints it, replaces the NSG of one level and leaves "
			   "the rest. One that stands in an ARM template is evaluated here first, with "
			   "--parameters over the defaults.\n\n"
			   "The answer comes when the policy is in force and on disk. A policy with a "
			   "fault changes nothing, and every fault is listed with its place. Live "
			   "connections stay unless the NSG says flushConnection. The same content "
			   "again answers `unchanged`; what Azure renews by itself, such as etag "
			   "and provisioningState, is no content.",
		.examples = "accelnetctl policy apply web.json --nic eth1\n"
			    "accelnetctl policy apply web.json --nic eth1 --dry-run\n"
			    "az network nsg show -g rg -n web-nsg | accelnetctl policy apply - --nic "
			    "eth1 --level subnet\n"
			    "accelnetctl policy apply azuredeploy.json --parameters "
			    "azuredeploy.parameters.json --nsg web-nsg --nic eth1\n"
			    "accelnetctl policy apply web.json --nic eth1 --if-generation 7\n",
		.result = "nic, generation, unchanged, dryRun, rules {added, kept, removed}, "
			  "where {hardware, software, refused}, warnings",
		PARAMS(policy_apply_params),
	},
	[METHOD_POLICY_SHOW] = {
		.name = "policy.show",
		.words = "policy show",
		.summary = "the policy in force, in a form that `policy apply` takes",
		.details = "With --form arm only the NSGs are shown: acl, context and options have no "
			   "place in a template.",
		.examples = "accelnetctl policy show --nic eth1 >saved.json\n"
			    "accelnetctl policy show --nic eth1 --form arm\n",
		.result = "nic, generation, form, policy",
		PARAMS(policy_show_params),
	},
	[METHOD_POLICY_CHECK] = {
		.name = "policy.check",
		.words = "policy check",
		.summary = "every problem of a policy file at once; needs no daemon",
		.details = "Exit status 0 where there is no error (there may be warnings), 3 where "
			   "there is one.",
		.examples = "accelnetctl policy check web.json\n"
			    "accelnetctl policy check --strict web.json --json\n"
			    "accelnetctl policy check web.json --analyse\n",
		.result = "form, nsgs [{name, level, rules}], errors [{pointer, code, detail}], "
			  "warnings; accelnetctl --analyse: analysis [{rule, level, nsg, direction, "
			  "priority, reach, shadowedBy, matchesNothing}], undecided, notAnalysed "
			  "[{nsg, reason}]",
		PARAMS(policy_check_params),
	},
	[METHOD_POLICY_COMPILE] = {
		.words = "policy compile",
		.summary = "what a policy becomes in a NIC of a tier; needs no daemon",
		.details = "In the format testpmd a line is one flow command of at most 500 bytes, and "
			   "lines that begin with # tell which form was chosen, how many rules there "
			   "are of what kind, the rule that each group of commands is for, and what is "
			   "left to software and why. All of it can be pasted into stock "
			   "dpdk-testpmd.\n\n"
			   "What is left to software is judged there by the same rules: a NIC only "
			   "ever saves work.",
		.examples = "accelnetctl policy compile web.json --target rte_flow\n"
			    "accelnetctl policy compile web.json --target rte_flow --tier T2 --port 1 "
			    "--queues 4\n"
			    "accelnetctl policy compile web.json --target rte_flow --format json | jq "
			    ".counts\n",
		PARAMS(policy_compile_params),
	},
	[METHOD_POLICY_DIFF] = {
		.name = "policy.diff",
		.words = "policy diff",
		.synopsis = "policy diff FILE --nic NIC [--nsg NAME] [--level LEVEL] [--context FILE] "
			    "[--parameters FILE]\n"
			    "policy diff --nic NIC --from N --to N\n",
		.summary = "rules added, removed and changed, and packets whose verdict changes",
		.details = "Compares a file with what is in force, or two generations of the history. "
			   "With the rules that differ comes a packet as an example for each pair of "
			   "rules, old and new, whose verdicts differ: what was allowed and is not "
			   "any more, and the other way round. Large policies are searched for about "
			   "a second; the answer says where that was not exhaustive.",
		.examples = "accelnetctl policy diff web.json --nic eth1\n"
			    "accelnetctl policy diff --nic eth1 --from 3 --to 5\n",
		.result = "nic, from, to, identical, added [rule], removed [rule], "
			  "changed [{level, direction, name, fields}], settings [{name, from, to}], "
			  "documents {before, after, context}; accelnetctl --json: instead of "
			  "documents, packets [{direction, protocol, source, sourcePort, "
			  "destination, destinationPort, before, after}], packetsComplete",
		PARAMS(policy_diff_params),
	},
	[METHOD_POLICY_HISTORY] = {
		.name = "policy.history",
		.words = "policy history",
		.summary = "the generations that are kept, newest first",
		.examples = "accelnetctl policy history --nic eth1\n",
		.result = "nic, generations [{generation, time, origin, rules, hash, current}]",
		PARAMS(nic_params),
	},
	[METHOD_POLICY_ROLLBACK] = {
		.name = "policy.rollback",
		.words = "policy rollback",
		.summary = "put an earlier policy in force again, as a new generation",
		.examples = "accelnetctl policy rollback --nic eth1\n"
			    "accelnetctl policy rollback --nic eth1 --to 3\n",
		.result = "as policy.apply, and restored: the generation whose content it is",
		PARAMS(policy_rollback_params),
	},
	[METHOD_RULE_LIST] = {
		.name = "rule.list",
		.words = "rule list",
		.summary = "every rule: where it is enforced, why there, how often it decided",
		.details = "Rules stand in the order in which packets meet them. Hits count first "
			   "packets of connections, and every packet for acl rules, since the policy "
			   "was put in force, what hardware dropped included; null where hardware "
			   "drops and does not count. `settled` counts segments of connections that "
			   "hardware let through by the rule.",
		.examples = "accelnetctl rule list --nic eth1\n"
			    "accelnetctl rule list --nic eth1 --effective --json\n",
		.result = "nic, generation, rules [{name, level, nsg, direction, priority, access, "
			  "protocol, source, sourcePorts, destination, destinationPorts, default, "
			  "where, reason, pmd, hits, settled, lastHit, deviceRules, testpmd}], addresses",
		PARAMS(rule_list_params),
	},
	[METHOD_RULE_EXPLAIN] = {
		.name = "rule.explain",
		.words = "rule explain",
		.summary = "one rule: what it means, where it is enforced, whether it can ever match",
		.details = "`reach` is needed, where some packet's verdict hangs on the rule; "
			   "redundant, where it decides but the rules after it would say the same; "
			   "never, where rules before it take all its packets; unknown, where there "
			   "were too many to find out.",
		.examples = "accelnetctl rule explain allow-https --nic eth1\n",
		.result = "nic, generation, rules [as rule.list, and position, of, shadowedBy, "
			  "matchesNothing, addresses], documents {document, context}; accelnetctl: "
			  "instead of documents, reach in each rule",
		PARAMS(rule_explain_params),
	},
	[METHOD_VERIFY] = {
		.name = "verify",
		.words = "verify",
		.synopsis = "verify --nic NIC --direction in|out --protocol P --local IP[:PORT] --remote "
			    "IP[:PORT] [--explain]\n"
			    "verify --policy FILE [--nsg NAME] [--context FILE] [--parameters FILE] "
			    "--direction in|out --protocol P --local IP[:PORT] --remote IP[:PORT] [--engine ENGINE] "
			    "[--tier TIER] [--explain]\n"
			    "verify --policy FILE [--nsg NAME] [--context FILE] [--parameters FILE] --tuples "
			    "FILE [--engine ENGINE] [--tier TIER] [--explain]\n",
		.summary = "which rule decides this packet?",
		.details =
			"Judges the first packet of a new connection (of TCP: a SYN) by acl and NSG rules. "
			"Where something before the rules would decide otherwise, the answer says so: "
			"`platform` (Azure's platform services pass) or `isolation` (sourceGuard).\n\n"
			"TCP, UDP and SCTP need the port of the side that is opened; the opener's is "
			"taken as 49152 where it is not given.\n\n"
			"A line of --tuples is {\"direction\":\"Inbound\",\"protocol\":6,"
			"\"source\":\"203.0.113.9\",\"sourcePort\":40000,\"destination\":\"10.1.0.4\","
			"\"destinationPort\":443}; its answer {\"access\":\"Allow\",\"rule\":"
			"\"allow-https\",\"nsg\":\"nic\"}, where nsg is the level that decided: acl, "
			"subnet, nic or none. A wrong line, also a blank one, is answered by "
			"{\"error\":{...}} in its place, so that the answer to line N is line N, and the "
			"exit status is 3 at the end.",
		.examples = "accelnetctl verify --nic eth1 --direction in --protocol tcp --local "
			    "10.1.0.4:443 --remote 203.0.113.9:40000\n"
			    "accelnetctl verify --policy web.json --direction out --protocol icmp --local "
			    "10.1.0.4 --remote 1.1.1.1 --explain\n"
			    "accelnetctl verify --policy web.json --tuples packets.ndjson --engine "
			    "reference\n",
		.result = "access, rule, nsg, priority, platform, isolation, assumed, explain",
		PARAMS(verify_params),
	},
	[METHOD_FLOW_LIST] = {
		.name = "flow.list",
		.words = "flow list",
		.summary = "live connections",
		.examples = "accelnetctl flow list --nic eth1 --remote 203.0.113.0/24\n"
			    "accelnetctl flow list --nic eth1 --protocol tcp --local 10.1.0.4:443\n",
		.result = "nic, flows [{protocol, local, remote, direction, state, replied, auditOnly, "
			  "idleSeconds, expiresSeconds, generation (of the policy that judged it last; "
			  "null: long ago), offloaded}], total, shown",
		PARAMS(flow_list_params),
	},
	[METHOD_FLOW_SHOW] = {
		.name = "flow.show",
		.words = "flow show",
		.summary = "everything about the connections that the filters leave",
		.examples = "accelnetctl flow show --nic eth1 --local 10.1.0.4:443 --remote "
			    "203.0.113.9:40000\n",
		.result = "as flow.list",
		PARAMS(flow_list_params),
	},
	[METHOD_FLOW_KILL] = {
		.name = "flow.kill",
		.words = "flow kill",
		.summary = "cut live connections",
		.details = "Their packets are dropped until both sides have given up; a new connection "
			   "is judged by the rules. Without a filter --all is asked for.",
		.examples = "accelnetctl flow kill --nic eth1 --remote 203.0.113.9\n",
		.result = "nic, killed",
		PARAMS(flow_kill_params),
	},
	[METHOD_TAGS_LOAD] = {
		.name = "tags.load",
		.words = "tags load",
		.summary = "renew the service tags of the policy in force",
		.details = "Takes from the file the tags that rules in force name and puts them into "
			   "the policy's context.serviceTags, in place of those of the same name; "
			   "nothing else changes. What comes of it is a new generation, as of any "
			   "change of rules: it is in the history with the file's changeNumber, and "
			   "live connections stay unless an NSG says flushConnection.",
		.examples = "accelnetctl tags load ServiceTags_Public_20240101.json --nic eth1\n"
			    "accelnetctl tags load ServiceTags_Public_20240101.json --nic eth1 "
			    "--dry-run\n",
		.result = "as policy.apply, and changeNumber, loaded [{name, prefixes, before}], "
			  "kept [name]: tags of the policy that were not given",
		PARAMS(tags_load_params),
	},
	[METHOD_TAGS_SHOW] = {
		.name = "tags.show",
		.words = "tags show",
		.summary = "the service tags that rules can name: how large, where they are from",
		.details = "From `policy`: the context of the policy in force, where `tags load` puts "
			   "them. From `configuration`: the context in the daemon's configuration.",
		.result = "nics [{nic, generation, tags [{name, prefixes, source, named}]}]",
		PARAMS(any_nic_params),
	},
	[METHOD_STATS] = {
		.name = "stats",
		.words = "stats",
		.summary = "packets and bytes in each direction",
		.examples = "accelnetctl stats\n"
			    "accelnetctl stats --watch --nic eth1\n",
		.result = "time, nics [{nic, inbound, outbound, judged}]",
		PARAMS(stats_params),
	},
	[METHOD_STATS_CLEAR] = {
		.name = "stats.clear",
		.words = "stats clear",
		.summary = "set the counters of `stats` and `drops` to zero",
		.result = "cleared",
		PARAMS(any_nic_params),
	},
	[METHOD_DROPS] = {
		.name = "drops",
		.words = "drops",
		.summary = "packets dropped, by reason and direction",
		.result = "nics [{nic, hardware, drops [{reason, inbound, outbound, help}]}]; hardware: "
			  "what the NIC has dropped by the plan in force, null where it does not "
			  "count",
		PARAMS(any_nic_params),
	},
	[METHOD_EVENTS] = {
		.name = "events",
		.words = "events",
		.summary = "what happened: policies applied, paths switched, ports lost",
		.examples = "accelnetctl events\n"
			    "accelnetctl events --follow --nic eth1\n",
		.result = "events [{sequence, time, nic, event, ...}], oldest first",
		PARAMS(events_params),
	},
	[METHOD_EVENTS_SUBSCRIBE] = {
		.name = "events.subscribe",
		.summary = "events as they happen, each as a notification `event` on this connection",
		.result = "subscribed",
		PARAMS(subscribe_params),
	},
	[METHOD_LOG_LEVEL] = {
		.name = "log.level",
		.words = "log level",
		.summary = "show or set how much a part of the daemon logs, until it ends",
		.examples = "accelnetctl log level\n"
			    "accelnetctl log level control debug\n",
		.result = "levels {room: level}",
		PARAMS(log_level_params),
	},
	[METHOD_VERSION] = {
		.name = "version",
		.words = "version",
		.summary = "versions of the client, the daemon and what it runs on",
		.result = "accelnet, dpdk, pmd, rdmaCore, api",
	},
	[METHOD_RPC_LIST] = {
		.name = "rpc.list",
		.summary = "the methods, their parameters and results",
		.result = "methods [{name, help, params, result, command}]",
	},
};
