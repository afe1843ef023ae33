/*
 * The watch on a kernel of our own, which answers when it is told to: news never wait for it.
 */
#include "nic/link_watch.h"

#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/link.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_SECONDS 10

static atomic_bool news; /* somebody has missed some: the watch has to ask */
static atomic_bool slow;
static atomic_int asked;
static sem_t asking, answer;
static char name[IF_NAMESIZE] = "one"; /* of the only interface */

/* libnl's, in the place of its own. */
int nl_recvmsgs_default(struct nl_sock *socket)
{
	(void)socket;
	return atomic_exchange(&news, false) ? -NLE_NOMEM : -NLE_AGAIN;
}

int rtnl_link_alloc_cache(struct nl_sock *socket, int family, struct nl_cache **ret)
{
	struct rtnl_link *link = rtnl_link_alloc();
	int r = nl_cache_alloc_name("route/link", ret);

	(void)socket;
	(void)family;
	assert_int_equal(r, 0);
	rtnl_link_set_ifindex(link, 7);
	rtnl_link_set_name(link, name);
	assert_int_equal(nl_cache_add(*ret, (struct nl_object *)link), 0);
	rtnl_link_put(link);
	atomic_fetch_add(&asked, 1);
	if (atomic_load(&slow)) {
		sem_post(&asking);
		sem_wait(&answer);
	}
	return 0;
}

static bool knows(struct link_watch *watch, const char *of)
{
	struct link_sight sight;

	return link_watch_named(watch, of, &sight) && sight.index == 7;
}

static void *look(void *watch)
{
	link_watch_read(watch);
	return NULL;
}

static void asks_when_there_are_news(void **state)
{
	struct link_watch *watch;

	(void)state;
	atomic_store(&asked, 0);
	assert_int_equal(link_watch_new(&watch), 0);
	assert_true(knows(watch, "one"));
	link_watch_read(watch);
	assert_int_equal(asked, 1);

	strcpy(name, "two");
	atomic_store(&news, true);
	link_watch_hear(watch);
	assert_int_equal(asked, 1);
	assert_true(knows(watch, "one"));
	link_watch_read(watch);
	assert_int_equal(asked, 2);
	assert_true(knows(watch, "two"));
	assert_false(knows(watch, "one"));
	link_watch_free(watch);
}

static void *hear_and_find(void *watch)
{
	atomic_store(&news, true);
	link_watch_hear(watch);
	return knows(watch, "one") ? watch : NULL;
}

/* Whoever hears of them is not held up, and what came meanwhile is asked for once more. */
static void hears_while_the_kernel_does_not_answer(void **state)
{
	struct timespec end;
	struct link_watch *watch;
	pthread_t looker, control;
	void *heard = NULL;
	int r;

	(void)state;
	strcpy(name, "one");
	assert_int_equal(link_watch_new(&watch), 0);
	atomic_store(&asked, 0);
	atomic_store(&slow, true);
	atomic_store(&news, true);
	assert_int_equal(pthread_create(&looker, NULL, look, watch), 0);
	sem_wait(&asking);

	assert_int_equal(pthread_create(&control, NULL, hear_and_find, watch), 0);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_SECONDS;
	r = pthread_timedjoin_np(control, &heard, &end);
	atomic_store(&slow, false);
	sem_post(&answer);
	pthread_join(looker, NULL);
	assert_int_equal(r, 0);
	assert_ptr_equal(heard, watch);

	assert_int_equal(asked, 1);
	link_watch_read(watch);
	assert_int_equal(asked, 2);
	link_watch_free(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_when_there_are_news),
		cmocka_unit_test(hears_while_the_kernel_does_not_answer),
	};

	sem_init(&asking, 0, 0);
	sem_init(&answer, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
