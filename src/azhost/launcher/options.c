/* Command line of `azhost run`, see options.h. */
#include "azhost/launcher/options.h"

#include "azhost/host/config.h"
#include "azhost/host/pci.h"
#include "azhost/host/say.h"
#include "azhost/vswitch/policy.h"
#include "azhost/wire/wire.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPT_NICS = 256,
	OPT_VF,
	OPT_SYNTHETIC,
	OPT_PROFILE,
	OPT_UPLINK,
	OPT_FLOW_CONTROL,
	OPT_FIX,
	OPT_CONFIG,
	OPT_SOCKET,
	OPT_QUEUES,
	OPT_KEEP,
	OPT_VERBOSE,
	OPT_HELP,
};

struct option_help {
	const char *name;
	int code;
	const char *argument;
	const char *help;
	const char *accepted; /* NULL: whatever it is, it is taken here */
};

static const struct option_help table[] = {
	{ "nics", OPT_NICS, "N", "NICs of the VM: 1 to 8 (1)", "a number from 1 to 8" },
	{ "vf", OPT_VF, "on|off|only",
	  "on: synthetic NIC and VF under one MAC; off: no VF;\n"
	  "only: the VF without a synthetic NIC (on)",
	  "on, off or only" },
	{ "synthetic", OPT_SYNTHETIC, "user|kernel",
	  "who drives the synthetic NIC. user: COMMAND, by the netvsc\n"
	  "PMD; kernel: the guest's kernel, as interface azethN (user)",
	  "user or kernel" },
	{ "profile", OPT_PROFILE, "P",
	  "what the VF can do: cx5-vf-untrusted, cx5-vf-trusted,\n"
	  "cx4lx-vf (cx5-vf-untrusted)",
	  "the name of a profile" },
	{ "uplink", OPT_UPLINK, "U",
	  "where frames come from and go to (tap:azhost0); see below.\n"
	  "Given once: one switch for all NICs. Given once for each\n"
	  "NIC: a switch and an uplink for each",
	  "tap:NAME, unix:PATH, ring:PATH, pcap:FILE or pair, 8 times at most" },
	{ "flow-control", OPT_FLOW_CONTROL, "on|off",
	  "on: where a guest has no room, frames wait, and the uplink\n"
	  "with them; off: they are lost, as on Azure (on)",
	  "on or off" },
	{ "fix", OPT_FIX, "NAME",
	  "work round a fault of COMMAND's: testpmd-2211 makes DPDK\n"
	  "22.11's dpdk-testpmd use the queues of a netvsc port",
	  "testpmd-2211" },
	{ "config", OPT_CONFIG, "FILE", "JSON; see azhost(1)", NULL },
	{ "queues", OPT_QUEUES, "N", "queues of a synthetic NIC: 1 to 16 (4)",
	  "a number from 1 to 16" },
	{ "socket", OPT_SOCKET, "PATH", "control socket (in the VM's directory)", NULL },
	{ "keep", OPT_KEEP, NULL, "leave the VM's directory for inspection", NULL },
	{ "verbose", OPT_VERBOSE, NULL, "say what host and guest tell each other", NULL },
	{ "help", OPT_HELP, NULL, "this text", NULL },
};

#define OPTIONS (sizeof(table) / sizeof(table[0]))

static void print_help(void)
{
	printf("Usage: azhost run [OPTION...] -- COMMAND [ARG...]\n\n"
	       "Run COMMAND as in an Azure VM: it sees the VM's NICs, with the unmodified netvsc\n"
	       "and mlx5 drivers of DPDK. No EAL argument is needed for azhost's sake.\n\n"
	       "Options:\n");
	for (unsigned i = 0; i < OPTIONS; i++) {
		char left[40];
		const char *line = table[i].help;

		snprintf(left, sizeof(left), "--%s%s%s", table[i].name,
			 table[i].argument != NULL ? " " : "",
			 table[i].argument != NULL ? table[i].argument : "");
		printf("  %-18s ", left);
		while (line != NULL) {
			const char *end = strchr(line, '\n');

			printf("%.*s\n", end != NULL ? (int)(end - line) : (int)strlen(line), line);
			line = end != NULL ? end + 1 : NULL;
			if (line != NULL)
				printf("%21s", "");
		}
	}
	printf("\nUplinks:\n");
	for (unsigned i = 0; wire_types[i] != NULL; i++)
		printf("  %s\n", wire_types[i]->help);
	printf("  pair        NICs two by two, back to back\n");
	printf("\nExit status: COMMAND's; 125 azhost itself failed, 126 COMMAND cannot be run,\n"
	       "127 COMMAND was not found.\n\n"
	       "Examples:\n"
	       "  azhost run -- dpdk-testpmd --no-huge -m 256 -- -i --total-num-mbufs=8192\n"
	       "  azhost run --vf off --fix testpmd-2211 -- \\\n"
	       "      dpdk-testpmd --no-huge -m 256 -- -i --total-num-mbufs=8192\n"
	       "  azhost run --uplink unix:/tmp/cable -- sh -c 'azhost ctl nics; dpdk-testpmd'\n");
}

static int bad(int code, const char *value)
{
	const struct option_help *option = table;

	while (option->code != code)
		option++;
	say("--%s: '%s' is not accepted; it takes %s (azhost run --help)", option->name, value,
	    option->accepted);
	return -EINVAL;
}

static int parse_number(const char *text, unsigned first, unsigned last, unsigned *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || value < first || value > last)
		return -EINVAL;
	*ret = (unsigned)value;
	return 0;
}

static int parse_vf(const char *text, enum vf_mode *ret)
{
	static const char *const names[] = {
		[VF_MODE_ON] = "on",
		[VF_MODE_OFF] = "off",
		[VF_MODE_ONLY] = "only",
	};

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*ret = i;
		return 0;
	}
	return -EINVAL;
}

/* What --config says, too, and the command line with the last word. */
struct last_word {
	const char *profile; /* NULL: not given */
	unsigned queues;     /* 0: not given */
};

static int take(struct host_options *o, int code, const char *value, struct last_word *last)
{
	switch (code) {
	case OPT_NICS:
		return parse_number(value, 1, AZHOST_NICS_MAX, &o->nics);
	case OPT_QUEUES:
		return parse_number(value, 1, AZHOST_QUEUES_MAX, &last->queues);
	case OPT_VF:
		return parse_vf(value, &o->vf);
	case OPT_SYNTHETIC:
		o->kernel_synthetic = strcmp(value, "kernel") == 0;
		return o->kernel_synthetic || strcmp(value, "user") == 0 ? 0 : -EINVAL;
	case OPT_PROFILE:
		last->profile = value;
		return strlen(value) < sizeof(o->nic[0].profile) && strpbrk(value, "/,;") == NULL &&
				       value[0] != '.'
			       ? 0
			       : -EINVAL;
	case OPT_UPLINK: {
		const char *argument;

		if (o->uplink_count == AZHOST_NICS_MAX ||
		    (strcmp(value, "pair") != 0 && wire_find(value, &argument) == NULL))
			return -EINVAL;
		o->uplinks[o->uplink_count++] = value;
		return 0;
	}
	case OPT_FLOW_CONTROL:
		o->flow_control = strcmp(value, "on") == 0;
		return o->flow_control || strcmp(value, "off") == 0 ? 0 : -EINVAL;
	case OPT_FIX:
		o->fix_testpmd = strcmp(value, "testpmd-2211") == 0;
		return o->fix_testpmd ? 0 : -EINVAL;
	case OPT_CONFIG:
		o->config = value;
		return 0;
	case OPT_SOCKET:
		o->socket = value;
		return 0;
	case OPT_KEEP:
		o->keep = true;
		return 0;
	case OPT_VERBOSE:
		o->verbose = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static void set_defaults(struct host_options *o)
{
	*o = (struct host_options){
		.nics = 1,
		.vf = VF_MODE_ON,
		.queues = 4,
		.mtu = 1500,
		.flow_control = true,
		.openers_synthetic = true,
		.multicast_synthetic = true,
	};
	for (unsigned i = 0; i < AZHOST_NICS_MAX; i++) {
		struct nic_options *nic = &o->nic[i];
		unsigned vf = i + 2; /* functions 0 and 1 are the card's own */

		memcpy(nic->mac, (const uint8_t[]){ 0x00, 0x0d, 0x3a, 0x00, 0x00, 0x00 }, 6);
		nic->mac[5] = (uint8_t)(i + 1);
		snprintf(nic->guid, sizeof(nic->guid), "7a08%04x-f5a0-4ac0-9802-d13fd964f8df",
			 0x391f + i);
		snprintf(nic->pci, sizeof(nic->pci), "0000:3b:%02x.%x", vf / 8, vf % 8);
		snprintf(nic->profile, sizeof(nic->profile), "%s", AZHOST_PROFILE);
	}
}

static int check(struct host_options *o)
{
	unsigned pairs = 0;

	if (o->kernel_synthetic && o->vf == VF_MODE_ONLY) {
		say("--synthetic kernel: there is no synthetic NIC with --vf only");
		return -EINVAL;
	}
	if (o->uplink_count == 0)
		o->uplinks[o->uplink_count++] = AZHOST_UPLINK;
	for (unsigned i = 0; i < o->uplink_count; i++)
		pairs += strcmp(o->uplinks[i], "pair") == 0;
	if (pairs != 0 && o->uplink_count != 1) {
		say("--uplink pair: no other uplink can be given");
		return -EINVAL;
	}
	if (pairs != 0 && o->nics % 2 != 0) {
		say("--uplink pair: needs an even number of NICs (--nics 2)");
		return -EINVAL;
	}
	if (o->uplink_count != 1 && o->uplink_count != o->nics) {
		say("--uplink: give one, or one for each of the %u NICs", o->nics);
		return -EINVAL;
	}
	return 0;
}

static int parse_line(int argc, char **argv, struct host_options *o, struct last_word *last)
{
	struct option longs[OPTIONS + 1] = { 0 };
	int code;

	for (unsigned i = 0; i < OPTIONS; i++)
		longs[i] = (struct option){
			.name = table[i].name,
			.has_arg = table[i].argument != NULL ? required_argument : no_argument,
			.val = table[i].code,
		};
	opterr = 0;
	optind = 1;
	while ((code = getopt_long(argc, argv, "+h", longs, NULL)) != -1) {
		if (code == OPT_HELP || code == 'h') {
			print_help();
			return OPTIONS_HELP;
		}
		if (code == '?') {
			say("option '%s' is unknown or lacks its argument (azhost run --help)",
			    argv[optind - 1]);
			return -EINVAL;
		}
		if (take(o, code, optarg, last) < 0)
			return bad(code, optarg);
	}
	if (optind >= argc) {
		say("no COMMAND given (azhost run --help)");
		return -EINVAL;
	}
	return OPTIONS_OK;
}

int options_parse(int argc, char **argv, struct host_options *ret, char ***ret_command)
{
	struct last_word last = { 0 };
	int rc;

	set_defaults(ret);
	rc = parse_line(argc, argv, ret, &last);
	if (rc != OPTIONS_OK)
		return rc;
	if (ret->config != NULL)
		rc = config_load(ret->config, ret);
	if (rc == 0)
		rc = check(ret);
	if (rc < 0)
		return rc;
	if (last.queues != 0)
		ret->queues = last.queues;
	for (unsigned i = 0; last.profile != NULL && i < AZHOST_NICS_MAX; i++)
		snprintf(ret->nic[i].profile, sizeof(ret->nic[i].profile), "%s", last.profile);
	*ret_command = argv + optind;
	return OPTIONS_OK;
}

void options_free(struct host_options *options)
{
	policy_free(options->policy);
	options->policy = NULL;
}
