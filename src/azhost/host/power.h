/*
 * Ending a VM: no process that ran in it stays behind. A process belongs to the VM if its
 * environment names the VM's directory as AZHOST_DIR.
 */
#ifndef AZHOST_HOST_POWER_H
#define AZHOST_HOST_POWER_H

/* SIGKILL to all processes of the VM whose directory is @root, except the caller. */
void power_off(const char *root);

#endif
