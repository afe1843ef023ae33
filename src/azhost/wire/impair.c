/* Loss, delay and reordering, see impair.h. */
#include "azhost/wire/impair.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A frame that waits to be overtaken goes on after this, should nothing follow it. */
#define OVERTAKE_NS 20000000u

/* xorshift64*: repeatable runs matter more here than quality. */
static bool chance(struct impair *impair, uint32_t ppm)
{
	if (ppm == 0)
		return false;
	impair->random ^= impair->random >> 12;
	impair->random ^= impair->random << 25;
	impair->random ^= impair->random >> 27;
	return (impair->random * 2685821657736338717u >> 32) % 1000000u < ppm;
}

static bool copy(struct impair_held *to, const uint8_t *frame, uint32_t length)
{
	to->frame = malloc(length);
	if (to->frame == NULL)
		return false;
	memcpy(to->frame, frame, length);
	to->length = length;
	return true;
}

static void release(struct impair *impair, struct impair_held *held)
{
	uint8_t *frame = held->frame;

	held->frame = NULL;
	impair->pass(impair->opaque, frame, held->length);
	free(frame);
}

static void arm(struct impair *impair)
{
	uint64_t due = UINT64_MAX;

	if (impair->count != 0)
		due = impair->held[impair->first].due_ns;
	if (impair->overtaken.frame != NULL && impair->overtaken.due_ns < due)
		due = impair->overtaken.due_ns;
	if (due == UINT64_MAX)
		return;

	uint64_t now = loop_now_ns();

	loop_timer_set(impair->loop, &impair->timer, due > now ? due - now : 0);
}

static void fire(void *opaque)
{
	struct impair *impair = opaque;
	uint64_t now = loop_now_ns();

	if (impair->overtaken.frame != NULL && impair->overtaken.due_ns <= now)
		release(impair, &impair->overtaken);
	while (impair->count != 0 && impair->held[impair->first].due_ns <= now) {
		struct impair_held *held = &impair->held[impair->first];

		impair->first = (impair->first + 1) % IMPAIR_QUEUE;
		impair->count--;
		release(impair, held);
	}
	arm(impair);
}

void impair_init(struct impair *impair, struct loop *loop, impair_pass_fn pass, void *opaque)
{
	memset(impair, 0, sizeof(*impair));
	impair->loop = loop;
	impair->pass = pass;
	impair->opaque = opaque;
	impair->random = 88172645463325252u;
	impair->timer = (struct loop_timer){ .fire = fire, .opaque = impair };
}

void impair_fini(struct impair *impair)
{
	if (impair->loop == NULL)
		return;
	loop_timer_cancel(impair->loop, &impair->timer);
	for (uint32_t i = 0; i < impair->count; i++)
		free(impair->held[(impair->first + i) % IMPAIR_QUEUE].frame);
	free(impair->overtaken.frame);
	impair->count = 0;
	impair->overtaken.frame = NULL;
}

/* Behind the delay: the order in which frames leave. */
static void delay(struct impair *impair, const uint8_t *frame, uint32_t length)
{
	if (impair->delay_us == 0 && impair->count == 0) {
		impair->pass(impair->opaque, frame, length);
		return;
	}

	struct impair_held *held = &impair->held[(impair->first + impair->count) % IMPAIR_QUEUE];

	if (impair->count == IMPAIR_QUEUE || !copy(held, frame, length)) {
		impair->lost++;
		return;
	}
	held->due_ns = loop_now_ns() + impair->delay_us * UINT64_C(1000);
	impair->count++;
	impair->delayed++;
	arm(impair);
}

void impair_frame(struct impair *impair, const uint8_t *frame, uint32_t length)
{
	if (chance(impair, impair->loss_ppm)) {
		impair->lost++;
		return;
	}
	if (impair->overtaken.frame == NULL && chance(impair, impair->reorder_ppm) &&
	    copy(&impair->overtaken, frame, length)) {
		impair->overtaken.due_ns = loop_now_ns() + OVERTAKE_NS;
		impair->reordered++;
		arm(impair);
		return;
	}
	delay(impair, frame, length);
	if (impair->overtaken.frame != NULL)
		release(impair, &impair->overtaken);
}
