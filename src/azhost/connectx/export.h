/*
 * Marks the functions that libibverbs.so.1 offers to the PMD. Everything else in connectx/ is built
 * with hidden visibility; the version node of each exported name is in ibverbs.map.
 */
#ifndef AZHOST_CONNECTX_EXPORT_H
#define AZHOST_CONNECTX_EXPORT_H

#define CX_EXPORT __attribute__((visibility("default")))

#endif
