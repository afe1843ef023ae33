/*
 * The addresses that are never part of the public internet, so never of the tag Internet.
 *
 * IANA special-purpose registries (RFC 6890) cut down to what Azure leaves out of the tag; written
 * out in accelnet-policy(5). 0.0.0.0 to ff00::, in ascending order within a family.
 */
#ifndef POLICY_SPECIAL_USE_H
#define POLICY_SPECIAL_USE_H

#include "base/net.h"

#include <stddef.h>

#define SPECIAL_USE_COUNT 13

extern const struct ip_prefix special_use[SPECIAL_USE_COUNT];

#endif
