/*
 * What the commands do. Each takes the session and returns the exit status; failures were told.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/session.h"

typedef enum exit_status (*command_function)(struct session *session);

#define COMMAND_(id, function) enum exit_status command_##function(struct session *session);
COMMAND_METHODS(COMMAND_, COMMAND_)
#undef COMMAND_

#endif
