/*
 * Fuzz target: what a hostile or broken program can do to the emulated VF. The input is a script:
 * commands with any bytes, descriptors and doorbells with any values, frames from the wire, rules
 * set aside. The device may refuse, complete with errors or stand still; it may not touch memory
 * that is not its own.
 */
#include "azhost/connectx/bed.h"

#include "azhost/connectx/lock.h"
#include "azhost/connectx/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OBJECTS 64u
#define OUT_BYTES   512u

struct script {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct script *script)
{
	if (script->left == 0)
		return 0;
	script->left--;
	return *script->at++;
}

static uint32_t take32(struct script *script)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < 4; i++)
		value = value << 8 | take(script);
	return value;
}

struct world {
	struct bed bed;
	struct mlx5dv_devx_obj *objects[MAX_OBJECTS];
	unsigned int n_objects;
};

/* Change some bytes of what would have been right. */
static void distort(struct script *script, uint8_t *bytes, size_t length)
{
	for (unsigned int n = take(script) % 8; n > 0; n--)
		bytes[(take(script) << 8 | take(script)) % length] = take(script);
}

/* Over the frames' memory, in two stretches. */
static void indirect_key(const struct bed *bed, struct bed_command *command)
{
	uint8_t *klm = command->bytes + CREATE_MKEY_IN_KLM;

	prm_set(command->bytes + CREATE_MKEY_IN_MKC, MKC_ACCESS_MODE, MKC_MODE_KLM);
	prm_set(command->bytes, CREATE_MKEY_IN_ENTRIES, 2);
	for (unsigned int i = 0; i < 2; i++, klm += KLM_BYTES) {
		prm_set(klm, KLM_BYTE_COUNT, 256);
		prm_set(klm, KLM_MKEY, bed->mr->lkey);
		prm_set64(klm, KLM_ADDRESS, (uintptr_t)bed->packets + i * 4096);
	}
	command->length = CREATE_MKEY_IN_KLM + 2 * KLM_BYTES;
}

static void good_command(struct script *script, const struct bed *bed, struct bed_command *command)
{
	static const enum prm_opcode simple[] = {
		PRM_ALLOC_TRANSPORT_DOMAIN, PRM_ALLOC_FLOW_COUNTER,      PRM_ALLOC_Q_COUNTER,
		PRM_QUERY_HCA_CAP,          PRM_QUERY_NIC_VPORT_CONTEXT,
	};

	switch (take(script) % 8) {
	case 0:
		bed_command_cq(bed, command, BED_TX_CQ, BED_TX_CQ_DOORBELL);
		break;
	case 1:
		bed_command_sq(bed, command);
		break;
	case 2:
		bed_command_rq(bed, command);
		break;
	case 3:
		bed_command_tis(bed, command);
		break;
	case 4:
		bed_command_rqt(bed, command);
		break;
	case 5:
		bed_command_tir(bed, command);
		break;
	case 6:
		bed_command_mkey(bed, command, take(script) * 64u);
		if (take(script) & 1)
			indirect_key(bed, command);
		break;
	default:
		bed_command_simple(command, simple[take(script) % 5]);
		break;
	}
}

static void create(struct script *script, struct world *world)
{
	struct bed_command command;
	struct mlx5dv_devx_obj *object;

	good_command(script, &world->bed, &command);
	distort(script, command.bytes, command.length);
	if (take(script) & 1)
		command.length = take(script) * 2u;
	object = bed_create(&world->bed, &command, NULL);
	if (object && world->n_objects < MAX_OBJECTS)
		world->objects[world->n_objects++] = object;
}

static void general(struct script *script, struct world *world)
{
	struct bed_command command;
	uint8_t out[OUT_BYTES];

	good_command(script, &world->bed, &command);
	distort(script, command.bytes, command.length);
	(void)mlx5dv_devx_general_cmd(world->bed.context, command.bytes, command.length, out,
				      take(script) * 2u);
}

static struct mlx5dv_devx_obj *pick(struct script *script, struct world *world)
{
	struct mlx5dv_devx_obj *made[] = { world->bed.sq, world->bed.rq, world->bed.rqt,
					   world->bed.tir };
	unsigned int i = take(script);

	if (i & 1 || world->n_objects == 0)
		return made[i / 2 % 4];
	return world->objects[i / 2 % world->n_objects];
}

static void modify(struct script *script, struct world *world)
{
	static const enum prm_opcode opcodes[] = { PRM_MODIFY_SQ,          PRM_MODIFY_RQ,
						   PRM_MODIFY_RQT,         PRM_MODIFY_TIR,
						   PRM_QUERY_FLOW_COUNTER, PRM_QUERY_Q_COUNTER };
	struct mlx5dv_devx_obj *object = pick(script, world);
	struct bed_command command;
	uint8_t out[OUT_BYTES];

	bed_command_state(&command, object, take(script) % 4, take(script) % 4);
	if (take(script) & 1)
		prm_set(command.bytes, CMD_OPCODE, opcodes[take(script) % 6]);
	prm_set64(command.bytes, MODIFY_IN_BITMASK, take(script) % 32);
	distort(script, command.bytes, command.length);
	(void)mlx5dv_devx_obj_modify(object, command.bytes, command.length, out, sizeof(out));
}

static void destroy(struct script *script, struct world *world)
{
	unsigned int i;

	if (world->n_objects == 0)
		return;
	i = take(script) % world->n_objects;
	if (mlx5dv_devx_obj_destroy(world->objects[i]) == 0)
		world->objects[i] = world->objects[--world->n_objects];
}

/* A descriptor that is right, then distorted. */
static void descriptor(struct script *script, struct world *world)
{
	static const uint8_t opcodes[] = { WQE_SEND, WQE_TSO, WQE_ENHANCED_MPW, WQE_NOP };
	struct bed *bed = &world->bed;
	uint8_t *wqe = bed_wqe(bed);
	unsigned int segments = 2 + take(script) % 3;
	uint8_t opcode = opcodes[take(script) % 4];

	for (unsigned int i = 2; i < segments; i++) {
		if (take(script) & 1)
			bed_data_segment(wqe + i * 16, take(script), take32(script),
					 (void *)(uintptr_t)(BED_MKEY_START + take(script)));
		else
			bed_data_segment(wqe + i * 16, take(script) * 8u, bed->mr->lkey,
					 bed->packets + take(script));
	}
	wqe[20] = take(script) & 0xc0;
	wqe[23] = opcode == WQE_TSO ? take(script) : 0;
	bed_send(bed, opcode, segments);
	distort(script, wqe, WQE_BLOCK);
}

static void poke(struct script *script, struct world *world)
{
	uint32_t at = take32(script) % (BED_UMEM_BYTES - 4), value = take32(script);

	memcpy(world->bed.umem_bytes + at, &value, sizeof(value));
}

static void doorbell(struct script *script, struct world *world)
{
	static const enum bed_place places[] = { BED_TX_DOORBELL, BED_TX_CQ_DOORBELL,
						 BED_RX_DOORBELL, BED_RX_CQ_DOORBELL };
	uint32_t value = take32(script), which = take(script);

	memcpy(world->bed.umem_bytes + places[which % 4] + (which / 4 % 2) * 4, &value,
	       sizeof(value));
}

static void receive(struct script *script, struct world *world)
{
	size_t length = 14 + take(script) * 8u;
	uint8_t *buffer = calloc(1, CX_FRAME_HEADROOM + length);
	struct cx_frame frame = { .data = buffer + CX_FRAME_HEADROOM,
				  .length = (uint32_t)length,
				  .headroom = CX_FRAME_HEADROOM };
	struct cx_device *device = world->bed.device;

	if (!buffer)
		return;
	for (size_t i = 0; i < length && script->left > 0 && i < 80; i++)
		frame.data[i] = take(script);
	cx_lock();
	device->walk = steer_enter(device->steering);
	if (!cx_device_waits(device))
		cx_device_receive(device, &frame);
	if (length % 16 == 0)
		cx_device_end_round(device);
	steer_leave(device->steering, device->walk);
	cx_unlock();
	free(buffer);
}

static void poll_it(struct script *script, struct world *world)
{
	(void)script;
	bed_poll(&world->bed);
}

static void consume(struct script *script, struct world *world)
{
	(void)bed_completion(&world->bed, take(script) & 1);
}

/* The program frees its frames without asking the device, which still has their addresses. */
static void replace(struct script *script, struct world *world)
{
	(void)script;
	bed_replace_packets(&world->bed);
}

static void fault(struct script *script, struct world *world)
{
	world->bed.device->faults[take(script) % CX_FAULTS] = take(script) % 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(struct script *, struct world *) = {
		create,  general, modify, destroy,    descriptor, poke,    doorbell, receive,
		poll_it, consume, fault,  descriptor, poll_it,    receive, replace,
	};
	static const char *const profiles[] = { "cx5-vf-trusted", "cx4lx-vf" };
	struct script script = { data, size };
	static struct world world;
	uint8_t kind;

	memset(&world, 0, sizeof(world));
	kind = take(&script);
	bed_open(&world.bed, profiles[kind & 1]);
	world.bed.device->profile.compress = kind & 4;
	bed_start(&world.bed);
	world.bed.device->flow_control = kind & 2;
	world.bed.vf.peer = &world.bed.vf; /* what it sends comes back */
	while (script.left > 0)
		steps[take(&script) % (sizeof(steps) / sizeof(steps[0]))](&script, &world);
	bed_poll(&world.bed);
	bed_close(&world.bed);
	return 0;
}
