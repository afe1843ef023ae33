/* Answers of the host as text for people. */
#ifndef AZHOST_LAUNCHER_CTL_PRINT_H
#define AZHOST_LAUNCHER_CTL_PRINT_H

#include "base/json.h"

void ctl_print_nics(const struct json_at *result);

/* Any answer: a line for each value, with the way to it: "nics.nic0.toGuest.vf.frames 12". */
void ctl_print_flat(const struct json_at *result);

#endif
