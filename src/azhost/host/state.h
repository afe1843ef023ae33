/* What the host tells of itself, as JSON. */
#ifndef AZHOST_HOST_STATE_H
#define AZHOST_HOST_STATE_H

#include "azhost/host/host.h"
#include "base/json.h"

void state_nics(struct host *host, struct json *array);
void state_stats(struct host *host, struct json *object);
void state_datapath(const struct nic *nic, struct json *object);
/* The last report of the VF library, which vf_query() asks for. */
void state_vf_report(const struct nic *nic, struct json *object);
/* Is there such a profile of a VF? */
bool state_profile_exists(const struct host *host, const char *profile);

#endif
