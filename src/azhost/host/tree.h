/*
 * The host's directory: sockets, lists, and the fake sysfs that the guest sees. Made by the
 * launcher before anything else, filled by the host process, removed by whichever of the two lives
 * longest. A lock file, locked as long as one of them lives, tells a directory in use from one that
 * was left behind by a machine that was switched off.
 */
#ifndef AZHOST_HOST_TREE_H
#define AZHOST_HOST_TREE_H

#include <stddef.h>

/* Long enough for any path below the directory. */
#define TREE_PATH 512

struct tree {
	char root[128];
	int lock; /* descriptor, close-on-exec; locked */
};

/* Below $TMPDIR or /tmp, mode 0700. Removes what other runs of this user have left behind. */
int tree_make(struct tree *tree);
/* Remove the directory with all that is in it. May be called twice. */
void tree_remove(struct tree *tree);

/* The path of a file in the tree, in @path[TREE_PATH]. -ENAMETOOLONG. */
int tree_path(const struct tree *tree, char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Make a directory and those above it, relative to the root. */
int tree_mkdir(const struct tree *tree, const char *relative);

/* Write @text as a file in the directory @dir (relative), as sysfs would show it. */
int tree_write(const struct tree *tree, const char *dir, const char *name, const char *text);

/* Replace a file at once: a reader sees the old or the new text. */
int tree_replace(const struct tree *tree, const char *name, const char *text);

/* Remove a directory below the root and all that is in it; absent is fine. */
int tree_prune(const struct tree *tree, const char *relative);

/*
 * Besides sys/, which shows all of the VM's devices, there is a view for each NIC, nic0/sys and so
 * on, that shows its devices alone: for two guests in one namespace (`azhost as`). DPDK 22.11
 * cannot be told to leave a VMBus device alone.
 */

/* Make the view @name, without devices. */
int tree_view_make(const struct tree *tree, const char *name);
/* Show sys/@bus/devices/@device in the view @name, or hide it again. */
int tree_view_show(const struct tree *tree, const char *name, const char *bus, const char *device);
void tree_view_hide(const struct tree *tree, const char *name, const char *bus, const char *device);

#endif
