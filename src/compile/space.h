/*
 * All packets that some programs can tell apart, of one direction and family.
 *
 * Each field is cut into classes of values between which no rule of these programs makes a
 * difference, and every class is represented by one value. So finitely many tuples, one for each
 * choice of classes, stand for all packets: what holds for them holds always. There may be very
 * many, which is why those who walk them bring a budget.
 *
 * Beside each value stand the rules that match it, a bit each, so that a tuple is judged by ANDing
 * five bitmaps. Not for the datapath: classify is.
 *
 * Thread: any; immutable once built. Borrows the programs.
 */
#ifndef COMPILE_SPACE_H
#define COMPILE_SPACE_H

#include "compile/program.h"

enum space_field {
	SPACE_SOURCE,
	SPACE_DESTINATION,
	SPACE_PROTOCOL,
	SPACE_SOURCE_PORT,
	SPACE_DESTINATION_PORT,
};
#define SPACE_FIELDS 5

#define SPACE_PROGRAMS_MAX 2
#define SPACE_BYTES_MAX    ((size_t)512 << 20)

/* One chain of one program: bit r of the words of a value tells whether rule r matches it. */
struct space_chain {
	const struct program_chain *chain;
	size_t words; /* of 64 rules */
	uint64_t *bitmap[SPACE_FIELDS];
};

struct space {
	enum direction direction;
	enum ip_family family;
	ip_number *values[SPACE_FIELDS]; /* ascending */
	size_t count[SPACE_FIELDS];
	struct space_chain chain[SPACE_PROGRAMS_MAX][STAGES];
	size_t programs;
};

/* Fails with LIMIT where the bitmaps would take more than SPACE_BYTES_MAX. */
int space_new(const struct program *const *programs, size_t count, enum direction direction,
	      enum ip_family family, struct space **ret, struct accelnet_error *err);
void space_free(struct space *space);

/* The words of value `at` of a field. */
static inline const uint64_t *space_words(const struct space_chain *chain, enum space_field field,
					  size_t at)
{
	return chain->bitmap[field] + at * chain->words;
}

/* True where packets of the protocol with that place in the list have ports. */
bool space_has_ports(const struct space *space, size_t protocol);
/* The tuple that takes these values; its ports are 0 where its protocol has none. */
struct tuple space_tuple(const struct space *space, const size_t at[SPACE_FIELDS]);

#endif
