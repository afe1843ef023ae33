/*
 * Looks on a thread of their own: asked for without waiting, one at a time, and over when it is
 * said that they are.
 */
#include "nic/looker.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct counted {
	sem_t begun, go_on;
	atomic_uint ended;
	pthread_t thread;
};

static void look(void *context)
{
	struct counted *counted = context;

	counted->thread = pthread_self();
	sem_post(&counted->begun);
	sem_wait(&counted->go_on);
	atomic_fetch_add(&counted->ended, 1);
}

static struct looker *set_up(struct counted *counted)
{
	struct looker *looker;

	sem_init(&counted->begun, 0, 0);
	sem_init(&counted->go_on, 0, 0);
	atomic_store(&counted->ended, 0);
	assert_int_equal(looker_new(look, counted, &looker), 0);
	return looker;
}

static void nobody_waits_for_a_look_but_who_wants_to(void **state)
{
	struct counted first, second;
	struct looker *slow = set_up(&first), *other = set_up(&second);

	(void)state;
	looker_ask(slow);
	sem_wait(&first.begun);
	looker_ask(slow); /* one is under way: returns at once, and makes no second one */
	sem_post(&second.go_on);
	looker_ask(other);
	looker_quiesce(other);
	assert_int_equal(atomic_load(&second.ended), 1);
	assert_int_equal(atomic_load(&first.ended), 0);
	assert_false(pthread_equal(first.thread, pthread_self()));
	sem_post(&first.go_on);
	looker_quiesce(slow);
	assert_int_equal(atomic_load(&first.ended), 1);
	looker_free(slow);
	looker_free(other);
	assert_int_equal(atomic_load(&first.ended), 1);
	assert_int_equal(atomic_load(&second.ended), 1);
}

static void *end_later(void *argument)
{
	struct counted *counted = argument;

	usleep(20000);
	sem_post(&counted->go_on);
	return NULL;
}

static void freeing_waits_for_the_look_under_way(void **state)
{
	struct counted counted;
	struct looker *looker = set_up(&counted);
	pthread_t ender;

	(void)state;
	looker_ask(looker);
	sem_wait(&counted.begun);
	assert_int_equal(pthread_create(&ender, NULL, end_later, &counted), 0);
	looker_free(looker);
	assert_int_equal(atomic_load(&counted.ended), 1);
	assert_int_equal(pthread_join(ender, NULL), 0);
	looker_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_waits_for_a_look_but_who_wants_to),
		cmocka_unit_test(freeing_waits_for_the_look_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
