/* `azhost run`: the supervisor of one VM. */
#ifndef AZHOST_LAUNCHER_RUN_H
#define AZHOST_LAUNCHER_RUN_H

#define EXIT_AZHOST     125 /* azhost itself failed */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND  127

/* @argv[0] is "run". Returns the exit status; does not return where COMMAND was ended by a signal.
 */
int run_main(int argc, char **argv);

#endif
