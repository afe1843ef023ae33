/* `azhost as`: a program that sees one of the VM's NICs. */
#ifndef AZHOST_LAUNCHER_AS_H
#define AZHOST_LAUNCHER_AS_H

/* @argv[0] is "as". Returns only on failure: 125, 126 or 127 as `azhost run`. */
int as_main(int argc, char **argv);

#endif
