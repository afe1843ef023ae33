/*
 * The VM's network namespace, and where the caller is not root a user namespace around it in which
 * it is root. Called by the launcher before it forks, while it has one thread.
 */
#ifndef AZHOST_LAUNCHER_NAMESPACE_H
#define AZHOST_LAUNCHER_NAMESPACE_H

#include <stdbool.h>

/* *ret_why: static text, what failed. *ret_user: a user namespace was made. -errno. */
int namespace_enter(bool *ret_user, const char **ret_why);

#endif
