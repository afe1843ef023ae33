/* `azhost ctl`: the client of a host's control socket. */
#ifndef AZHOST_LAUNCHER_CTL_H
#define AZHOST_LAUNCHER_CTL_H

enum ctl_exit {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_REFUSED = 3,
	CTL_UNREACHABLE = 4,
};

/* @argv[0] is "ctl". Returns the exit status. */
int ctl_main(int argc, char **argv);

#endif
