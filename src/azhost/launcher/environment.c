/* COMMAND's environment, see environment.h. */
#include "azhost/launcher/environment.h"

#include "azhost/wire/vfproto.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHIM    "libazhost_shim.so"
#define FIX     "libazhost_testpmd2211.so"
#define OWN_MAX 16

extern char **environ;

int installation_find(struct installation *ret)
{
	char exe[400];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char probe[600];

	if (n < 0)
		return -errno;
	exe[n] = '\0';
	for (unsigned up = 0; up < 2; up++) {
		char *slash = strrchr(exe, '/');

		if (slash == NULL)
			return -ENOENT;
		*slash = '\0';
	}
	snprintf(ret->libraries, sizeof(ret->libraries), "%s/lib/azhost", exe);
	snprintf(ret->profiles, sizeof(ret->profiles), "%s/share/azhost/profiles", exe);
	snprintf(probe, sizeof(probe), "%s/%s", ret->libraries, SHIM);
	return access(probe, R_OK) < 0 ? -ENOENT : 0;
}

struct builder {
	char **vector;
	unsigned count;
	const char *own[OWN_MAX]; /* names set here: not copied from the caller */
	unsigned own_count;
	int failed;
};

static void set(struct builder *b, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void set(struct builder *b, const char *name, const char *format, ...)
{
	char *value, *entry;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&value, format, args);
	va_end(args);
	if (n < 0) {
		b->failed = 1;
		return;
	}
	n = asprintf(&entry, "%s=%s", name, value);
	free(value);
	if (n < 0) {
		b->failed = 1;
		return;
	}
	b->vector[b->count++] = entry;
	b->own[b->own_count++] = name;
}

/* In front of what the caller has in a list variable, or behind it. */
static void join(struct builder *b, const char *name, const char *first, const char *second)
{
	const bool both = first != NULL && first[0] != '\0' && second != NULL && second[0] != '\0';

	set(b, name, "%s%s%s", first != NULL ? first : "", both ? ":" : "",
	    second != NULL ? second : "");
}

static int is_own(const struct builder *b, const char *entry)
{
	for (unsigned i = 0; i < b->own_count; i++) {
		size_t n = strlen(b->own[i]);

		if (strncmp(b->own[i], entry, n) == 0 && entry[n] == '=')
			return 1;
	}
	return 0;
}

/* The list of VFs, for a library that is not told of $AZHOST_DIR/vfs. */
static void read_vfs(const struct tree *tree, char *text, size_t size)
{
	char path[TREE_PATH];
	FILE *f;

	text[0] = '\0';
	if (tree_path(tree, path, VF_LIST_NAME) < 0)
		return;
	f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fgets(text, (int)size, f) != NULL)
		text[strcspn(text, "\n")] = '\0';
	fclose(f);
}

static void set_own(struct builder *b, const struct host_options *options, const struct tree *tree,
		    const struct installation *at)
{
	char vfs[2048], preload[1200];

	snprintf(preload, sizeof(preload), "%s/%s", at->libraries, SHIM);
	if (options->fix_testpmd)
		snprintf(preload, sizeof(preload), "%s/%s:%s/%s", at->libraries, SHIM,
			 at->libraries, FIX);
	/* Behind the caller's: sanitizers insist on being first, and ours does not mind. */
	join(b, "LD_PRELOAD", getenv("LD_PRELOAD"), preload);
	if (options->vf != VF_MODE_OFF)
		join(b, "LD_LIBRARY_PATH", at->libraries, getenv("LD_LIBRARY_PATH"));
	set(b, "SYSFS_PCI_DEVICES", "%s/sys/bus/pci/devices", tree->root);
	set(b, "AZHOST_DIR", "%s", tree->root);
	set(b, "AZHOST_SYSFS", "%s/sys", tree->root);
	set(b, "AZHOST_PROFILES", "%s", at->profiles);
	read_vfs(tree, vfs, sizeof(vfs));
	set(b, "AZHOST_VFS", "%s", vfs);
	if (options->socket != NULL)
		set(b, "AZHOST_SOCKET", "%s", options->socket);
	else
		set(b, "AZHOST_SOCKET", "%s/control.sock", tree->root);
	if (getenv("RUNTIME_DIRECTORY") == NULL)
		set(b, "RUNTIME_DIRECTORY", "%s/run", tree->root);
}

char **environment_make(const struct host_options *options, const struct tree *tree,
			const struct installation *installation)
{
	struct builder b = { 0 };
	unsigned count = 0;

	while (environ[count] != NULL)
		count++;
	b.vector = calloc(count + OWN_MAX + 1, sizeof(char *));
	if (b.vector == NULL)
		return NULL;
	set_own(&b, options, tree, installation);
	for (unsigned i = 0; i < count; i++)
		if (!is_own(&b, environ[i]))
			b.vector[b.count++] = environ[i];
	return b.failed ? NULL : b.vector;
}
