/*
 * See looker.h.
 */
#include "nic/looker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct looker {
	void (*look)(void *context);
	void *context;
	pthread_t thread;

	pthread_mutex_t lock; /* of: */
	bool asked;           /* until the look has ended */
	bool anew;            /* and then once more */
	bool stop;
	pthread_cond_t work; /* asked, or stop */
	pthread_cond_t rest; /* not asked any more */
};

static void *run(void *argument)
{
	struct looker *looker = argument;

	(void)pthread_setname_np(pthread_self(), "look"); /* for people: ps, gdb */
	(void)pthread_mutex_lock(&looker->lock);
	while (!looker->stop) {
		if (!looker->asked) {
			(void)pthread_cond_wait(&looker->work, &looker->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&looker->lock);
		looker->look(looker->context);
		(void)pthread_mutex_lock(&looker->lock);
		looker->asked = looker->anew;
		looker->anew = false;
		if (!looker->asked)
			(void)pthread_cond_broadcast(&looker->rest);
	}
	(void)pthread_mutex_unlock(&looker->lock);
	return NULL;
}

static void fini(struct looker *looker)
{
	(void)pthread_cond_destroy(&looker->rest);
	(void)pthread_cond_destroy(&looker->work);
	(void)pthread_mutex_destroy(&looker->lock);
	free(looker);
}

int looker_new(void (*look)(void *context), void *context, struct looker **ret)
{
	struct looker *looker = calloc(1, sizeof(*looker));
	int r;

	if (!looker)
		return -ENOMEM;
	looker->look = look;
	looker->context = context;
	/* none of these fails on Linux with these arguments */
	(void)pthread_mutex_init(&looker->lock, NULL);
	(void)pthread_cond_init(&looker->work, NULL);
	(void)pthread_cond_init(&looker->rest, NULL);
	r = -pthread_create(&looker->thread, NULL, run, looker);
	if (r < 0) {
		fini(looker);
		return r;
	}
	*ret = looker;
	return 0;
}

void looker_free(struct looker *looker)
{
	if (!looker)
		return;
	looker_quiesce(looker);
	(void)pthread_mutex_lock(&looker->lock);
	looker->stop = true;
	(void)pthread_cond_signal(&looker->work);
	(void)pthread_mutex_unlock(&looker->lock);
	(void)pthread_join(looker->thread, NULL);
	fini(looker);
}

void looker_ask(struct looker *looker)
{
	(void)pthread_mutex_lock(&looker->lock);
	looker->asked = true;
	(void)pthread_cond_signal(&looker->work);
	(void)pthread_mutex_unlock(&looker->lock);
}

void looker_ask_anew(struct looker *looker)
{
	(void)pthread_mutex_lock(&looker->lock);
	looker->anew = looker->asked;
	looker->asked = true;
	(void)pthread_cond_signal(&looker->work);
	(void)pthread_mutex_unlock(&looker->lock);
}

void looker_quiesce(struct looker *looker)
{
	if (!looker)
		return;
	(void)pthread_mutex_lock(&looker->lock);
	while (looker->asked)
		(void)pthread_cond_wait(&looker->rest, &looker->lock);
	(void)pthread_mutex_unlock(&looker->lock);
}
