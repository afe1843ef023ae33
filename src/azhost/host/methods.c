/* Methods of the control socket, see methods.h. */
#include "azhost/host/methods.h"

#include "azhost/host/faults.h"
#include "azhost/host/host.h"
#include "azhost/host/pci.h"
#include "azhost/host/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMBER(key, type, required)        \
	{                                  \
		key, type, required, false \
	}

static int find_nic(struct host *host, const struct json_at *params, struct nic **ret,
		    struct accelnet_error *err)
{
	struct json_at at;

	/* The schema has seen to it that it is there. */
	(void)json_get(params, "nic", &at);
	*ret = host_find_nic(host, json_string(&at));
	if (*ret == NULL)
		return fail(err, ACCELNET_E_NOT_FOUND, &at, "no NIC '%s'", json_string(&at));
	return 0;
}

static int find_vf(struct host *host, const struct json_at *params, struct nic **ret,
		   struct accelnet_error *err)
{
	int rc = find_nic(host, params, ret, err);

	if (rc == 0 && !(*ret)->has_vf)
		return fail(err, ACCELNET_E_UNSUPPORTED, NULL, "%s has no VF (--vf off)",
			    (*ret)->name);
	return rc;
}

static int call_nics(struct host *host, const struct json_at *params, struct json *result,
		     struct accelnet_error *err)
{
	(void)params;
	(void)err;
	state_nics(host, json_add_array(result, "nics"));
	json_add_format(result, "networkNamespace", "/proc/%d/ns/net", (int)getpid());
	return 0;
}

static int call_stats(struct host *host, const struct json_at *params, struct json *result,
		      struct accelnet_error *err)
{
	(void)params;
	(void)err;
	state_stats(host, result);
	return 0;
}

static int read_change(const struct json_at *params, bool assign, struct vf_change *ret,
		       struct accelnet_error *err)
{
	struct vf_change change = vf_change_default(assign);
	struct json_at at;
	int64_t number;

	if (json_get(params, "order", &at) && vf_change_parse_order(&change, json_string(&at)) < 0)
		return fail(err, ACCELNET_E_VALUE, &at,
			    "'%s': a list of note, pci, uevent%s, each at most once",
			    json_string(&at), assign ? "" : ", fatal");
	if (json_get(params, "delayMs", &at)) {
		if (!json_integer(&at, &number) || number < 0 || number > 600000)
			return fail(err, ACCELNET_E_RANGE, &at, "0 to 600000 milliseconds");
		change.delay_ms = (uint32_t)number;
	}
	*ret = change;
	return 0;
}

static int call_revoke(struct host *host, const struct json_at *params, struct json *result,
		       struct accelnet_error *err)
{
	struct vf_change change;
	struct nic *nic;
	int rc = find_vf(host, params, &nic, err);

	(void)result;
	if (rc == 0)
		rc = read_change(params, false, &change, err);
	if (rc == 0 && vf_life_change(&nic->life, &change) < 0)
		return fail(err, ACCELNET_E_LIMIT, NULL, "%s: too many changes are waiting",
			    nic->name);
	return rc;
}

/* Where and as what the VF comes back; only while it is away. */
static int move_vf(struct nic *nic, const struct json_at *params, struct accelnet_error *err)
{
	struct json_at profile, pci;
	const bool has_profile = json_get(params, "profile", &profile);
	const bool has_pci = json_get(params, "pci", &pci);

	if (!has_profile && !has_pci)
		return 0;
	if (nic->vf.present || vf_life_busy(&nic->life))
		return fail(err, ACCELNET_E_STATE, NULL,
			    "%s: its VF is still there: revoke it first", nic->name);
	if (has_pci && pci_address_check(json_string(&pci)) < 0)
		return fail(err, ACCELNET_E_VALUE, &pci, "'%s' is not a PCI address",
			    json_string(&pci));
	if (has_profile && !state_profile_exists(nic->host, json_string(&profile)))
		return fail(err, ACCELNET_E_VALUE, &profile, "no profile '%s'",
			    json_string(&profile));
	for (unsigned i = 0; has_pci && i < nic->host->nic_count; i++) {
		const struct nic *other = &nic->host->nics[i];

		if (other != nic && strcmp(other->vf.address, json_string(&pci)) == 0)
			return fail(err, ACCELNET_E_VALUE, &pci, "%s is there already",
				    other->name);
	}
	if (has_pci)
		snprintf(nic->vf.address, sizeof(nic->vf.address), "%s", json_string(&pci));
	if (has_profile)
		snprintf(nic->vf.profile, sizeof(nic->vf.profile), "%s", json_string(&profile));
	return 0;
}

static int call_assign(struct host *host, const struct json_at *params, struct json *result,
		       struct accelnet_error *err)
{
	struct vf_change change;
	struct nic *nic;
	int rc = find_vf(host, params, &nic, err);

	(void)result;
	if (rc == 0)
		rc = read_change(params, true, &change, err);
	if (rc == 0)
		rc = move_vf(nic, params, err);
	if (rc == 0 && vf_life_change(&nic->life, &change) < 0)
		return fail(err, ACCELNET_E_LIMIT, NULL, "%s: too many changes are waiting",
			    nic->name);
	return rc;
}

static int call_fatal(struct host *host, const struct json_at *params, struct json *result,
		      struct accelnet_error *err)
{
	struct nic *nic;
	int rc = find_vf(host, params, &nic, err);

	(void)result;
	if (rc < 0)
		return rc;
	if (nic->vf.control.fd < 0)
		return fail(err, ACCELNET_E_STATE, NULL, "%s: no guest has its VF open", nic->name);
	vf_fatal(&nic->vf, 0);
	return 0;
}

static int call_link(struct host *host, const struct json_at *params, struct json *result,
		     struct accelnet_error *err)
{
	struct json_at at;
	struct nic *nic;
	bool up = true;
	int rc = find_nic(host, params, &nic, err);

	(void)result;
	if (rc < 0)
		return rc;
	if (json_get(params, "up", &at))
		(void)json_bool(&at, &up);
	nic_set_link(nic, up);
	return 0;
}

static int call_datapath(struct host *host, const struct json_at *params, struct json *result,
			 struct accelnet_error *err)
{
	struct json_at at;
	struct nic *nic;
	int rc = find_nic(host, params, &nic, err);

	if (rc < 0)
		return rc;
	if (json_get(params, "openersSynthetic", &at))
		(void)json_bool(&at, &nic->port.openers_synthetic);
	if (json_get(params, "multicastSynthetic", &at))
		(void)json_bool(&at, &nic->port.multicast_synthetic);
	state_datapath(nic, result);
	return 0;
}

static int call_fault(struct host *host, const struct json_at *params, struct json *result,
		      struct accelnet_error *err)
{
	struct json_at fault, at;
	struct nic *nic;
	int64_t value = 0;
	int rc = find_nic(host, params, &nic, err);

	(void)result;
	if (rc < 0)
		return rc;
	(void)json_get(params, "fault", &fault);
	if (json_get(params, "value", &at) && (!json_integer(&at, &value) || value < 0))
		return fail(err, ACCELNET_E_RANGE, &at, "not a number of 0 or more");
	return fault_inject(nic, json_string(&fault), (uint64_t)value, err);
}

/* The VF's library answers in its own time: the caller comes again until the answer is complete. */
static int call_query(struct host *host, const struct json_at *params, struct json *result,
		      struct accelnet_error *err)
{
	struct json_at at;
	bool again = false;
	struct nic *nic;
	int rc = find_vf(host, params, &nic, err);

	if (rc < 0)
		return rc;
	if (json_get(params, "again", &at))
		(void)json_bool(&at, &again);
	if (!again && vf_query(&nic->vf) < 0)
		return fail(err, ACCELNET_E_STATE, NULL, "%s: no guest has its VF open", nic->name);
	state_vf_report(nic, json_add_object(result, "vf"));
	json_add_bool(result, "complete", nic->vf.report.complete);
	return 0;
}

static const struct json_member of_nic[] = { MEMBER("nic", JSON_STRING, true) };

static const struct json_member of_revoke[] = {
	MEMBER("nic", JSON_STRING, true),
	MEMBER("order", JSON_STRING, false),
	MEMBER("delayMs", JSON_NUMBER, false),
};

static const struct json_member of_assign[] = {
	MEMBER("nic", JSON_STRING, true),      MEMBER("order", JSON_STRING, false),
	MEMBER("delayMs", JSON_NUMBER, false), MEMBER("profile", JSON_STRING, false),
	MEMBER("pci", JSON_STRING, false),
};

static const struct json_member of_query[] = {
	MEMBER("nic", JSON_STRING, true),
	MEMBER("again", JSON_BOOL, false),
};

static const struct json_member of_link[] = {
	MEMBER("nic", JSON_STRING, true),
	MEMBER("up", JSON_BOOL, true),
};

static const struct json_member of_datapath[] = {
	MEMBER("nic", JSON_STRING, true),
	MEMBER("openersSynthetic", JSON_BOOL, false),
	MEMBER("multicastSynthetic", JSON_BOOL, false),
};

static const struct json_member of_fault[] = {
	MEMBER("nic", JSON_STRING, true),
	MEMBER("fault", JSON_STRING, true),
	MEMBER("value", JSON_NUMBER, false),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct method methods[] = {
	{ "nics", NULL, 0, call_nics },
	{ "stats", NULL, 0, call_stats },
	{ "vf.revoke", of_revoke, COUNT(of_revoke), call_revoke },
	{ "vf.assign", of_assign, COUNT(of_assign), call_assign },
	{ "vf.fatal", of_nic, COUNT(of_nic), call_fatal },
	{ "vf.query", of_query, COUNT(of_query), call_query },
	{ "link", of_link, COUNT(of_link), call_link },
	{ "datapath", of_datapath, COUNT(of_datapath), call_datapath },
	{ "fault", of_fault, COUNT(of_fault), call_fault },
};

const struct method *method_find(const char *name)
{
	for (unsigned i = 0; i < COUNT(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}
