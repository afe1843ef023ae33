/*
 * The fragment table: verdicts of first fragments, and later ones that wait for them. Thread:
 * workers.
 */
#include "classify/fragment.h"

#include <errno.h>
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SET_WAYS 4
#define SETS     (FRAGMENT_VERDICTS_MAX / SET_WAYS)

/* (source, destination, id, protocol), with the family and, for source and destination, the way. */
struct fragment_key {
	uint8_t local[16];
	uint8_t remote[16];
	uint32_t id;
	uint8_t protocol;
	uint8_t kind;
	uint8_t direction;
	uint8_t zero;
};

struct fragment_record {
	struct fragment_key key;
	uint64_t until;      /* 0: free */
	uint64_t generation; /* of the rule set that judged the first one */
	uint16_t headers;
	bool passed;
};

struct fragment_waiting {
	struct fragment_key key;
	void *owner; /* NULL: free */
	uint64_t until;
	uint16_t offset;
};

struct fragment_table {
	uint8_t lock;
	uint32_t waiting_count; /* written under the lock, read without */
	uint64_t seed[2];
	struct fragment_record records[SETS][SET_WAYS];
	struct fragment_waiting waiting[FRAGMENTS_WAITING_MAX];
};

static void lock(struct fragment_table *table)
{
	while (__atomic_exchange_n(&table->lock, 1, __ATOMIC_ACQUIRE))
		_mm_pause();
}

static void unlock(struct fragment_table *table)
{
	__atomic_store_n(&table->lock, 0, __ATOMIC_RELEASE);
}

int fragment_table_new(struct fragment_table **ret)
{
	struct fragment_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	if (getrandom(table->seed, sizeof(table->seed), 0) != sizeof(table->seed)) {
		free(table);
		return -EIO;
	}
	*ret = table;
	return 0;
}

void fragment_table_free(struct fragment_table *table)
{
	free(table);
}

static struct fragment_key key_of(const struct packet *packet)
{
	struct fragment_key key = {
		.id = packet->fragment_id,
		.protocol = packet->fragment_protocol,
		.kind = packet->kind,
		.direction = packet->direction,
	};

	if (packet->kind == PACKET_IP4) {
		memcpy(key.local, &packet->key4.local, 4);
		memcpy(key.remote, &packet->key4.remote, 4);
	} else {
		memcpy(key.local, packet->key6.local, 16);
		memcpy(key.remote, packet->key6.remote, 16);
	}
	return key;
}

static struct fragment_record *set_of(struct fragment_table *table, const struct fragment_key *key)
{
	uint64_t words[5];
	uint64_t hash = table->seed[0];

	_Static_assert(sizeof(words) == sizeof(*key), "the whole key");
	memcpy(words, key, sizeof(words));
	for (unsigned i = 0; i < 5; i++) {
		unsigned __int128 product =
			(unsigned __int128)(hash ^ words[i]) * (table->seed[1] | 1);

		hash = (uint64_t)product ^ (uint64_t)(product >> 64);
	}
	return table->records[hash % SETS];
}

static struct fragment_record *find_record(struct fragment_table *table,
					   const struct fragment_key *key, uint64_t now)
{
	struct fragment_record *set = set_of(table, key);

	for (unsigned i = 0; i < SET_WAYS; i++) {
		if (set[i].until > now && memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
	}
	return NULL;
}

/* The record of the same packet, or the one of its set that ends first. */
static struct fragment_record *place_record(struct fragment_table *table,
					    const struct fragment_key *key)
{
	struct fragment_record *set = set_of(table, key);
	struct fragment_record *oldest = &set[0];

	for (unsigned i = 0; i < SET_WAYS; i++) {
		if (memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
		if (set[i].until < oldest->until)
			oldest = &set[i];
	}
	return oldest;
}

/* A verdict does not outlive the policy that made it: what is under way then is lost. */
static enum fragment_verdict verdict_by(const struct fragment_record *record, uint16_t offset,
					uint64_t generation)
{
	if (!record->passed || record->generation != generation)
		return FRAGMENT_DENIED;
	return offset < record->headers ? FRAGMENT_OVERLAP : FRAGMENT_PASS;
}

static enum fragment_verdict hold(struct fragment_table *table, const struct fragment_key *key,
				  const struct packet *packet, uint64_t now)
{
	for (unsigned i = 0; i < FRAGMENTS_WAITING_MAX; i++) {
		struct fragment_waiting *waiting = &table->waiting[i];

		if (waiting->owner)
			continue;
		*waiting = (struct fragment_waiting){
			.key = *key,
			.owner = packet->owner,
			.until = now + FRAGMENT_WAIT_MS,
			.offset = packet->fragment_offset,
		};
		__atomic_store_n(&table->waiting_count, table->waiting_count + 1, __ATOMIC_RELAXED);
		return FRAGMENT_HELD;
	}
	return FRAGMENT_REFUSED;
}

enum fragment_verdict fragment_later(struct fragment_table *table, const struct packet *packet,
				     uint64_t generation, uint64_t now)
{
	struct fragment_key key = key_of(packet);
	const struct fragment_record *record;
	enum fragment_verdict verdict;

	lock(table);
	record = find_record(table, &key, now);
	if (record)
		verdict = verdict_by(record, packet->fragment_offset, generation);
	else
		verdict = packet->owner ? hold(table, &key, packet, now) : FRAGMENT_REFUSED;
	unlock(table);
	return verdict;
}

/* Gives one back; false where `released` has no room, and it goes on waiting. */
static bool let_go(struct fragment_table *table, struct fragment_waiting *waiting,
		   enum drop_reason drop, struct fragment_releases *released)
{
	if (released->count == FRAGMENT_RELEASES_MAX)
		return false;
	released->packets[released->count++] = (struct fragment_release){
		.owner = waiting->owner,
		.direction = waiting->key.direction,
		.drop = drop,
	};
	waiting->owner = NULL;
	__atomic_store_n(&table->waiting_count, table->waiting_count - 1, __ATOMIC_RELAXED);
	return true;
}

static enum drop_reason drop_of(enum fragment_verdict verdict)
{
	switch (verdict) {
	case FRAGMENT_PASS:
		return DROP_NONE;
	case FRAGMENT_OVERLAP:
		return DROP_FRAGMENT_OVERLAP;
	default:
		return DROP_FRAGMENT_DENIED;
	}
}

static void release_followers(struct fragment_table *table, const struct fragment_record *record,
			      struct fragment_releases *released)
{
	for (unsigned i = 0; i < FRAGMENTS_WAITING_MAX; i++) {
		struct fragment_waiting *waiting = &table->waiting[i];

		if (waiting->owner && memcmp(&waiting->key, &record->key, sizeof(record->key)) == 0)
			(void)let_go(
				table, waiting,
				drop_of(verdict_by(record, waiting->offset, record->generation)),
				released);
	}
}

void fragment_first(struct fragment_table *table, const struct packet *packet, bool passed,
		    uint64_t generation, uint64_t now, struct fragment_releases *released)
{
	struct fragment_key key = key_of(packet);
	struct fragment_record *record;

	lock(table);
	record = place_record(table, &key);
	*record = (struct fragment_record){
		.key = key,
		.until = now + FRAGMENT_VERDICT_MS,
		.generation = generation,
		.headers = packet->fragment_headers,
		.passed = passed,
	};
	if (table->waiting_count > 0)
		release_followers(table, record, released);
	unlock(table);
}

void fragment_expire(struct fragment_table *table, uint64_t now, struct fragment_releases *released)
{
	if (__atomic_load_n(&table->waiting_count, __ATOMIC_RELAXED) == 0)
		return;
	lock(table);
	for (unsigned i = 0; i < FRAGMENTS_WAITING_MAX; i++) {
		struct fragment_waiting *waiting = &table->waiting[i];

		if (waiting->owner && waiting->until <= now)
			(void)let_go(table, waiting, DROP_FRAGMENT_ORPHAN, released);
	}
	unlock(table);
}

void fragment_drain(struct fragment_table *table, struct fragment_releases *released)
{
	fragment_expire(table, UINT64_MAX, released);
}
