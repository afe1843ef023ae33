/*
 * The software back-end: a program as tables that answer a burst of keys.
 *
 * A decomposition classifier. Each field (two addresses, protocol with local port, remote port) has
 * a table that maps a value to a bitmap of the rules that match it, and the first set bit of the
 * AND of the four bitmaps is the rule, in each of the stages. Of large rule sets only the rules
 * that many addresses match stand in bitmaps, and the rest in lists. classifier_tables.h has the
 * layout.
 *
 * Every SIMD path (AVX-512, AVX2, scalar) gives the same answers; the one in use is chosen by
 * classifier_new() from the processor and rte_vect_get_max_simd_bitwidth(), which is 256 on x86
 * unless EAL was started with --force-max-simd-bitwidth=512.
 *
 * Immutable once built; any number of workers may look up at once. Borrows the program while it is
 * built, and not afterwards.
 */
#ifndef CLASSIFY_CLASSIFIER_H
#define CLASSIFY_CLASSIFIER_H

#include "classify/key.h"
#include "compile/program.h"

#define CLASSIFIER_BURST_MAX 64
#define CLASSIFIER_NO_RULE   0xffff

/*
 * rule[s] is the index, in program->chain[direction][s], of the first rule of that stage that
 * matches; CLASSIFIER_NO_RULE where the stage is absent, or, in acl only, where none matches.
 * (An NSG always matches: its last default rule is Deny any.)
 *
 * access and stage are the outcome by program_order: ACCESS_DENY with the denying stage;
 * ACCESS_ALWAYS_ALLOW with STAGE_ACL; else ACCESS_ALLOW with the last stage present (where no NSG
 * is present, STAGE_ACL and rule[STAGE_ACL], which may be CLASSIFIER_NO_RULE).
 */
struct verdict {
	uint16_t rule[STAGES];
	uint8_t access; /* enum access */
	uint8_t stage;  /* enum stage */
};
_Static_assert(sizeof(struct verdict) == 8, "one store");

enum classifier_simd { CLASSIFIER_SCALAR, CLASSIFIER_AVX2, CLASSIFIER_AVX512, CLASSIFIER_BEST };

struct classifier;

/*
 * Fails with UNSUPPORTED where the processor lacks a path that was asked for by name, with LIMIT
 * where the tables of a field would pass 1 GiB, else only for want of memory. Build time: about a
 * millisecond for 1,000 rules, 20 for 10,000.
 */
int classifier_new(const struct program *program, enum classifier_simd simd,
		   struct classifier **ret, struct accelnet_error *err);
/*
 * The same for `program`, which differs by `edit` from what `base` was made of: in the time that a
 * few copies take. Rules that went are masked out of base's tables, which both then share; those
 * that came are compared with each packet, one by one, which costs some 10 ns a packet and rule. So
 * it is for the meantime, until a new one has been made. `base` may itself be patched, and may be
 * freed all the same; both belong to one thread.
 *
 * CLASSIFIER_TOO_MANY_EDITS: too much has been changed since classifier_new(). -ENOMEM otherwise.
 */
enum classifier_patch_answer { CLASSIFIER_PATCHED, CLASSIFIER_TOO_MANY_EDITS };
int classifier_new_patched(struct classifier *base, const struct program *program,
			   const struct policy_edit *edit, struct classifier **ret,
			   struct accelnet_error *err);
/* True where packets are judged faster by a new classifier of the same program. */
bool classifier_is_patched(const struct classifier *classifier);

void classifier_free(struct classifier *classifier);

/*
 * Judges `count` keys, at most CLASSIFIER_BURST_MAX, as first packets of connections. The port
 * fields of protocols without ports are not looked at: such packets meet only rules for any port.
 * Later fragments of TCP and UDP must not come here with ports of 0: they follow their first
 * fragment.
 */
void classifier_judge4(const struct classifier *classifier, enum direction direction,
		       const struct key4 *keys, unsigned count, struct verdict *ret);
void classifier_judge6(const struct classifier *classifier, enum direction direction,
		       const struct key6 *keys, unsigned count, struct verdict *ret);

/* True where the direction has acl rules, so that every packet must be judged by them. */
bool classifier_has_acl(const struct classifier *classifier, enum direction direction);

/* Bytes in use, and the name of the SIMD path ("avx512", "avx2", "scalar"), for `status`. */
size_t classifier_memory(const struct classifier *classifier);
const char *classifier_simd_name(const struct classifier *classifier);

#endif
