/* `--config FILE` of `azhost run`: JSON, strict; azhost(1) documents it. */
#ifndef AZHOST_HOST_CONFIG_H
#define AZHOST_HOST_CONFIG_H

#include "azhost/host/options.h"

/* Read @path into @options, over what is there. -errno, with the reason said. */
int config_load(const char *path, struct host_options *options);

#endif
