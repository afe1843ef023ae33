/*
 * `azhost run`: makes the namespace and the VM's directory, starts the host process and then
 * COMMAND, waits for COMMAND and puts everything away again.
 *
 * Three processes, so that none can take the clean-up with it: this one, the host (its child), and
 * COMMAND (its child, killed by the kernel should this one die). If the host dies, COMMAND goes on,
 * with devices that answer no more, and this process cleans up; if this one dies, the host does.
 */
#include "azhost/launcher/run.h"

#include "azhost/host/host.h"
#include "azhost/host/power.h"
#include "azhost/host/say.h"
#include "azhost/launcher/environment.h"
#include "azhost/launcher/namespace.h"
#include "azhost/launcher/options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* The host is asked to end; after this it is made to. */
#define HOST_PATIENCE_MS 3000

struct vm {
	struct host_options options;
	struct installation installation;
	struct tree tree;
	char **command;
	pid_t host; /* 0: not there (any more) */
	bool host_ready;
	pid_t guest; /* 0: not started */
	int guest_status;
	int signals; /* signalfd */
	void (*caller_sigpipe)(int);
	sigset_t caller_mask;
};

/* Signals that end up here although they are meant for COMMAND. */
static const int forwarded[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 };

static int block_signals(struct vm *vm)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (unsigned i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&set, forwarded[i]);
	if (sigprocmask(SIG_BLOCK, &set, &vm->caller_mask) < 0)
		return -errno;
	vm->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return vm->signals < 0 ? -errno : 0;
}

/* The host's streams: it neither reads nor writes those of COMMAND, standard error apart. */
static void detach_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	close(null);
}

static void host_child(struct vm *vm, int ready, pid_t supervisor)
{
	/* Out of the terminal's reach: Ctrl-C is for COMMAND. */
	(void)setsid();
	close(vm->signals);
	detach_streams();
	(void)prctl(PR_SET_NAME, "azhost-host", 0, 0, 0);

	int rc = host_run(&vm->options, &vm->tree, ready, supervisor);

	exit(rc < 0 ? EXIT_AZHOST : 0);
}

/* Returns when the host is ready for the guest. */
static int start_host(struct vm *vm)
{
	const pid_t self = getpid();
	int ready[2];
	char go;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	vm->host = fork();
	if (vm->host < 0) {
		int rc = -errno;

		vm->host = 0;
		close(ready[0]);
		close(ready[1]);
		return rc;
	}
	if (vm->host == 0) {
		close(ready[0]);
		host_child(vm, ready[1], self);
	}
	close(ready[1]);

	ssize_t n = read(ready[0], &go, 1);

	close(ready[0]);
	vm->host_ready = n == 1;
	/* The host has said why. */
	return vm->host_ready ? 0 : -ECHILD;
}

static void guest_child(struct vm *vm, pid_t supervisor)
{
	char **environment = environment_make(&vm->options, &vm->tree, &vm->installation);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != supervisor || environment == NULL)
		_exit(EXIT_AZHOST);
	(void)sigprocmask(SIG_SETMASK, &vm->caller_mask, NULL);
	(void)signal(SIGPIPE, vm->caller_sigpipe);
	execvpe(vm->command[0], vm->command, environment);

	int reason = errno;

	say("cannot run '%s': %s", vm->command[0], strerror(reason));
	_exit(reason == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

static int start_guest(struct vm *vm)
{
	const pid_t self = getpid();

	vm->guest = fork();
	if (vm->guest < 0) {
		vm->guest = 0;
		return -errno;
	}
	if (vm->guest == 0)
		guest_child(vm, self);
	return 0;
}

/* Reap whoever has ended; true once COMMAND has. Orphans of COMMAND come here too. */
static bool reap(struct vm *vm)
{
	bool guest_ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == vm->guest) {
			vm->guest_status = status;
			guest_ended = true;
		} else if (pid == vm->host) {
			vm->host = 0;
			say("the host process is gone (%s %d): its devices answer no more",
			    WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		}
	}
	return guest_ended;
}

static void forward(struct vm *vm, const struct signalfd_siginfo *info)
{
	/* From the terminal it has reached COMMAND's process group, this one's, already. */
	if (info->ssi_code == SI_KERNEL)
		return;
	(void)kill(vm->guest, (int)info->ssi_signo);
}

static void wait_for_guest(struct vm *vm)
{
	struct signalfd_siginfo info;

	for (;;) {
		if (reap(vm))
			return;
		if (read(vm->signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo != SIGCHLD)
			forward(vm, &info);
	}
}

static void stop_host(struct vm *vm)
{
	if (vm->host == 0)
		return;
	(void)kill(vm->host, SIGTERM);
	for (unsigned ms = 0; ms < HOST_PATIENCE_MS; ms++) {
		int status = 0;

		if (waitpid(vm->host, &status, WNOHANG) != 0) {
			/* One that gave up before it was ready has said why. */
			if (status != 0 && (vm->host_ready || !WIFEXITED(status)))
				say("the host process ended badly (wait status %#x)",
				    (unsigned)status);
			vm->host = 0;
			return;
		}
		usleep(1000);
	}
	say("the host process does not end: killing it");
	(void)kill(vm->host, SIGKILL);
	(void)waitpid(vm->host, NULL, 0);
	vm->host = 0;
}

static int find_installation(struct vm *vm)
{
	char path[640];
	int rc = installation_find(&vm->installation);

	if (rc < 0) {
		say("cannot find azhost's own libraries beside its executable");
		return rc;
	}
	vm->options.profiles = vm->installation.profiles;
	if (vm->options.vf == VF_MODE_OFF)
		return 0;
	for (unsigned i = 0; i < vm->options.nics; i++) {
		snprintf(path, sizeof(path), "%s/%s", vm->installation.profiles,
			 vm->options.nic[i].profile);
		if (access(path, R_OK) == 0)
			continue;
		say("no profile '%s' in %s", vm->options.nic[i].profile, vm->installation.profiles);
		return -ENOENT;
	}
	return 0;
}

static int prepare(struct vm *vm)
{
	const char *why;
	bool user;
	int rc = find_installation(vm);

	if (rc < 0)
		return rc;
	rc = tree_make(&vm->tree);
	if (rc == 0)
		rc = tree_mkdir(&vm->tree, "run");
	if (rc < 0) {
		say("cannot make the VM's directory: %s", strerror(-rc));
		return rc;
	}
	rc = namespace_enter(&user, &why);
	if (rc < 0) {
		say("%s: %s", why, strerror(-rc));
		return rc;
	}
	rc = block_signals(vm);
	/* Processes that COMMAND leaves behind are ours to end. */
	if (rc == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		rc = -errno;
	if (rc < 0)
		say("cannot watch the guest: %s", strerror(-rc));
	return rc;
}

static void put_away(struct vm *vm)
{
	if (vm->tree.root[0] != '\0')
		power_off(vm->tree.root);
	stop_host(vm);
	if (vm->options.keep && vm->tree.root[0] != '\0')
		say("the VM's directory is %s", vm->tree.root);
	else
		tree_remove(&vm->tree);
	options_free(&vm->options);
}

/* End as COMMAND did. */
static int end_as(int status)
{
	const struct rlimit no_core = { 0 };
	sigset_t set;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	/* COMMAND has left the core that there is to leave. */
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int run_main(int argc, char **argv)
{
	struct vm vm = { .signals = -1, .tree.lock = -1 };
	int rc = options_parse(argc, argv, &vm.options, &vm.command);

	if (rc == OPTIONS_HELP)
		return 0;
	if (rc < 0)
		return EXIT_AZHOST;
	if (vm.options.verbose)
		say_verbose();
	/* Nobody may be left to read what is said. */
	vm.caller_sigpipe = signal(SIGPIPE, SIG_IGN);
	rc = prepare(&vm);
	if (rc == 0)
		rc = start_host(&vm);
	if (rc == 0) {
		rc = start_guest(&vm);
		if (rc < 0)
			say("cannot start '%s': %s", vm.command[0], strerror(-rc));
	}
	if (rc == 0)
		wait_for_guest(&vm);
	put_away(&vm);
	return rc < 0 ? EXIT_AZHOST : end_as(vm.guest_status);
}
