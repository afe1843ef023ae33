/*
 * The worker of benches: see bench_reader.h.
 */
#include "testpmd/bench_reader.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#define READER_ID 0

struct bench_reader {
	_Atomic(struct ruleset *) ruleset;
	_Atomic(uint64_t) bursts;
	_Atomic(bool) stop;
	const struct key4 *keys;
	size_t count;
	struct rte_rcu_qsbr *qsbr;
	pthread_t thread;
	bool runs;
};

static void *reader_main(void *argument)
{
	struct bench_reader *reader = argument;
	struct verdict verdicts[CLASSIFIER_BURST_MAX];
	size_t at = 0;

	rte_rcu_qsbr_thread_online(reader->qsbr, READER_ID);
	while (!atomic_load_explicit(&reader->stop, memory_order_relaxed)) {
		const struct ruleset *ruleset =
			atomic_load_explicit(&reader->ruleset, memory_order_acquire);

		classifier_judge4(ruleset->classifier, DIRECTION_INBOUND, reader->keys + at,
				  CLASSIFIER_BURST_MAX, verdicts);
		at = (at + CLASSIFIER_BURST_MAX) % reader->count;
		atomic_fetch_add_explicit(&reader->bursts, 1, memory_order_relaxed);
		rte_rcu_qsbr_quiescent(reader->qsbr, READER_ID);
	}
	rte_rcu_qsbr_thread_offline(reader->qsbr, READER_ID);
	return NULL;
}

/* Any core but this one, which would be shared with who waits. */
static int start(struct bench_reader *reader)
{
	long cores = sysconf(_SC_NPROCESSORS_CONF);
	pthread_attr_t attributes;
	cpu_set_t others;
	int r;

	CPU_ZERO(&others);
	for (int i = 0; i < cores && i < CPU_SETSIZE; i++)
		CPU_SET(i, &others);
	CPU_CLR(sched_getcpu(), &others);
	if (CPU_COUNT(&others) == 0)
		return -ENODEV;
	r = pthread_attr_init(&attributes);
	if (r != 0)
		return -r;
	r = pthread_attr_setaffinity_np(&attributes, sizeof(others), &others);
	if (r == 0)
		r = pthread_create(&reader->thread, &attributes, reader_main, reader);
	(void)pthread_attr_destroy(&attributes);
	reader->runs = r == 0;
	return r == EINVAL ? -ENODEV : -r;
}

static int make_qsbr(struct bench_reader *reader)
{
	reader->qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	if (!reader->qsbr || rte_rcu_qsbr_init(reader->qsbr, 1) != 0 ||
	    rte_rcu_qsbr_thread_register(reader->qsbr, READER_ID) != 0)
		return -ENOMEM;
	return 0;
}

int bench_reader_new(struct ruleset *ruleset, const struct key4 *keys, size_t count,
		     struct bench_reader **ret)
{
	struct bench_reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	atomic_init(&reader->ruleset, ruleset);
	reader->keys = keys;
	reader->count = count;
	r = make_qsbr(reader);
	if (r == 0)
		r = start(reader);
	while (r == 0 && bench_reader_bursts(reader) == 0)
		usleep(100);
	if (r < 0) {
		bench_reader_free(reader);
		return r;
	}
	*ret = reader;
	return 0;
}

void bench_reader_wait(struct bench_reader *reader)
{
	rte_rcu_qsbr_synchronize(reader->qsbr, RTE_QSBR_THRID_INVALID);
}

struct ruleset *bench_reader_publish(struct bench_reader *reader, struct ruleset *ruleset)
{
	struct ruleset *old = atomic_exchange(&reader->ruleset, ruleset);

	bench_reader_wait(reader);
	return old;
}

struct ruleset *bench_reader_ruleset(const struct bench_reader *reader)
{
	return atomic_load(&reader->ruleset);
}

uint64_t bench_reader_bursts(const struct bench_reader *reader)
{
	return atomic_load(&reader->bursts);
}

void bench_reader_free(struct bench_reader *reader)
{
	if (!reader)
		return;
	atomic_store(&reader->stop, true);
	if (reader->runs)
		(void)pthread_join(reader->thread, NULL); /* it is joinable, and not us */
	rte_free(reader->qsbr);
	free(reader);
}
