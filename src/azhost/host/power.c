/* Ending a VM, see power.h. */
#include "azhost/host/power.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENVIRONMENT_MAX (256u << 10)

/* A process may fork while /proc is read: go over it again, but not for ever. */
#define PASSES_MAX 10

static bool environment_has(pid_t pid, const char *wanted, char *buffer)
{
	char path[64];
	size_t used = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (used < ENVIRONMENT_MAX - 1 &&
	       (n = read(fd, buffer + used, ENVIRONMENT_MAX - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	buffer[used] = '\0';
	for (const char *at = buffer; at < buffer + used; at += strlen(at) + 1)
		if (strcmp(at, wanted) == 0)
			return true;
	return false;
}

static unsigned kill_all(const char *wanted, char *buffer)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned killed = 0;

	if (proc == NULL)
		return 0;
	while ((entry = readdir(proc)) != NULL) {
		pid_t pid = atoi(entry->d_name);

		if (pid <= 1 || pid == getpid() || !environment_has(pid, wanted, buffer))
			continue;
		if (kill(pid, SIGKILL) == 0)
			killed++;
	}
	closedir(proc);
	return killed;
}

void power_off(const char *root)
{
	char *buffer = malloc(ENVIRONMENT_MAX);
	char wanted[256];

	if (buffer == NULL)
		return;
	snprintf(wanted, sizeof(wanted), "AZHOST_DIR=%s", root);
	for (unsigned pass = 0; pass < PASSES_MAX && kill_all(wanted, buffer) != 0; pass++)
		usleep(10000);
	free(buffer);
}
