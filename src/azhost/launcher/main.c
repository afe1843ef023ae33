/* azhost: an Azure host in software. The table of sub-commands. */
#include "azhost/host/say.h"
#include "azhost/launcher/as.h"
#include "azhost/launcher/ctl.h"
#include "azhost/launcher/run.h"

#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{ "run", run_main, "run a program as in an Azure VM" },
	{ "as", as_main, "run a program of a VM that sees one NIC alone" },
	{ "ctl", ctl_main, "control the host of a running VM: VFs, links, faults, counters" },
};

static void print_help(void)
{
	printf("Usage: azhost COMMAND ...\n\n"
	       "An Azure host in software: an emulated ConnectX VF behind the unmodified mlx5\n"
	       "driver of DPDK, an emulated VMBus NIC behind the unmodified netvsc driver, and the\n"
	       "virtual switch between them.\n\nCommands:\n");
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-5s %s\n", commands[i].name, commands[i].help);
	printf("\n'azhost COMMAND --help' tells more; so does azhost(1).\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		say("no command given (azhost --help)");
		return EXIT_AZHOST;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help();
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("azhost %s\n", AZHOST_VERSION);
		return 0;
	}
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	say("unknown command '%s' (azhost --help)", argv[1]);
	return EXIT_AZHOST;
}
