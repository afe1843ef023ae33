/* Command line of `azhost run`. */
#ifndef AZHOST_LAUNCHER_OPTIONS_H
#define AZHOST_LAUNCHER_OPTIONS_H

#include "azhost/host/options.h"

enum options_result { OPTIONS_OK = 0, OPTIONS_HELP = 1 };

/*
 * Fill @ret from @argv (argv[0] is "run"), defaults and --config. *ret_command is COMMAND's argv.
 * OPTIONS_OK, OPTIONS_HELP (help was asked for and has been printed), or -EINVAL with the reason
 * said.
 */
int options_parse(int argc, char **argv, struct host_options *ret, char ***ret_command);

void options_free(struct host_options *options);

#endif
