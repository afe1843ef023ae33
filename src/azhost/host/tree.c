/* The host's directory, see tree.h. */
#include "azhost/host/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_PREFIX "azhost."
#define LOCK_NAME   "lock"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static void remove_below(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *parent_directory(void)
{
	const char *dir = getenv("TMPDIR");

	return dir != NULL && dir[0] == '/' && strlen(dir) < 64 ? dir : "/tmp";
}

static int lock_open(const char *root, int flags)
{
	char path[TREE_PATH];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, LOCK_NAME);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

/* Directories of this user whose lock nobody holds. */
static void sweep(const char *parent)
{
	DIR *dir = opendir(parent);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		char path[TREE_PATH];
		struct stat st;
		int lock;

		if (strncmp(entry->d_name, TREE_PREFIX, strlen(TREE_PREFIX)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%.64s", parent, entry->d_name);
		if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
			continue;
		lock = lock_open(path, 0);
		if (lock < 0)
			continue;
		remove_below(path);
		close(lock);
	}
	closedir(dir);
}

int tree_make(struct tree *tree)
{
	const char *parent = parent_directory();

	tree->lock = -1;
	sweep(parent);
	snprintf(tree->root, sizeof(tree->root), "%s/%sXXXXXX", parent, TREE_PREFIX);
	if (mkdtemp(tree->root) == NULL) {
		int rc = -errno;

		tree->root[0] = '\0';
		return rc;
	}
	tree->lock = lock_open(tree->root, O_CREAT | O_EXCL);
	return tree->lock < 0 ? tree->lock : 0;
}

void tree_remove(struct tree *tree)
{
	if (tree->root[0] == '\0')
		return;
	remove_below(tree->root);
	if (tree->lock >= 0)
		close(tree->lock);
	tree->lock = -1;
	tree->root[0] = '\0';
}

int tree_path(const struct tree *tree, char *path, const char *format, ...)
{
	size_t used = (size_t)snprintf(path, TREE_PATH, "%s/", tree->root);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(path + used, TREE_PATH - used, format, args);
	va_end(args);
	return n < 0 || (size_t)n >= TREE_PATH - used ? -ENAMETOOLONG : 0;
}

int tree_mkdir(const struct tree *tree, const char *relative)
{
	char path[TREE_PATH];
	int rc = tree_path(tree, path, "%s", relative);

	if (rc < 0)
		return rc;
	for (char *at = path + strlen(tree->root) + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	int rc = 0;

	if (f == NULL)
		return -errno;
	if (fputs(text, f) < 0)
		rc = -EIO;
	if (fclose(f) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

int tree_write(const struct tree *tree, const char *dir, const char *name, const char *text)
{
	char path[TREE_PATH];
	int rc = tree_path(tree, path, "%s/%s", dir, name);

	return rc < 0 ? rc : write_file(path, text);
}

int tree_replace(const struct tree *tree, const char *name, const char *text)
{
	char path[TREE_PATH], next[TREE_PATH];
	int rc = tree_path(tree, path, "%s", name);

	if (rc == 0)
		rc = tree_path(tree, next, "%s.new", name);
	if (rc == 0)
		rc = write_file(next, text);
	if (rc < 0)
		return rc;
	return rename(next, path) < 0 ? -errno : 0;
}

int tree_prune(const struct tree *tree, const char *relative)
{
	char path[TREE_PATH];
	int rc = tree_path(tree, path, "%s", relative);

	if (rc == 0)
		remove_below(path);
	return rc;
}

int tree_view_make(const struct tree *tree, const char *name)
{
	static const char *const shared[] = { "class", "kernel" };
	char path[TREE_PATH], target[TREE_PATH];
	int rc;

	snprintf(path, sizeof(path), "%.32s/sys/bus/pci/devices", name);
	rc = tree_mkdir(tree, path);
	snprintf(path, sizeof(path), "%.32s/sys/bus/vmbus/devices", name);
	if (rc == 0)
		rc = tree_mkdir(tree, path);
	snprintf(path, sizeof(path), "%.32s/run", name);
	if (rc == 0)
		rc = tree_mkdir(tree, path);
	for (unsigned i = 0; rc == 0 && i < sizeof(shared) / sizeof(shared[0]); i++) {
		snprintf(target, sizeof(target), "../../sys/%s", shared[i]);
		rc = tree_path(tree, path, "%.32s/sys/%s", name, shared[i]);
		if (rc == 0 && symlink(target, path) < 0)
			rc = -errno;
	}
	return rc;
}

int tree_view_show(const struct tree *tree, const char *name, const char *bus, const char *device)
{
	char path[TREE_PATH], target[TREE_PATH];
	int rc = tree_path(tree, path, "%s/sys/bus/%s/devices/%s", name, bus, device);

	if (rc < 0)
		return rc;
	snprintf(target, sizeof(target), "../../../../../sys/bus/%.16s/devices/%.64s", bus, device);
	return symlink(target, path) < 0 && errno != EEXIST ? -errno : 0;
}

void tree_view_hide(const struct tree *tree, const char *name, const char *bus, const char *device)
{
	char path[TREE_PATH];

	if (tree_path(tree, path, "%s/sys/bus/%s/devices/%s", name, bus, device) == 0)
		(void)unlink(path);
}
