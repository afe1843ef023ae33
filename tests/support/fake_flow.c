/*
 * A device that takes rules, in memory: see fake_flow.h.
 */
#include "support/fake_flow.h"

#include "offload/match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int refuse(struct flow_error *error, int number, const char *message)
{
	error->number = number;
	(void)snprintf(error->message, sizeof(error->message), "%s", message);
	return -number;
}

static int inject(const struct fake_flow *fake, struct flow_error *error, const char *message)
{
	return refuse(error, fake->fail_errno ? fake->fail_errno : EREMOTEIO, message);
}

static struct fake_flow *enter(void *context)
{
	struct fake_flow *fake = context;
	const struct timespec pause = { .tv_nsec = fake->call_ns };

	if (pause.tv_nsec)
		(void)nanosleep(&pause, NULL);
	(void)pthread_mutex_lock(&fake->lock);
	fake->misuses += fake->is_removed;
	return fake;
}

static int leave(struct fake_flow *fake, int r)
{
	(void)pthread_mutex_unlock(&fake->lock);
	return r;
}

static int not_started(struct fake_flow *fake, struct flow_error *error)
{
	return leave(fake, refuse(error, ENODEV, "port is not started when inserting a flow"));
}

static int fake_open(void *context, struct flow_port *port, struct flow_error *error)
{
	struct fake_flow *fake = enter(context);

	(void)port;
	return fake->is_started ? leave(fake, 0) : not_started(fake, error);
}

static int fake_check(void *context, const struct flow_port *port)
{
	struct fake_flow *fake = context;
	int r;

	(void)port;
	(void)pthread_mutex_lock(&fake->lock);
	fake->misuses += fake->is_removed;
	r = fake->is_started ? 0 : -ENODEV;
	(void)pthread_mutex_unlock(&fake->lock);
	return r;
}

/* What a device of the tier takes at all. */
static int check_tier(const struct fake_flow *fake, const struct plan_rule *rule,
		      struct flow_error *error)
{
	if (fake->tier == TIER_T0)
		return refuse(error, ENOTSUP, "flow rules are not supported");
	if (fake->tier < TIER_T3 && rule->group > 0)
		return refuse(error, EOPNOTSUPP, "cannot get table");
	if (fake->tier < TIER_T3 && rule->action == PLAN_NEXT)
		return refuse(error, EOPNOTSUPP, "cannot create jump action");
	if (fake->tier < TIER_T2 &&
	    (rule->priority > 0 || rule->action != PLAN_DROP || rule->match.kind != PLAN_UDP))
		return refuse(error, ENOTSUP, "only drops on simple patterns");
	if (rule->group == 0 && rule->priority >= fake->priorities)
		return refuse(error, EINVAL, "priority out of range");
	if (rule->match.has_kind && fake->refuse_kinds >> rule->match.kind & 1)
		return refuse(error, ENOTSUP, "item not supported");
	return 0;
}

static size_t count_rules(const struct fake_flow *fake, bool counted)
{
	size_t count = 0;

	for (const struct fake_rule *rule = fake->rules; rule; rule = rule->next)
		count += !counted || rule->counted;
	return count;
}

static int check_room(struct fake_flow *fake, const struct plan_rule *wanted, bool counted,
		      struct flow_error *error)
{
	for (const struct fake_rule *rule = fake->rules; rule; rule = rule->next) {
		if (!match_same_place(&rule->rule, wanted))
			continue;
		fake->conflicts++;
		return refuse(error, EEXIST, "a rule of the same match");
	}
	if (counted && count_rules(fake, true) >= fake->counter_limit)
		return refuse(error, ENOMEM, "no counter is left");
	if (fake->rule_limit && count_rules(fake, false) >= fake->rule_limit)
		return refuse(error, ENOSPC, "hardware refuses to create flow");
	return 0;
}

static int fake_create(void *context, const struct flow_port *port, const struct plan_rule *wanted,
		       uint32_t mark, bool counted, void **ret_handle, struct flow_error *error)
{
	struct fake_flow *fake = enter(context);
	struct fake_rule *rule;
	int r;

	(void)port;
	fake->creates++;
	if (!fake->is_started)
		return not_started(fake, error);
	if (fake->refuse_all)
		return leave(fake, refuse(error, fake->refuse_all, "injected: all"));
	if (fake->fail_create_at > 0 && --fake->fail_create_at == 0)
		return leave(fake, inject(fake, error, "injected: creation"));
	r = check_tier(fake, wanted, error);
	if (r == 0)
		r = check_room(fake, wanted, counted, error);
	if (r < 0)
		return leave(fake, r);
	rule = calloc(1, sizeof(*rule));
	*rule = (struct fake_rule){
		.next = fake->rules,
		.rule = *wanted,
		.mark = mark,
		.counted = counted,
		.life = fake->life,
		.serial = fake->next_serial++,
	};
	fake->rules = rule;
	*ret_handle = rule;
	return leave(fake, 0);
}

static struct fake_rule **find(struct fake_flow *fake, const void *handle)
{
	struct fake_rule **at = &fake->rules;

	while (*at && *at != handle)
		at = &(*at)->next;
	if (!*at)
		fake->misuses++;
	return at;
}

static void bury(struct fake_flow *fake, struct fake_rule **at)
{
	struct fake_rule *rule = *at;

	*at = rule->next;
	rule->next = fake->dead;
	fake->dead = rule;
}

static int fake_destroy(void *context, const struct flow_port *port, void *handle,
			struct flow_error *error)
{
	struct fake_flow *fake = enter(context);
	struct fake_rule **at;

	(void)port;
	fake->destroys++;
	if (!fake->is_started)
		return not_started(fake, error);
	at = find(fake, handle);
	if (!*at)
		return leave(fake, refuse(error, EINVAL, "no such rule"));
	if (fake->keeps_all || (*at)->immortal ||
	    (fake->fail_destroy_at > 0 && --fake->fail_destroy_at == 0)) {
		fake->kept++;
		return leave(fake, inject(fake, error, "injected: destruction"));
	}
	bury(fake, at);
	return leave(fake, 0);
}

static int fake_query(void *context, const struct flow_port *port, void *handle,
		      struct flow_count *ret, struct flow_error *error)
{
	struct fake_flow *fake = enter(context);
	struct fake_rule **at;

	(void)port;
	if (!fake->is_started)
		return not_started(fake, error);
	at = find(fake, handle);
	if (!*at)
		return leave(fake, refuse(error, EINVAL, "no such rule"));
	if (!(*at)->counted)
		return leave(fake, refuse(error, ENOTSUP, "it has no counter"));
	ret->packets = (*at)->packets;
	return leave(fake, 0);
}

static int fake_watch(void *context, const struct flow_watcher *watcher)
{
	struct fake_flow *fake = context;

	fake->watcher = watcher;
	return 0;
}

static void fake_unwatch(void *context, const struct flow_watcher *watcher)
{
	struct fake_flow *fake = context;

	(void)watcher;
	fake->watcher = NULL;
}

void fake_flow_init(struct fake_flow *fake, enum plan_tier tier)
{
	*fake = (struct fake_flow){
		.backend = {
			.context = fake,
			.open = fake_open,
			.check = fake_check,
			.create = fake_create,
			.destroy = fake_destroy,
			.query = fake_query,
			.watch = fake_watch,
			.unwatch = fake_unwatch,
		},
		.tier = tier,
		.priorities = 2,
		.is_started = true,
		.counter_limit = SIZE_MAX,
	};
	(void)pthread_mutex_init(&fake->lock, NULL);
}

static void free_list(struct fake_rule *rule)
{
	while (rule) {
		struct fake_rule *next = rule->next;

		free(rule);
		rule = next;
	}
}

void fake_flow_fini(struct fake_flow *fake)
{
	free_list(fake->rules);
	free_list(fake->dead);
	(void)pthread_mutex_destroy(&fake->lock);
}

void fake_flow_stop(struct fake_flow *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	fake->is_started = false;
	fake->life++;
	while (fake->rules)
		bury(fake, &fake->rules);
	(void)pthread_mutex_unlock(&fake->lock);
}

void fake_flow_start(struct fake_flow *fake)
{
	bool is_new;

	(void)pthread_mutex_lock(&fake->lock);
	is_new = fake->is_removed;
	fake->is_removed = false;
	fake->is_started = true;
	(void)pthread_mutex_unlock(&fake->lock);
	if (is_new && fake->watcher)
		fake->watcher->came(fake->watcher->argument, 0);
}

void fake_flow_remove(struct fake_flow *fake)
{
	if (fake->watcher)
		fake->watcher->gone(fake->watcher->argument, 0);
	(void)pthread_mutex_lock(&fake->lock);
	fake->is_removed = true;
	(void)pthread_mutex_unlock(&fake->lock);
	fake_flow_stop(fake);
}

size_t fake_flow_count(struct fake_flow *fake)
{
	size_t count;

	(void)pthread_mutex_lock(&fake->lock);
	count = count_rules(fake, false);
	(void)pthread_mutex_unlock(&fake->lock);
	return count;
}

void fake_flow_bind(struct fake_flow *fake, size_t nth)
{
	(void)pthread_mutex_lock(&fake->lock);
	for (struct fake_rule *rule = fake->rules; rule; rule = rule->next) {
		if (rule->rule.action != PLAN_DROP && nth-- == 0)
			rule->immortal = true;
	}
	(void)pthread_mutex_unlock(&fake->lock);
}

void fake_flow_bind_entrances(struct fake_flow *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	for (struct fake_rule *rule = fake->rules; rule; rule = rule->next)
		rule->immortal |= match_is_entrance(&rule->rule);
	(void)pthread_mutex_unlock(&fake->lock);
}

void fake_flow_bind_drops(struct fake_flow *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	for (struct fake_rule *rule = fake->rules; rule; rule = rule->next)
		rule->immortal |= rule->rule.action == PLAN_DROP;
	(void)pthread_mutex_unlock(&fake->lock);
}

void fake_flow_unbind(struct fake_flow *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	for (struct fake_rule *rule = fake->rules; rule; rule = rule->next)
		rule->immortal = false;
	(void)pthread_mutex_unlock(&fake->lock);
}

/* With the lock held; the list begins with the newest. */
static struct plan *make_plan(const struct fake_flow *fake, bool newest_wins)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	size_t count = count_rules(fake, false), i = 0;

	plan->tier = fake->tier;
	plan->rule_count = count;
	plan->rules = calloc(count + 1, sizeof(*plan->rules));
	for (const struct fake_rule *rule = fake->rules; rule; rule = rule->next, i++) {
		struct plan_rule *to = &plan->rules[newest_wins ? i : count - 1 - i];

		*to = rule->rule;
		to->slot = rule->mark;
	}
	return plan;
}

struct plan *fake_flow_plan(struct fake_flow *fake, bool newest_wins)
{
	struct plan *plan;

	(void)pthread_mutex_lock(&fake->lock);
	plan = make_plan(fake, newest_wins);
	(void)pthread_mutex_unlock(&fake->lock);
	return plan;
}

void fake_flow_receive(struct fake_flow *fake, const struct plan_packet *packet,
		       struct plan_answer *ret)
{
	struct fake_rule *rule;
	struct plan *plan;

	(void)pthread_mutex_lock(&fake->lock);
	plan = make_plan(fake, true);
	plan_judge(plan, packet, ret);
	rule = fake->rules;
	for (uint32_t i = 0; ret->rule != UINT32_MAX && i < ret->rule; i++)
		rule = rule->next;
	if (ret->rule != UINT32_MAX)
		rule->packets++;
	(void)pthread_mutex_unlock(&fake->lock);
	plan_free(plan);
}
