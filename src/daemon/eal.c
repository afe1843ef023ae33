/*
 * EAL's argument vector: the configuration's, what its devices ask for, the command line's.
 */
#include "daemon/eal.h"

#include "nic/driver_wait.h"

#include <errno.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define FIXED_ARGS 11

/* An address that no device has. As the only one on PCI's list it keeps EAL from all others. */
#define NOWHERE "ffff:ff:1f.7"

/* A PCI address such as 0000:3b:00.2 or 3b:00.2 at the start of a device string. */
static bool is_pci(const char *device)
{
	size_t length = strcspn(device, ",");
	const char *point = memchr(device, '.', length);

	return memchr(device, ':', length) && point && (size_t)(point - device) + 2 == length &&
	       strspn(device, "0123456789abcdefABCDEF:.") == length;
}

/* Without a PCI device in the configuration the bus is left alone: no probing of strangers. */
static bool wants_pci(const struct daemon_config *config)
{
	for (size_t i = 0; i < config->nic_count; i++) {
		if (config->nics[i].uplink != UPLINK_PLAIN ||
		    is_pci(config->nics[i].uplink_device) || is_pci(config->nics[i].app_device))
			return true;
	}
	return false;
}

/*
 * netvsc takes its VF from what EAL has probed. A bifurcated uplink probes its own, and the VFs of
 * the machine's other interfaces are none of ours.
 */
static bool is_alone_on_pci(const struct daemon_config *config)
{
	bool bifurcated = false;

	for (size_t i = 0; i < config->nic_count; i++) {
		bifurcated |= config->nics[i].uplink == UPLINK_BIFURCATED;
		if (config->nics[i].uplink == UPLINK_NETVSC)
			return false;
	}
	return bifurcated;
}

/* What netvsc sends lies at virtual addresses that the host can reach; PA it cannot (hn_rxtx.c). */
static bool wants_va(const struct daemon_config *config)
{
	for (size_t i = 0; i < config->nic_count; i++) {
		if (config->nics[i].uplink == UPLINK_NETVSC)
			return true;
	}
	return false;
}

/* An option alone or with =value. */
static bool contains(char *const *args, size_t count, const char *what)
{
	const size_t length = strlen(what);

	for (size_t i = 0; i < count; i++) {
		if (strncmp(args[i], what, length) == 0 &&
		    (args[i][length] == '\0' || args[i][length] == '='))
			return true;
	}
	return false;
}

static bool gives(const struct daemon_config *config, char *const *more, int more_count,
		  const char *what)
{
	return contains(config->eal_args, config->eal_arg_count, what) ||
	       contains(more, (size_t)more_count, what);
}

static int build(const struct daemon_config *config, char **more, int more_count, char **args)
{
	int n = 0;

	args[n++] = (char *)"accelnetd";
	/* lcores that share processors have a syntax and an option of their own */
	args[n++] = (char *)(strchr(config->lcores, '@') ? "--lcores" : "-l");
	args[n++] = config->lcores;
	if (!wants_pci(config) && !gives(config, more, more_count, "--no-pci"))
		args[n++] = (char *)"--no-pci";
	if (is_alone_on_pci(config) && !gives(config, more, more_count, "-a") &&
	    !gives(config, more, more_count, "--allow") && !gives(config, more, more_count, "-b") &&
	    !gives(config, more, more_count, "--block")) {
		args[n++] = (char *)"-a";
		args[n++] = (char *)NOWHERE;
	}
	if (wants_va(config) && !gives(config, more, more_count, "--iova-mode"))
		args[n++] = (char *)"--iova-mode=va";
	/* EAL's own limit is 256 bits; the classifier takes half the cycles with 512 */
	if (!gives(config, more, more_count, "--force-max-simd-bitwidth"))
		args[n++] = (char *)"--force-max-simd-bitwidth=512";
	if (config->eal_arg_count == 0 && more_count == 0)
		args[n++] = (char *)"--in-memory";
	for (size_t i = 0; i < config->eal_arg_count; i++)
		args[n++] = config->eal_args[i];
	for (int i = 0; i < more_count; i++)
		args[n++] = more[i];
	return n;
}

/* Drivers' signals are for workers: see take_driver_signals() in datapath/worker.c. */
static void block_driver_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		sigaddset(&signals, number);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* fails for a wrong `how` only */
}

int eal_start(const struct daemon_config *config, char **more_args, int more_count,
	      struct accelnet_error *err)
{
	char **args =
		calloc(FIXED_ARGS + config->eal_arg_count + (size_t)more_count + 1, sizeof(*args));
	int n, r;

	if (!args)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	n = build(config, more_args, more_count, args);
	block_driver_signals(); /* the threads that EAL makes inherit that */
	driver_wait_init();
	r = rte_eal_init(n, args);
	free(args);
	if (r < 0)
		return fail(
			err, ACCELNET_E_DEVICE, NULL,
			"DPDK's environment layer does not start: %s; its own words stand above",
			rte_strerror(rte_errno));
	if (rte_lcore_count() < 2)
		return fail(err, ACCELNET_E_DEVICE, NULL,
			    "lcores \"%s\" leaves none for a worker: name at least two",
			    config->lcores);
	return 0;
}
