/*
 * libmlx5.so.1 for the child: nothing but version nodes. The code of both libraries is in
 * libibverbs.so.1, so that they share their state without a third one; the dynamic linker checks
 * that a needed version is defined by the library it is needed from, and then binds symbols by name
 * and version wherever they are.
 */
#include "azhost/connectx/export.h"

/* ISO C wants something in a file. Not exported: mlx5.map lists nothing. */
extern const char azhost_libmlx5[];
const char azhost_libmlx5[] = "azhost";
