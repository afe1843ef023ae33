/*
 * Modify-header: lists of set, add and copy commands on registers and on fields of the packet, with
 * the checksums put right.
 *
 * Sources: PRM "Modify Header Context" (set_action_in, add_action_in, copy_action_in; field numbers
 * of enum mlx5_modification_field, DPDK 22.11 drivers/common/mlx5/mlx5_prm.h); which field a
 * ConnectX-5 can change, and how wide it is: rdma-core 44 dr_ste_v0.c,
 * dr_ste_v0_action_modify_field_arr; what is refused: dr_action.c, dr_action_modify_*. Checksums:
 * RFC 1624.
 *
 * Threads: a program is immutable once made; rewrite_run() is the walkers'.
 */
#ifndef AZHOST_CONNECTX_STEERING_REWRITE_H
#define AZHOST_CONNECTX_STEERING_REWRITE_H

#include "azhost/connectx/steering/match.h"
#include "azhost/connectx/steering/steering.h"

struct rewrite_command {
	uint8_t type;  /* PRM action_type */
	uint8_t field; /* destination: index into the table of rewrite.c */
	uint8_t source;
	uint8_t offset; /* of the destination, in bits from the field's lowest */
	uint8_t source_offset;
	uint8_t length; /* 1 to 32 bits */
	uint32_t data;
};

/* Checks and compiles n commands. -EINVAL: no command, a field that ConnectX-5 cannot change (or
 * cannot add to), bits outside the field, TCP together with UDP, a register of the other
 * direction. -ENOTSUP: IPv4 together with IPv6. -EOPNOTSUPP: a command of another type. */
int rewrite_compile(enum steer_direction direction, const void *commands, size_t n,
		    struct rewrite_command *ret_program);

/* Runs the program on a packet and its key (registers). A command whose field, or whose source,
 * the packet does not have does nothing. True if the frame was changed: parse it again. */
bool rewrite_run(const struct rewrite_command *program, size_t n, struct steer_packet *packet,
		 struct match_key *key);

/* One command a word: "set dst_ipv4[0:32]=0a000001". */
void rewrite_print(FILE *out, const struct rewrite_command *program, size_t n);

#endif
