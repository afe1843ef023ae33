/*
 * What the control thread asks for a NIC's port: see offload.h.
 */
#define LOG_ROOM LOG_ROOM_OFFLOAD
#include "base/log.h"
#include "offload/offload_private.h"

#include <stdlib.h>
#include <string.h>

void nic_quiet(struct offload_nic *nic)
{
	nic->quiet_wanted++;
	while (nic->busy)
		(void)pthread_cond_wait(&nic->offload->done, &nic->offload->lock);
	nic->quiet_wanted--;
	(void)pthread_cond_signal(&nic->offload->work);
}

void nic_run_task(struct offload_nic *nic)
{
	nic->waited_for = true;
	(void)pthread_cond_signal(&nic->offload->work);
	while (nic->waited_for)
		(void)pthread_cond_wait(&nic->offload->done, &nic->offload->lock);
}

int offload_nic_new(struct offload *offload, const struct offload_nic_options *options,
		    struct offload_nic **ret, struct accelnet_error *err)
{
	struct offload_nic *nic = calloc(1, sizeof(*nic));

	if (nic)
		nic->options = *options;
	if (nic)
		nic->options.name = strdup(options->name);
	if (!nic || !nic->options.name || connection_rules_init(&nic->connections) < 0) {
		free(nic ? (char *)nic->options.name : NULL);
		free(nic);
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	nic->offload = offload;
	nic->port = (struct flow_port){ .id = UINT16_MAX,
					.queues = options->queues,
					.mac = options->mac };
	(void)pthread_mutex_init(&nic->barrier, NULL); /* never fails on Linux */
	installer_init(&nic->installer);
	(void)pthread_mutex_lock(&offload->lock);
	(void)pthread_mutex_lock(&offload->ports);
	nic->next = offload->nics;
	offload->nics = nic;
	(void)pthread_mutex_unlock(&offload->ports);
	(void)pthread_mutex_unlock(&offload->lock);
	*ret = nic;
	return 0;
}

/* False where its removal has begun. */
static bool take_port(struct offload_nic *nic, uint16_t port)
{
	bool is_there;

	(void)pthread_mutex_lock(&nic->offload->ports);
	is_there = !nic->offload->leaving[port];
	if (is_there) {
		nic->port.id = port;
		nic->gone = false;
	}
	(void)pthread_mutex_unlock(&nic->offload->ports);
	return is_there;
}

void offload_attach(struct offload_nic *nic, uint16_t port)
{
	(void)pthread_mutex_lock(&nic->offload->lock);
	nic_quiet(nic);
	if (nic->retreating && !nic->gone && nic->port.id != port)
		nic_run_task(nic); /* a port that stays must not keep what nobody remembers */
	if (nic->gone || nic->port.id != port) /* else what did not go may still be there */
		nic_lose_port(nic);
	if (take_port(nic, port)) {
		nic->stage = PORT_OPENING;
		nic->open_at = 0;
		nic->opened = nic->doubts = 0;
		nic->is_news = true;
	}
	(void)pthread_cond_signal(&nic->offload->work);
	(void)pthread_mutex_unlock(&nic->offload->lock);
}

void offload_detach(struct offload_nic *nic)
{
	(void)pthread_mutex_lock(&nic->offload->lock);
	nic_quiet(nic);
	if (nic->stage == PORT_READY && !nic->gone) {
		installer_retreat(&nic->installer);
		connection_rules_clear(&nic->connections);
		nic->retreating = true;
	}
	if (!nic->retreating)
		installer_install(&nic->installer);
	nic->stage = PORT_ABSENT;
	nic->is_news = true;
	(void)pthread_cond_signal(&nic->offload->work);
	(void)pthread_mutex_unlock(&nic->offload->lock);
}

void offload_nic_free(struct offload_nic *nic)
{
	struct offload_nic **at;

	if (!nic)
		return;
	(void)pthread_mutex_lock(&nic->offload->ports);
	nic_bar(nic);
	(void)pthread_mutex_unlock(&nic->offload->ports);
	(void)pthread_mutex_lock(&nic->offload->lock);
	nic_quiet(nic);
	(void)pthread_mutex_lock(&nic->offload->ports);
	for (at = &nic->offload->nics; *at != nic; at = &(*at)->next)
		;
	*at = nic->next;
	(void)pthread_mutex_unlock(&nic->offload->ports);
	(void)pthread_mutex_unlock(&nic->offload->lock);
	connection_rules_fini(&nic->connections);
	installer_fini(&nic->installer);
	(void)pthread_mutex_destroy(&nic->barrier);
	free((char *)nic->options.name);
	free(nic);
}
