/*
 * What is sent under one policy, and how what came out compares with the oracle.
 *
 * Two sorts of packets, both aimed at the borders of the policy's ranges: first packets, of as many
 * tuples, for which the rules that count them are known, too; and lines, each a tuple on which both
 * sides send in rounds, from an opening handshake to what nobody would send. Lines live on under
 * later policies.
 */
#ifndef TESTS_WIRE_PLAY_H
#define TESTS_WIRE_PLAY_H

#include "base/json.h"
#include "testpmd/random.h"
#include "wire/cable.h"
#include "wire/oracle.h"

struct play;

struct play *play_new(struct cable *cable, uint64_t seed);
void play_free(struct play *play);

/* The policy that is in force from now on; taken over. */
void play_set_policy(struct play *play, struct policy *policy);

/* All of these add to what play_result() tells. */
void play_first_packets(struct play *play, unsigned count);
void play_lines(struct play *play, unsigned count, unsigned rounds);

/*
 * Since play_set_policy(), and the first packets' tuples for `verify` with what they should become:
 * {"sent","passed","dropped","open","late","wrongCount","wrong":[text],"strange","hits":[{"level","direction","rule",
 * "hits"}],"tuples":[...]}. The caller frees it.
 */
struct json *play_result(const struct play *play);

#endif
