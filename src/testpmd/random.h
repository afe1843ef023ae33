/*
 * A small deterministic random number generator: the same seed, the same run, on every machine.
 *
 * splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
 * For benches and tests; never for anything that must not be guessed.
 */
#ifndef TESTPMD_RANDOM_H
#define TESTPMD_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* 0 .. bound - 1; the bias of the multiplication does not matter here. */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
	return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}

static inline uint32_t random_between(struct random *random, uint32_t first, uint32_t last)
{
	return first + random_below(random, last - first + 1);
}

/* True in `percent` of 100 cases. */
static inline bool random_percent(struct random *random, unsigned percent)
{
	return random_below(random, 100) < percent;
}

#endif
