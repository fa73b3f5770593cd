/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/command_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "daemon/order/quota.h"
#include "store/domain.h"

static bool
has(const struct hostname *names, size_t count, const struct hostname *name)
{
	for (size_t i = 0; i < count; i++)
		if (hostname_equal(&names[i], name))
			return true;
	return false;
}

static enum err
read_name(const cJSON *one, const struct hostname *name, struct set_wish *w, char why[SET_WHY_MAX])
{
	const char *text = cJSON_GetStringValue(one);
	struct hostname h;
	char reason[128];

	if (!text || idna_parse(text, &h, reason, sizeof(reason))) {
		snprintf(why, SET_WHY_MAX, "\"with\" %.100s: %s", text ? text : "",
		         text ? reason : "it must be a list of names");
		return ERR_INVALID;
	}
	if (!hostname_equal(&h, name) && !has(w->names, w->count, &h))
		w->names[w->count++] = h;
	return ERR_OK;
}

enum err
set_wish_read(const cJSON *item, const struct hostname *name, struct set_wish *ret_wish,
              char why[SET_WHY_MAX])
{
	const cJSON *list = json_array(item, "with"), *one;
	struct set_wish w = {.given = list != NULL};
	int count = cJSON_GetArraySize(list);
	enum err err = ERR_OK;

	if (count > SET_NAMES_MAX - 1) {
		snprintf(why, SET_WHY_MAX, "a certificate has at most %d names", SET_NAMES_MAX);
		return ERR_INVALID;
	}
	if (count > 0) {
		w.names = calloc((size_t)count, sizeof(*w.names));
		if (!w.names)
			return ERR_NOMEM;
	}
	cJSON_ArrayForEach(one, list)
	{
		if (!err)
			err = read_name(one, name, &w, why);
	}
	if (err)
		set_wish_done(&w);
	else
		*ret_wish = w;
	return err;
}

void
set_wish_done(struct set_wish *wish)
{
	free(wish->names);
	*wish = (struct set_wish){0};
}

enum err
set_is_alone(struct store_txn *txn, const struct domain *d, bool *ret_alone)
{
	struct hostname led[SET_NAMES_MAX];
	size_t count;
	enum err err = set_members(txn, &d->name, led, &count);

	if (!err)
		*ret_alone = count == 0 && !d->lead.len;
	return err;
}

/* ERR_EXISTS when NAME cannot join LEAD; else whether it has joined already. */
static enum err
may_join(struct store_txn *txn, const struct domain *lead, const struct hostname *name,
         bool *changed, char why[SET_WHY_MAX])
{
	struct hostname led[SET_NAMES_MAX];
	struct domain d;
	size_t count;
	enum err err = domain_get(txn, name, &d);

	if (err == ERR_NOTFOUND) {
		*changed = true;
		return ERR_OK;
	}
	if (!err)
		err = set_members(txn, name, led, &count);
	if (err)
		return err;
	if (d.lead.len && hostname_equal(&d.lead, &lead->name))
		return ERR_OK;
	*changed = true;
	if (d.state == DOMAIN_EXTERNAL) {
		snprintf(why, SET_WHY_MAX, "%.120s is external: give it a \"ca\" first",
		         name->name);
		return ERR_EXISTS;
	}
	if (!d.lead.len && count == 0)
		return ERR_OK;
	snprintf(why, SET_WHY_MAX, "%.120s %s %.120s: take it out there first", name->name,
	         d.lead.len ? "is in the certificate of" : "shares its own certificate with",
	         d.lead.len ? d.lead.name : led[0].name);
	return ERR_EXISTS;
}

static enum err
join(struct store_txn *txn, const struct domain *lead, const struct hostname *name)
{
	struct domain d;
	enum err err = domain_get(txn, name, &d);

	if (err == ERR_NOTFOUND) {
		d = (struct domain){
			.name = *name, .state = DOMAIN_PENDING, .created_at = clock_wall()};
		memcpy(d.backend, lead->backend, sizeof(d.backend));
		memcpy(d.labels, lead->labels, sizeof(d.labels));
	} else if (err) {
		return err;
	}
	memcpy(d.ca, lead->ca, sizeof(d.ca));
	memcpy(d.cas, lead->cas, sizeof(d.cas));
	if (domain_is_held(&d)) /* what holds its lead up counts from now on */
		d.state = d.generation ? DOMAIN_VALID : DOMAIN_PENDING;
	d.lead = lead->name;
	d.due_at = d.used_at = 0;
	return domain_put(txn, &d);
}

static enum err
leave(struct store_txn *txn, const struct hostname *name)
{
	struct domain d;
	enum err err = domain_get(txn, name, &d);

	if (!err)
		err = set_leave(txn, &d, clock_wall());
	return err ? err : domain_put(txn, &d);
}

static enum err
write_all(struct store_txn *txn, struct domain *lead, const struct set_wish *wish,
          const struct hostname *led, size_t led_count)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < led_count && !err; i++)
		if (!has(wish->names, wish->count, &led[i]))
			err = leave(txn, &led[i]);
	for (size_t i = 0; i < wish->count && !err; i++)
		if (!has(led, led_count, &wish->names[i]))
			err = join(txn, lead, &wish->names[i]);
	if (lead->state == DOMAIN_MOVED) /* the others lead here, maybe */
		lead->state = DOMAIN_FAILING;
	/* An order in work ends as it ends, and is followed by another (job_set_due()). */
	if (lead->due_at)
		lead->due_at = clock_wall();
	return err ? err : domain_put(txn, lead);
}

/* New names have LEAD's labels; it may be stored with others, or not yet. */
static enum err
is_in_quota(struct store_txn *txn, const struct domain *lead, const struct set_wish *wish,
            char why[SET_WHY_MAX])
{
	struct domain d;
	bool is_new = domain_get(txn, &lead->name, &d) != ERR_OK;
	size_t fresh = labels_count_anew(wish->conf, is_new ? NULL : &d, lead);

	for (size_t i = 0; i < wish->count; i++)
		fresh += domain_get(txn, &wish->names[i], &d) == ERR_NOTFOUND;
	return labels_take_more(txn, wish->conf, lead, fresh, why, SET_WHY_MAX);
}

enum err
set_wish_apply(struct store_txn *txn, struct domain *lead, const struct set_wish *wish,
               bool dry_run, bool *ret_changed, char why[SET_WHY_MAX])
{
	struct hostname led[SET_NAMES_MAX];
	size_t count;
	enum err err = set_members(txn, &lead->name, led, &count);

	*ret_changed = false;
	if (err)
		return err;
	if (wish->count && lead->lead.len) {
		snprintf(why, SET_WHY_MAX, "it is in the certificate of %.200s itself",
		         lead->lead.name);
		return ERR_EXISTS;
	}
	if (lead->state == DOMAIN_EXTERNAL && wish->count) {
		snprintf(why, SET_WHY_MAX, "it is external: no certificate is ordered for it");
		return ERR_EXISTS;
	}
	for (size_t i = 0; i < wish->count && !err; i++)
		err = may_join(txn, lead, &wish->names[i], ret_changed, why);
	for (size_t i = 0; i < count; i++)
		*ret_changed = *ret_changed || !has(wish->names, wish->count, &led[i]);
	if (!err)
		err = is_in_quota(txn, lead, wish, why);
	if (err || !*ret_changed || dry_run)
		return err;
	return write_all(txn, lead, wish, led, count);
}

bool
set_is_free(struct store_txn *txn, const struct domain *d, bool external, char why[SET_WHY_MAX])
{
	struct hostname led[SET_NAMES_MAX];
	size_t count = 0;

	if (d->lead.len) {
		snprintf(why, SET_WHY_MAX, "it shares the certificate of %.200s, whose ca counts",
		         d->lead.name);
		return false;
	}
	if (!external || set_members(txn, &d->name, led, &count) || count == 0)
		return true;
	snprintf(why, SET_WHY_MAX, "it shares its certificate with %.200s: take that out first",
	         led[0].name);
	return false;
}

void
set_lead_to_json(const struct domain *d, cJSON *item)
{
	if (d->lead.len)
		cJSON_AddStringToObject(item, "lead", d->lead.name);
}

void
set_members_to_json(struct store_txn *txn, const struct hostname *name, cJSON *item)
{
	struct hostname names[SET_NAMES_MAX];
	cJSON *list;
	size_t count;

	if (set_members(txn, name, names, &count) || count == 0)
		return;
	list = cJSON_AddArrayToObject(item, "with");
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(names[i].name));
}
