/*
 * A list under a mutex and a thread that empties it: see errands.h.
 */
#include "daemon/errands.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct errand {
	struct errand *next;
	void (*job)(void *argument);
	void *argument;
};

struct errands {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t posted;
	struct errand *first, **last;
	bool ending;
};

/* The next one; NULL: none is left, and the thread is to end. */
static struct errand *take(struct errands *errands)
{
	struct errand *errand;

	pthread_mutex_lock(&errands->lock);
	while (!errands->first && !errands->ending)
		pthread_cond_wait(&errands->posted, &errands->lock);
	errand = errands->first;
	if (errand) {
		errands->first = errand->next;
		if (!errands->first)
			errands->last = &errands->first;
	}
	pthread_mutex_unlock(&errands->lock);
	return errand;
}

static void *run(void *argument)
{
	struct errand *errand;

	while ((errand = take(argument)) != NULL) {
		errand->job(errand->argument);
		free(errand);
	}
	return NULL;
}

int errands_new(struct errands **ret)
{
	struct errands *errands = calloc(1, sizeof(*errands));
	int r;

	if (!errands)
		return -ENOMEM;
	errands->last = &errands->first;
	pthread_mutex_init(&errands->lock, NULL);
	pthread_cond_init(&errands->posted, NULL);
	r = pthread_create(&errands->thread, NULL, run, errands);
	if (r != 0) {
		free(errands);
		return -r;
	}
	*ret = errands;
	return 0;
}

void errands_free(struct errands *errands)
{
	if (!errands)
		return;
	pthread_mutex_lock(&errands->lock);
	errands->ending = true;
	pthread_cond_signal(&errands->posted);
	pthread_mutex_unlock(&errands->lock);
	(void)pthread_join(errands->thread, NULL); /* ours, and not joined yet */
	pthread_cond_destroy(&errands->posted);
	pthread_mutex_destroy(&errands->lock);
	free(errands);
}

int errands_post(struct errands *errands, void (*job)(void *argument), void *argument)
{
	struct errand *errand = malloc(sizeof(*errand));

	if (!errand)
		return -ENOMEM;
	*errand = (struct errand){ .job = job, .argument = argument };
	pthread_mutex_lock(&errands->lock);
	*errands->last = errand;
	errands->last = &errand->next;
	pthread_cond_signal(&errands->posted);
	pthread_mutex_unlock(&errands->lock);
	return 0;
}
