/* Answers of the host as text for people. */
#ifndef AZHOST_LAUNCHER_CTL_PRINT_H
#define AZHOST_LAUNCHER_CTL_PRINT_H

#include "base/error.h"
#include "base/json.h"

void ctl_print_nics(const struct json_at *result);

/* Any answer: a line for each value, with the way to it: "nics.nic0.toGuest.vf.frames 12". */
void ctl_print_flat(const struct json_at *result);

/* For programs, of what `azhost ctl` finds wrong itself: {"error":{...}} as the host writes it. */
void ctl_print_error(const struct accelnet_error *err);

#endif
