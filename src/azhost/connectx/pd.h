/*
 * Protection domains. The device does not tell them apart: every key works in every queue of its
 * VF, and all domains have one number.
 */
#ifndef AZHOST_CONNECTX_PD_H
#define AZHOST_CONNECTX_PD_H

#define CX_PD 1u

#endif
